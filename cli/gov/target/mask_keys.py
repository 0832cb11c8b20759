"""The key of the masks `hash` and `pseudonym`: made on the target, and never seen outside of it.

PostgreSQL itself draws it, so that it is in no parameter and no log of ours. The broker owns the table, the
owner of the masked views may read it. Who restores the database without it has other tokens than before.
"""

from __future__ import annotations

from collections.abc import Iterable

from psycopg.sql import SQL, Identifier

from gov.errors import Unavailable
from gov.mask.tokens import KEY_SCHEMA, KEY_TABLE, reads_key
from gov.target.connection import Connection

# Whose the schema and the table in it are: a key that somebody else has made, somebody else knows.
_THERE = """
SELECT pg_get_userbyid(n.nspowner), pg_get_userbyid(c.relowner), current_user::text
  FROM pg_catalog.pg_namespace n
  LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = %s AND c.relkind = 'r'
 WHERE n.nspname = %s
"""

# Three UUIDs hold 366 random bits; the digest has room for 256.
_MAKE = SQL("""
CREATE SCHEMA {schema};
CREATE TABLE {table} (key bytea NOT NULL, only_one bool NOT NULL DEFAULT true UNIQUE CHECK (only_one));
INSERT INTO {table} (key) SELECT pg_catalog.sha256(
  pg_catalog.uuid_send(pg_catalog.gen_random_uuid()) || pg_catalog.uuid_send(pg_catalog.gen_random_uuid())
  || pg_catalog.uuid_send(pg_catalog.gen_random_uuid()))
""")
_GRANT = SQL("GRANT USAGE ON SCHEMA {schema} TO {owner}; GRANT SELECT ON {table} TO {owner}")


async def ensure(connection: Connection, definitions: Iterable[str], *, owner: str) -> None:
    """Make the key when one of the view `definitions` reads it, in the caller's transaction; `owner` is the views'.

    Raises:
        Unavailable: Somebody else has made a schema of this name.
    """
    if not any(map(reads_key, definitions)):
        return
    names = {"schema": Identifier(KEY_SCHEMA), "table": Identifier(KEY_SCHEMA, KEY_TABLE), "owner": Identifier(owner)}
    found = await (await connection.execute(_THERE, (KEY_TABLE, KEY_SCHEMA))).fetchone()
    if found is None:
        await connection.execute(_MAKE.format(**names))
    elif len(set(found)) != 1:
        what = f"the schema {KEY_SCHEMA} is not the broker's own, so the key in it is no secret"
        raise Unavailable(what, hint=f"have a DBA drop {KEY_SCHEMA}")
    await connection.execute(_GRANT.format(**names))
