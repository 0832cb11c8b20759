"""What `gov broker check` finds."""

from __future__ import annotations

import asyncio

import pytest

from gov.target.check import Finding
from target.world import Shop


def findings(shop: Shop) -> tuple[Finding, ...]:
    """As the command gets them."""

    async def run() -> tuple[Finding, ...]:
        target = shop.target()
        found = await target.check()
        await target.close()
        return found

    return asyncio.run(run())


def test_a_governed_database_is_clean(shop: Shop) -> None:
    """Nothing to report after the bootstrap."""
    assert findings(shop) == ()


@pytest.mark.parametrize(
    ("change", "level", "what", "fix"),
    [
        ("ALTER ROLE {broker} SUPERUSER", "error", "is a superuser", "NOSUPERUSER"),
        ("ALTER ROLE {broker} NOCREATEROLE", "error", "may not create roles", "CREATEROLE"),
        ("REVOKE CREATE ON DATABASE {database} FROM {broker}", "error", "may not create schemas", "GRANT CREATE"),
        ("CREATE TABLE strangers()", "error", "belong to postgres", "no superuser"),
        ("GRANT SELECT ON customers TO PUBLIC", "warning", "PUBLIC may SELECT", "REVOKE ALL ON public.customers"),
        ("GRANT CREATE ON SCHEMA public TO PUBLIC", "warning", "create objects", "REVOKE CREATE"),
        (
            "CREATE FUNCTION f() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT email FROM customers'",
            "warning",
            "public.f() runs with the rights of postgres",
            "REVOKE EXECUTE",
        ),
    ],
)
def test_each_gap_is_found_with_its_fix(shop: Shop, change: str, level: str, what: str, fix: str) -> None:
    """One finding, which says what to do."""
    with shop.admin() as admin:
        admin.execute(change.format(broker=shop.broker, database=shop.database).encode())

    found = [each for each in findings(shop) if what in each.what]

    assert [each.level for each in found] == [level]
    assert fix in found[0].fix
