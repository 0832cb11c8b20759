"""The names of output columns that have none of their own, as `FigureColname` gives them (parse_target.c)."""

from __future__ import annotations

from gov.sql.grammar import Node
from gov.sql.walk import parts

NAMELESS = "?column?"
_FIXED = {
    "GroupingFunc": "grouping", "MergeSupportFunc": "merge_action", "A_ArrayExpr": "array", "RowExpr": "row",
    "CoalesceExpr": "coalesce", "XmlSerialize": "xmlserialize", "JsonParseExpr": "json",
    "JsonScalarExpr": "json_scalar", "JsonSerializeExpr": "json_serialize", "JsonObjectConstructor": "json_object",
    "JsonArrayConstructor": "json_array", "JsonArrayQueryConstructor": "json_array",
    "JsonObjectAgg": "json_objectagg", "JsonArrayAgg": "json_arrayagg",
}  # fmt: skip
_BY_OPERATION = {
    "MinMaxExpr": {"IS_GREATEST": "greatest", "IS_LEAST": "least"},
    "XmlExpr": {
        "IS_XMLCONCAT": "xmlconcat", "IS_XMLELEMENT": "xmlelement", "IS_XMLFOREST": "xmlforest",
        "IS_XMLPARSE": "xmlparse", "IS_XMLPI": "xmlpi", "IS_XMLROOT": "xmlroot",
    },
    "JsonFuncExpr": {
        "JSON_EXISTS_OP": "json_exists", "JSON_QUERY_OP": "json_query", "JSON_VALUE_OP": "json_value",
    },
    "SQLValueFunction": {
        "SVFOP_CURRENT_DATE": "current_date", "SVFOP_CURRENT_TIME": "current_time",
        "SVFOP_CURRENT_TIME_N": "current_time", "SVFOP_CURRENT_TIMESTAMP": "current_timestamp",
        "SVFOP_CURRENT_TIMESTAMP_N": "current_timestamp", "SVFOP_LOCALTIME": "localtime",
        "SVFOP_LOCALTIME_N": "localtime", "SVFOP_LOCALTIMESTAMP": "localtimestamp",
        "SVFOP_LOCALTIMESTAMP_N": "localtimestamp", "SVFOP_CURRENT_ROLE": "current_role",
        "SVFOP_CURRENT_USER": "current_user", "SVFOP_USER": "user", "SVFOP_SESSION_USER": "session_user",
        "SVFOP_CURRENT_CATALOG": "current_catalog", "SVFOP_CURRENT_SCHEMA": "current_schema",
    },
}  # fmt: skip
_WEAK, _STRONG = 1, 2


def name_of(target: Node) -> str:
    """The name of a ResTarget's column."""
    return str(target["name"]) if "name" in target else _figured(target.get("val", {}))[0] or NAMELESS


def _figured(node: Node) -> tuple[str, int]:
    """A name and how good it is; 0 for none."""
    kind = next(iter(node), "")
    inside = node.get(kind, {})
    if kind in _FIXED:
        return _FIXED[kind], _STRONG
    if kind in _BY_OPERATION:
        return _BY_OPERATION[kind].get(inside.get("op", ""), ""), _STRONG
    method = _METHODS.get(kind)
    return method(inside) if method else ("", 0)


def _column(node: Node) -> tuple[str, int]:
    last = parts(node["fields"])[-1]
    return ("", 0) if last == "*" else (last, _STRONG)


def _field(node: Node) -> tuple[str, int]:
    fields = [each["String"]["sval"] for each in node.get("indirection", ()) if "String" in each]
    return (fields[-1], _STRONG) if fields else _figured(node["arg"])


def _cast(node: Node) -> tuple[str, int]:
    name, strength = _figured(node["arg"])
    if strength > _WEAK:
        return name, strength
    return parts(node["typeName"]["names"])[-1], _WEAK


def _case(node: Node) -> tuple[str, int]:
    name, strength = _figured(node.get("defresult", {}))
    return (name, strength) if strength > _WEAK else ("case", _WEAK)


def _operator(node: Node) -> tuple[str, int]:
    return ("nullif", _STRONG) if node.get("kind") == "AEXPR_NULLIF" else ("", 0)


def _sublink(node: Node) -> tuple[str, int]:
    kind = node.get("subLinkType")
    if kind == "EXISTS_SUBLINK":
        return "exists", _STRONG
    if kind == "ARRAY_SUBLINK":
        return "array", _STRONG
    if kind != "EXPR_SUBLINK":
        return "", 0
    query = node["subselect"].get("SelectStmt", {})
    while "larg" in query:
        query = query["larg"]
    targets = query.get("targetList", ())
    if not targets:
        return "", 0
    first = targets[0]["ResTarget"]
    return (str(first["name"]), _STRONG) if "name" in first else _figured(first.get("val", {}))


_METHODS = {
    "ColumnRef": _column,
    "A_Indirection": _field,
    "FuncCall": lambda node: (parts(node["funcname"])[-1], _STRONG),
    "TypeCast": _cast,
    "CollateClause": lambda node: _figured(node["arg"]),
    "CaseExpr": _case,
    "A_Expr": _operator,
    "SubLink": _sublink,
}
