"""What an approver is told of the objects."""

from __future__ import annotations

import asyncio

from gov.sql.facts import Called, Facts
from gov.target.target import Target
from gov.terms import Effect, Relation, TargetName
from target.world import CUSTOMERS, ORDERS, Shop, outcome

DROP = Facts(effects=frozenset({Effect.DROP}), writes=frozenset({CUSTOMERS}))


def described(shop: Shop, facts: Facts) -> tuple[tuple[str, str], ...]:
    """By a broker with a masked profile in place."""

    async def run() -> tuple[tuple[str, str], ...]:
        target = shop.target()
        await target.open()
        await target.profile(outcome(await target.catalog()))
        found = await target.describe(facts)
        await target.close()
        return found

    return asyncio.run(run())


def test_size_rows_owner_and_dependents_of_a_drop(shop: Shop) -> None:
    """What hangs on the table is named, gov's own views are not."""
    shop.as_owner("CREATE VIEW report AS SELECT id FROM customers")

    (label, text), *dependents = described(shop, DROP)

    assert label == "object"
    assert text.startswith("table public.customers, about 2 rows, ")
    assert text.endswith(f"owner {shop.owner}")
    assert dependents == [
        ("dependents", "foreign key orders_customer_id_fkey of public.orders"),
        ("dependents", "view public.report"),
    ]


def test_no_dependents_is_said(shop: Shop) -> None:
    """An absence is an answer; a table that was never analysed has no known size."""
    lines = described(shop, Facts(effects=frozenset({Effect.DROP}), writes=frozenset({ORDERS})))

    assert "rows not known" in lines[0][1]
    assert lines[1:] == (("dependents", "none"),)


def test_a_write_has_no_dependents(shop: Shop) -> None:
    """Only what DROP, ALTER and TRUNCATE touch."""
    lines = described(shop, Facts(effects=frozenset({Effect.DELETE}), writes=frozenset({ORDERS})))

    assert [label for label, _ in lines] == ["object"]


def test_what_is_not_there_is_left_out(shop: Shop) -> None:
    """CREATE of something new, and statements without objects."""
    fresh = Facts(effects=frozenset({Effect.CREATE}), writes=frozenset({Relation("public", "fresh")}))

    assert described(shop, fresh) == ()
    assert described(shop, Facts()) == ()


def test_it_never_fails() -> None:
    """A target that does not answer costs the approver the description, not the request."""
    dsn = "host=127.0.0.1 port=1 dbname=a user=b"
    target = Target(TargetName("prod"), dsn, "production", b"k" * 32, tls="off")

    assert asyncio.run(target.describe(DROP)) == (("objects", "not known"),)


def test_code_that_runs_is_told_with_what_it_may_do(shop: Shop) -> None:
    """An approver sees a SECURITY DEFINER function before its name, and what calls it when the text does not."""
    called = Called("public.audit()", "volatile", security_definer=True, why="trigger t of public.orders")
    many = (called, *[Called("f(int)", "stable")] * 25)
    lines = described(shop, Facts(effects=frozenset({Effect.CALL}), called=many))

    assert lines[0] == ("code", "public.audit(): volatile, SECURITY DEFINER, trigger t of public.orders")
    assert lines[1] == ("code", "f(int): stable")
    assert lines[-1] == ("code", "and 6 more")
