"""What a broker knows of a schema outlives it, and what somebody does to a table closes that table only."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from broker.rig import ALICE, BOB, Rig, Shop
from gov.broker.house import House
from gov.control.access import LeaseAsk, LeaseGrant
from gov.errors import NoSuch, Unavailable
from gov.terms import Column, Relation, TargetName

PROD, CUSTOMERS, ORDERS = TargetName("prod"), Relation("public", "customers"), Relation("public", "orders")
READ = LeaseAsk(target="prod")
NOTE = Column(CUSTOMERS, "note")
Played = Callable[[Coroutine[Any, Any, Any]], Any]


def upstream(house: House, grant: LeaseGrant) -> psycopg.Connection[tuple[Any, ...]]:
    """Connect as the gateway would."""
    lease = house.leases.by_role(grant.user)
    assert lease is not None
    to = house.targets[lease.target].upstream(lease.role, lease.id)
    dsn = make_conninfo(host=to.host, port=to.port, user=to.user, password=to.password, dbname=to.database)
    return psycopg.connect(dsn, autocommit=True)


def alter(shop: Shop, statement: str) -> None:
    """What a migration does past gov."""
    shop.admin(f"SET ROLE {shop.owner}; {statement}")


async def readable(house: House, query: str) -> list[tuple[object, ...]]:
    """What a new lease of Alice's reads on the target itself."""
    grant = await house.leases.issue(ALICE, READ)
    with upstream(house, grant) as connection:
        return connection.execute(query.encode()).fetchall()


def test_a_new_column_is_closed_for_a_broker_that_starts_again(rig: Rig, shop: Shop, played: Played) -> None:
    """It appeared while no broker ran; accepted, it is open for the one after."""

    async def story() -> None:
        async with rig.house(shop) as house:
            await house.leases.issue(ALICE, READ)
        alter(shop, "ALTER TABLE customers ADD note text DEFAULT 'raw'")
        async with rig.house(shop) as house:
            assert await house.schemas.closed(PROD) == {NOTE}
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await readable(house, "SELECT note FROM public.customers")
        async with rig.house(shop) as house:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await readable(house, "SELECT note FROM public.customers")
            assert await house.schemas.accept(BOB, PROD, CUSTOMERS) == [NOTE]
            assert await readable(house, "SELECT note FROM public.customers") == [("raw",)]
        async with rig.house(shop) as house:
            assert await house.schemas.closed(PROD) == frozenset()
            assert await readable(house, "SELECT note FROM public.customers") == [("raw",)]

    played(story())


def test_a_live_lease_gets_what_is_accepted(rig: Rig, shop: Shop, played: Played) -> None:
    """Its role moves to the profile with the column; nothing else changes for it."""

    async def story() -> None:
        async with rig.house(shop) as house:
            grant = await house.leases.issue(ALICE, READ)
            alter(shop, "ALTER TABLE customers ADD note text DEFAULT 'raw'")
            await house.schemas.follow(PROD)
            with upstream(house, grant) as connection:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute("SELECT note FROM public.customers")
                await house.schemas.accept(BOB, PROD, None)
                assert connection.execute("SELECT note FROM public.customers").fetchall() == [("raw",)]
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute("SELECT email FROM public.customers")

    played(story())


def test_a_table_that_gov_does_not_watch_has_nothing_to_accept(rig: Rig, shop: Shop, played: Played) -> None:
    """A mistyped name is no success."""

    async def story() -> None:
        async with rig.house(shop) as house:
            with pytest.raises(NoSuch, match=r"public\.orders"):
                await house.schemas.accept(BOB, PROD, ORDERS)

    played(story())


def test_a_release_outlives_the_broker(rig: Rig, shop: Shop, played: Played) -> None:
    """One that starts in the middle of a migration opens nothing and builds nothing in its way."""

    async def story() -> None:
        async with rig.house(shop) as house:
            await house.leases.issue(ALICE, READ)
            await house.schemas.release(BOB, PROD, [CUSTOMERS])
        alter(shop, "ALTER TABLE customers ALTER email TYPE varchar(60)")
        async with rig.house(shop) as house:
            await house.schemas.follow(PROD)
            assert house.target("prod").closed == {CUSTOMERS}
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await readable(house, "SELECT id FROM public.customers")
            alter(shop, "ALTER TABLE customers ALTER email TYPE varchar(70)")
            await house.schemas.sync(BOB, PROD)
            assert house.target("prod").closed == frozenset()
            assert await readable(house, "SELECT id FROM public.customers") == [(1,)]
        async with rig.house(shop) as house:
            assert house.target("prod").closed == frozenset()

    played(story())


def test_an_open_transaction_keeps_the_views_and_the_table_closed(rig: Rig, shop: Shop, played: Played) -> None:
    """Releasing says what is in the way; again, when it has gone, it is done."""

    async def story() -> None:
        async with rig.house(shop) as house:
            grant = await house.leases.issue(ALICE, READ)
            lease = house.leases.by_role(grant.user)
            assert lease is not None
            _, profile = await house.leases.current(lease)
            view = profile.views[CUSTOMERS]
            with upstream(house, grant) as connection:
                connection.execute("BEGIN")
                connection.execute(f'SELECT 1 FROM "{view.schema}"."{view.name}"'.encode())
                with pytest.raises(Unavailable, match=r"an open transaction reads public\.customers"):
                    await house.schemas.release(BOB, PROD, [CUSTOMERS])
                assert house.target("prod").closed == {CUSTOMERS}
                connection.execute("ROLLBACK")
            await house.schemas.release(BOB, PROD, [CUSTOMERS])
            alter(shop, "DROP TABLE customers CASCADE")
            await house.schemas.sync(BOB, PROD)
            assert house.target("prod").closed == frozenset()

    played(story())


def test_what_cannot_be_masked_any_more_closes_its_table_only(rig: Rig, shop: Shop, played: Played) -> None:
    """PUBLIC got the raw values: live leases go on without the table, new ones are refused, until it is mended."""

    async def story() -> None:
        async with rig.house(shop) as house:
            grant = await house.leases.issue(ALICE, READ)
            lease = house.leases.by_role(grant.user)
            assert lease is not None
            alter(shop, "GRANT SELECT ON customers TO PUBLIC; CREATE TABLE fresh(id int)")
            await house.schemas.follow(PROD)
            assert house.target("prod").closed == {CUSTOMERS}
            outcome, profile = await house.leases.current(lease)
            assert Relation("public", "fresh") in outcome.relations
            assert CUSTOMERS not in profile.views
            with upstream(house, grant) as connection:
                assert connection.execute("SELECT count(*) FROM public.fresh").fetchall() == [(0,)]
            with pytest.raises(Unavailable, match="readable past its mask"):
                await house.leases.issue(ALICE, READ)
            alter(shop, "REVOKE SELECT ON customers FROM PUBLIC")
            await house.schemas.follow(PROD)
            assert house.target("prod").closed == frozenset()
            _, profile = await house.leases.current(lease)
            assert CUSTOMERS in profile.views

    played(story())
