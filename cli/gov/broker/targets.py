"""Watches over the targets: opens them when they answer, and follows their catalogs.

A target that is down never stops the broker. It is asked again every few seconds, and the janitor looks at
what its leases left on it as soon as it is back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import psycopg

from gov.broker.house import House
from gov.broker.janitor import reason
from gov.errors import GovError
from gov.target.target import Target
from gov.terms import TargetName

log = logging.getLogger(__name__)

LOOK_EVERY = 3.0
"""Seconds between two looks at whether a target answers."""
FOLLOW_EVERY = 30.0
"""Seconds between two looks at its catalog."""
PATIENCE = 6.0
"""Seconds that one look may take."""
FOLLOW_PATIENCE = 60.0

Work = Callable[[TargetName, Target], Awaitable[None]]


class TargetWatch:
    """Looks after every target of a house, each by itself."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._opened: set[TargetName] = set()
        self._used: dict[TargetName, set[str]] = {}
        """The versions of masked views that leases used at the last look."""

    async def open(self) -> None:
        """Look at every target once, all at the same time."""
        await self._each(self._look)

    async def sweep(self) -> None:
        """Have the janitor look at every target that answers."""
        await self._each(self._swept)

    async def run(self) -> None:
        """Keep looking until cancelled."""
        async with asyncio.TaskGroup() as group:
            for name, target in self._house.targets.items():
                group.create_task(self._every(LOOK_EVERY, self._look, name, target))
                group.create_task(self._every(FOLLOW_EVERY, self._keep, name, target))

    async def close(self) -> None:
        """Let every connection go."""
        await asyncio.gather(*(target.close() for target in self._house.targets.values()))

    async def _each(self, work: Work) -> None:
        await asyncio.gather(*(work(name, target) for name, target in self._house.targets.items()))

    async def _every(self, seconds: float, work: Work, name: TargetName, target: Target) -> None:
        while True:
            await asyncio.sleep(seconds)
            await work(name, target)

    async def _look(self, name: TargetName, target: Target) -> None:
        """Whether the target answers, written into the house."""
        try:
            async with asyncio.timeout(PATIENCE):
                if name in self._opened:
                    await target.ping()
                else:
                    await target.open()
                    self._opened.add(name)
        except (GovError, psycopg.Error, TimeoutError) as error:
            if name not in self._house.down:
                log.warning("the target %s is down: %s", name, reason(error))
            self._house.down[name] = reason(error)
            return
        if self._house.down.pop(name, None) is not None:
            log.info("the target %s is up", name)
            self._house.leases.revoker.retry(name)
            await self._swept(name, target)

    async def _keep(self, name: TargetName, target: Target) -> None:
        if name not in self._house.down:
            await self._follow(name, target)

    async def _swept(self, name: TargetName, target: Target) -> None:
        await self._house.leases.janitor.look(name)

    async def _follow(self, name: TargetName, target: Target) -> None:
        """Take up what somebody else changed in the catalog, and drop views that nobody uses any more."""
        try:
            async with asyncio.timeout(FOLLOW_PATIENCE):
                await self._house.schemas.follow(name)
                # A statement may be on its way with the views of a moment ago; by the next look it has arrived.
                now = self._house.leases.versions(name)
                before, self._used[name] = self._used.get(name, now), now
                await target.drop_unused(now | before)
        except (GovError, psycopg.Error, TimeoutError) as error:
            log.warning("the catalog of %s is not followed: %s", name, reason(error))
