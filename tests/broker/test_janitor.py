"""The janitor brings roles and leases together, gives nothing up, and says what is in the way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from psycopg.conninfo import make_conninfo

from broker.rig import ALICE, Rig, Shop, kinds
from gov.broker.house import House
from gov.broker.janitor import LEFT, VANISHED
from gov.control.access import LeaseAsk
from gov.errors import Unavailable
from gov.lease.lease import Lease, LeaseState
from gov.target import roles
from gov.target.oneshot import AsOwner
from gov.terms import LeaseId, TargetName

Played = Callable[[Awaitable[Any]], Any]
PROD = TargetName("prod")
READ = LeaseAsk(target="prod")


async def until(holds: Callable[[], object]) -> None:
    """Wait for what another task does; `played` bounds it."""
    while not holds():  # noqa: ASYNC110
        await asyncio.sleep(0.02)


def active(house: House, role: str) -> Lease:
    """The live lease of that role."""
    found = house.leases.by_role(role)
    assert found is not None
    return found


def hasten(house: House) -> None:
    """Let a round come every few milliseconds."""
    janitor = house.config.janitor.model_copy(update={"every": 0.02})
    house.config = house.config.model_copy(update={"janitor": janitor})


def test_it_comes_round_by_itself(rig: Rig, shop: Shop, played: Played) -> None:
    """A role that appears while the broker runs, with our marker and no lease, is gone a period later."""

    async def story() -> None:
        async with rig.house(shop) as house:
            hasten(house)
            target, stray = house.targets[PROD], LeaseId("ls-aaaaaaaaaaaa")
            lease = active(house, (await house.leases.issue(ALICE, READ)).user)
            _, profile = await house.leases.current(lease)
            await target.mint(stray, target.role_of(stray), profile, time.time() + 60)
            target._minted.clear()  # as if a minute had gone by
            running = asyncio.create_task(house.leases.janitor.run())
            await until(lambda: shop.roles() == [lease.role])
            await until(lambda: house.leases.janitor.round(PROD).done_at)
            running.cancel()
            assert house.leases.get(lease.id).state is LeaseState.ACTIVE

    played(story())
    assert kinds(rig.directory).count("role.swept") == 1


def test_a_lease_whose_role_has_vanished_ends(rig: Rig, shop: Shop, played: Played) -> None:
    """Somebody dropped the role past gov: the lease opens nothing, so it is not shown as if it did."""

    async def story() -> None:
        async with rig.house(shop) as house:
            gone, kept = [active(house, (await house.leases.issue(ALICE, READ)).user) for _ in range(2)]
            shop.admin(f"DROP ROLE {gone.role}")
            await house.leases.janitor.look(PROD)
            ended = house.leases.get(gone.id)
            assert (ended.state, ended.ended_because) == (LeaseState.ENDED, VANISHED)
            assert house.leases.live() == [kept]

    played(story())


def test_a_lease_that_nobody_ends_is_taken_up(rig: Rig, shop: Shop, played: Played) -> None:
    """It says in the store that it is ending, nobody is at work on it, and its role is there."""

    async def story() -> None:
        async with rig.house(shop) as house:
            lease = active(house, (await house.leases.issue(ALICE, READ)).user)
            house.leases._release(lease.id)
            house.leases.revoker._owned.discard(lease.id)
            house.leases._store.put(replace(lease, state=LeaseState.ENDING))
            await house.leases.janitor.look(PROD)
            await until(lambda: house.leases.get(lease.id).state is LeaseState.ENDED)
            assert house.leases.get(lease.id).ended_because == LEFT
            assert shop.roles() == []

    played(story())


def test_an_end_that_a_bug_cut_off_is_taken_up(
    rig: Rig, shop: Shop, played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception that nobody expected ends one try, not the trying."""
    end = roles.end

    async def fails_once(*args: Any) -> None:
        monkeypatch.setattr(roles, "end", end)
        raise RuntimeError("a bug")

    async def story() -> None:
        async with rig.house(shop) as house:
            lease = active(house, (await house.leases.issue(ALICE, READ)).user)
            monkeypatch.setattr(roles, "end", fails_once)
            await house.leases.end(lease.id, "not needed")
            assert shop.roles() == [lease.role]
            house.targets[PROD]._minted.clear()
            await house.leases.janitor.look(PROD)
            await until(lambda: house.leases.get(lease.id).state is LeaseState.ENDED)
            assert house.leases.get(lease.id).ended_because == "not needed"
            assert shop.roles() == []

    played(story())


def test_a_one_shot_role_that_could_not_be_dropped_is_swept(
    rig: Rig, shop: Shop, played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection broke while it was dropped, or made: the same broker ends it, not only the next one."""
    end = roles.end

    async def lost(*_: object) -> None:
        raise Unavailable("the connection broke", hint="")

    async def story() -> None:
        async with rig.house(shop) as house:
            target = house.targets[PROD]
            ticket = await target.one_shot(AsOwner(shop.owner))
            monkeypatch.setattr(roles, "end", lost)
            with pytest.raises(Unavailable):
                await target.drop_one_shot(ticket)
            monkeypatch.setattr(roles, "end", end)
            assert shop.roles("gov_o_") == [ticket.role]
            await house.leases.janitor.look(PROD)
            assert shop.roles("gov_o_") == []

            async def made_and_lost(connection: Any, birth: Any) -> int:
                await create(connection, birth)
                raise Unavailable("the connection broke", hint="")

            create = roles.create
            monkeypatch.setattr(roles, "create", made_and_lost)
            with pytest.raises(Unavailable):
                await target.one_shot(AsOwner(shop.owner))
            monkeypatch.setattr(roles, "create", create)
            assert len(shop.roles("gov_o_")) == 1
            await house.leases.janitor.look(PROD)
            assert shop.roles("gov_o_") == []

    played(story())


def test_what_is_in_the_way_is_said(rig: Rig, shop: Shop, played: Played) -> None:
    """A role that owns something out of reach: how often it was tried, why it failed, and it ends when it can."""
    elsewhere = make_conninfo(shop.admin_dsn, dbname="postgres")
    other = replace(shop, admin_dsn=elsewhere)

    async def story() -> None:
        async with rig.house(shop) as house:
            lease = active(house, (await house.leases.issue(ALICE, READ)).user)
            other.admin(f"CREATE SCHEMA {lease.role} AUTHORIZATION {lease.role}")
            ending = asyncio.create_task(house.leases.end(lease.id, "not needed"))
            troubles = house.leases.revoker.troubles
            await until(lambda: lease.id in troubles and troubles[lease.id].tries > 1)
            trouble = troubles[lease.id]
            assert "could not be dropped" in trouble.error
            assert "1 object in database postgres" in trouble.error
            assert trouble.next_at > trouble.since > lease.created_at
            other.admin(f"DROP SCHEMA {lease.role}")
            house.leases.revoker.retry(PROD)
            await until(lambda: house.leases.get(lease.id).state is LeaseState.ENDED)
            assert lease.id not in troubles
            await ending

    played(story())


def test_a_round_that_fails_is_noted_and_the_next_one_comes(rig: Rig, shop: Shop, played: Played) -> None:
    """The target refuses us for a while; nothing of it ends the sweeping."""

    async def story() -> None:
        async with rig.house(shop) as house:
            janitor = house.leases.janitor
            target = house.targets[PROD]
            await target.close()
            shop.admin(f"ALTER ROLE {shop.broker} NOLOGIN")
            await janitor.look(PROD)
            await janitor.look(PROD)
            assert janitor.round(PROD).failures == 2
            assert "does not answer" in janitor.round(PROD).error
            shop.admin(f"ALTER ROLE {shop.broker} LOGIN")
            await janitor.look(PROD)
            assert (janitor.round(PROD).failures, janitor.round(PROD).error) == (0, "")

    played(story())


def test_a_lease_that_ends_while_the_janitor_looks_ends_once(
    rig: Rig, shop: Shop, played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the store said a moment ago is no reason to say it again in the trail."""

    async def story() -> None:
        async with rig.house(shop) as house:
            lease = active(house, (await house.leases.issue(ALICE, READ)).user)
            stale = [replace(lease, state=LeaseState.ENDING)]
            await house.leases.end(lease.id, "not needed")
            await until(lambda: lease.id not in house.leases.revoker.owned)
            monkeypatch.setattr(house.leases._store, "unfinished", lambda: stale)
            await house.leases.janitor.look(PROD)
            await asyncio.gather(*house.leases.revoker._tasks.values())
            monkeypatch.undo()

    played(story())
    assert kinds(rig.directory).count("lease.ended") == 1
