"""What `gov broker check` finds, by the database itself and by what the policy classifies."""

from __future__ import annotations

import asyncio

import pytest

from gov.policy.accepted import met
from gov.target.check import WHY, Finding
from gov.target.exposure import Known
from gov.terms import Column, Relation
from target.world import CUSTOMERS, Shop, outcome

CLASSIFIED = {Column(CUSTOMERS, "email"): frozenset({"pii"}), Column(CUSTOMERS, "ssn"): frozenset({"pii"})}


def findings(shop: Shop, *later: str, released: bool = False) -> tuple[Finding, ...]:
    """As the command gets them, once the broker has seen the shop and its owner has run `later`."""

    async def run() -> tuple[Finding, ...]:
        target = shop.target()
        ledger = met({}, CLASSIFIED.keys(), await target.catalog())
        for statement in later:
            shop.as_owner(statement)
        await target.refresh()
        found = await target.check(Known(CLASSIFIED, ledger, {CUSTOMERS: "bob"} if released else {}))
        await target.close()
        return found

    return asyncio.run(run())


def serious(found: tuple[Finding, ...]) -> list[tuple[str, str]]:
    """Name and severity of what is more than information."""
    return [(each.name, each.severity) for each in found if each.severity != "info"]


def test_a_governed_database_is_clean(shop: Shop) -> None:
    """Nothing to do after the bootstrap; what was found is said."""
    found = findings(shop)

    assert serious(found) == []
    assert [each.name for each in found] == ["server"]
    assert found[0].what.startswith("PostgreSQL 1")


GAPS = [
    ("ALTER ROLE {broker} BYPASSRLS", "broker-bypass", "warning", "does not need", "NOBYPASSRLS"),
    ("ALTER ROLE {broker} NOCREATEROLE", "missing-privilege", "error", "may not create roles", "CREATEROLE"),
    (
        "REVOKE CREATE ON DATABASE {database} FROM {broker}",
        "missing-privilege", "error", "may not create schemas", "GRANT CREATE",
    ),
    (
        "REVOKE CONNECT ON DATABASE {database} FROM PUBLIC; "
        "REVOKE GRANT OPTION FOR CONNECT ON DATABASE {database} FROM {broker}",
        "missing-privilege", "error", "may not let leases connect", "WITH GRANT OPTION",
    ),
    ("CREATE TABLE strangers()", "not-governed", "error", "belongs to postgres", "no superuser"),
    (
        "CREATE SCHEMA hidden; CREATE TABLE hidden.t(); ALTER TABLE hidden.t OWNER TO {owner}",
        "not-governed", "error", "into schema hidden", "GRANT USAGE ON SCHEMA hidden",
    ),
    ("GRANT SELECT ON orders TO PUBLIC", "public-grant", "warning", "SELECT public.orders", "ON public.orders FROM"),
    ("GRANT SELECT ON customers TO PUBLIC", "public-grant", "error", "SELECT public.customers", "FROM PUBLIC"),
    ("GRANT CREATE ON SCHEMA public TO PUBLIC", "public-create", "warning", "create objects", "REVOKE CREATE"),
    (
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC",
        "public-default", "warning", "on every new table", "ALTER DEFAULT PRIVILEGES FOR ROLE",
    ),
    (
        "CREATE FUNCTION f() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT email FROM customers'",
        "definer-function", "warning", "public.f() runs with the rights of postgres", "REVOKE EXECUTE",
    ),
    ("ALTER TABLE orders ENABLE ROW LEVEL SECURITY", "row-security", "warning", "orders has row", "policies"),
]  # fmt: skip


def test_each_gap_is_found_with_its_fix(shop: Shop) -> None:
    """One finding for each, which says what to do and why."""
    names = {"broker": shop.broker, "database": shop.database, "owner": shop.owner}
    with shop.admin() as admin:
        for change, *_ in GAPS:
            admin.execute(change.format(**names).encode())
    found = findings(shop)

    for change, name, severity, what, fix in GAPS:
        (each,) = [each for each in found if what in each.what]
        assert (each.name, each.severity) == (name, severity), change
        assert fix in each.fix, change
        assert each.why, change


@pytest.mark.parametrize(
    ("change", "name", "severity", "what", "fix"),
    [
        ("ALTER ROLE {broker} SUPERUSER", "broker-superuser", "error", "is a superuser", "NOSUPERUSER"),
        (
            "GRANT SELECT (ssn) ON customers TO PUBLIC",
            "public-grant", "error", "public.customers (ssn)", "REVOKE ALL (ssn) ON public.customers",
        ),
        (
            "GRANT SELECT (country) ON customers TO PUBLIC",
            "public-grant", "warning", "public.customers (country)", "REVOKE ALL (country)",
        ),
    ],
)  # fmt: skip
def test_a_gap_by_itself(shop: Shop, change: str, name: str, severity: str, what: str, fix: str) -> None:
    """Those that would hide others, or be hidden by them."""
    with shop.admin() as admin:
        admin.execute(change.format(broker=shop.broker).encode())

    found = [each for each in findings(shop) if what in each.what]

    assert [(each.name, each.severity) for each in found] == [(name, severity)]
    assert fix in found[0].fix


def test_a_view_of_raw_values_is_found(shop: Shop) -> None:
    """And a copy of them; one that everybody may read is an error."""
    shop.as_owner("CREATE VIEW mails AS SELECT email FROM customers; CREATE VIEW ids AS SELECT id FROM customers")
    shop.as_owner("CREATE MATERIALIZED VIEW copied AS SELECT * FROM customers")
    found = findings(shop)

    assert serious(found) == [("shows-classified", "warning")] * 2
    assert {word for each in found for word in ("view public.mails", "public.copied") if word in each.what} == {
        "view public.mails", "public.copied",
    }  # fmt: skip
    shop.as_owner("GRANT SELECT ON mails TO PUBLIC")
    assert ("public-grant", "error") in serious(findings(shop))


EXPOSED = [
    ("CREATE VIEW v AS SELECT ssn AS x FROM customers", "shows-classified", "view public.v"),
    ("CREATE VIEW above AS SELECT x FROM v", "shows-classified", "view public.above"),
    ("CREATE VIEW filters AS SELECT id FROM customers WHERE email > ''", "shows-classified", "view public.filters"),
    ("CREATE MATERIALIZED VIEW m AS SELECT email FROM customers", "shows-classified", "materialized view public.m"),
    (
        "CREATE TABLE r(i int); CREATE RULE x AS ON UPDATE TO r DO ALSO SELECT ssn FROM customers",
        "shows-classified", "rule of table public.r",
    ),
    (
        "CREATE TABLE one(i int); CREATE TABLE two() INHERITS (one, customers)",
        "shows-classified", "table public.two: it shares rows",
    ),
    (
        "CREATE FUNCTION f() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT max(ssn) FROM public.customers'",
        "definer-function", "function public.f()",
    ),
    (
        "CREATE PROCEDURE p() LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'", "definer-function", "public.p()",
    ),
    (
        "CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN NEW; END';"
        " REVOKE EXECUTE ON FUNCTION t() FROM PUBLIC;"
        " CREATE TRIGGER fills BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION t()",
        "definer-trigger", "trigger fills of public.orders",
    ),
    ("GRANT SELECT ON customers TO PUBLIC", "public-grant", "SELECT public.customers"),
    ("GRANT SELECT ON v TO PUBLIC", "public-grant", "SELECT public.v"),
    (
        "SELECT lo_from_bytea(4711, 'x'); GRANT SELECT ON LARGE OBJECT 4711 TO PUBLIC",
        "large-objects", "SELECT 1 large objects",
    ),
]  # fmt: skip


def test_everything_that_lets_raw_values_out_is_named(shop: Shop) -> None:
    """Views on views, copies, rules, children, definer functions and triggers, PUBLIC: each with its fix."""
    for change, *_ in EXPOSED:
        shop.as_owner(change)
    with shop.admin() as admin:
        admin.execute("CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w")
        admin.execute("CREATE FOREIGN TABLE elsewhere (ssn text) SERVER s")
        admin.execute(f"ALTER TABLE elsewhere OWNER TO {shop.owner}")
    found = findings(shop)

    expected = [*EXPOSED, ("", "foreign-table", "public.elsewhere")]
    for change, name, what in expected:
        assert [each for each in found if each.name == name and what in each.what and each.why and each.fix], change


def test_old_statistics_views_are_found(shop: Shop) -> None:
    """A server that was updated keeps the views of its first day; these showed what they should not."""
    with shop.admin() as admin:
        admin.execute("SET allow_system_table_mods = on")
        admin.execute(
            "DO $$ BEGIN EXECUTE 'CREATE OR REPLACE VIEW pg_catalog.pg_stats_ext_exprs AS ' || regexp_replace("
            "pg_get_viewdef('pg_catalog.pg_stats_ext_exprs'::regclass),"
            " 'pg_has_role[(]c.relowner, .USAGE.::text[)]', 'true'); END $$"
        )
    (found,) = [each for each in findings(shop) if each.name == "statistics"]
    assert found.severity == "error"
    assert "pg_stats_ext_exprs" in found.what


def test_a_column_that_is_closed_is_found(shop: Shop) -> None:
    """With both ways to open it."""
    (found,) = [each for each in findings(shop, "ALTER TABLE customers ADD note text") if each.severity != "info"]

    assert (found.name, found.what) == ("closed-column", "nobody reads public.customers (note)")
    assert "gov policy accept prod public.customers" in found.fix


def test_what_is_released_is_found(shop: Shop) -> None:
    """Somebody has to say when the migration is over."""
    (found,) = [each for each in findings(shop, released=True) if each.severity != "info"]

    assert (found.name, found.fix) == ("released", "gov broker sync prod")
    assert "bob" in found.what


def test_masked_views_say_that_they_are_in_the_way(shop: Shop) -> None:
    """A DBA whose ALTER TABLE is refused finds here what to type."""

    async def run() -> tuple[Finding, ...]:
        target = shop.target()
        await target.open()
        await target.profile(outcome(await target.catalog()))
        found = await target.check()
        await target.close()
        return found

    (found,) = [each for each in asyncio.run(run()) if each.name == "views-in-the-way"]
    assert found.severity == "info"
    assert "gov broker release prod public.customers" in found.fix
    assert str(Relation("public", "customers")) in found.what


def test_every_reason_is_lower_case_and_short() -> None:
    """As every message is."""
    assert all(why[0].islower() or why.startswith("PUBLIC") for why in WHY.values())
    assert not [why for why in WHY.values() if why.endswith(".")]
