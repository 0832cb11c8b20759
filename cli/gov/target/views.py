"""Masked views on a target: which there must be, making them, taking them away.

A view is never altered. The **version** in the name of its schema follows from what the views of the
profile say and from the tables they are on, so that a schema of that name holds either these views or,
after a DDL took some away, fewer of them. They are owned by a role without login that can read the
tables and do nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from psycopg import errors
from psycopg.sql import SQL, Identifier

from gov.errors import ConfigError, Unavailable
from gov.lease.names import mask_schema, mask_schema_prefix
from gov.mask.view import view as view_sql
from gov.policy.decision import Outcome
from gov.sql.catalog import RelationInfo
from gov.target.connection import Connection
from gov.target.grants import Grant, On
from gov.terms import SYSTEM_SCHEMAS, Relation


@dataclass(frozen=True)
class Plan:
    """The masked views of one profile in one version."""

    version: str
    """What the names of its schemas begin with, after `gov_m_`."""
    views: Mapping[Relation, Relation]
    """Table to view."""
    definitions: Mapping[Relation, str]
    """View to its CREATE VIEW."""
    read_beside: frozenset[Relation] = frozenset()
    """What the subqueries of row filters read."""

    @property
    def owner_needs(self) -> frozenset[Grant]:
        """What the owner of the views must be able to read."""
        tables = {each for each in (*self.views, *self.read_beside) if each.schema not in SYSTEM_SCHEMAS}
        select = {Grant(On.TABLE, "SELECT", table.name, table.schema) for table in tables}
        return frozenset(select | {Grant(On.SCHEMA, "USAGE", table.schema) for table in tables})


class Refused(Unavailable):
    """One relation stands in the way of a profile."""

    def __init__(self, relation: Relation, what: str, *, hint: str, detail: str = "") -> None:
        super().__init__(what, hint=hint, detail=detail)
        self.relation = relation


def plan(
    profile: str, outcome: Outcome, infos: Iterable[RelationInfo], partial: Collection[Relation] = ()
) -> Plan:
    """The views of the profile role `profile` over the tables `infos`; tables without masks and filters need none.

    Args:
        profile: The role.
        outcome: What policy says.
        infos: The tables, without their closed columns.
        partial: Tables that have closed columns, and so need a view in any case.

    Raises:
        Refused: A mask cannot keep the type of its column.
    """
    masked = {
        info.relation: info for info in infos
        if info.relation in partial or info.relation in outcome.filters or outcome.masked_in(info.relation)
    }

    def definition(view: Relation, table: Relation) -> str:
        try:
            return view_sql(view, masked[table], outcome.masked_in(table), outcome.filters.get(table, ()))
        except ConfigError as error:
            raise Refused(table, error.what, hint=error.hint, detail=error.detail) from error

    anywhere = [(str(table), info.oid, definition(table, table)) for table, info in sorted(masked.items())]
    version = sha256(repr(anywhere).encode()).hexdigest()[:12]
    views = {table: Relation(mask_schema(profile, version, table.schema), table.name) for table in masked}
    specs = [spec for table in masked for spec in outcome.filters.get(table, ())]
    return Plan(
        version=mask_schema_prefix(profile).removeprefix("gov_m_") + version,
        views=views,
        definitions={view: definition(view, table) for table, view in views.items()},
        read_beside=frozenset(each for spec in specs for each in spec.tables),
    )


EXISTING = """
SELECT n.nspname, c.relname,
       has_schema_privilege(%(profile)s, n.oid, 'USAGE') AND has_table_privilege(%(profile)s, c.oid, 'SELECT')
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'v' AND n.nspname = ANY (%(schemas)s) AND pg_get_userbyid(c.relowner) = %(owner)s
"""


async def ensure(connection: Connection, plan: Plan, *, owner: str, profile: str) -> None:
    """Create the views of `plan` that are not there, inside the caller's transaction, and grant them.

    A view can be there without its grant: a profile role that was swept took its grants along.
    """
    schemas = {view.schema for view in plan.definitions}
    parameters = {"schemas": list(schemas), "owner": owner, "profile": profile}
    found = await (await connection.execute(EXISTING, parameters)).fetchall()
    granted = {Relation(str(schema), str(name)): bool(may_read) for schema, name, may_read in found}
    missing = sorted(plan.definitions.keys() - granted.keys())
    closed = sorted(view for view in plan.definitions if not granted.get(view))
    if not closed:
        return
    for schema in sorted({view.schema for view in missing}):
        names = {"schema": Identifier(schema), "owner": Identifier(owner)}
        await connection.execute(
            SQL("CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION {owner}").format(**names)
        )
    await connection.execute(SQL("SET LOCAL ROLE {}").format(Identifier(owner)))
    tables = {view: table for table, view in plan.views.items()}
    for view in missing:
        try:
            await connection.execute(plan.definitions[view].encode())
        except (errors.ProgrammingError, errors.NotSupportedError, errors.DataError) as error:
            what = f"the masked view of {tables[view]} cannot be made: {error.diag.message_primary}"
            raise Refused(tables[view], what, hint="gov broker check TARGET") from error
    for view in closed:
        await connection.execute(
            SQL("GRANT SELECT ON {} TO {}").format(Identifier(view.schema, view.name), Identifier(profile))
        )
    for schema in sorted({view.schema for view in closed}):
        await connection.execute(
            SQL("GRANT USAGE ON SCHEMA {} TO {}").format(Identifier(schema), Identifier(profile))
        )
    await connection.execute("SET LOCAL ROLE NONE")


# Everything that stands on a relation: views and rules on it, its children, and so on upwards; and
# which of our views are among them.
STANDING_ON = """
WITH RECURSIVE named AS (
  SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN unnest(%(schemas)s::text[], %(names)s::text[]) AS t(schema, name)
      ON t.schema = n.nspname AND t.name = c.relname
), reached AS (
  SELECT oid FROM named
  UNION
  SELECT next.oid FROM reached r, LATERAL (
    SELECT rule.ev_class AS oid FROM pg_depend d JOIN pg_rewrite rule ON rule.oid = d.objid
     WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = r.oid
    UNION ALL
    SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = r.oid
  ) next
)
SELECT n.nspname, c.relname, base_n.nspname, base.relname
  FROM reached JOIN pg_class c ON c.oid = reached.oid JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_rewrite rule ON rule.ev_class = c.oid
  JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = rule.oid
                  AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> c.oid
  JOIN pg_class base ON base.oid = d.refobjid JOIN pg_namespace base_n ON base_n.oid = base.relnamespace
 WHERE pg_get_userbyid(c.relowner) = %(owner)s
 GROUP BY 1, 2, 3, 4
"""


async def standing_on(
    connection: Connection, relations: Collection[Relation], *, owner: str
) -> dict[Relation, Relation]:
    """Our views in the way of a change to `relations`, each with the table it is on."""
    parameters = {
        "schemas": [relation.schema for relation in relations],
        "names": [relation.name for relation in relations],
        "owner": owner,
    }
    rows = await (await connection.execute(STANDING_ON, parameters)).fetchall()
    found: dict[Relation, Relation] = {}
    for schema, name, base_schema, base in rows:
        # A view has the name of its table; what its row filter reads beside may have another.
        if str(base) == str(name) or Relation(str(schema), str(name)) not in found:
            found[Relation(str(schema), str(name))] = Relation(str(base_schema), str(base))
    return found


async def drop(connection: Connection, views: Collection[Relation]) -> None:
    """Drop them in one statement; whatever somebody else built on one of them stops it (2BP01)."""
    if views:
        names = SQL(", ").join(Identifier(view.schema, view.name) for view in sorted(views))
        await connection.execute(SQL("DROP VIEW {}").format(names))


OWNED = """
SELECT n.nspname, c.relname FROM pg_namespace n LEFT JOIN pg_class c ON c.relnamespace = n.oid
 WHERE pg_get_userbyid(n.nspowner) = %(owner)s AND n.nspname LIKE 'gov\\_m\\_%%'
"""


async def drop_schemas(connection: Connection, keep: Collection[str], *, owner: str) -> list[str]:
    """Drop every mask schema whose version is not in `keep`; the names of those dropped."""
    schemas: dict[str, list[Relation]] = defaultdict(list)
    for schema, name in await (await connection.execute(OWNED, {"owner": owner})).fetchall():
        schemas[str(schema)] += [Relation(str(schema), str(name))] if name else []
    kept = tuple(f"gov_m_{version}{mark}" for version in keep for mark in "_-")
    unused = sorted(schema for schema in schemas if not schema.startswith(kept))
    return [schema for schema in unused if await _dropped(connection, schema, schemas[schema])]


async def _dropped(connection: Connection, schema: str, views: Collection[Relation]) -> bool:
    """Whether the schema could be dropped: what a transaction still reads, or somebody built on, stays for now."""
    try:
        async with connection.transaction():
            await drop(connection, views)
            await connection.execute(SQL("DROP SCHEMA {}").format(Identifier(schema)))
    except (errors.LockNotAvailable, errors.DependentObjectsStillExist):
        return False
    return True
