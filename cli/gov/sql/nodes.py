"""The nodes of PostgreSQL's grammar (version 18) that are vouched for.

This is the allow-list: a node in none of these tables makes the statement `unknown`, with its name.
Queries and the nodes that need thought have a method of their own in `sql.walk`.
"""

from __future__ import annotations

from gov.terms import Effect

PLAIN = frozenset({
    # values and names
    "A_ArrayExpr", "A_Const", "A_Indices", "A_Star", "BitString", "Boolean", "Float",
    "Integer", "ParamRef", "String", "List", "IntList", "OidList", "TypeName", "ColumnDef",
    "Alias", "SetToDefault", "DefElem", "RoleSpec", "ObjectWithArgs", "AccessPriv", "FunctionParameter",
    # expressions
    "BoolExpr", "BooleanTest", "CaseWhen", "CoalesceExpr", "CollateClause", "CurrentOfExpr",
    "GroupingFunc", "GroupingSet", "MergeSupportFunc", "MinMaxExpr", "MultiAssignRef", "NamedArgExpr",
    "NullTest", "ResTarget", "RowExpr", "SQLValueFunction", "TypeCast", "WindowDef", "XmlExpr", "XmlSerialize",
    # SQL/JSON
    "JsonAggConstructor", "JsonArgument", "JsonArrayAgg", "JsonArrayConstructor",
    "JsonArrayQueryConstructor", "JsonBehavior", "JsonFormat", "JsonFuncExpr", "JsonIsPredicate",
    "JsonKeyValue", "JsonObjectAgg", "JsonObjectConstructor", "JsonOutput", "JsonParseExpr",
    "JsonReturning", "JsonScalarExpr", "JsonSerializeExpr", "JsonTableColumn", "JsonTablePathSpec",
    "JsonValueExpr", "RangeTableFuncCol",
    # parts of queries
    "InferClause", "IndexElem", "ReturningClause", "ReturningOption",
    # parts of DDL
    "ATAlterConstraint", "AlterTableCmd", "Constraint", "CreateOpClassItem", "PartitionBoundSpec",
    "PartitionCmd", "PartitionElem", "PartitionRangeDatum", "PartitionSpec", "PublicationObjSpec",
    "PublicationTable", "ReplicaIdentityStmt", "ReturnStmt", "StatsElem", "TriggerTransition",
    "VacuumRelation",
})  # fmt: skip
"""Nodes that do nothing themselves; what is inside them is looked at."""

E = Effect
STATEMENTS: dict[str, tuple[str, tuple[Effect, ...]]] = {
    "TruncateStmt": ("TRUNCATE", (E.TRUNCATE,)),
    # objects
    "AlterCollationStmt": ("ALTER COLLATION", (E.ALTER,)),
    "AlterDatabaseRefreshCollStmt": ("ALTER DATABASE", (E.ALTER,)),
    "AlterDatabaseSetStmt": ("ALTER DATABASE", (E.ALTER, E.ROLE)),
    "AlterDatabaseStmt": ("ALTER DATABASE", (E.ALTER,)),
    "AlterDomainStmt": ("ALTER DOMAIN", (E.ALTER,)),
    "AlterEnumStmt": ("ALTER TYPE", (E.ALTER,)),
    "AlterEventTrigStmt": ("ALTER EVENT TRIGGER", (E.ALTER,)),
    "AlterExtensionContentsStmt": ("ALTER EXTENSION", (E.ALTER,)),
    "AlterExtensionStmt": ("ALTER EXTENSION", (E.ALTER, E.CALL)),
    "AlterFunctionStmt": ("ALTER FUNCTION", (E.ALTER,)),
    "AlterObjectDependsStmt": ("ALTER", (E.ALTER,)),
    "AlterOpFamilyStmt": ("ALTER OPERATOR FAMILY", (E.ALTER,)),
    "AlterOperatorStmt": ("ALTER OPERATOR", (E.ALTER,)),
    "AlterOwnerStmt": ("ALTER", (E.ALTER, E.GRANT)),
    "AlterPolicyStmt": ("ALTER POLICY", (E.ALTER,)),
    "AlterPublicationStmt": ("ALTER PUBLICATION", (E.ALTER,)),
    "AlterSeqStmt": ("ALTER SEQUENCE", (E.ALTER,)),
    "AlterStatsStmt": ("ALTER STATISTICS", (E.ALTER,)),
    "AlterTSConfigurationStmt": ("ALTER TEXT SEARCH CONFIGURATION", (E.ALTER,)),
    "AlterTSDictionaryStmt": ("ALTER TEXT SEARCH DICTIONARY", (E.ALTER,)),
    "AlterTableMoveAllStmt": ("ALTER TABLE ALL", (E.ALTER,)),
    "AlterTableSpaceOptionsStmt": ("ALTER TABLESPACE", (E.ALTER,)),
    "AlterTableStmt": ("ALTER TABLE", (E.ALTER,)),
    "AlterTypeStmt": ("ALTER TYPE", (E.ALTER,)),
    "AlterObjectSchemaStmt": ("ALTER", (E.ALTER,)),
    "CommentStmt": ("COMMENT", (E.ALTER,)),
    "CompositeTypeStmt": ("CREATE TYPE", (E.CREATE,)),
    "CreateAmStmt": ("CREATE ACCESS METHOD", (E.CREATE,)),
    "CreateCastStmt": ("CREATE CAST", (E.CREATE,)),
    "CreateConversionStmt": ("CREATE CONVERSION", (E.CREATE,)),
    "CreateDomainStmt": ("CREATE DOMAIN", (E.CREATE,)),
    "CreateEnumStmt": ("CREATE TYPE", (E.CREATE,)),
    "CreateEventTrigStmt": ("CREATE EVENT TRIGGER", (E.CREATE,)),
    "CreateExtensionStmt": ("CREATE EXTENSION", (E.CREATE, E.CALL)),
    "CreateFunctionStmt": ("CREATE FUNCTION", (E.CREATE,)),
    "CreateOpClassStmt": ("CREATE OPERATOR CLASS", (E.CREATE,)),
    "CreateOpFamilyStmt": ("CREATE OPERATOR FAMILY", (E.CREATE,)),
    "CreatePLangStmt": ("CREATE LANGUAGE", (E.CREATE,)),
    "CreatePolicyStmt": ("CREATE POLICY", (E.CREATE,)),
    "CreatePublicationStmt": ("CREATE PUBLICATION", (E.CREATE,)),
    "CreateRangeStmt": ("CREATE TYPE", (E.CREATE,)),
    "CreateSeqStmt": ("CREATE SEQUENCE", (E.CREATE,)),
    "CreateStatsStmt": ("CREATE STATISTICS", (E.CREATE,)),
    "CreateStmt": ("CREATE TABLE", (E.CREATE,)),
    "CreateTransformStmt": ("CREATE TRANSFORM", (E.CREATE,)),
    "CreateTrigStmt": ("CREATE TRIGGER", (E.CREATE,)),
    "CreatedbStmt": ("CREATE DATABASE", (E.CREATE,)),
    "DefineStmt": ("CREATE", (E.CREATE,)),
    "DropdbStmt": ("DROP DATABASE", (E.DROP,)),
    "IndexStmt": ("CREATE INDEX", (E.CREATE,)),
    "RuleStmt": ("CREATE RULE", (E.CREATE,)),
    "SecLabelStmt": ("SECURITY LABEL", (E.ALTER,)),
    # the world outside the database
    "AlterFdwStmt": ("ALTER FOREIGN DATA WRAPPER", (E.ALTER, E.NETWORK)),
    "AlterForeignServerStmt": ("ALTER SERVER", (E.ALTER, E.NETWORK)),
    "AlterSubscriptionStmt": ("ALTER SUBSCRIPTION", (E.ALTER, E.NETWORK)),
    "AlterSystemStmt": ("ALTER SYSTEM", (E.ALTER, E.SERVER_FILE)),
    "AlterUserMappingStmt": ("ALTER USER MAPPING", (E.ALTER, E.NETWORK)),
    "CreateFdwStmt": ("CREATE FOREIGN DATA WRAPPER", (E.CREATE, E.NETWORK)),
    "CreateForeignServerStmt": ("CREATE SERVER", (E.CREATE, E.NETWORK)),
    "CreateForeignTableStmt": ("CREATE FOREIGN TABLE", (E.CREATE, E.NETWORK)),
    "CreateSubscriptionStmt": ("CREATE SUBSCRIPTION", (E.CREATE, E.NETWORK)),
    "CreateTableSpaceStmt": ("CREATE TABLESPACE", (E.CREATE, E.SERVER_FILE)),
    "CreateUserMappingStmt": ("CREATE USER MAPPING", (E.CREATE, E.NETWORK)),
    "DropSubscriptionStmt": ("DROP SUBSCRIPTION", (E.DROP, E.NETWORK)),
    "DropTableSpaceStmt": ("DROP TABLESPACE", (E.DROP, E.SERVER_FILE)),
    "DropUserMappingStmt": ("DROP USER MAPPING", (E.DROP,)),
    "ImportForeignSchemaStmt": ("IMPORT FOREIGN SCHEMA", (E.CREATE, E.NETWORK)),
    "LoadStmt": ("LOAD", (E.SERVER_FILE, E.CALL)),
    # who may do what
    "AlterDefaultPrivilegesStmt": ("ALTER DEFAULT PRIVILEGES", (E.GRANT,)),
    "AlterRoleSetStmt": ("ALTER ROLE", (E.ROLE,)),
    "AlterRoleStmt": ("ALTER ROLE", (E.ROLE,)),
    "CreateRoleStmt": ("CREATE ROLE", (E.ROLE,)),
    "DropRoleStmt": ("DROP ROLE", (E.ROLE,)),
    "DropOwnedStmt": ("DROP OWNED", (E.DROP, E.GRANT)),
    "GrantRoleStmt": ("GRANT ROLE", (E.GRANT, E.ROLE)),
    "GrantStmt": ("GRANT", (E.GRANT,)),
    "ReassignOwnedStmt": ("REASSIGN OWNED", (E.ALTER, E.GRANT)),
    # upkeep
    "CheckPointStmt": ("CHECKPOINT", (E.MAINTENANCE,)),
    "ClusterStmt": ("CLUSTER", (E.MAINTENANCE,)),
    "RefreshMatViewStmt": ("REFRESH MATERIALIZED VIEW", (E.MAINTENANCE,)),
    "ReindexStmt": ("REINDEX", (E.MAINTENANCE,)),
    "VacuumStmt": ("VACUUM", (E.MAINTENANCE,)),
    # the session
    "ClosePortalStmt": ("CLOSE CURSOR", (E.CURSOR,)),
    "ConstraintsSetStmt": ("SET CONSTRAINTS", (E.TRANSACTION,)),
    "DeallocateStmt": ("DEALLOCATE", (E.PREPARE,)),
    "FetchStmt": ("FETCH", (E.CURSOR,)),
    "NotifyStmt": ("NOTIFY", (E.NOTIFY,)),
    "UnlistenStmt": ("UNLISTEN", (E.SESSION,)),
    "VariableShowStmt": ("SHOW", (E.SESSION,)),
}
"""Statements without a query: command, effects. Every relation they name is what they act on."""

CREATED = {
    "CreateStmt": "relation", "CreateSeqStmt": "sequence", "CompositeTypeStmt": "typevar",
    "ViewStmt": "view",
}  # fmt: skip
"""The field with the name that a statement creates."""

NAMED_ON_RELATION = ("idxname", "trigname", "rulename", "policy_name")
NAMED = (
    *NAMED_ON_RELATION, "funcname", "extname", "defnames", "domainname",
    "typeName", "opclassname", "opfamilyname", "conversion_name", "dbname", "tablespacename", "subname",
    "pubname", "servername", "fdwname", "collname", "dictname", "cfgname", "schemaname", "plname", "amname",
    "name", "role", "roles", "object", "func", "opername",
)  # fmt: skip
"""Where statements keep the name of what they act on, for people; the first that is there counts."""

RELATION_KINDS = frozenset({
    "OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_SEQUENCE", "OBJECT_FOREIGN_TABLE",
})  # fmt: skip
ON_RELATION = frozenset({
    "OBJECT_TRIGGER", "OBJECT_RULE", "OBJECT_POLICY", "OBJECT_TABCONSTRAINT", "OBJECT_COLUMN",
})  # fmt: skip
"""Objects whose qualified name begins with their table's."""
