"""What can be told of an operand without a catalog: see `sql.statement.Call`."""

from __future__ import annotations

from collections.abc import Iterable

from gov.sql.grammar import Node

UNTYPED = "?"
BOOLEAN = "=boolean"
_CONSTANTS = {"ival": "=integer", "boolval": BOOLEAN, "sval": UNTYPED, "isnull": UNTYPED}
_TESTS = frozenset({"BoolExpr", "NullTest", "BooleanTest", "XmlExists"})
_CALLS = frozenset({"FuncCall", "A_Expr"})


def operand(node: Node) -> str:
    """`node` as an operand."""
    if not node:
        return ""
    kind, value = next(iter(node.items()))
    if kind == "CollateClause":
        return operand(value.get("arg", {}))
    if kind == "A_Const":
        if "fval" in value:  # without a point it may be a bigint
            return "=numeric" if not value["fval"].get("fval", "").isdecimal() else ""
        return next((_CONSTANTS[key] for key in value if key in _CONSTANTS), "")
    if kind == "TypeCast":
        return _cast(value["typeName"])
    if kind in _TESTS:
        return BOOLEAN
    if kind == "ColumnRef" and all("String" in field for field in value["fields"]):
        return f"@{value.get('location', -1)}"
    if kind == "FuncCall" and len(value["funcname"]) > 1:
        return ""  # what the grammar makes of LIKE … ESCAPE stands where LIKE does
    return f"#{value.get('location', -1)}" if kind in _CALLS else ""


def _cast(name: Node) -> str:
    parts = [each["String"]["sval"] for each in name.get("names", ())]
    if name.get("arrayBounds") or name.get("setof"):
        return ""
    return "=" + ".".join(parts)


def common(nodes: Iterable[Node]) -> str:
    """One operand for several values that are compared with the same thing."""
    found = {operand(node) for node in nodes}
    return found.pop() if len(found) == 1 else ""
