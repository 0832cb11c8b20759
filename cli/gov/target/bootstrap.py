"""What a DBA runs once so that gov can govern a database: SQL to read before running it.

The broker is no superuser. It may create roles, create schemas in this one database, and act as the
owners of the governed tables: nobody else can grant on them. It gets nothing in other databases.
"""

from __future__ import annotations

from collections.abc import Iterable

from psycopg.sql import SQL, Composable, Identifier, Literal

_HEADER = """\
-- Let gov govern this database. Run it as a superuser, connected to {database}. Running it again is safe.
-- Afterwards give the role its password:  \\password {role}
"""

_ROLE = SQL("""\
DO $gov$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {name}) THEN
    CREATE ROLE {role} LOGIN;
  END IF;
END $gov$;
ALTER ROLE {role} NOSUPERUSER CREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS INHERIT;""")

_DATABASE = SQL("""\

-- Masked views live in schemas of their own; leases connect to this database.
GRANT CREATE ON DATABASE {database} TO {role};
GRANT CONNECT ON DATABASE {database} TO {role} WITH GRANT OPTION;""")

_OWNERS = "\n-- Grants are made as a table's owner, and approved DDL runs as it, one statement at a time."
_OWNER = SQL("""\
DO $gov$ BEGIN
  IF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = {name}) THEN
    RAISE EXCEPTION 'owner % is a superuser: move its tables to an ordinary role first', {name};
  END IF;
END $gov$;
GRANT {owner} TO {role} WITH ADMIN OPTION;""")

_SCHEMAS = "\n-- The broker passes the use of these schemas on to the roles of its leases."
_SCHEMA = SQL("GRANT USAGE ON SCHEMA {schema} TO {role} WITH GRANT OPTION;")


def sql(broker_role: str, database: str, owners: Iterable[str], schemas: Iterable[str]) -> str:
    """The whole script: idempotent, for PostgreSQL 14 to 18.

    Args:
        broker_role: The role that the broker logs in as, `gov_broker`.
        database: The governed database; the script must run in it.
        owners: The roles that own the governed tables. None may be a superuser.
        schemas: The schemas that hold the governed tables.

    Raises:
        ValueError: A name holds `$gov$`, which would end a quoted block of the script.
    """
    owners, schemas = tuple(owners), tuple(schemas)
    if any("$gov$" in name for name in (broker_role, database, *owners, *schemas)):
        raise ValueError("a name holds $gov$")
    role, base = Identifier(broker_role), Identifier(database)
    parts: list[str | Composable] = [
        _HEADER.format(database=_one_line(database), role=_one_line(broker_role)),
        _ROLE.format(role=role, name=Literal(broker_role)),
        _DATABASE.format(role=role, database=base),
        _OWNERS,
    ]
    parts += [_OWNER.format(owner=Identifier(name), name=Literal(name), role=role) for name in owners]
    parts.append(_SCHEMAS)
    parts += [_SCHEMA.format(schema=Identifier(name), role=role) for name in schemas]
    return "\n".join(part if isinstance(part, str) else part.as_string(None) for part in parts) + "\n"


def _one_line(name: str) -> str:
    """`name` for a comment: a line break in it must not end the comment."""
    return " ".join(name.split())
