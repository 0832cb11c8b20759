"""Whether a WHERE narrows what a statement reaches, or only looks as if it did."""

from __future__ import annotations

from gov.sql.grammar import Node


def bounded(condition: Node) -> bool:
    """Whether every way to satisfy `condition` asks something of a column.

    `true`, `1 = 1`, `$1`, `id = 5 or true` and `id = id` do not, whatever their constants are.
    """
    return _bounded(condition, negated=False)


def _bounded(node: Node, *, negated: bool) -> bool:
    if expression := node.get("BoolExpr"):
        kind, args = expression.get("boolop"), expression["args"]
        if kind == "NOT_EXPR":
            return _bounded(args[0], negated=not negated)
        each = (_bounded(arg, negated=negated) for arg in args)
        return all(each) if (kind == "OR_EXPR") != negated else any(each)
    return _asks(node) and not _same(node.get("A_Expr", {}))


def _asks(node: Node) -> bool:
    """Whether a column, or a cursor's row, is anywhere in `node`."""
    work: list[object] = [node]
    while work:
        value = work.pop()
        if isinstance(value, dict):
            if "ColumnRef" in value or "CurrentOfExpr" in value:
                return True
            work.extend(value.values())
        elif isinstance(value, list):
            work.extend(value)
    return False


def _same(node: Node) -> bool:
    """Whether both sides are the same column."""
    left, right = (node.get(side, {}).get("ColumnRef", {}).get("fields") for side in ("lexpr", "rexpr"))
    return left is not None and left == right
