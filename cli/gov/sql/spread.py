"""How many rows one row of an answer can hold: aggregates fold many into one, joins put several side by side.

A bound on the rows of an answer says something about the rows that were read only as far as this goes. It is told
from the text alone and never too low: a row of an answer holds at most one row of each relation that FROM names,
once more for every aggregate or window function that yields a value of one row, in each query; and a WITH query
counts for each time that it is named. What folds any number of rows into one value has no bound.
"""

from __future__ import annotations

from collections import Counter
from itertools import chain
from math import prod
from typing import Any

from gov.sql.grammar import Node

ANY = 0
"""No bound: one row can hold all."""
MOST = 1 << 20
"""Where counting ends: no bound on rows is worth anything then."""

NOTHING = frozenset({"cume_dist", "dense_rank", "ntile", "percent_rank", "rank", "row_number"})
"""Window functions that say where a row stands, and aggregates that say where one would stand."""
ONE = frozenset({
    "any_value", "bool_and", "bool_or", "corr", "count", "covar_pop", "covar_samp", "every", "first_value", "lag",
    "last_value", "lead", "max", "min", "mode", "nth_value", "regr_avgx", "regr_avgy", "regr_count",
    "regr_intercept", "regr_r2", "regr_slope", "regr_sxx", "regr_sxy", "regr_syy",
})  # fmt: skip
"""What yields the value of one row, or one number of at most 64 bits."""
SUMS = frozenset({"avg", "stddev", "stddev_pop", "stddev_samp", "sum", "var_pop", "var_samp", "variance"})
"""What yields a number of any length: of a column as it is one number, of an expression the digits of all."""
ALL = frozenset({
    "array_agg", "bit_and", "bit_or", "bit_xor", "json_agg", "json_agg_strict", "json_object_agg",
    "json_object_agg_strict", "json_object_agg_unique", "json_object_agg_unique_strict", "jsonb_agg",
    "jsonb_agg_strict", "jsonb_object_agg", "jsonb_object_agg_strict", "jsonb_object_agg_unique",
    "jsonb_object_agg_unique_strict", "percentile_cont", "percentile_disc", "range_agg", "range_intersect_agg",
    "string_agg", "xmlagg",
})  # fmt: skip
"""What yields a value that can hold those of all rows."""

_VALUES = frozenset({"FuncCall", "ColumnRef", "A_Indirection"})
_FOLDS = frozenset({"JsonArrayAgg", "JsonObjectAgg", "JsonArrayQueryConstructor"})
_AGGREGATES = frozenset({"agg_order", "agg_filter", "agg_distinct", "agg_star", "agg_within_group", "over"})
"""What only the call of an aggregate or a window function has."""
_NOT_ALONE = frozenset({"RangeSubselect", "RangeFunction", "RangeTableFunc", "JsonTable", "SubLink", "JoinExpr"})


def spread(tree: Node) -> int:
    """At most so many times as FROM names a relation one row of the answer can hold a row of it; `ANY` for no bound."""
    found = _nodes(tree)
    kinds = Counter([kind for kind, _, _ in found])
    if not _FOLDS.isdisjoint(kinds) or any(map(_folds_queries, found)):
        return ANY
    # Of a table alone a column's name can mean nothing but what is stored.
    alone = kinds["SelectStmt"] == 1 == kinds["RangeVar"] and _NOT_ALONE.isdisjoint(kinds)
    values: Counter[int] = Counter()
    for kind, node, query in found:
        if kind not in _VALUES:
            continue
        each = _values(kind, node, alone=alone)
        if each is None:
            return ANY
        if each:
            values[query] += each
    if not values and "CommonTableExpr" not in kinds:
        return 1
    queries = {node["ctename"] for kind, node, _ in found if kind == "CommonTableExpr"}
    named = Counter(node["relname"] for kind, node, _ in found if kind == "RangeVar" and "schemaname" not in node)
    times = prod(chain((1 + each for each in values.values()), (max(named[name], 1) for name in queries)))
    return times if times <= MOST else ANY


def _nodes(tree: Node) -> list[tuple[str, Node, int]]:
    """(kind, node, number of the innermost query around it) of every node, whatever the depth."""
    found: list[tuple[str, Node, int]] = []
    work: list[tuple[Any, int]] = [(tree, 0)]
    queries = 0
    while work:
        value, query = work.pop()
        if isinstance(value, list):
            work += [(each, query) for each in value if isinstance(each, (dict, list))]
            continue
        for key, inner in value.items():
            if isinstance(inner, list):
                work.append((inner, query))
            elif isinstance(inner, dict):
                within = query
                relation = "relname" in inner
                if relation or key[0].isupper():
                    if key == "SelectStmt":
                        queries += 1
                        within = queries
                    found.append(("RangeVar" if relation else key, inner, within))
                work.append((inner, within))
    return found


def _folds_queries(found: tuple[str, Node, int]) -> bool:
    """Whether it makes one value of a query's rows, or goes over them again and again."""
    kind, node, _ = found
    return (kind == "SubLink" and node.get("subLinkType") == "ARRAY_SUBLINK") or bool(
        node.get("withClause", {}).get("recursive")
    )


def _values(kind: str, node: Node, *, alone: bool) -> int | None:
    """Of how many more rows a value comes with this node; None for any number."""
    if kind == "FuncCall":
        return _call(node, alone=alone)
    if kind in ("ColumnRef", "A_Indirection"):
        # `c.json_agg` is `json_agg(c)` where `c` has no such column.
        fields = node.get("fields") or node.get("indirection") or []
        name = fields[-1].get("String", {}).get("sval", "") if fields else ""
        if kind == "A_Indirection" or len(fields) > 1:
            return None if name in ALL else int(name in ONE)
    return 0


def _call(node: Node, *, alone: bool) -> int | None:
    name = node["funcname"][-1]["String"]["sval"]
    if name in NOTHING:
        return 0
    if name in ONE:
        return 1
    if name in SUMS:
        columns = all("ColumnRef" in each for each in node.get("args", ()))
        return 1 if alone and columns else None
    if name in ALL or not _AGGREGATES.isdisjoint(node):
        return None
    return 0
