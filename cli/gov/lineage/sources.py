"""What stands in FROM: relations, views, subqueries, functions, joins."""

from __future__ import annotations

from collections.abc import Iterable

from gov.lineage.flow import (
    FILTER,
    IDENTITY,
    JOIN,
    TRANSFORMATION,
    Flow,
    Result,
    add,
    behind,
    of,
    union,
    used,
)  # fmt: skip
from gov.lineage.reader import Context, Reader, everything
from gov.lineage.scope import Item, Scope, item, joined
from gov.lineage.values import value
from gov.lineage.withs import read_cte
from gov.sql.catalog import ColumnInfo, RelationKind
from gov.sql.grammar import Node, Refused, parse
from gov.sql.walk import parts
from gov.sql.world import World
from gov.terms import Relation

VIEWS = frozenset({RelationKind.VIEW, RelationKind.MATERIALIZED_VIEW})


def from_clause(reader: Reader, listed: Iterable[Node], scope: Scope, context: Context) -> Flow:
    """Put everything in FROM into `scope`, left to right; what decides which rows they have together."""
    rows: Flow = {}
    for node in listed:
        items, decides = _source(reader, node, scope, context)
        scope.items += items
        add(rows, decides, IDENTITY)
    return rows


def _source(reader: Reader, node: Node, scope: Scope, context: Context) -> tuple[list[Item], Flow]:
    """Things with a name, and what decides which rows they have. `scope` has what LATERAL sees."""
    kind = next(iter(node))
    inside = node[kind]
    lateral = context._replace(scope=scope)
    if kind == "RangeVar":
        return _named(reader, inside, context)
    if kind == "RangeSubselect":
        return _subselect(reader, inside, lateral if inside.get("lateral") else context)
    if kind == "JoinExpr":
        return _join(reader, inside, scope, context)
    if kind == "RangeFunction":
        return _function(reader, inside, lateral)
    if kind in ("JsonTable", "RangeTableFunc"):
        return _table_function(reader, inside, lateral)
    if kind == "RangeTableSample":
        items, rows = _source(reader, inside["relation"], scope, context)
        sampled = value(reader, [inside.get("args"), inside.get("repeatable")], lateral, FILTER)
        return items, union([rows, sampled])
    reader.doubt(f"not understood: {kind}")
    seen = union(each.row() for level in scope.levels() for each in level.items)
    return [Item(inside.get("alias", {}).get("aliasname", ""), (), (), rest=seen)], used(seen, FILTER)


def _named(reader: Reader, node: Node, context: Context) -> tuple[list[Item], Flow]:
    alias = node.get("alias", {})
    called = alias.get("aliasname", node.get("relname", ""))
    given = parts(alias.get("colnames", ()))
    cte = None if node.get("schemaname") else context.queries.get(node.get("relname", ""))
    if cte is not None:
        result = read_cte(reader, cte).renamed(given)
        return [item(called, result)], dict(result.rows)
    relation = reader.relation(node)
    result = contents(reader, relation)
    names = (*given[: len(result.names)], *result.names[len(given) :])
    found = Item(called, names, result.columns, rest=result.rest, relation=relation)
    return [found], union([result.rows, _filtered(reader, relation)])


def _filtered(reader: Reader, relation: Relation) -> Flow:
    """What decides which of its rows policy shows."""
    if relation not in reader.known.filters:
        return {}
    if relation not in reader.filtered:
        reader.filtered[relation] = {}  # the query names it too
        found = _read(reader, reader.known.filters[relation])
        if found is None:
            reader.doubt(f"the row filter of {relation} cannot be read")
            found = Result(rows=used(contents(reader, relation).values(), FILTER))
        reader.filtered[relation] = found.rows
    return reader.filtered[relation]


def contents(reader: Reader, relation: Relation) -> Result:
    """The columns of a relation; of a view, what they come from."""
    info = reader.info(relation)
    if info is None:
        reader.doubt(f"the columns of {relation} are not known")
        return Result(rest={everything(relation): IDENTITY})
    names = tuple(column.name for column in info.columns)
    plain = Result(names, tuple(_column(relation, column) for column in info.columns))
    if info.kind not in VIEWS or relation not in reader.known.definitions:
        return plain
    seen = _view(reader, relation)
    if seen is None:
        return plain
    columns = tuple(behind(f"{relation}.{name}", seen.column(place)) for place, name in enumerate(names))
    return Result(names, columns, behind(f"{relation}.*", seen.rows))


def _column(relation: Relation, column: ColumnInfo) -> Flow:
    """A stored column; a generated one comes from others of its row as well."""
    flow = of(relation, column.name)
    for name in column.derived:
        add(flow, behind(f"{relation}.{column.name}", of(relation, name)), TRANSFORMATION)
    return flow


def _view(reader: Reader, relation: Relation) -> Result | None:
    """What a view's query returns; None for one that is being read, or cannot be."""
    if relation in reader.views:
        return reader.views[relation]
    reader.views[relation] = None
    result = _read(reader, reader.known.definitions[relation].rstrip("; \n"))
    if result is None:
        reader.doubt(f"the definition of {relation} cannot be read")
    reader.views[relation] = result
    return result


def _read(reader: Reader, text: str) -> Result | None:
    """What a query returns in which every name that is not in pg_catalog is qualified; None when it is none."""
    try:
        (statement,) = parse(text)
    except (Refused, ValueError):
        return None
    world = reader.known.world
    reader.known = reader.known._replace(world=World(world.catalog, ("pg_catalog",)))
    try:
        return reader.query(reader, statement["stmt"], Context())
    finally:
        reader.known = reader.known._replace(world=world)


def _subselect(reader: Reader, node: Node, context: Context) -> tuple[list[Item], Flow]:
    alias = node.get("alias", {})
    result = reader.query(reader, node["subquery"], context).renamed(parts(alias.get("colnames", ())))
    return [item(alias.get("aliasname", ""), result)], dict(result.rows)


def _function(reader: Reader, node: Node, context: Context) -> tuple[list[Item], Flow]:
    """Functions: any column may come from any argument, and how many rows there are as well."""
    flow: Flow = {}
    last = ""
    for function in node.get("functions", ()):
        call = function["List"]["items"][0]
        add(flow, value(reader, call, context), TRANSFORMATION)
        last = parts(call["FuncCall"]["funcname"])[-1] if "FuncCall" in call else last
    alias = node.get("alias", {})
    called = alias.get("aliasname", last)
    listed = [each["ColumnDef"]["colname"] for each in node.get("coldeflist", ())]
    names = parts(alias.get("colnames", ())) or tuple(listed) or (called,)
    flow = used(flow, TRANSFORMATION)
    return [Item(called, names, [flow for _ in names], rest=flow)], used(flow, FILTER)


def _table_function(reader: Reader, node: Node, context: Context) -> tuple[list[Item], Flow]:
    """JSON_TABLE and XMLTABLE."""
    flow = used(value(reader, [inside for key, inside in node.items() if key != "alias"], context), TRANSFORMATION)
    alias = node.get("alias", {})
    names = tuple(_columns(node.get("columns", ())))
    given = parts(alias.get("colnames", ()))
    names = given[: len(names)] + names[len(given) :]
    return [Item(alias.get("aliasname", ""), names, [flow for _ in names])], used(flow, FILTER)


def _columns(listed: Iterable[Node]) -> Iterable[str]:
    for each in listed:
        column = each.get("JsonTableColumn") or each.get("RangeTableFuncCol") or {}
        if "columns" in column:
            yield from _columns(column["columns"])
        else:
            yield column.get("name") or column.get("colname", "")


def _join(reader: Reader, node: Node, scope: Scope, context: Context) -> tuple[list[Item], Flow]:
    left, rows = _source(reader, node["larg"], scope, context)
    right, others = _source(reader, node["rarg"], Scope(scope.parent, [*scope.items, *left]), context)
    rows = union([rows, others])
    both = Scope(context.scope, [*left, *right])
    if "quals" in node:
        add(rows, value(reader, node["quals"], context._replace(scope=both), JOIN), JOIN)
    items = both.items
    names = _shared(left, right) if node.get("isNatural") else parts(node.get("usingClause", ()))
    if node.get("isNatural") and any(each.rest is not None for each in items if each.showing):
        reader.doubt("a NATURAL join of what has unknown columns")
        add(rows, joined(each for each in items if each.showing).values(), JOIN)
    if names:
        items = _merge(node, names, left, right, rows)
    if "alias" in node:
        result = joined(each for each in items if each.showing)
        return [item(node["alias"]["aliasname"], result.renamed(parts(node["alias"].get("colnames", ()))))], rows
    return items, rows


def _shared(left: list[Item], right: list[Item]) -> tuple[str, ...]:
    """The columns that NATURAL joins by."""
    names = {name for each in right if each.showing for name in each.names}
    return tuple(dict.fromkeys(name for each in left if each.showing for name in each.names if name in names))


def _merge(node: Node, names: tuple[str, ...], left: list[Item], right: list[Item], rows: Flow) -> list[Item]:
    """What is in FROM after USING: its columns once, as the join's, then the others."""
    merged: list[Flow] = []
    for name in names:
        ours, theirs = (_side(side, name) for side in (left, right))
        add(rows, union([ours, theirs]), JOIN)
        kept = {"JOIN_RIGHT": theirs, "JOIN_FULL": used(union([ours, theirs]), TRANSFORMATION)}
        merged.append(kept.get(node.get("jointype", ""), ours))
    result = joined(each for each in [*left, *right] if each.showing)
    others = [(name, flow) for name, flow in zip(result.names, result.columns, strict=True) if name not in names]
    join = Item(
        "", [*names, *(name for name, _ in others)], [*merged, *(flow for _, flow in others)], rest=result.rest
    )
    items = [join, *(each.hidden() for each in [*left, *right])]
    if alias := node.get("join_using_alias"):
        only = Item(alias["aliasname"], names, merged, showing=False)
        items.append(only)
    return items


def _side(items: list[Item], name: str) -> Flow:
    return union(flow for each in items if each.showing and (flow := each.column(name)) is not None)
