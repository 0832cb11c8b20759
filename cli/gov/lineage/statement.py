"""The lineage of a whole statement, whatever it is."""

from __future__ import annotations

from collections.abc import Callable

from gov.lineage.flow import (
    ANY,
    CONDITIONAL,
    FILTER,
    IDENTITY,
    TRANSFORMATION,
    Flow,
    Lineage,
    Result,
    of,
    union,
    used,
)  # fmt: skip
from gov.lineage.query import select
from gov.lineage.reader import Context, Known, Reader, merged
from gov.lineage.scope import Scope
from gov.lineage.sources import contents
from gov.lineage.values import value
from gov.lineage.writes import Target, delete, insert, merge, update
from gov.sql.grammar import Node, parse
from gov.sql.outline import METHODS, Outline
from gov.sql.utility import runs
from gov.sql.walk import Walk, parts
from gov.sql.world import worlds
from gov.terms import Relation

QUERIES: dict[str, Callable[[Reader, Node, Context], Result]] = {
    "SelectStmt": select, "InsertStmt": insert, "UpdateStmt": update, "DeleteStmt": delete, "MergeStmt": merge,
}  # fmt: skip


def lineage(text: str, known: Known, *, executed: bool = False) -> tuple[Lineage, ...]:
    """What each statement of `text` does with columns.

    With `executed`, the text is a PREPARE and what it prepared is meant.

    Raises:
        Refused: PostgreSQL would answer with a syntax error.
        NotUnderstood, TooComplex: It is beyond the bounds of analysis.
    """
    return of_trees(parse(text), known, executed=executed)


def of_trees(statements: list[Node], known: Known, *, executed: bool = False) -> tuple[Lineage, ...]:
    """The same of a text that was parsed."""
    trees = [raw["stmt"] for raw in statements]
    if executed:
        trees = [tree.get("PrepareStmt", {}).get("query", tree) for tree in trees]
    if len(trees) == 1:
        return (of_tree(trees[0], known),)
    walked = Outline(tuple(Walk(METHODS).run(tree) for tree in trees))
    met = [world for _, world, _ in worlds(walked, known.world)]
    return tuple(
        of_tree(tree, known._replace(world=world)) for tree, world in zip(trees, met, strict=True)
    )


def of_tree(tree: Node, known: Known) -> Lineage:
    """What one statement does with columns."""
    reader = Reader(known, _query)
    outputs = _statement(reader, tree)
    return Lineage(outputs, merged(reader.writes), tuple(reader.doubts))


def _query(reader: Reader, node: Node, context: Context) -> Result:
    kind = next(iter(node))
    method = QUERIES.get(kind)
    if method is None:
        reader.doubt(f"not understood: {kind}")
        return Result(rest={ANY: TRANSFORMATION})
    return method(reader, node[kind], context)


def _statement(reader: Reader, tree: Node) -> Result:
    kind = next(iter(tree))
    node = tree[kind]
    if kind in QUERIES:
        result = _query(reader, tree, Context())
        into = _into(node) if kind == "SelectStmt" else None
        return _create(reader, into, result) if into else result
    method = _UTILITIES.get(kind)
    return method(reader, node) if method else Result()


def _into(node: Node) -> Node | None:
    """SELECT INTO, which a set operation has in its first branch."""
    while "larg" in node:
        node = node["larg"]
    return node.get("intoClause")


def _create(reader: Reader, into: Node, result: Result) -> Result:
    """What a query returns becomes a table."""
    node = into["rel"]
    relation = reader.known.world.created(
        node.get("schemaname", ""), node.get("relname", ""), temporary=node.get("relpersistence") == "t"
    )
    result = result.renamed(parts(into.get("colNames", ())))
    columns: dict[str, Flow] = dict(zip(result.names, result.columns, strict=False))
    if result.rest is not None:
        columns["*"] = result.rest
    reader.write(relation, columns, result.rows)
    return Result()


def _create_as(reader: Reader, node: Node) -> Result:
    if "ExecuteStmt" in node["query"]:
        reader.doubt("what a prepared statement returns becomes a table")
        return _create(reader, node["into"], Result(rest={ANY: TRANSFORMATION}))
    result = _query(reader, node["query"], Context())
    if node.get("into", {}).get("skipData"):
        return Result()
    return _create(reader, node["into"], result)


def _copy(reader: Reader, node: Node) -> Result:
    if "query" in node:
        return _query(reader, node["query"], Context())
    relation, columns = reader.relation(node["relation"]), parts(node.get("attlist", ()))
    result = contents(reader, relation)
    if not node.get("is_from"):
        if not columns:
            info = reader.info(relation)
            columns = tuple(each.name for each in info.columns if not each.generated) if info else ()
        by_name = dict(zip(result.names, result.columns, strict=False))
        return Result(columns, tuple(by_name.get(name, of(relation, name)) for name in columns), result.rows,
                      result.rest if not columns else None)  # fmt: skip
    target = Target(reader, node["relation"])
    for name in columns or tuple(each for each in target.names if each not in target.generated) or ("*",):
        target.assign(name, {})
    where = Context(Scope(None, [target.item()]))
    target.rows = value(reader, node.get("whereClause"), where, FILTER)
    target.done()
    return Result()


def _explain(reader: Reader, node: Node) -> Result:
    """What EXPLAIN shows are estimates; with ANALYZE the statement runs, and what it writes is written."""
    if any(map(runs, node.get("options", ()))):
        _statement(reader, node["query"])
    return Result()


def _refresh(reader: Reader, node: Node) -> Result:
    relation = reader.relation(node["relation"])
    result = contents(reader, relation)
    if not node.get("skipData"):
        reader.write(relation, dict(zip(result.names, result.columns, strict=False)), result.rows)
    return Result()


def _alter(reader: Reader, node: Node) -> Result:
    """ALTER TABLE … TYPE … USING, ADD … GENERATED: new values from those of the same row."""
    if node.get("objtype", "OBJECT_TABLE") != "OBJECT_TABLE":
        return Result()
    target = Target(reader, node["relation"])
    inside = Context(Scope(None, [target.item()]))
    for each in node.get("cmds", ()):
        command = each["AlterTableCmd"]
        definition = command.get("def", {}).get("ColumnDef", {})
        if command.get("subtype") == "AT_AlterColumnType" and "raw_default" in definition:
            target.assign(command["name"], value(reader, definition["raw_default"], inside))
        elif command.get("subtype") == "AT_AddColumn":
            exprs = [each.get("Constraint", {}).get("raw_expr") for each in definition.get("constraints", ())]
            if flow := value(reader, exprs, inside):
                target.assign(definition["colname"], flow)
    if target.put:
        target.done()
    return Result()


def _truncate(reader: Reader, node: Node) -> Result:
    for each in node.get("relations", ()):
        reader.write(reader.relation(each["RangeVar"]), {}, {})
    return Result()


def _opaque(reader: Reader, node: Node) -> Result:
    """Code that is not looked into."""
    reader.doubt("what its code does cannot be told")
    reader.write(Relation("", "*"), {"*": {ANY: TRANSFORMATION}}, {ANY: CONDITIONAL})
    return Result(rest={ANY: TRANSFORMATION})


_UTILITIES: dict[str, Callable[[Reader, Node], Result]] = {
    "AlterTableStmt": _alter,
    "CallStmt": _opaque,
    "CopyStmt": _copy,
    "CreateTableAsStmt": _create_as,
    "DeclareCursorStmt": lambda reader, node: _query(reader, node["query"], Context()),
    "DoStmt": _opaque,
    "ExplainStmt": _explain,
    "RefreshMatViewStmt": _refresh,
    "TruncateStmt": _truncate,
}


def widened(found: Lineage, why: tuple[str, ...]) -> Lineage:
    """`found`, where code ran that could not be looked into: everything in reach may be in everything."""
    def wide(flow: Flow) -> Flow:
        return union([flow, {ANY: TRANSFORMATION}])

    outputs = found.outputs._replace(
        columns=tuple(map(wide, found.outputs.columns)),
        rest=wide(found.outputs.rest) if found.outputs.rest is not None else None,
        rows=union([found.outputs.rows, used({ANY: IDENTITY}, CONDITIONAL)]),
    )
    if not found.outputs.columns and found.outputs.rest is None:
        outputs = found.outputs
    writes = tuple(
        write._replace(
            columns={name: wide(flow) for name, flow in write.columns.items()},
            rows=union([write.rows, {ANY: CONDITIONAL}]),
        )
        for write in found.writes
    )
    return Lineage(outputs, writes, (*found.doubts, *why))
