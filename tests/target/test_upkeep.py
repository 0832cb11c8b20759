"""Schema changes: approved ones get our views out of their way, others are followed, none opens a mask."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from gov.errors import Unavailable
from gov.sql.facts import Facts
from gov.target.oneshot import AsOwner, Lent
from gov.target.profiles import Profile
from gov.target.target import Target
from gov.terms import Effect, Relation
from target.world import CUSTOMERS, SECRETS, Shop, login, mint, outcome

ALTER = Facts(effects=frozenset({Effect.ALTER}), writes=frozenset({CUSTOMERS}))


async def as_owner(target: Target, facts: Facts, statement: str) -> None:
    """Run an approved statement as the gateway does: one-shot."""
    ticket = await target.one_shot(AsOwner(await target.owner_for(facts)))
    try:
        with login(ticket.upstream) as session:
            session.execute(f'SET ROLE "{ticket.set_role}"'.encode())
            session.execute(statement.encode())
    finally:
        await target.drop_one_shot(ticket)


async def prepared(shop: Shop) -> tuple[Target, Profile]:
    """An open target with a masked profile."""
    target = shop.target()
    await target.open()
    return target, await target.profile(outcome(await target.catalog()))


def test_an_approved_change_gets_through_its_views(shop: Shop) -> None:
    """Closed while it runs, open and masked again afterwards."""

    async def run() -> None:
        target, old = await prepared(shop)
        async with target.altering([CUSTOMERS]):
            assert target.closed == {CUSTOMERS}
            await as_owner(target, ALTER, "ALTER TABLE public.customers ALTER email TYPE varchar(99)")
        assert target.closed == frozenset()
        new = await target.profile(outcome(await target.catalog()))
        assert new.version != old.version
        _, upstream = await mint(target, new)
        view = new.views[CUSTOMERS]
        with login(upstream) as session:
            rows = session.execute(f'SELECT * FROM "{view.schema}"."{view.name}"').fetchall()
        assert len(rows) == 2
        assert not any(secret in str(rows) for secret in SECRETS)
        assert shop.roles("gov_o_") == []
        await target.close()

    asyncio.run(run())


def test_a_failed_change_puts_the_views_back(shop: Shop) -> None:
    """The table serves as before."""

    async def run() -> None:
        target, old = await prepared(shop)
        with pytest.raises(psycopg.Error):
            async with target.altering([CUSTOMERS]):
                await as_owner(target, ALTER, "ALTER TABLE public.customers DROP COLUMN nothing")
        again = await target.profile(outcome(await target.catalog()))
        assert again == old
        _, upstream = await mint(target, again)
        view = again.views[CUSTOMERS]
        with login(upstream) as session:
            assert len(session.execute(f'SELECT * FROM "{view.schema}"."{view.name}"').fetchall()) == 2
        await target.close()

    asyncio.run(run())


def test_a_dropped_table_is_gone_and_nothing_else(shop: Shop) -> None:
    """DROP TABLE … CASCADE of the masked table; the rest of the profile goes on."""

    async def run() -> None:
        target, _ = await prepared(shop)
        async with target.altering([CUSTOMERS]):
            await as_owner(target, ALTER, "DROP TABLE public.customers CASCADE")
        catalog = await target.catalog()
        assert CUSTOMERS not in catalog.relations
        assert target.closed == frozenset()
        _, upstream = await mint(target, await target.profile(outcome(catalog, zip="null")))
        with login(upstream) as session:
            assert session.execute("SELECT count(*) FROM orders").fetchone() == (2,)
        await target.close()

    asyncio.run(run())


def test_a_view_in_use_stops_the_change_before_it_began(shop: Shop) -> None:
    """An open transaction that reads the view: nothing is dropped and nothing is closed."""

    async def run() -> None:
        target, profile = await prepared(shop)
        _, upstream = await mint(target, profile)
        view = profile.views[CUSTOMERS]
        with login(upstream) as session:
            session.execute("BEGIN")
            session.execute(f'SELECT 1 FROM "{view.schema}"."{view.name}"')
            with pytest.raises(Unavailable, match=r"reads public\.customers"):
                await target.before_ddl([CUSTOMERS])
            assert target.closed == frozenset()
            session.execute("ROLLBACK")
            assert len(session.execute(f'SELECT * FROM "{view.schema}"."{view.name}"').fetchall()) == 2
        await target.close()

    asyncio.run(run())


def test_a_renamed_masked_column_closes_its_table(shop: Shop) -> None:
    """Under the old outcome the new name is unknown, and unknown is not clear."""

    async def run() -> None:
        target, old = await prepared(shop)
        role, upstream = await mint(target, old)
        async with target.altering([CUSTOMERS]):
            await as_owner(target, ALTER, "ALTER TABLE public.customers RENAME email TO mail")
        assert target.closed == {CUSTOMERS}
        with login(upstream) as session, pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("SELECT mail FROM customers")
        fresh = outcome(await target.catalog(), mail="partial", ssn="redact")
        assert CUSTOMERS in (await target.profile(fresh)).views
        await target.revoke(role)
        await target.drop_unused([])
        await target.refresh()
        assert target.closed == frozenset()
        await target.close()

    asyncio.run(run())


def test_a_column_that_nobody_has_accepted_stays_closed(shop: Shop) -> None:
    """Until an outcome comes that has it open, a new column of a masked table is not granted."""

    async def run() -> None:
        target, profile = await prepared(shop)
        before = outcome(await target.catalog())
        _, upstream = await mint(target, profile)
        async with target.altering([CUSTOMERS]):
            await as_owner(target, ALTER, "ALTER TABLE public.customers ADD passport text DEFAULT 'raw'")
        with login(upstream) as session:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute("SELECT passport FROM customers")
            assert len(session.execute("SELECT id FROM customers").fetchall()) == 2
            assert await target.profile(before) == await target.profile(before, anew=True)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute("SELECT passport FROM customers")
            ticket = await target.one_shot(Lent(before))
            with login(ticket.upstream) as lent, pytest.raises(psycopg.errors.InsufficientPrivilege):
                lent.execute("UPDATE customers SET country = passport")
            await target.drop_one_shot(ticket)
        _, upstream = await mint(target, await target.profile(outcome(await target.catalog())))
        with login(upstream) as session:
            assert session.execute("SELECT passport FROM customers").fetchall() == [("raw",), ("raw",)]
        await target.close()

    asyncio.run(run())


def test_a_change_from_outside_is_followed(shop: Shop) -> None:
    """A migration that does not come through gov: the next refresh brings the grants after it."""

    async def run() -> None:
        target, profile = await prepared(shop)
        _, upstream = await mint(target, profile)
        shop.as_owner("DROP TABLE orders; CREATE TABLE orders(id int)")
        with login(upstream) as session:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute("SELECT * FROM orders")
            await target.refresh()
            assert session.execute("SELECT * FROM orders").fetchall() == []
        await target.close()

    asyncio.run(run())


def test_a_rebuild_that_fails_closes_the_table_until_one_succeeds(shop: Shop) -> None:
    """Not the target: other tables go on. The next refresh tries again."""

    async def run() -> None:
        target, _ = await prepared(shop)
        async with target.altering([CUSTOMERS]):
            await as_owner(target, ALTER, "GRANT SELECT ON public.customers TO PUBLIC")
        assert target.closed == {CUSTOMERS}
        shop.as_owner("REVOKE SELECT ON customers FROM PUBLIC")
        await target.refresh()
        assert target.closed == frozenset()
        await target.close()

    asyncio.run(run())


def test_a_one_shot_owner_acts_only_after_set_role(shop: Shop) -> None:
    """The role itself inherits nothing; what it makes belongs to the durable owner; then it is gone."""

    async def run() -> None:
        target, _ = await prepared(shop)
        facts = Facts(effects=frozenset({Effect.CREATE}), writes=frozenset({Relation("public", "fresh")}))
        ticket = await target.one_shot(AsOwner(await target.owner_for(facts)))
        with login(ticket.upstream) as session:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute("SELECT email FROM customers")
            session.execute(f'SET ROLE "{ticket.set_role}"'.encode())
            session.execute("CREATE TABLE public.fresh()")
            session.execute("CREATE INDEX CONCURRENTLY ON public.customers(country)")
        await target.drop_one_shot(ticket)
        info = (await target.refresh()).relations[Relation("public", "fresh")]
        assert info.owner == shop.owner
        assert shop.roles("gov_o_") == []
        await target.close()

    asyncio.run(run())


def test_a_lent_write_reads_no_raw_value(shop: Shop) -> None:
    """The one-shot role of lent DML has the write profile of the same masks."""

    async def run() -> None:
        target, _ = await prepared(shop)
        ticket = await target.one_shot(Lent(outcome(await target.catalog())))
        assert ticket.set_role is None
        with login(ticket.upstream) as session:
            assert session.execute("DELETE FROM orders").rowcount == 2
            for attempt in ("SELECT email FROM customers", f"SET ROLE {shop.owner}", "DROP TABLE orders"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    session.execute(attempt.encode())
        await target.drop_one_shot(ticket)
        await target.close()

    asyncio.run(run())


def test_a_one_shot_in_use_survives_our_sweep_and_not_the_next_brokers(shop: Shop) -> None:
    """The janitor knows what its own broker is doing; after a crash nobody does."""

    async def run() -> None:
        target, _ = await prepared(shop)
        ticket = await target.one_shot(AsOwner(shop.owner))
        assert ticket.role not in await target.sweep([])
        await target.close()
        after_crash = shop.target()
        assert ticket.role in await after_crash.sweep([])
        await after_crash.close()

    asyncio.run(run())


def test_a_table_without_a_governed_owner_has_nobody_to_run_as(shop: Shop) -> None:
    """Never a superuser, never a guess."""

    async def run() -> None:
        target, _ = await prepared(shop)
        with shop.admin() as admin:
            admin.execute("CREATE TABLE strangers(i int)")
        await target.refresh()
        facts = Facts(effects=frozenset({Effect.DROP}), writes=frozenset({Relation("public", "strangers")}))
        with pytest.raises(Unavailable, match=r"public\.strangers has no single owner"):
            await target.owner_for(facts)
        await target.close()

    asyncio.run(run())
