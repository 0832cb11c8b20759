"""The walk's methods for queries, DML and the expressions in them.

Names are resolved scope by scope: a WITH query hides a table exactly where PostgreSQL lets it
(`scanNameSpaceForCTE` in parse_clause.c), and never as the target of DML.
"""

from __future__ import annotations

from collections.abc import Iterable

from gov.sql.bound import bounded
from gov.sql.grammar import Node
from gov.sql.operands import common, operand
from gov.sql.settings import set_config, setting_looked_up
from gov.sql.statement import HIDING, Reference, Source, Use, Written
from gov.sql.walk import Context, Method, Queries, Walk, parts
from gov.terms import Effect

# Queries. A WITH query and a subquery in FROM do not see the FROM they stand in, unless LATERAL does.


def _with(walk: Walk, node: Node, context: Context) -> Context:
    """Push the WITH queries of `node`; the context in which they can be seen."""
    clause = node.get("withClause")
    if not clause:
        return context
    queries = [each["CommonTableExpr"] for each in clause.get("ctes", ())]
    columns = {query["ctename"]: (number, _columns_of(query)) for number, query in enumerate(queries)}
    every = Queries(columns, len(queries), context.queries)
    inner = context._replace(source=False, use=context.read)
    for number, query in enumerate(queries):
        seen = every if clause.get("recursive") else every._replace(seen=number)
        walk.push(query["ctequery"], inner._replace(queries=seen))
    return context._replace(queries=every)


def _columns_of(query: Node) -> tuple[str, ...]:
    """Columns that a WITH query is known to have."""
    return parts(query.get("aliascolnames", ())) + tuple(_outputs(query["ctequery"].get("SelectStmt", {})))


ORDERED = ("sortClause", "groupClause", "distinctClause")


def _select(walk: Walk, node: Node, context: Context) -> None:
    context = _with(walk, node, context)
    scope = walk.open_scope(context)
    inside = context._replace(
        scope=scope, certain=True, source=False, use=context.read, setting=setting_looked_up(node)
    )
    if node.get("op", "SETOP_NONE") != "SETOP_NONE":
        branch = context._replace(source=False)
        walk.push({"SelectStmt": node["rarg"]}, branch)
        walk.push({"SelectStmt": node["larg"]}, branch)
        walk.source(scope, None)  # ORDER BY can mean output columns only
    walk.command = walk.command or "SELECT"
    walk.add(Effect.READ, context)
    if "lockingClause" in node:
        walk.add(Effect.LOCK, context)
    if "intoClause" in node:
        _into(walk, node["intoClause"], context)
    walk.push(node.get("fromClause"), inside._replace(source=True))
    outputs = _outputs(node) if not node.keys().isdisjoint(ORDERED) else frozenset()
    for clause in ORDERED:
        _ordering(walk, node.get(clause, ()), outputs, inside)
    skipped = (
        "withClause", "larg", "rarg", "lockingClause", "intoClause", "fromClause",
        "sortClause", "groupClause", "distinctClause",
    )  # fmt: skip
    walk.rest(node, inside, without=skipped)


def _ordering(walk: Walk, items: Iterable[Node], outputs: frozenset[str], context: Context) -> None:
    """ORDER BY, GROUP BY and DISTINCT ON: a bare name can be that of an output column."""
    for item in items:
        node: Node = item.get("SortBy", {}).get("node", item)
        column = node.get("ColumnRef")
        if column and (names := parts(column["fields"]))[0] in outputs and len(names) == 1:
            at = column.get("location", -1)
            walk.references.append(Reference(context.scope, names, at, output=True))
        else:
            walk.push(item, context)


def _sort(walk: Walk, node: Node, context: Context) -> None:
    if "useOp" in node:
        one = operand(node["node"])
        walk.operators.add(parts(node["useOp"]), (one, one))
    walk.push(node["node"], context)


def _outputs(node: Node) -> frozenset[str]:
    """Names of the output columns, as `FigureColname` gives them to columns and functions."""
    while "larg" in node:
        node = node["larg"]
    found: set[str] = set()
    for target in node.get("targetList", ()):
        named = target["ResTarget"]
        value = named.get("val", {})
        while "TypeCast" in value:
            value = value["TypeCast"]["arg"]
        fields = value.get("ColumnRef", {}).get("fields") or value.get("FuncCall", {}).get("funcname") or ()
        found.update([named["name"]] if "name" in named else parts(fields)[-1:])
    return frozenset(found)


def _into(walk: Walk, node: Node, context: Context) -> None:
    walk.add(Effect.CREATE, context)
    walk.name(node["rel"], Use.KEEP if context.dry else Use.CREATE)
    walk.rest(node, context, without=("rel", "viewQuery"))


def _subselect(walk: Walk, node: Node, context: Context) -> None:
    known = tuple(_outputs(node["subquery"].get("SelectStmt", {})))
    walk.source(context.scope, node.get("alias"), columns=known)
    walk.push(node["subquery"], context._replace(certain=False))


def _join(walk: Walk, node: Node, context: Context) -> None:
    for alias in (node.get("alias"), node.get("join_using_alias")):
        if alias:
            _hide(walk, alias, context)
    if node.get("isNatural"):
        walk.references.append(Reference(context.scope, ("*",), -1))
    if node.get("isNatural") or "usingClause" in node:
        walk.operators.add(("=",), ("", ""))
    for column in node.get("usingClause", ()):
        walk.references.append(Reference(context.scope, parts([column]), -1))
    walk.push(node.get("quals"), context._replace(source=False, certain=False))
    walk.push(node.get("rarg"), context)
    walk.push(node.get("larg"), context)


def _hide(walk: Walk, alias: Node, context: Context) -> None:
    """A join with a name of its own: what it can mean is everything in this FROM."""
    walk.source(context.scope, alias, name=HIDING)
    walk.references.append(Reference(context.scope, ("*",), -1))


def _sample(walk: Walk, node: Node, context: Context) -> None:
    walk.calls.add(parts(node["method"]), loose=True)
    walk.push(node["relation"], context)
    walk.rest(node, context._replace(source=False, certain=False), without=("relation", "method"))


def _table_function(walk: Walk, node: Node, context: Context) -> None:
    walk.source(context.scope, node.get("alias"), _function_name(node))
    walk.rest(node, context._replace(source=False, certain=False), without=("alias",))


def _function_name(node: Node) -> str:
    """A function in FROM without an alias is called by its own name."""
    for function in node.get("functions", ()):
        for call in function.get("List", {}).get("items", ()):
            if "FuncCall" in call:
                return parts(call["FuncCall"]["funcname"])[-1]
    return ""


def _sublink(walk: Walk, node: Node, context: Context) -> None:
    if "testexpr" in node:
        walk.operators.add(parts(node["operName"]) if "operName" in node else ("=",), _tested(node["testexpr"]))
    walk.push(node.get("testexpr"), context)
    walk.push(node["subselect"], context)


def _tested(node: Node) -> tuple[str, str]:
    """`x IN (SELECT …)`; of a row every column is compared."""
    return ("", "") if "RowExpr" in node else (operand(node), "")


def _case(walk: Walk, node: Node, context: Context) -> None:
    """CASE x WHEN y compares by `=`."""
    if "arg" in node:
        walk.operators.add(("=",), (operand(node["arg"]), common(each["CaseWhen"]["expr"] for each in node["args"])))
    walk.rest(node, context)


# DML. The target is never a WITH query, and stays what it is in the text.


def _target(walk: Walk, node: Node, context: Context, effect: Effect) -> tuple[Context, int]:
    """Open the scope of a DML statement; its context, and the number of the target's name."""
    context = _with(walk, node, context)
    walk.add(effect, context)
    inside = context._replace(scope=walk.open_scope(context), certain=True, source=False, use=context.read)
    relation = node["relation"]
    number = walk.name(relation, Use.KEEP if context.dry else Use.WRITE, dml=True)
    walk.source(inside.scope, relation.get("alias"), relation.get("relname", ""), number)
    return inside, number


def _returning(walk: Walk, node: Node, number: int, context: Context) -> None:
    """RETURNING, where `old` and `new`, or other names for them, are the target's row too."""
    clause = node.get("returningClause")
    if not clause:
        return
    walk.add(Effect.READ, context)
    given = [option["ReturningOption"].get("value", "") for option in clause.get("options", ())]
    for alias in ("old", "new", *given):
        walk.sources.append(Source(context.scope, alias, number))
    walk.push(clause.get("exprs"), context)


def _write(walk: Walk, number: int, columns: Iterable[Node], context: Context) -> None:
    if not context.dry:
        names = tuple(column["ResTarget"].get("name", "") for column in columns)
        walk.written.append(Written(number, names))


def _insert(walk: Walk, node: Node, context: Context) -> None:
    walk.command = walk.command or "INSERT"
    outside = _with(walk, node, context)
    inside, number = _target(walk, node | {"withClause": None}, outside, Effect.INSERT)
    _write(walk, number, node.get("cols", ()), inside)
    _inserted(walk, node.get("selectStmt", {}), outside._replace(source=False, use=outside.read))
    walk.push([column["ResTarget"].get("indirection", []) for column in node.get("cols", ())], inside)
    if conflict := node.get("onConflictClause"):
        _conflict(walk, conflict, number, inside)
    _returning(walk, node, number, inside)


def _inserted(walk: Walk, query: Node, context: Context) -> None:
    """What INSERT puts in: plain VALUES read nothing by themselves."""
    values = query.get("SelectStmt", {})
    if values.keys() <= {"valuesLists", "limitOption", "op"}:
        walk.push(values.get("valuesLists"), context._replace(scope=walk.open_scope(context), certain=True))
    else:
        walk.push(query, context)


def _conflict(walk: Walk, node: Node, number: int, context: Context) -> None:
    walk.source(context.scope, None, "excluded")
    if node.get("action") == "ONCONFLICT_UPDATE":
        walk.add(Effect.UPDATE, context)
        _write(walk, number, node.get("targetList", ()), context)
    walk.rest(node, context)


def _update(walk: Walk, node: Node, context: Context) -> None:
    walk.command = walk.command or "UPDATE"
    inside, number = _target(walk, node, context, Effect.UPDATE)
    _write(walk, number, node["targetList"], inside)
    _bound(walk, node, Effect.UPDATE, inside)
    walk.push(node.get("fromClause"), inside._replace(source=True))
    walk.push(node["targetList"], inside)
    _returning(walk, node, number, inside)


def _delete(walk: Walk, node: Node, context: Context) -> None:
    walk.command = walk.command or "DELETE"
    inside, number = _target(walk, node, context, Effect.DELETE)
    _bound(walk, node, Effect.DELETE, inside)
    walk.push(node.get("usingClause"), inside._replace(source=True))
    _returning(walk, node, number, inside)


def _bound(walk: Walk, node: Node, effect: Effect, context: Context) -> None:
    where = node.get("whereClause")
    if not context.dry and not (where and bounded(where)):
        walk.unbounded.add(effect)
    walk.push(where, context)


def _merge(walk: Walk, node: Node, context: Context) -> None:
    walk.command = walk.command or "MERGE"
    inside, number = _target(walk, node, context, Effect.MERGE)
    walk.push(node["sourceRelation"], inside._replace(source=True))
    walk.push(node["joinCondition"], inside)
    for clause in node["mergeWhenClauses"]:
        _when(walk, clause["MergeWhenClause"], number, bounded(node["joinCondition"]), inside)
    _returning(walk, node, number, inside)


MERGES = {"CMD_INSERT": Effect.INSERT, "CMD_UPDATE": Effect.UPDATE, "CMD_DELETE": Effect.DELETE}


def _when(walk: Walk, node: Node, number: int, joined: bool, context: Context) -> None:
    """One action of MERGE. Without a real join and a condition it reaches every row."""
    if effect := MERGES.get(node.get("commandType", "")):
        walk.add(effect, context)
        condition = node.get("condition")
        unbound = not joined or node.get("matchKind") == "MERGE_WHEN_NOT_MATCHED_BY_SOURCE"
        if unbound and effect is not Effect.INSERT and not context.dry:
            walk.unbounded |= set() if condition and bounded(condition) else {effect}
        if effect is not Effect.DELETE:
            _write(walk, number, node.get("targetList", ()), context)
    walk.rest(node, context)


# Expressions that name something.


def _column(walk: Walk, node: Node, context: Context) -> None:
    at = node.get("location", -1)
    walk.references.append(Reference(context.scope, parts(node["fields"]), at, certain=context.certain))


def _call(walk: Walk, node: Node, context: Context) -> None:
    name = parts(node["funcname"])
    if name[-1] == "set_config" and name[:-1] in ((), ("pg_catalog",)):
        set_config(walk, node.get("args", []), context)
    args = node.get("args", ())
    loose = bool(node.get("func_variadic") or node.get("agg_within_group")) or any("NamedArgExpr" in a for a in args)
    walk.calls.add(name, () if loose else tuple(map(operand, args)), node.get("location", -1), loose=loose)
    walk.rest(node, context, without=("funcname",))


def _field(walk: Walk, node: Node, context: Context) -> None:
    """`(x).f` is a field of x, or the function f of x."""
    for each in node.get("indirection", ()):
        if "String" in each:
            walk.attributes[each["String"].get("sval", "")] = None
    walk.rest(node, context)


NAMED_OPERATORS = frozenset({
    "AEXPR_OP", "AEXPR_OP_ANY", "AEXPR_OP_ALL", "AEXPR_DISTINCT", "AEXPR_NOT_DISTINCT", "AEXPR_NULLIF",
    "AEXPR_IN", "AEXPR_LIKE", "AEXPR_ILIKE", "AEXPR_SIMILAR",
})  # fmt: skip


COMPARED_BY = {
    "AEXPR_BETWEEN": (">=", "<="), "AEXPR_NOT_BETWEEN": ("<", ">"),
    "AEXPR_BETWEEN_SYM": (">=", "<="), "AEXPR_NOT_BETWEEN_SYM": ("<", ">"),
}  # fmt: skip
"""What BETWEEN stands for (transformAExprBetween)."""


_OF_OPERATOR = frozenset({"AEXPR_OP", "AEXPR_LIKE", "AEXPR_ILIKE", "AEXPR_SIMILAR"})
"""Expressions that are of their operator's type; NULLIF is not."""


def _operator(walk: Walk, node: Node, context: Context) -> None:
    kind, right = node.get("kind", ""), node.get("rexpr", {})
    left = (operand(node["lexpr"]),) if "lexpr" in node else ()
    at = node.get("location", -1)
    if "RowExpr" in node.get("lexpr", {}):
        walk.operators.add(parts(node["name"]), ("", ""))
    elif kind in COMPARED_BY:
        for name in COMPARED_BY[kind]:
            walk.operators.add((name,), (*left, common(right["List"]["items"])))
    elif kind == "AEXPR_IN":
        walk.operators.add(parts(node["name"]), (*left, common(right["List"]["items"])))
    elif kind in NAMED_OPERATORS:
        array = kind in ("AEXPR_OP_ANY", "AEXPR_OP_ALL")
        known = at if kind in _OF_OPERATOR else -1
        walk.operators.add(parts(node["name"]), (*left, "" if array else operand(right)), known)
    walk.rest(node, context, without=("name",))


QUERIES: dict[str, Method] = {
    "A_Expr": _operator,
    "A_Indirection": _field,
    "CaseExpr": _case,
    "ColumnRef": _column,
    "DeleteStmt": _delete,
    "FuncCall": _call,
    "InsertStmt": _insert,
    "JoinExpr": _join,
    "JsonTable": _table_function,
    "MergeStmt": _merge,
    "RangeFunction": _table_function,
    "RangeSubselect": _subselect,
    "RangeTableFunc": _table_function,
    "RangeTableSample": _sample,
    "SelectStmt": _select,
    "SortBy": _sort,
    "SubLink": _sublink,
    "UpdateStmt": _update,
}
