"""Which privileges a profile shall have, which it has, and the SQL in between.

Privileges are compared as sets, so that a profile which should no longer have one loses it. Everything
is granted by the broker as a member of the owner; PostgreSQL records the owner as the grantor.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from psycopg.sql import SQL, Composable, Composed, Identifier

from gov.policy.decision import Outcome
from gov.sql.catalog import Catalog, RelationInfo, RelationKind
from gov.target.connection import Connection
from gov.terms import Relation, Scope

SYSTEM_COLUMNS = ("ctid", "tableoid", "xmin")
"""Of a table with masks these stay readable: drivers lock and page by them, and they hold no data."""

_STORED = (RelationKind.TABLE, RelationKind.PARTITIONED)
_WRITABLE = (*_STORED, RelationKind.FOREIGN_TABLE, RelationKind.VIEW)


class On(StrEnum):
    """The kinds of object that a privilege is granted on, in the words of GRANT."""

    DATABASE = "DATABASE"
    SCHEMA = "SCHEMA"
    SEQUENCE = "SEQUENCE"
    TABLE = "TABLE"


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One privilege on one object or column."""

    on: On
    privilege: str
    name: str
    schema: str = ""
    """Empty for databases and schemas."""
    column: str = ""
    """Empty: the whole object."""

    def __str__(self) -> str:
        column = f" ({self.column})" if self.column else ""
        path = f"{self.schema}.{self.name}" if self.schema else self.name
        return f"{self.privilege}{column} on {self.on.lower()} {path}"


# Masked views are left out: those of older versions stay readable until nobody uses them.
HELD = r"""
WITH me AS (SELECT oid FROM pg_roles WHERE rolname = %(role)s)
SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, x.privilege_type, c.relname, n.nspname, ''
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) x
 WHERE x.grantee = (SELECT oid FROM me) AND n.nspname NOT LIKE 'gov\_m\_%%'
UNION ALL
SELECT 'TABLE', x.privilege_type, c.relname, n.nspname, a.attname
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace,
       aclexplode(a.attacl) x
 WHERE x.grantee = (SELECT oid FROM me) AND NOT a.attisdropped
UNION ALL
SELECT 'SCHEMA', x.privilege_type, n.nspname, '', ''
  FROM pg_namespace n, aclexplode(n.nspacl) x
 WHERE x.grantee = (SELECT oid FROM me) AND n.nspname NOT LIKE 'gov\_m\_%%'
UNION ALL
SELECT 'DATABASE', x.privilege_type, d.datname, '', ''
  FROM pg_database d, aclexplode(d.datacl) x
 WHERE x.grantee = (SELECT oid FROM me) AND d.datname = current_database()
"""


def wanted(
    outcome: Outcome, catalog: Catalog, withheld: Collection[Relation], partial: Collection[Relation] = ()
) -> frozenset[Grant]:
    """Every privilege of the profile of `outcome` on other people's tables, and on their schemas.

    Of the tables in `partial` the catalog shows some columns only, and nothing is granted on the whole.
    """
    found: set[Grant] = set()
    writes = outcome.scope != Scope.READ
    for relation in outcome.relations.difference(withheld):
        info = catalog.relations[relation]
        if relation in outcome.filters:
            grants = set(_names_only(info))
        else:
            grants = set(_on(info, outcome.masked_in(relation).keys(), writes, whole=relation not in partial))
        if grants:
            found |= grants | {Grant(On.SCHEMA, "USAGE", relation.schema)}
    return frozenset(found)


def _names_only(info: RelationInfo) -> Iterator[Grant]:
    """Of a relation with hidden rows nothing may be read or written but through its view; its columns show."""
    for column in info.columns:
        yield Grant(On.TABLE, "REFERENCES", info.relation.name, info.relation.schema, column.name)


def _on(info: RelationInfo, masked: Collection[str], writes: bool, *, whole: bool) -> Iterator[Grant]:
    """The privileges on one relation."""
    schema, name = info.relation.schema, info.relation.name
    if info.kind is RelationKind.COMPOSITE:
        return
    if info.kind is RelationKind.SEQUENCE:
        yield Grant(On.SEQUENCE, "SELECT", name, schema)
        if writes:
            yield Grant(On.SEQUENCE, "USAGE", name, schema)
        return
    writes = writes and info.kind in _WRITABLE
    if writes:
        yield Grant(On.TABLE, "INSERT", name, schema)
        yield Grant(On.TABLE, "DELETE", name, schema)
    if not masked and whole:
        yield Grant(On.TABLE, "SELECT", name, schema)
        if writes:
            yield Grant(On.TABLE, "UPDATE", name, schema)
        return
    for column in info.columns:
        if column.name in masked:
            # information_schema shows a column to whoever has any privilege on it; this one reads nothing.
            yield Grant(On.TABLE, "REFERENCES", name, schema, column.name)
            continue
        yield Grant(On.TABLE, "SELECT", name, schema, column.name)
        if writes:
            yield Grant(On.TABLE, "UPDATE", name, schema, column.name)
    if info.kind in _STORED:
        for system in SYSTEM_COLUMNS:
            yield Grant(On.TABLE, "SELECT", name, schema, system)


async def held(connection: Connection, role: str) -> frozenset[Grant]:
    """Every privilege that `role` itself has in this database."""
    rows = await (await connection.execute(HELD, {"role": role})).fetchall()
    return frozenset(
        Grant(On(str(on)), str(privilege), str(name), str(schema), str(column))
        for on, privilege, name, schema, column in rows
    )


def give(grants: Iterable[Grant], role: str) -> list[Composed]:
    """GRANT statements, as few as there can be."""
    return _statements(grants, SQL("GRANT {what} ON {on} {names} TO {role}"), role)


def take(grants: Iterable[Grant], role: str) -> list[Composed]:
    """REVOKE statements. On a whole table it takes the same privilege on the columns along."""
    return _statements(grants, SQL("REVOKE {what} ON {on} {names} FROM {role}"), role)


def _statements(grants: Iterable[Grant], template: SQL, role: str) -> list[Composed]:
    whole: dict[tuple[On, str], list[Composable]] = defaultdict(list)
    by_column: dict[tuple[str, str], dict[str, list[Composable]]] = defaultdict(lambda: defaultdict(list))
    for grant in sorted(grants):
        if grant.column:
            by_column[grant.schema, grant.name][grant.privilege].append(Identifier(grant.column))
        else:
            path = (grant.schema, grant.name) if grant.schema else (grant.name,)
            whole[grant.on, grant.privilege].append(Identifier(*path))
    comma = SQL(", ")
    statements = [
        template.format(what=SQL(privilege), on=SQL(on), names=comma.join(names), role=Identifier(role))
        for (on, privilege), names in whole.items()
    ]
    for path, privileges in by_column.items():
        what = comma.join(
            SQL("{} ({})").format(SQL(privilege), comma.join(columns))
            for privilege, columns in privileges.items()
        )
        names = Identifier(*path)
        statements.append(template.format(what=what, on=SQL("TABLE"), names=names, role=Identifier(role)))
    return statements


async def reconcile(
    connection: Connection, role: str, grants: frozenset[Grant], *, keep_others: bool = False
) -> frozenset[Grant]:
    """Make `role` hold exactly `grants`, or at least them; returns what could not be granted.

    GRANT only warns when the grantor has no right to give, so the outcome is read back.
    """
    surplus = frozenset() if keep_others else await held(connection, role) - grants
    for statement in take(surplus, role):
        await connection.execute(statement)
    missing = grants - await held(connection, role)
    for statement in give(missing, role):
        await connection.execute(statement)
    return grants - await held(connection, role) if missing else frozenset()
