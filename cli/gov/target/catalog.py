"""Take a snapshot of a target's catalogs: three queries, one transaction, one value.

System catalogs are in it, gov's own schemas are not: nobody names those.
"""

from __future__ import annotations

from collections import defaultdict
from hashlib import sha256
from itertools import groupby
from operator import itemgetter
from typing import Any

from psycopg import IsolationLevel

from gov.sql.catalog import Catalog, ColumnInfo, FunctionInfo, RelationInfo, RelationKind
from gov.target.connection import Connection
from gov.terms import Relation

_SEEN = r"""n.nspname !~ '^pg_(toast|temp)' AND n.nspname NOT LIKE 'gov\_m\_%'"""

RELATIONS = f"""
SELECT n.nspname, c.relname, c.oid::int8, c.relkind::text, pg_get_userbyid(c.relowner),
       pn.nspname, pc.relname,
       CASE WHEN c.relkind IN ('v', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
            THEN pg_get_viewdef(c.oid) END
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_inherits i ON i.inhrelid = c.oid AND i.inhseqno = 1
  LEFT JOIN pg_class pc ON pc.oid = i.inhparent
  LEFT JOIN pg_namespace pn ON pn.oid = pc.relnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND {_SEEN}
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
          ORDER BY 1) ELSE '{{}}' END
  FROM pg_attribute a
  JOIN pg_class c ON c.oid = a.attrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND {_SEEN} AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attrelid, a.attnum
"""

FUNCTIONS = f"""
SELECT n.nspname, p.proname, p.provolatile::text, p.prosecdef, p.prokind::text, e.extname, p.proretset
  FROM pg_proc p
  JOIN pg_namespace n ON n.oid = p.pronamespace
  LEFT JOIN pg_depend d
         ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
        AND d.refclassid = 'pg_extension'::regclass
  LEFT JOIN pg_extension e ON e.oid = d.refobjid
 WHERE {_SEEN}
 ORDER BY p.proname, n.nspname, p.oid
"""

Row = tuple[Any, ...]


async def load(connection: Connection, search_path: tuple[str, ...], server_version: int) -> Catalog:
    """The catalogs as they are at one moment."""
    await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
    try:
        async with connection.transaction():
            relations, columns, functions = [
                await (await connection.execute(query)).fetchall()
                for query in (RELATIONS, COLUMNS, FUNCTIONS)
            ]
    finally:
        if not connection.closed:
            await connection.set_isolation_level(None)
    return build(relations, columns, functions, search_path, server_version)


def build(
    relations: list[Row],
    columns: list[Row],
    functions: list[Row],
    search_path: tuple[str, ...],
    server_version: int,
) -> Catalog:
    """Put the rows together; equal rows give an equal `version`."""
    content = repr((relations, columns, functions, search_path, server_version))
    grouped = groupby(columns, itemgetter(0))
    by_oid = {oid: tuple(map(_column, rows)) for oid, rows in grouped}
    infos = [_relation(row, by_oid) for row in relations]
    overloads: dict[str, list[FunctionInfo]] = defaultdict(list)
    for row in functions:
        overloads[row[1]].append(FunctionInfo(*row))
    return Catalog(
        version=sha256(content.encode()).hexdigest()[:16],
        relations={info.relation: info for info in infos},
        functions={name: tuple(found) for name, found in overloads.items()},
        search_path=search_path,
        server_version=server_version,
    )


def _column(row: Row) -> ColumnInfo:
    _, name, type, number, not_null, generated, derived = row
    return ColumnInfo(name, type, number, not_null, generated, tuple(derived))


def _relation(row: Row, columns: dict[int, tuple[ColumnInfo, ...]]) -> RelationInfo:
    schema, name, oid, kind, owner, parent_schema, parent, definition = row
    return RelationInfo(
        relation=Relation(schema, name),
        oid=oid,
        kind=RelationKind(kind),
        owner=owner,
        columns=columns.get(oid, ()),
        parent=Relation(parent_schema, parent) if parent else None,
        definition=definition or "",
    )
