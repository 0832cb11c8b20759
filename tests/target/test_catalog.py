"""The snapshot says what PostgreSQL's catalogs say."""

from __future__ import annotations

import asyncio

import pytest

from gov.sql.catalog import Catalog, RelationKind
from gov.target.catalog import Rows, build
from gov.terms import Relation
from target.world import CUSTOMERS, Shop

OBJECTS = """
CREATE VIEW seen AS SELECT id FROM orders;
CREATE MATERIALIZED VIEW kept AS SELECT id FROM orders;
CREATE TABLE split(id int, at date) PARTITION BY RANGE (at);
CREATE TABLE split_one PARTITION OF split DEFAULT;
CREATE TYPE pair AS (one int, two text);
CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
CREATE FUNCTION twice(text) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT $1 || $1';
CREATE PROCEDURE act() LANGUAGE sql AS 'SELECT 1';
"""


def snapshot(shop: Shop) -> Catalog:
    """What a broker that has just started sees."""

    async def run() -> Catalog:
        target = shop.target()
        await target.open()
        found = await target.catalog()
        await target.close()
        return found

    return asyncio.run(run())


def test_a_generated_column_names_its_sources(shop: Shop) -> None:
    """Stored and, where there is that, virtual; neither a default nor an identity is one."""
    with shop.admin() as admin:
        kinds = ("stored", "virtual") if admin.info.server_version >= 180_000 else ("stored", "stored")
    shop.as_owner(
        "CREATE TABLE made(a text, b int DEFAULT 7, c int GENERATED ALWAYS AS IDENTITY,"
        f" d text GENERATED ALWAYS AS (upper(a) || b) {kinds[0]}, e int GENERATED ALWAYS AS (1) {kinds[1]},"
        f' "f x" int GENERATED ALWAYS AS (b + 1) {kinds[1]})'
    )
    found = {each.name: each for each in snapshot(shop).relations[Relation("public", "made")].columns}

    assert {name: each.derived for name, each in found.items()} == {
        "a": (), "b": (), "c": (), "d": ("a", "b"), "e": (), "f x": ("b",),
    }  # fmt: skip
    assert [name for name, each in found.items() if each.generated] == ["d", "e", "f x"]


def test_what_the_database_computes_with(shop: Shop) -> None:
    """Columns of checks, expressions of indexes, generated columns and conditions of triggers; those of policies."""
    shop.as_owner(
        "CREATE TABLE used(a int DEFAULT 1, b text CHECK (b <> ''), c text, d text, e text UNIQUE, f text, g text,"
        " h int GENERATED ALWAYS AS (length(f)) STORED);"
        "CREATE INDEX ON used (upper(c)); CREATE INDEX ON used (a) WHERE d = 'x';"
        "CREATE POLICY of_used ON used USING (g <> '');"
        "CREATE TRIGGER of_used BEFORE UPDATE ON used FOR EACH ROW WHEN (old.g <> '')"
        " EXECUTE FUNCTION suppress_redundant_updates_trigger()"
    )
    found = snapshot(shop).relations[Relation("public", "used")].columns

    assert "".join(each.name for each in found if each.evaluated) == "abcdfg"
    assert [each.name for each in found if each.policed] == ["g"]


def test_relations_have_kind_columns_owner_and_parent(shop: Shop) -> None:
    """One of each kind."""
    shop.as_owner(OBJECTS)
    relations = snapshot(shop).relations
    kinds = {name.name: info.kind for name, info in relations.items() if name.schema == "public"}

    assert kinds == {
        "customers": RelationKind.TABLE,
        "customers_id_seq": RelationKind.SEQUENCE,
        "orders": RelationKind.TABLE,
        "seen": RelationKind.VIEW,
        "kept": RelationKind.MATERIALIZED_VIEW,
        "split": RelationKind.PARTITIONED,
        "split_one": RelationKind.TABLE,
        "pair": RelationKind.COMPOSITE,
    }
    customers = relations[CUSTOMERS]
    assert customers.owner == shop.owner
    assert [(column.name, column.type, column.number) for column in customers.columns[:2]] == [
        ("id", "integer", 1),
        ("email", "text", 2),
    ]
    assert relations[Relation("public", "split_one")].parent == Relation("public", "split")


def test_system_catalogs_are_in_it(shop: Shop) -> None:
    """Every client asks them."""
    relations = snapshot(shop).relations

    assert Relation("pg_catalog", "pg_class") in relations
    assert Relation("information_schema", "columns") in relations


def test_functions_have_every_overload(shop: Shop) -> None:
    """Volatility, SECURITY DEFINER and kind of each; those of extensions say of which."""
    shop.as_owner(OBJECTS)
    catalog = snapshot(shop)
    twice = {(each.volatility, each.security_definer, each.kind) for each in catalog.functions["twice"]}

    assert twice == {("i", False, "f"), ("v", True, "f")}
    assert catalog.functions["act"][0].kind == "p"
    assert catalog.functions["plpgsql_call_handler"][0].extension == "plpgsql"


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE orders ADD note text",
        "ALTER TABLE orders RENAME amount TO total",
        "CREATE TABLE fresh()",
        "CREATE FUNCTION fresh() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE TABLE moving(); ALTER TABLE moving RENAME TO moved",
    ],
)
def test_the_version_changes_with_any_of_it(shop: Shop, change: str) -> None:
    """And stays as it is while nothing does."""
    before = snapshot(shop).version
    assert snapshot(shop).version == before

    shop.as_owner(change)

    assert snapshot(shop).version != before


def test_a_snapshot_of_the_same_is_the_same_one() -> None:
    """What was made of it once is not made again."""
    rows = Rows(*[[]] * 11)
    first = build(rows, ("public",), 180000)

    assert build(rows, ("public",), 180000, first) is first
    assert build(rows, ("app",), 180000, first) is not first


def test_an_empty_catalog_is_one() -> None:
    """Nothing, in nothing, is still a value with a version."""
    empty = build(Rows(*[[]] * 11), (), 180000)

    assert (empty.relations, empty.functions, empty.search_path) == ({}, {}, ())
    assert empty.version


def test_a_locked_table_keeps_no_snapshot_waiting(shop: Shop) -> None:
    """Views on it are there without their definition, which comes when the lock is gone; the version is the same."""
    shop.as_owner("CREATE VIEW seen AS SELECT id FROM orders; CREATE VIEW free AS SELECT email FROM customers")

    async def run() -> tuple[Catalog, Catalog, Catalog]:
        target = shop.target()
        with shop.admin() as admin:
            admin.autocommit = False
            admin.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
            await target.open()
            locked = await target.catalog()
            admin.rollback()
        unlocked = await target.refresh()
        again = await target.refresh()
        await target.close()
        return locked, unlocked, again

    locked, unlocked, again = asyncio.run(run())
    seen, free = Relation("public", "seen"), Relation("public", "free")
    assert locked.relations[seen].definition == ""
    assert "email" in locked.relations[free].definition
    assert "id" in unlocked.relations[seen].definition
    assert locked.version == unlocked.version
    assert again is unlocked


def test_a_view_that_is_replaced_has_its_new_definition(shop: Shop) -> None:
    """Its columns are the same, and what they come from is not."""
    shop.as_owner("CREATE VIEW seen AS SELECT id, customer_id AS c FROM orders")

    async def run() -> tuple[Catalog, Catalog]:
        target = shop.target()
        await target.open()
        before = await target.catalog()
        shop.as_owner("CREATE OR REPLACE VIEW seen AS SELECT id, id AS c FROM orders")
        after = await target.refresh()
        await target.close()
        return before, after

    before, after = asyncio.run(run())
    seen = Relation("public", "seen")
    assert "customer_id" in before.relations[seen].definition
    assert "customer_id" not in after.relations[seen].definition
    assert before.version != after.version
