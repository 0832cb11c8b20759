"""Whether a WHERE narrows what a statement reaches, or only looks as if it did."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from gov.sql.grammar import Node
from gov.sql.proof import PLACES


def bounded(condition: Node) -> bool:
    """Whether every way to satisfy `condition` asks something of a column.

    `true`, `1 = 1`, `$1`, `id = 5 or true` and `id = id` do not, whatever their constants are, nor do a question and
    its opposite. Of what is always true that is what can be told without the data: `id > 0` is a question.
    """
    return _bounded(condition, negated=False)


def _bounded(node: Node, *, negated: bool) -> bool:
    if expression := node.get("BoolExpr"):
        kind, args = expression.get("boolop"), expression["args"]
        if kind == "NOT_EXPR":
            return _bounded(args[0], negated=not negated)
        each = (_bounded(arg, negated=negated) for arg in args)
        if (kind == "OR_EXPR") != negated:
            return not _opposites(args) and all(each)
        return any(each)
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
    """Whether both sides are the same, or the left one is among those on the right."""
    left, right = node.get("lexpr"), node.get("rexpr")
    if left is None or not isinstance(right, dict):
        return False
    items = right.get("List", {}).get("items") or right.get("A_ArrayExpr", {}).get("elements") or ()
    spelled = _spelled(left)
    found = [_spelled(each) == spelled for each in items or [right]]
    return all(found) if "BETWEEN" in node.get("kind", "") else any(found)


_NEGATORS = {"=": "<>", "<": ">=", ">": "<="}


def _opposites(args: list[Node]) -> bool:
    """Whether one of `args` is the opposite of another; that NULL is neither matters to nobody's safety."""
    asked = {_spelled(each) for each in args}
    return any(_spelled(opposite) in asked for each in args for opposite in _opposite(each))


def _opposite(node: Node) -> Iterator[Node]:
    """What is true where `node` is false, as far as it is spelled alike."""
    if (expression := node.get("BoolExpr")) and expression.get("boolop") == "NOT_EXPR":
        yield expression["args"][0]
    if (test := node.get("NullTest")) and test.get("nulltesttype") == "IS_NULL":
        yield {"NullTest": {**test, "nulltesttype": "IS_NOT_NULL"}}
    compared = node.get("A_Expr", {})
    if negator := _NEGATORS.get(compared.get("name", [{}])[0].get("String", {}).get("sval", "")):
        yield {"A_Expr": {**compared, "name": [{"String": {"sval": negator}}]}}


def _spelled(node: Node) -> str:
    """Equal for what says the same in two places of a text."""
    return _PLACE.sub("", json.dumps(node))


_PLACE = re.compile(rf', "(?:{"|".join(sorted(PLACES))})": -?\d+')
