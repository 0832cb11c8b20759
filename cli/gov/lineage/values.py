"""What an expression depends on.

It keeps its own stack: `1+1+…` is as deep as it is long. What it does not know widens: every column in sight
is then a source, and the reason is noted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from gov.lineage.flow import (
    AGGREGATION,
    CONDITIONAL,
    DIRECT,
    FILTER,
    IDENTITY,
    SORT,
    TRANSFORMATION,
    WINDOW,
    Flow,
    Result,
    add,
    union,
)  # fmt: skip
from gov.lineage.reader import Context, Reader
from gov.lineage.scope import Scope
from gov.sql.grammar import Node
from gov.sql.nodes import PLAIN
from gov.sql.walk import parts


def value(reader: Reader, node: object, context: Context, kind: int = TRANSFORMATION) -> Flow:
    """What `node`, an expression or a list of them, depends on, used in the way of `kind`."""
    if kind == TRANSFORMATION and isinstance(node, dict) and "ColumnRef" in node:
        kind = IDENTITY
    return Expression(reader, context).read(node, kind)


class Expression:
    """The reading of one expression."""

    __slots__ = ("_work", "context", "found", "reader", "windows")

    def __init__(self, reader: Reader, context: Context, windows: dict[str, Node] | None = None) -> None:
        self.reader, self.context = reader, context
        self.windows = windows or {}
        """Those of the WINDOW clause."""
        self.found: Flow = {}
        self._work: list[tuple[object, int]] = []

    def read(self, node: object, kind: int) -> Flow:
        """What it depends on."""
        self.push(node, kind)
        while self._work:
            value, kind = self._work.pop()
            if isinstance(value, list):
                self._work.extend((item, kind) for item in value)
            elif isinstance(value, dict):
                self._visit(value, kind)
        return self.found

    def push(self, node: object, kind: int) -> None:
        """Read `node` later."""
        if isinstance(node, (dict, list)):
            self._work.append((node, kind))

    def add(self, flow: Flow, kind: int) -> None:
        """The expression depends on `flow`."""
        self.reader.spend(len(flow) + 1)
        add(self.found, flow, kind)

    def by_rows(self, flow: Flow, kind: int) -> None:
        """It depends on which rows there are in a query inside."""
        self.add(flow, FILTER if kind & DIRECT else kind)

    def query(self, node: Node) -> Result:
        """What a query inside returns."""
        return self.reader.query(self.reader, node, self.context)

    def _visit(self, node: Node, kind: int) -> None:
        for key, inside in node.items():
            if not key[0].isupper():
                self.push(inside, kind)
            elif method := _METHODS.get(key):
                method(self, inside, kind)
            elif key in PLAIN:
                self.push(inside, kind)
            elif key.endswith("Stmt"):
                result = self.query({key: inside})
                self.add(result.values(), kind)
                self.by_rows(result.rows, kind)
            else:
                self._widen(key, kind)

    def _widen(self, what: str, kind: int) -> None:
        self.reader.doubt(f"not understood: {what}")
        self.add(_in_sight(self.context.scope), TRANSFORMATION if kind & DIRECT else kind)


def _in_sight(scope: Scope | None) -> Flow:
    return union(item.row() for level in scope.levels() for item in level.items) if scope else {}


def _column(reading: Expression, node: Node, kind: int) -> None:
    names, scope = parts(node["fields"]), reading.context.scope
    if scope is None:
        return  # as in DDL, or DEFAULT: PostgreSQL refuses it where it would matter
    if names[-1] == "*":
        item = scope.called(names[:-1]) if len(names) > 1 else None
        reading.add(item.row() if item else _in_sight(scope), kind)
        return
    flow, found = scope.column(names)
    if not found:
        reading.reader.doubt("a name was not found")
    reading.add(flow, kind)


def _field(reading: Expression, node: Node, kind: int) -> None:
    """`(x).f`, `x[1]`: of a row in FROM, that column."""
    column, steps, scope = node["arg"].get("ColumnRef"), list(node.get("indirection", ())), reading.context.scope
    field = steps[0].get("String", {}).get("sval") if steps else None
    if column and field and scope and len(names := parts(column["fields"])) == 1:
        item = scope.called(names)
        if item is not None and item.has(field) and not any(
            each.has(names[0]) for level in scope.levels() for each in level.items if each.showing
        ):
            reading.add(item.column(field) or {}, kind)
            reading.push(steps[1:], kind)
            return
    reading.push(node["arg"], kind)
    reading.push(steps, kind)


def _case(reading: Expression, node: Node, kind: int) -> None:
    """The branches are values; what chooses between them is not."""
    chooses = CONDITIONAL if kind & DIRECT else kind
    reading.push(node.get("arg"), chooses)
    for each in node.get("args", ()):
        reading.push(each["CaseWhen"].get("expr"), chooses)
        reading.push(each["CaseWhen"].get("result"), kind)
    reading.push(node.get("defresult"), kind)


def _call(reading: Expression, node: Node, kind: int) -> None:
    name = parts(node["funcname"])[-1]
    inside = kind
    if kind & DIRECT:
        is_aggregate = name in reading.reader.known.aggregates and "over" not in node
        inside = AGGREGATION if is_aggregate or node.get("agg_within_group") else TRANSFORMATION
    reading.push(node.get("args"), inside)
    sorts = inside if node.get("agg_within_group") or not kind & DIRECT else SORT
    reading.push(node.get("agg_order"), sorts)
    reading.push(node.get("agg_filter"), CONDITIONAL if kind & DIRECT else kind)
    _over(reading, node.get("over"), kind)


def _over(reading: Expression, over: Node | None, kind: int) -> None:
    """A window, and those that it is built on."""
    kind = WINDOW if kind & DIRECT else kind
    seen: set[str] = set()
    while over is not None:
        for clause in ("partitionClause", "orderClause", "startOffset", "endOffset"):
            reading.push(over.get(clause), kind)
        name = over.get("refname") or ("" if "orderClause" in over or "partitionClause" in over else over.get("name"))
        if not name or name in seen:
            return
        seen.add(name)
        over = reading.windows.get(name)


def _json_aggregate(reading: Expression, node: Node, kind: int) -> None:
    constructor = node.get("constructor", {})
    direct = bool(kind & DIRECT)
    over = constructor.get("over")
    reading.push(node.get("arg"), (TRANSFORMATION if over else AGGREGATION) if direct else kind)
    reading.push(constructor.get("agg_filter"), CONDITIONAL if direct else kind)
    reading.push(constructor.get("agg_order"), SORT if direct else kind)
    _over(reading, over, kind)


def _sublink(reading: Expression, node: Node, kind: int) -> None:
    """A query in an expression. What EXISTS returns is whether there are rows."""
    result = reading.query(node["subselect"])
    if node.get("subLinkType") != "EXISTS_SUBLINK":
        compares = node.get("subLinkType") in ("ANY_SUBLINK", "ALL_SUBLINK", "ROWCOMPARE_SUBLINK")
        reading.add(result.values(), TRANSFORMATION if compares and kind & DIRECT else kind)
    reading.by_rows(result.rows, kind)
    reading.push(node.get("testexpr"), TRANSFORMATION if kind & DIRECT else kind)


def _assigned(reading: Expression, node: Node, kind: int) -> None:
    """One column of `(a, b) = (SELECT …)` or `(a, b) = ROW(…)`."""
    source, place = node["source"], node.get("colno", 1) - 1
    if "SubLink" in source:
        result = reading.query(source["SubLink"]["subselect"])
        reading.add(result.column(place), kind)
        reading.by_rows(result.rows, kind)
        return
    items = source.get("RowExpr", {}).get("args", ())
    reading.push(items[place] if place < len(items) else source, kind)


Method: TypeAlias = Callable[[Expression, Node, int], None]
_METHODS: dict[str, Method] = {
    "A_Expr": lambda reading, node, kind: reading.push([node.get("lexpr"), node.get("rexpr")], kind),
    "A_Indirection": _field,
    "CaseExpr": _case,
    "ColumnRef": _column,
    "FuncCall": _call,
    "JsonArrayAgg": _json_aggregate,
    "JsonObjectAgg": _json_aggregate,
    "MultiAssignRef": _assigned,
    "SortBy": lambda reading, node, kind: reading.push(node["node"], kind),
    "SubLink": _sublink,
    "GroupingFunc": lambda reading, node, kind: reading.push(node.get("args"), kind),
    "RangeVar": lambda reading, node, kind: None,  # FOR UPDATE OF names what FROM has
}


def calls_of_sets(reader: Reader, node: object) -> bool:
    """Whether a function that returns sets stands in an expression, so that it decides how many rows there are."""
    work = [node]
    while work and reader.known.sets:
        value = work.pop()
        if isinstance(value, list):
            work += value
        elif isinstance(value, dict):
            if "funcname" in value and parts(value["funcname"])[-1] in reader.known.sets:
                return True
            work += [inside for key, inside in value.items() if key not in ("SubLink", "location")]
    return False

