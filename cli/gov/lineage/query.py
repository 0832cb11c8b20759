"""What queries return: SELECT, VALUES, set operations, WITH."""

from __future__ import annotations

from collections.abc import Iterable

from gov.lineage.flow import (
    FILTER,
    GROUP_BY,
    IDENTITY,
    SORT,
    TRANSFORMATION,
    Flow,
    Result,
    add,
    union,
)  # fmt: skip
from gov.lineage.names import name_of
from gov.lineage.reader import Context, Reader
from gov.lineage.scope import Scope
from gov.lineage.sources import from_clause
from gov.lineage.values import Expression, calls_of_sets, value
from gov.lineage.withs import with_queries
from gov.sql.grammar import Node
from gov.sql.walk import parts


def select(reader: Reader, node: Node, context: Context) -> Result:
    """What a SELECT, VALUES or set operation returns."""
    context = with_queries(reader, node, context)
    if node.get("op", "SETOP_NONE") != "SETOP_NONE":
        result = _set_operation(reader, node, context)
    elif "valuesLists" in node:
        result = _values(reader, node, context)
    else:
        return _plain(reader, node, context)
    return _limited(reader, node, _sorted_by_output(reader, node, result), context)


def _values(reader: Reader, node: Node, context: Context) -> Result:
    columns: list[Flow] = []
    for row in node["valuesLists"]:
        for place, item in enumerate(row["List"]["items"]):
            flow = value(reader, item, context)
            if place == len(columns):
                columns.append({})
            add(columns[place], flow, IDENTITY)
    return Result(tuple(f"column{place}" for place in range(1, len(columns) + 1)), tuple(columns))


def _set_operation(reader: Reader, node: Node, context: Context) -> Result:
    left, right = (reader.query(reader, {"SelectStmt": node[side]}, context) for side in ("larg", "rarg"))
    rows = union([left.rows, right.rows])
    if node["op"] == "SETOP_UNION":
        columns = _side_by_side(left, right)
        if not node.get("all"):
            add(rows, columns.values(), GROUP_BY)
        return columns._replace(rows=rows)
    # What the right side returns decides which rows of the left one stay.
    add(rows, left.values(), GROUP_BY)
    add(rows, right.values(), FILTER)
    return left._replace(rows=rows)


def _side_by_side(left: Result, right: Result) -> Result:
    if left.rest is not None or right.rest is not None:
        every = union([left.values(), right.values()])
        return Result(left.names, tuple(every for _ in left.names), {}, every)
    return Result(
        left.names,
        tuple(union([flow, right.column(place)]) for place, flow in enumerate(left.columns)),
    )


def _sorted_by_output(reader: Reader, node: Node, result: Result) -> Result:
    """ORDER BY of what is no plain SELECT can mean output columns only."""
    if "sortClause" not in node:
        return result
    rows = dict(result.rows)
    for each in node["sortClause"]:
        place = _place(each["SortBy"]["node"], result.names)
        add(rows, result.column(place) if place is not None else result.values(), SORT)
    return result._replace(rows=rows)


def _limited(reader: Reader, node: Node, result: Result, context: Context) -> Result:
    limits = [node[each] for each in ("limitCount", "limitOffset") if each in node]
    if not limits:
        return result
    return result._replace(rows=union([result.rows, value(reader, limits, context, FILTER)]))


def _place(node: Node, names: tuple[str, ...]) -> int | None:
    """Which output column a bare name or a number means."""
    constant = node.get("A_Const", {}).get("ival")
    if constant is not None:
        return int(constant.get("ival", 0)) - 1
    fields = parts(node["ColumnRef"]["fields"]) if "ColumnRef" in node else ()
    return names.index(fields[0]) if len(fields) == 1 and fields[0] in names else None


def _plain(reader: Reader, node: Node, context: Context) -> Result:
    scope = Scope(context.scope)
    rows = from_clause(reader, node.get("fromClause", ()), scope, context)
    inside = context._replace(scope=scope)
    if "whereClause" in node:
        add(rows, value(reader, node["whereClause"], inside, FILTER), FILTER)
    windows = {each["WindowDef"]["name"]: each["WindowDef"] for each in node.get("windowClause", ())}
    result = targets(reader, node.get("targetList", ()), inside, windows)
    for each in node.get("targetList", ()):
        if calls_of_sets(reader, each):
            add(rows, Expression(reader, inside, windows).read(each["ResTarget"].get("val"), FILTER), FILTER)
    _grouped(reader, node, result, rows, inside)
    if "havingClause" in node:
        add(rows, value(reader, node["havingClause"], inside, FILTER), FILTER)
    _sorted(reader, node, result, rows, inside, windows)
    return _limited(reader, node, result._replace(rows=rows), inside)


def targets(
    reader: Reader, listed: Iterable[Node], context: Context, windows: dict[str, Node] | None = None
) -> Result:
    """What the columns of a SELECT or RETURNING are."""
    names: list[str] = []
    columns: list[Flow] = []
    rests: list[Flow] = []
    for each in listed:
        target = each["ResTarget"]
        star = _star(reader, target.get("val", {}), context)
        if star is not None:
            names += star.names
            columns += star.columns
            rests += [star.rest] if star.rest is not None else []
            continue
        names.append(name_of(target))
        given = target.get("val", {})
        kind = IDENTITY if "ColumnRef" in given else TRANSFORMATION
        columns.append(Expression(reader, context, windows).read(given, kind))
    reader.spend(len(columns))
    return Result(tuple(names), tuple(columns), {}, union(rests) if rests else None)


def _star(reader: Reader, node: Node, context: Context) -> Result | None:
    """The columns of `*`, `t.*` and `(x).*`."""
    fields = parts(node["ColumnRef"]["fields"]) if "ColumnRef" in node else ()
    if fields[-1:] == ("*",) and context.scope is not None:
        if len(fields) == 1:
            return context.scope.star()
        item = context.scope.called(fields[:-1])
        if item is None:
            reader.doubt("a name was not found")
            return Result(rest=context.scope.star().values())
        return Result(item.names, item.flows, {}, item.rest)
    steps = node.get("A_Indirection", {}).get("indirection", ())
    if steps and "A_Star" in steps[-1]:
        column = node["A_Indirection"]["arg"].get("ColumnRef") if len(steps) == 1 else None
        names = parts(column["fields"]) if column else ()
        scope = context.scope
        item = scope.called(names) if names and scope else None
        if item is not None and scope and not any(each.has(names[-1]) for each in scope.items):
            return Result(item.names, item.flows, {}, item.rest)
        return Result(rest=value(reader, node["A_Indirection"]["arg"], context, TRANSFORMATION))
    return None


def _grouped(reader: Reader, node: Node, result: Result, rows: Flow, context: Context) -> None:
    """GROUP BY, where a bare name is a column first; DISTINCT, where it is that of an output first."""
    for each in _expressions(node.get("groupClause", ())):
        add(rows, _ordering(reader, each, result, context, output_first=False), GROUP_BY)
    if node.get("groupDistinct"):
        add(rows, result.values(), GROUP_BY)
    if "distinctClause" not in node:
        return
    ons = [each for each in node["distinctClause"] if each]
    if not ons:
        add(rows, result.values(), GROUP_BY)
    for each in ons:
        add(rows, _ordering(reader, each, result, context, output_first=True), GROUP_BY)


def _expressions(clause: Iterable[Node]) -> Iterable[Node]:
    """The expressions of GROUP BY, out of ROLLUP and its kin."""
    work = list(clause)
    while work:
        node = work.pop()
        if "GroupingSet" in node:
            work += node["GroupingSet"].get("content", ())
        elif "RowExpr" in node:
            work += node["RowExpr"].get("args", ())
        else:
            yield node


def _sorted(
    reader: Reader, node: Node, result: Result, rows: Flow, context: Context, windows: dict[str, Node]
) -> None:
    for each in node.get("sortClause", ()):
        add(rows, _ordering(reader, each["SortBy"]["node"], result, context, windows, output_first=True), SORT)


def _ordering(
    reader: Reader, node: Node, result: Result, context: Context, windows: dict[str, Node] | None = None, *,
    output_first: bool,
) -> Flow:
    place = _place(node, result.names)
    if place is not None and not output_first and "ColumnRef" in node and context.scope is not None:
        name = parts(node["ColumnRef"]["fields"])[0]
        if any(each.column(name) is not None for each in context.scope.items if each.showing):
            place = None
    if place is not None and (0 <= place < len(result.columns) or result.rest is not None):
        return result.column(place)
    return Expression(reader, context, windows).read(node, TRANSFORMATION)

