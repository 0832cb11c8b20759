"""What an approver sees of the objects that a statement reaches: sizes, rows, and what hangs on them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from gov.sql.facts import Facts
from gov.target.connection import Connection
from gov.terms import Effect, Relation

SIZES = """
SELECT n.nspname, c.relname, c.relkind::text, pg_get_userbyid(c.relowner), c.reltuples::int8,
       pg_size_pretty(pg_total_relation_size(c.oid))
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN unnest(%(schemas)s::text[], %(names)s::text[]) AS t(schema, name)
    ON t.schema = n.nspname AND t.name = c.relname
 ORDER BY 1, 2
"""

# Views on a relation and foreign keys that point to it: DROP stops at them, DROP … CASCADE takes them along.
DEPENDENTS = r"""
WITH target AS (
  SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN unnest(%(schemas)s::text[], %(names)s::text[]) AS t(schema, name)
      ON t.schema = n.nspname AND t.name = c.relname
)
SELECT DISTINCT CASE v.relkind WHEN 'm' THEN 'materialized view' ELSE 'view' END, n.nspname, v.relname, ''
  FROM pg_depend d
  JOIN pg_rewrite r ON r.oid = d.objid
  JOIN pg_class v ON v.oid = r.ev_class
  JOIN pg_namespace n ON n.oid = v.relnamespace
 WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
   AND d.refobjid IN (SELECT oid FROM target) AND v.oid NOT IN (SELECT oid FROM target)
   AND v.relkind IN ('v', 'm') AND n.nspname NOT LIKE 'gov\_m\_%%'
UNION ALL
SELECT 'foreign key', n.nspname, c.relname, k.conname
  FROM pg_constraint k
  JOIN pg_class c ON c.oid = k.conrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE k.contype = 'f'
   AND k.confrelid IN (SELECT oid FROM target) AND k.conrelid NOT IN (SELECT oid FROM target)
 ORDER BY 1, 2, 3, 4
"""

_KINDS = {"r": "table", "p": "partitioned table", "v": "view", "m": "materialized view", "f": "foreign table"}
SHOWN = 20
"""Lines of one label at most."""

Line = tuple[str, str]


async def describe(connection: Connection, facts: Facts) -> tuple[Line, ...]:
    """(label, text) of what `facts` reach: code that runs, each object, then dependents of a DROP or ALTER."""
    reached = sorted(facts.writes or facts.reads)
    code = [("code", str(each)) for each in facts.called[:SHOWN]]
    if len(facts.called) > SHOWN:
        code.append(("code", f"and {len(facts.called) - SHOWN} more"))
    if not reached:
        return tuple(code)
    lines = [_size(row) for row in await _rows(connection, SIZES, reached)]
    if facts.effects & {Effect.DROP, Effect.ALTER, Effect.TRUNCATE}:
        lines += [_dependent(row) for row in await _rows(connection, DEPENDENTS, reached)] or [
            ("dependents", "none")
        ]
    return (*code, *lines)


async def _rows(
    connection: Connection, query: str, relations: Collection[Relation]
) -> list[tuple[Any, ...]]:
    parameters = {
        "schemas": [relation.schema for relation in relations],
        "names": [relation.name for relation in relations],
    }
    return (await (await connection.execute(query, parameters)).fetchall())[:SHOWN]


def _size(row: tuple[Any, ...]) -> Line:
    schema, name, kind, owner, tuples, size = row
    rows = "rows not known" if tuples < 0 else f"about {tuples:,} rows"
    return "object", f"{_KINDS.get(kind, 'relation')} {schema}.{name}, {rows}, {size}, owner {owner}"


def _dependent(row: tuple[Any, ...]) -> Line:
    kind, schema, name, constraint = row
    return "dependents", f"{kind} {constraint + ' of ' if constraint else ''}{schema}.{name}"
