"""The digest over definitions changes exactly when a definition does."""

from __future__ import annotations

import asyncio

import pytest

from gov.target.definitions import statement
from gov.terms import Relation
from target.world import CUSTOMERS, ORDERS, Shop, login, mint, outcome

SETUP = """
CREATE FUNCTION noticed() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION weight(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE TRIGGER notice BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION noticed();
CREATE VIEW report AS SELECT id, weight(id) FROM orders;
CREATE TABLE parts(id int) PARTITION BY LIST (id);
"""
REPORT = Relation("public", "report")
PARTS = Relation("public", "parts")
FUNCTIONS = ["public.weight"]


def digest(shop: Shop, *relations: Relation, path: str = "''") -> str:
    """As the broker's own connection, or any other, computes it."""
    with shop.admin() as admin:
        admin.execute(f"SET search_path = {path}".encode())
        row = admin.execute(statement(relations, FUNCTIONS).encode()).fetchone()
    assert row is not None
    return str(row[0])


@pytest.mark.parametrize(
    ("change", "seen_by"),
    [
        ("ALTER TABLE orders ADD note text", [ORDERS, REPORT]),
        ("ALTER TABLE orders ALTER amount TYPE bigint", [ORDERS, REPORT]),
        ("ALTER TABLE orders ALTER amount SET DEFAULT 3", [ORDERS]),
        ("ALTER TABLE orders ALTER amount SET NOT NULL", [ORDERS]),
        ("ALTER TABLE orders ADD CHECK (amount > 0)", [ORDERS]),
        ("CREATE INDEX ON orders(amount)", [ORDERS]),
        ("CREATE RULE r AS ON DELETE TO orders DO INSTEAD NOTHING", [ORDERS]),
        ("ALTER TABLE orders ENABLE ROW LEVEL SECURITY", [ORDERS]),
        ("CREATE POLICY p ON orders USING (amount > 1)", [ORDERS]),
        ("CREATE TABLE more(o int REFERENCES orders ON DELETE CASCADE)", [ORDERS]),
        ("ALTER TABLE orders DISABLE TRIGGER notice", [ORDERS]),
        ("CREATE OR REPLACE VIEW report AS SELECT id + 1 AS id, weight(id) FROM orders", [REPORT]),
        (
            "CREATE OR REPLACE FUNCTION noticed() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN DELETE FROM customers; RETURN NEW; END'",
            [ORDERS, REPORT],
        ),
        (
            "CREATE OR REPLACE FUNCTION weight(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 1'",
            [ORDERS, REPORT, PARTS],
        ),
        ("CREATE TABLE part PARTITION OF parts FOR VALUES IN (1)", [PARTS]),
        ("DROP TABLE orders CASCADE; CREATE TABLE orders(id int PRIMARY KEY)", [ORDERS]),
    ],
)
def test_every_change_shows(shop: Shop, change: str, seen_by: list[Relation]) -> None:
    """Also those that keep the OID, and those in what an object stands on or calls."""
    shop.as_owner(SETUP)
    before = [digest(shop, relation) for relation in seen_by]

    shop.as_owner(change)

    assert all(digest(shop, name) != old for name, old in zip(seen_by, before, strict=True))


def test_data_and_other_objects_do_not_show(shop: Shop) -> None:
    """Rows, statistics, comments and grants are no definitions, nor is what hangs on the table."""
    shop.as_owner(SETUP)
    before = digest(shop, CUSTOMERS, REPORT)

    shop.as_owner(
        "INSERT INTO orders VALUES (9, 1, 1); ANALYZE orders; COMMENT ON TABLE orders IS 'x';"
        "GRANT SELECT ON orders TO PUBLIC; CREATE TABLE apart(i int)"
    )

    assert digest(shop, CUSTOMERS, REPORT) == before


def test_our_own_views_do_not_show(shop: Shop) -> None:
    """What an approved change drops and rebuilds is not what was approved."""

    async def run() -> tuple[str, str]:
        target = shop.target()
        await target.open()
        before = await target.definitions([CUSTOMERS])
        await target.profile(outcome(await target.catalog()))
        after = await target.definitions([CUSTOMERS])
        await target.close()
        return before, after

    before, after = asyncio.run(run())

    assert before == after


def test_everybody_computes_the_same(shop: Shop) -> None:
    """The broker, a lease, a superuser; under any search_path that begins with pg_catalog."""

    async def run() -> None:
        shop.as_owner(SETUP)
        target = shop.target()
        await target.open()
        relations = [CUSTOMERS, REPORT, Relation("public", "missing")]
        ours = await target.definitions(relations, FUNCTIONS)
        _, upstream = await mint(target, await target.profile(outcome(await target.catalog())))
        with login(upstream) as session:
            theirs = session.execute(statement(reversed(relations), FUNCTIONS).encode()).fetchone()
        assert theirs == (ours,)
        assert digest(shop, *relations) == digest(shop, *relations, path="pg_catalog, public") == ours
        await target.close()

    asyncio.run(run())


def test_names_are_literals() -> None:
    """A quote in a name stays in the name."""
    text = statement([Relation("s'$2", "t$1")], [])

    assert "ARRAY['s''$2']::pg_catalog.text[], ARRAY['t$1']::pg_catalog.text[]" in text
