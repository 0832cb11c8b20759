"""The allow-list, held against every node that PostgreSQL's grammar has."""

from __future__ import annotations

from postgast.pg_query_pb2 import Node

from gov.sql.nodes import PLAIN, STATEMENTS
from gov.sql.outline import METHODS
from gov.terms import Effect

AFTER_PARSING = frozenset({
    "Aggref", "AlternativeSubPlan", "ArrayCoerceExpr", "ArrayExpr", "CallContext", "CaseTestExpr", "CoerceToDomain",
    "CoerceToDomainValue", "CoerceViaIO", "CollateExpr", "ConvertRowtypeExpr", "DistinctExpr", "FieldSelect",
    "FieldStore", "FromExpr", "FuncExpr", "InferenceElem", "InlineCodeBlock", "JsonConstructorExpr", "JsonExpr",
    "JsonTablePath", "JsonTablePathScan", "JsonTableSiblingJoin", "MergeAction", "NextValueExpr", "NullIfExpr",
    "OnConflictExpr", "OpExpr", "Param", "Query", "RTEPermissionInfo", "RangeTblEntry", "RangeTblFunction",
    "RangeTblRef", "RelabelType", "ReturningExpr", "RowCompareExpr", "RowMarkClause", "ScalarArrayOpExpr",
    "SetOperationStmt", "SortGroupClause", "SubPlan", "SubscriptingRef", "TableFunc", "TableSampleClause",
    "TargetEntry", "Var", "WindowClause", "WindowFunc", "WindowFuncRunCondition", "WithCheckOption",
})  # fmt: skip
"""Nodes that PostgreSQL makes from a tree later: no text has them."""

INSIDE_OTHERS = frozenset({
    "CTECycleClause", "CTESearchClause", "CommonTableExpr", "IntoClause", "LockingClause", "MergeWhenClause",
    "OnConflictClause", "RangeVar", "RawStmt", "WithClause",
})  # fmt: skip
"""Nodes that the methods of others look at."""

PLPGSQL = frozenset({"PLAssignStmt"})
"""Nodes of another language's texts."""


def test_every_node_of_the_grammar_is_accounted_for() -> None:
    """Handled, plain, looked at by another, or impossible in a text: exactly one of these."""
    nodes = {field.message_type.name for field in Node.DESCRIPTOR.fields}
    groups = (METHODS.keys(), PLAIN, AFTER_PARSING, INSIDE_OTHERS, PLPGSQL)

    assert nodes == frozenset().union(*groups)
    assert sum(map(len, groups)) == len(nodes)


def test_every_statement_has_an_effect() -> None:
    """None is read or unknown: those would need a method."""
    for kind, (command, effects) in STATEMENTS.items():
        assert command, kind
        assert effects, kind
        assert not {Effect.READ, Effect.UNKNOWN} & set(effects), kind
