"""What DML puts where: INSERT, UPDATE, DELETE, MERGE, with RETURNING.

A row that RETURNING names is the one that was written: its columns depend on what was put into them.
"""

from __future__ import annotations

from collections.abc import Iterable

from gov.lineage.flow import (
    CONDITIONAL,
    FILTER,
    IDENTITY,
    JOIN,
    TRANSFORMATION,
    Flow,
    Result,
    add,
    of,
    union,
    used,
)  # fmt: skip
from gov.lineage.query import targets
from gov.lineage.reader import Context, Reader
from gov.lineage.scope import Item, Scope
from gov.lineage.sources import VIEWS, contents, from_clause
from gov.lineage.values import value
from gov.lineage.withs import with_queries
from gov.sql.grammar import Node
from gov.terms import Relation


class Target:
    """The relation that DML writes, and what it puts there."""

    def __init__(self, reader: Reader, node: Node) -> None:
        self.reader = reader
        self.relation = reader.relation(node)
        info = reader.info(self.relation)
        self.generated = {column.name: column.derived for column in info.columns if column.generated} if info else {}
        self.names = tuple(column.name for column in info.columns) if info else ()
        self.alias = node.get("alias", {}).get("aliasname", node.get("relname", ""))
        self.put: dict[str, Flow] = {}
        """What each column gets."""
        self.rows: Flow = {}
        """What decides which rows are written."""

    def item(self, alias: str = "") -> Item:
        """The rows as they are."""
        result = contents(self.reader, self.relation)
        return Item(alias or self.alias, result.names, result.columns, rest=result.rest, relation=self.relation)

    def before(self, alias: str) -> Item:
        """The rows as they were, by another name."""
        item = self.item(alias)
        return Item(alias, item.names, item.flows, rest=item.rest, relation=self.relation, showing=False)

    def written(self, alias: str = "", *, showing: bool = True) -> Item:
        """The rows with what was put into them."""
        item = self.item(alias)
        names = dict.fromkeys([*item.names, *self.put])
        flows = [union([item.by_name.get(name, {}), self.put.get(name, {})]) for name in names]
        rest = union([item.rest or {}, self.put.get("*", {})])
        unsure = item.rest is not None or "*" in self.put
        return Item(
            item.alias, names, flows, rest=rest if unsure else None, relation=self.relation, showing=showing
        )

    def assign(self, column: str, flow: Flow) -> None:
        """`column` gets a value."""
        self.put[column] = union([self.put.get(column, {}), flow])

    def done(self) -> None:
        """Note what was put where."""
        self._generate()
        self.reader.write(self.relation, self.put, self.rows)
        info = self.reader.info(self.relation)
        if info is not None and info.kind in VIEWS:
            self._through_view()

    def _generate(self) -> None:
        """Generated columns follow from others of the row."""
        for name, derived in self.generated.items():
            inputs = [flow for each in derived for flow in (of(self.relation, each), self.put.get(each, {}))]
            if not self.put.keys().isdisjoint((*derived, "*")):
                self.put[name] = used(union([*inputs, self.put.get("*", {})]), TRANSFORMATION)

    def _through_view(self) -> None:
        """What is put into a view goes where its columns come from, unless a trigger or rule does otherwise."""
        self.reader.doubt(f"{self.relation} is a view: rules or triggers may write elsewhere")
        item = self.item()
        bases: dict[Relation, dict[str, Flow]] = {}
        for name in self.put or item.names:
            for source, kinds in (item.by_name.get(name) or {}).items():
                base = Relation(source.schema, source.table)
                if kinds & IDENTITY and source.via:
                    columns = bases.setdefault(base, {})
                    if name in self.put:
                        columns[source.column] = union([columns.get(source.column, {}), self.put[name]])
        for base, columns in bases.items():
            self.reader.write(base, columns, self.rows)


def returning(reader: Reader, node: Node, target: Target, scope: Scope, context: Context) -> Result:
    """What RETURNING gives; `scope` has what else it sees."""
    clause = node.get("returningClause")
    if not clause:
        return Result()
    rows = [target.written(), target.before("old"), target.written("new", showing=False)]
    for option in (each["ReturningOption"] for each in clause.get("options", ())):
        is_old = option.get("option", "RETURNING_OPTION_OLD") == "RETURNING_OPTION_OLD"
        rows.append(target.before(option["value"]) if is_old else target.written(option["value"], showing=False))
    others = [each for each in scope.items if each.alias != target.alias]
    inside = context._replace(scope=Scope(scope.parent, [*rows, *others]))
    return targets(reader, clause.get("exprs", ()), inside)._replace(rows=dict(target.rows))


def insert(reader: Reader, node: Node, context: Context) -> Result:
    """INSERT."""
    outside = with_queries(reader, node, context)
    target = Target(reader, node["relation"])
    source = reader.query(reader, node["selectStmt"], outside) if "selectStmt" in node else Result()
    named = [column["ResTarget"]["name"] for column in node.get("cols", ())]
    _insert(target, named, source, node.get("override", ""))
    add(target.rows, source.rows, IDENTITY)
    scope = Scope(outside.scope, [target.item()])
    inside = outside._replace(scope=scope)
    indices = [column["ResTarget"].get("indirection") for column in node.get("cols", ())]
    add(target.rows, value(reader, indices, inside), CONDITIONAL)
    if conflict := node.get("onConflictClause"):
        _conflict(reader, conflict, target, inside)
    target.done()
    return returning(reader, node, target, scope, outside)


def _insert(target: Target, named: list[str], source: Result, override: str) -> None:
    """Put the columns of `source` into those named, or the first ones."""
    places = named or [name for name in target.names if name not in target.generated or override]
    if source.rest is not None or len(places) < len(source.columns):
        every = source.values()
        for name in places or ("*",):
            target.assign(name, every)
        return
    for name, flow in zip(places, source.columns, strict=False):
        target.assign(name, flow)
    for name in target.names if not source.columns else ():
        target.assign(name, {})  # DEFAULT VALUES


def _conflict(reader: Reader, node: Node, target: Target, context: Context) -> None:
    """ON CONFLICT: whether a row is there already decides what happens."""
    scope = context.scope
    assert scope is not None
    excluded = Item("excluded", tuple(target.names) or tuple(target.put), [
        target.put.get(name, {}) for name in (target.names or target.put)
    ], showing=False)  # fmt: skip
    scope.items.append(excluded)
    infer = node.get("infer", {})
    elements = [each["IndexElem"] for each in infer.get("indexElems", ())]
    keys = [each["name"] for each in elements if "name" in each]
    decides = [value(reader, [each.get("expr") for each in elements] + [infer.get("whereClause")], context)]
    for name in keys if elements else target.names:
        decides += [of(target.relation, name), target.put.get(name, {})]
    for flow in decides:
        add(target.rows, flow, JOIN)
    where = value(reader, node.get("whereClause"), context)
    if node.get("action") == "ONCONFLICT_UPDATE":
        assignments(reader, node.get("targetList", ()), target, context)
    add(target.rows, where, FILTER)


def assignments(reader: Reader, listed: Iterable[Node], target: Target, context: Context) -> None:
    """SET."""
    values = [
        (each["ResTarget"], value(reader, each["ResTarget"].get("val"), context)) for each in listed
    ]
    for node, flow in values:
        name = node.get("name", "*")
        if "indirection" in node:
            # The rest of the value stays; an index decides which part does not.
            flow = union([
                used(flow, TRANSFORMATION), used(of(target.relation, name), TRANSFORMATION),
                used(value(reader, node["indirection"], context), CONDITIONAL),
            ])  # fmt: skip
        target.assign(name, flow)


def update(reader: Reader, node: Node, context: Context) -> Result:
    """UPDATE."""
    outside = with_queries(reader, node, context)
    target = Target(reader, node["relation"])
    scope = Scope(outside.scope, [target.item()])
    add(target.rows, from_clause(reader, node.get("fromClause", ()), scope, outside), IDENTITY)
    inside = outside._replace(scope=scope)
    add(target.rows, value(reader, node.get("whereClause"), inside), FILTER)
    assignments(reader, node["targetList"], target, inside)
    target.done()
    return returning(reader, node, target, scope, outside)


def delete(reader: Reader, node: Node, context: Context) -> Result:
    """DELETE."""
    outside = with_queries(reader, node, context)
    target = Target(reader, node["relation"])
    scope = Scope(outside.scope, [target.item()])
    add(target.rows, from_clause(reader, node.get("usingClause", ()), scope, outside), IDENTITY)
    add(target.rows, value(reader, node.get("whereClause"), outside._replace(scope=scope)), FILTER)
    target.done()
    return returning(reader, node, target, scope, outside)


def merge(reader: Reader, node: Node, context: Context) -> Result:
    """MERGE."""
    outside = with_queries(reader, node, context)
    target = Target(reader, node["relation"])
    scope = Scope(outside.scope)
    add(target.rows, from_clause(reader, [node["sourceRelation"]], scope, outside), IDENTITY)
    scope.items.insert(0, target.item())
    inside = outside._replace(scope=scope)
    add(target.rows, value(reader, node["joinCondition"], inside), JOIN)
    for each in node["mergeWhenClauses"]:
        _when(reader, each["MergeWhenClause"], target, inside)
    target.done()
    return returning(reader, node, target, scope, outside)


def _when(reader: Reader, node: Node, target: Target, context: Context) -> None:
    add(target.rows, value(reader, node.get("condition"), context), CONDITIONAL)
    if node.get("commandType") != "CMD_INSERT":
        assignments(reader, node.get("targetList", ()), target, context)
        return
    named = [column["ResTarget"]["name"] for column in node.get("targetList", ())]
    flows = tuple(value(reader, each, context) for each in node.get("values", ()))
    _insert(target, named, Result(tuple("" for _ in flows), flows), node.get("override", ""))
