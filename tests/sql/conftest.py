"""A small shop to resolve names in, with every function that comes with PostgreSQL 18."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from gov.sql.catalog import Catalog, ColumnInfo, FunctionInfo, RelationInfo, RelationKind
from gov.terms import Relation

CASES = Path(__file__).parent.parent / "cases" / "sql"

TABLES = {
    "public.customers": "id full_name email ssn phone dob credit_card balance country notes created_at",
    "public.orders": "id customer_id amount status created_at",
    "public.payments": "id customer_id amount",
    "public.products": "id name price",
    "public.secrets": "a",
    "archive.customers": "id email archived_at",
    "pg_catalog.pg_class": "oid relname relnamespace relkind relowner reltuples",
    "pg_catalog.pg_namespace": "oid nspname nspowner",
    "pg_catalog.pg_attribute": "attrelid attname atttypid attnum",
    "pg_catalog.pg_settings": "name setting unit",
    "pg_catalog.pg_type": "oid typname typnamespace",
    "information_schema.columns": "table_schema table_name column_name",
}
FUNCTIONS = [
    FunctionInfo("public", "wipe", "v", security_definer=True, kind="f"),
    FunctionInfo("public", "tidy", "v", security_definer=False, kind="p"),
    FunctionInfo("public", "lower", "i", security_definer=False, kind="f"),
    FunctionInfo("archive", "total", "v", security_definer=False, kind="f"),
    FunctionInfo("public", "dblink", "v", security_definer=False, kind="f", extension="dblink"),
]


def builtins() -> list[FunctionInfo]:
    """Every function of a fresh PostgreSQL 18."""
    found = []
    for line in (CASES / "builtins.txt").read_text().splitlines()[1:]:
        schema, name, overloads = line.split()
        for volatility, kind in overloads.split(","):
            found.append(FunctionInfo(schema, name, volatility, security_definer=False, kind=kind))
    return found


@pytest.fixture(scope="session")
def shop() -> Catalog:
    """The catalog of the shop."""
    relations = {}
    for oid, (name, columns) in enumerate(TABLES.items(), start=16_384):
        relation = Relation(*name.split("."))
        infos = tuple(ColumnInfo(each, "text", number) for number, each in enumerate(columns.split(), start=1))
        relations[relation] = RelationInfo(relation, oid, RelationKind.TABLE, "shop_owner", infos)
    functions: dict[str, tuple[FunctionInfo, ...]] = defaultdict(tuple)
    for function in [*builtins(), *FUNCTIONS]:
        functions[function.name] += (function,)
    return Catalog("1", relations, functions, ("public",), 180_000)
