"""Targets are looked after: down and up again, swept of what nobody owns, followed when they change."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from broker.rig import ALICE, Rig, Shop, kinds
from gov.broker import targets
from gov.broker.targets import TargetWatch
from gov.control.access import LeaseAsk
from gov.errors import Unreachable
from gov.terms import LeaseId, TargetName

Played = Callable[[Awaitable[Any]], Any]
PROD = TargetName("prod")


def test_a_dead_target_is_down_with_the_reason(rig: Rig, shop: Shop, played: Played) -> None:
    """And a lease there is refused at once with that reason, without knocking again."""

    async def story() -> None:
        async with rig.house(replace(shop, broker_dsn="host=127.0.0.1 port=9 dbname=x user=y")) as house:
            watch = TargetWatch(house)
            await watch.open()
            assert "does not answer" in house.down[PROD]
            with pytest.raises(Unreachable) as refused:
                await house.leases.issue(ALICE, LeaseAsk(target="prod"))
            assert "does not answer" in refused.value.detail

    played(story())


def test_it_is_found_when_it_comes_back(rig: Rig, shop: Shop, played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    """A target that refuses us for a while is up again by itself."""
    monkeypatch.setattr(targets, "LOOK_EVERY", 0.05)
    shop.admin(f"ALTER ROLE {shop.broker} NOLOGIN")

    async def story() -> None:
        async with rig.house(shop) as house:
            watch = TargetWatch(house)
            await watch.open()
            assert PROD in house.down
            running = asyncio.create_task(watch.run())
            shop.admin(f"ALTER ROLE {shop.broker} LOGIN")
            while house.down:  # noqa: ASYNC110 - it comes from another task
                await asyncio.sleep(0.02)
            assert (await house.leases.issue(ALICE, LeaseAsk(target="prod"))).user in shop.roles()
            running.cancel()

    played(story())


def test_roles_that_nobody_owns_are_swept_and_recorded(rig: Rig, shop: Shop, played: Played) -> None:
    """A role of ours whose lease is not in the store goes; those of live leases stay."""

    async def story() -> None:
        async with rig.house(shop) as house:
            watch = TargetWatch(house)
            await watch.open()
            grant = await house.leases.issue(ALICE, LeaseAsk(target="prod"))
            target = house.targets[PROD]
            lease = house.leases.by_role(grant.user)
            assert lease is not None
            _, profile = await house.leases.current(lease)
            stray = LeaseId("ls-aaaaaaaaaaaa")
            await target.mint(stray, target.role_of(stray), profile, time.time() + 60)
        # Another run of the broker: this one does not remember having made it.
        async with rig.house(shop) as house:
            watch = TargetWatch(house)
            await watch.open()
            kept = await house.leases.issue(ALICE, LeaseAsk(target="prod"))
            await watch.sweep()
            assert shop.roles() == [kept.user]

    played(story())
    assert "role.swept" in kinds(rig.directory)


def test_what_a_dba_changes_is_followed(rig: Rig, shop: Shop, played: Played) -> None:
    """A table made past gov comes into reach of live leases, and views of before are dropped."""

    async def story() -> None:
        async with rig.house(shop) as house:
            watch = TargetWatch(house)
            await watch.open()
            grant = await house.leases.issue(ALICE, LeaseAsk(target="prod"))
            lease = house.leases.by_role(grant.user)
            assert lease is not None
            shop.admin(f"SET ROLE {shop.owner}; CREATE TABLE fresh(id int)")
            await watch._keep(PROD, house.targets[PROD])
            content, profile = await house.leases.current(lease)
            assert "public.fresh" in set(map(str, content.relations))
            assert house.leases.versions(PROD) == {profile.version}

    played(story())
