"""Take a snapshot of a target's catalogs: a few queries, one transaction, one value.

System catalogs are in it, gov's own schemas are not: nobody names those.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from hashlib import sha256
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from psycopg import IsolationLevel, errors

from gov.sql.catalog import (
    Catalog,
    Code,
    ColumnInfo,
    EventTrigger,
    FunctionInfo,
    OperatorInfo,
    RelationInfo,
    RelationKind,
)
from gov.target import code
from gov.target.connection import Connection
from gov.terms import Relation

RELATIONS = f"""
SELECT n.nspname, c.relname, c.oid::int8, c.relkind::text, pg_get_userbyid(c.relowner),
       pn.nspname, pc.relname,
       CASE WHEN c.relkind IN ('v', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema') THEN
         (SELECT r.oid || ' ' || r.xmin FROM pg_rewrite r WHERE r.ev_class = c.oid AND r.rulename = '_RETURN') END
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_inherits i ON i.inhrelid = c.oid AND i.inhseqno = 1
  LEFT JOIN pg_class pc ON pc.oid = i.inhparent
  LEFT JOIN pg_namespace pn ON pn.oid = pc.relnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND {code.SEEN}
 ORDER BY c.oid
"""

COLUMNS = f"""
SELECT a.attrelid::int8, a.attname, format_type(a.atttypid, a.atttypmod), a.attnum, a.attnotnull,
       a.attgenerated <> '',
       CASE WHEN a.attgenerated <> '' THEN ARRAY(
         SELECT DISTINCT source.attname::text FROM pg_depend d
           JOIN pg_attribute source ON source.attrelid = d.refobjid AND source.attnum = d.refobjsubid
          WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid
            AND d.refobjsubid NOT IN (0, a.attnum)
            -- Until 14 it is the column that depends on the others, since 15 its expression.
            AND (d.classid = 'pg_class'::regclass AND d.objid = a.attrelid AND d.objsubid = a.attnum
                 OR d.classid = 'pg_attrdef'::regclass AND d.objid = (
                   SELECT e.oid FROM pg_attrdef e WHERE e.adrelid = a.attrelid AND e.adnum = a.attnum))
          ORDER BY 1) ELSE '{{}}' END,
       a.attgenerated = 'v', coalesce(used.evaluated, false), coalesce(used.policed, false)
  FROM pg_attribute a
  JOIN pg_class c ON c.oid = a.attrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN (
    SELECT d.refobjid, d.refobjsubid, bool_or(d.classid <> 'pg_policy'::regclass) AS evaluated,
           bool_or(d.classid = 'pg_policy'::regclass) AS policed
      FROM pg_depend d
      LEFT JOIN pg_constraint k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
      LEFT JOIN pg_index i ON d.classid = 'pg_class'::regclass AND i.indexrelid = d.objid
      LEFT JOIN pg_attrdef e ON d.classid = 'pg_attrdef'::regclass AND e.oid = d.objid
     WHERE d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
       AND (d.classid IN ('pg_policy'::regclass, 'pg_trigger'::regclass) OR k.contype = 'c'
            OR i.indexprs IS NOT NULL OR i.indpred IS NOT NULL OR e.adnum <> d.refobjsubid
            OR d.classid = 'pg_class'::regclass AND d.objsubid > 0)
     GROUP BY d.refobjid, d.refobjsubid
  ) used ON used.refobjid = a.attrelid AND used.refobjsubid = a.attnum
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND {code.SEEN} AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attrelid, a.attnum
"""

FUNCTIONS = f"""
SELECT n.nspname, p.proname, p.provolatile::text, p.prosecdef, p.prokind::text, e.extname,
       p.proretset, p.oid::int8,
       ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY a(t, i) ORDER BY i),
       p.pronargdefaults::int, p.provariadic <> 0, format_type(p.prorettype, NULL), r.rolsuper,
       p.proacl IS NULL
         OR EXISTS (SELECT FROM aclexplode(p.proacl) x WHERE x.grantee = 0 AND x.privilege_type = 'EXECUTE')
  FROM pg_proc p
  JOIN pg_namespace n ON n.oid = p.pronamespace
  JOIN pg_roles r ON r.oid = p.proowner
  LEFT JOIN pg_depend d
         ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
        AND d.refclassid = 'pg_extension'::regclass
  LEFT JOIN pg_extension e ON e.oid = d.refobjid
 WHERE {code.SEEN}
 ORDER BY p.proname, n.nspname, p.oid
"""

Row = tuple[Any, ...]
"""A row of an answer."""


async def load(
    connection: Connection, search_path: tuple[str, ...], server_version: int, known: Catalog | None = None
) -> Catalog:
    """The catalogs as they are at one moment; `known` itself while nothing has changed since."""
    await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
    try:
        async with connection.transaction():
            found = [
                await (await connection.execute(query)).fetchall()
                for query in (RELATIONS, COLUMNS, FUNCTIONS, *code.QUERIES)
            ]
    finally:
        if not connection.closed:
            await connection.set_isolation_level(None)
    rows = Rows(*found)
    definitions = await _definitions(connection, rows.relations, known)
    # Thousands of functions are put together: beside the event loop, where sessions go on meanwhile.
    return await asyncio.to_thread(
        build, rows, search_path, server_version, known, definitions, database=connection.info.dbname
    )


SOON = "100ms"
"""How long the definition of a view waits for a lock: telling it locks every table of the view."""
MOST_LOCKED = 10
"""Views asked one by one after a lock was in the way."""
DEFINITIONS = "SELECT each, pg_get_viewdef(each::oid) FROM unnest(%s::int8[]) each"


async def _definitions(connection: Connection, relations: list[Row], known: Catalog | None) -> dict[int, str]:
    """The queries of views by their OIDs. Those whose tables are locked now are left out, and had the next time."""
    stamps = {row[2]: row[7] for row in relations if row[7]}
    infos = known.relations.values() if known else ()
    have = {
        info.oid: info.definition for info in infos if info.definition and stamps.get(info.oid) == info.defined
    }
    wanted = sorted(stamps.keys() - have.keys())
    found = await _told(connection, wanted)
    if found is None:
        found = {}
        for each in wanted[:MOST_LOCKED]:
            found |= await _told(connection, [each]) or {}
    return have | found


async def _told(connection: Connection, views: list[int]) -> dict[int, str] | None:
    """Their definitions; None when one cannot be told at the moment."""
    if not views:
        return {}
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = '{SOON}'")
            rows = await (await connection.execute(DEFINITIONS, [views])).fetchall()
    except (errors.LockNotAvailable, errors.DeadlockDetected, errors.QueryCanceled, errors.InternalError):
        return None
    return {int(str(oid)): str(definition) for oid, definition in rows if definition}


class Rows(NamedTuple):
    """What the queries answer."""

    relations: list[Row]
    columns: list[Row]
    functions: list[Row]
    code: list[Row]
    edges: list[Row]
    types: list[Row]
    fields: list[Row]
    type_code: list[Row]
    operators: list[Row]
    casts: list[Row]
    event_triggers: list[Row]


def build(
    rows: Rows, search_path: tuple[str, ...], server_version: int, known: Catalog | None = None,
    definitions: Mapping[int, str] | None = None, *, database: str = "",
) -> Catalog:
    """Put the rows together; equal rows give an equal `version`, and `known` if it has that one.

    `definitions` has the queries of views by their OIDs, as far as they could be told.
    """
    told = definitions or {}
    content = repr((rows, search_path, server_version))
    version = sha256(content.encode()).hexdigest()[:16]
    if known is not None and known.version == version and all(
        info.definition == told.get(info.oid, "") for info in known.relations.values()
    ):
        return known
    grouped = groupby(rows.columns, itemgetter(0))
    by_oid = {oid: tuple(map(_column, each)) for oid, each in grouped}
    overloads: dict[str, list[FunctionInfo]] = defaultdict(list)
    for row in rows.functions:
        overloads[row[1]].append(_function(*row))
    functions = {each.oid: each for found in overloads.values() for each in found}
    held, types = code.by_type(functions, rows.types, rows.fields, rows.type_code)
    names = {row[2]: f"{row[0]}.{row[1]}" for row in rows.relations}
    kinds = {row[2]: row[3] for row in rows.relations}
    domains = frozenset(row[0] for row in rows.types if row[4] == "d")
    runs = code.by_relation(names, kinds, functions, rows.code, rows.edges, rows.fields, held, domains)
    infos = [_relation(row, by_oid, runs, told) for row in rows.relations]
    operators: dict[str, list[OperatorInfo]] = defaultdict(list)
    for schema, name, arguments, result, function in rows.operators:
        operators[name].append(OperatorInfo(schema, name, tuple(arguments), result, function))
    found = Catalog(
        version=version,
        relations={info.relation: info for info in infos},
        functions={name: tuple(found) for name, found in overloads.items()},
        search_path=search_path,
        server_version=server_version,
        database=database,
        operators={name: tuple(found) for name, found in operators.items()},
        types=types,
        casts=frozenset((source, to) for source, to in rows.casts),
        event_triggers=tuple(EventTrigger(row[0], row[1], tuple(row[2]), row[3]) for row in rows.event_triggers),
    )
    found.prepare()
    return found


def _column(row: Row) -> ColumnInfo:
    _, name, type, number, not_null, generated, derived, *uses = row
    return ColumnInfo(name, type, number, not_null, generated, tuple(derived), *uses)


def _function(
    schema: str, name: str, volatility: str, definer: bool, kind: str, extension: str | None, returns_set: bool,
    oid: int, arguments: list[str], *rest: Any,
) -> FunctionInfo:  # fmt: skip
    return FunctionInfo(
        schema, name, volatility, definer, kind, extension, returns_set, oid, tuple(arguments), *rest
    )


def _relation(
    row: Row, columns: dict[int, tuple[ColumnInfo, ...]], runs: dict[int, tuple[Code, ...]], told: Mapping[int, str]
) -> RelationInfo:
    schema, name, oid, kind, owner, parent_schema, parent, defined = row
    return RelationInfo(
        relation=Relation(schema, name),
        oid=oid,
        kind=RelationKind(kind),
        owner=owner,
        columns=columns.get(oid, ()),
        parent=Relation(parent_schema, parent) if parent else None,
        definition=told.get(oid, ""),
        defined=defined or "",
        code=runs.get(oid, ()),
    )
