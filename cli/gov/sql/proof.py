"""Whether a rewritten statement is the one that the client sent, but for relations that were renamed.

Both texts are parsed, and the trees compared node by node. Three things may differ: a relation's name may
have become its view's; a column's qualifier with it; and `COPY relation TO` may have become COPY of a
plain SELECT of columns from the view. Equal fingerprints would prove nothing: `IN (1)` has that of
`IN (1, 2)`.
"""

from __future__ import annotations

from collections.abc import Mapping

from gov.sql import grammar
from gov.sql.grammar import Node
from gov.terms import Relation

PLACES = frozenset({
    "location", "stmt_location", "stmt_len", "list_start", "list_end", "rexpr_list_start", "rexpr_list_end",
})  # fmt: skip
"""Fields that say where in the text something is. (A tablespace has a `location` too, which is a string.)"""


def same(original: str, rewritten: str, renames: Mapping[Relation, Relation]) -> bool:
    """Whether the two are the same statements when each view in `renames` stands for its relation.

    Raises:
        NotUnderstood, TooComplex: See `grammar.parse`.
    """
    try:
        return same_trees(grammar.parse(original), grammar.parse(rewritten), renames)
    except grammar.Refused:
        return False


def same_trees(original: list[Node], rewritten: list[Node], renames: Mapping[Relation, Relation]) -> bool:
    """The same of texts that were parsed."""
    work: list[tuple[object, object]] = [(original, rewritten)]
    while work:
        left, right = work.pop()
        if isinstance(left, dict) and isinstance(right, dict):
            if not _nodes(left, right, renames, work):
                return False
        elif isinstance(left, list) and isinstance(right, list):
            if len(left) != len(right):
                return False
            work.extend(zip(left, right, strict=True))
        elif type(left) is not type(right) or left != right:
            return False
    return True


def _nodes(left: Node, right: Node, renames: Mapping[Relation, Relation], work: list[tuple[object, object]]) -> bool:
    """Compare two nodes, and leave what is inside them to be compared."""
    if "relname" in left and "relname" in right:
        if _renamed(left, right, renames):
            right = right | {key: left.get(key) for key in _NAMING}
            left = left | {key: left.get(key) for key in _NAMING}
    elif "ColumnRef" in left and "ColumnRef" in right:
        if _requalified(left, right, renames):
            return True
    elif "CopyStmt" in left and "CopyStmt" in right:
        copied = _copied(left["CopyStmt"], right["CopyStmt"], renames)
        if copied is not None:
            work.append(copied)
            return True
    if not (PLACES.isdisjoint(left) and PLACES.isdisjoint(right)):
        left, right = _placeless(left), _placeless(right)
    if left.keys() != right.keys():
        return False
    for key, value in left.items():
        other = right[key]
        if isinstance(value, (dict, list)) or isinstance(other, (dict, list)):
            work.append((value, other))
        elif type(value) is not type(other) or value != other:
            return False
    return True


def _placeless(node: Node) -> Node:
    return {key: value for key, value in node.items() if key not in PLACES or not isinstance(value, int)}


_NAMING = ("catalogname", "schemaname", "relname")


def _renamed(left: Node, right: Node, renames: Mapping[Relation, Relation]) -> bool:
    """Whether `right` is the view of what `left` names."""
    base = renames.get(Relation(right.get("schemaname", ""), right["relname"]))
    if base is None or "catalogname" in right:
        return False
    return Relation(left.get("schemaname", base.schema), left["relname"]) == base


def _requalified(left: Node, right: Node, renames: Mapping[Relation, Relation]) -> bool:
    """Whether both are the same column, of a relation and of its view."""
    before, after = left["ColumnRef"]["fields"], right["ColumnRef"]["fields"]
    if len(after) != 3 or len(before) not in (3, 4) or before[-1] != after[-1]:
        return False
    named = [each.get("String", {}).get("sval") for each in (*after[:2], *before[-3:-1])]
    base = renames.get(Relation(str(named[0]), str(named[1])))
    return base is not None and [base.schema, base.name] == named[2:]


def _copied(left: Node, right: Node, renames: Mapping[Relation, Relation]) -> tuple[Node, Node] | None:
    """What is left to compare of `COPY relation TO` and COPY of a SELECT from its view; None when it is not that."""
    query = right.get("query", {}).get("SelectStmt", {})
    sources = query.get("fromClause", ())
    if "relation" not in left or left.get("is_from") or "relation" in right or len(sources) != 1:
        return None
    columns = _plain_columns(query)
    listed = left.get("attlist", columns)
    view = sources[0].get("RangeVar", {})
    if not columns or listed != columns or "alias" in view or not view.get("inh"):
        return None
    if "relname" not in view or not _renamed(left["relation"], view, renames):
        return None
    parts = ("relation", "attlist", "query")
    return (
        {key: value for key, value in left.items() if key not in parts},
        {key: value for key, value in right.items() if key not in parts},
    )


_PLAIN_SELECT = {"targetList", "fromClause", "limitOption", "op"}


def _plain_columns(query: Node) -> list[Node]:
    """The columns of `SELECT a, b FROM one`, each a String; none when it is anything more."""
    targets = [_placeless(target["ResTarget"]) for target in query.get("targetList", ())]
    plain = query.get("op") == "SETOP_NONE" and query.get("limitOption") == "LIMIT_OPTION_DEFAULT"
    if not plain or query.keys() != _PLAIN_SELECT or any(target.keys() != {"val"} for target in targets):
        return []
    fields = [target["val"].get("ColumnRef", {}).get("fields", ()) for target in targets]
    if any(len(each) != 1 or "String" not in each[0] for each in fields):
        return []
    return [each[0] for each in fields]
