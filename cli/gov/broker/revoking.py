"""The end of leases: their roles fenced, killed, verified gone and dropped, tried again until they are.

Nothing is given up: a lease that cannot be ended is tried again for ever, with pauses that grow, and says
meanwhile how often that was and why it failed.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

import psycopg

from gov.broker import entries
from gov.broker.house import House
from gov.errors import GovError
from gov.lease.lease import Lease
from gov.lease.states import LeaseEvent, move
from gov.store.leases import Leases
from gov.terms import LeaseId, TargetName

log = logging.getLogger(__name__)

TRIES = 6
"""Attempts at dropping a role before the lease counts as stuck; the attempts go on for ever."""
RETRY_AT_MOST = 30.0
"""Seconds between two attempts, and for one attempt."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a lease that has ended still has its role. Times are seconds since the epoch."""

    tries: int
    """How often it was tried."""
    error: str
    """Why the last try failed."""
    since: float
    """When the first failed."""
    next_at: float
    """When the next begins, at the latest."""


class Revoker:
    """Brings the role of every lease that has ended to its verified end."""

    def __init__(self, house: House, store: Leases) -> None:
        self._house = house
        self._store = store
        self._owned: set[LeaseId] = set()
        self._back: dict[TargetName, asyncio.Event] = {}
        self._tasks: dict[LeaseId, asyncio.Task[None]] = {}
        self._troubles: dict[LeaseId, Trouble] = {}

    @property
    def troubles(self) -> Mapping[LeaseId, Trouble]:
        """What did not succeed at once and is being tried again."""
        return self._troubles

    @property
    def owned(self) -> Collection[str]:
        """The leases whose roles the sweep must leave alone.

        A live view: a lease is in it before its role is made, so a sweep that looks at roles first
        and here second never meets a role that is too new to be known.
        """
        return self._owned

    def own(self, lease_id: LeaseId) -> None:
        """From now until its verified end somebody answers for the role of this lease."""
        self._owned.add(lease_id)

    def begin(self, lease: Lease, because: str) -> asyncio.Task[None]:
        """Start to end the role of `lease`, whatever state it was left in; the task is done when it is gone."""
        if (running := self._tasks.get(lease.id)) is not None:
            return running
        self.own(lease.id)
        task = self._tasks[lease.id] = asyncio.create_task(self._finish(lease, because))
        task.add_done_callback(lambda done: self._over(lease, done))
        return task

    def _over(self, lease: Lease, task: asyncio.Task[None]) -> None:
        """It is gone, or a bug of ours was in the way: then nobody answers for it, and the janitor begins anew."""
        del self._tasks[lease.id]
        if not task.cancelled():
            self._owned.discard(lease.id)
            if error := task.exception():
                log.error("the end of %s failed; the janitor takes it up again", lease.id, exc_info=error)

    def retry(self, name: TargetName) -> None:
        """A target is back: do not wait any longer with what failed there."""
        waited = self._back.pop(name, None)
        if waited is not None:
            waited.set()

    async def close(self) -> None:
        """Stop trying. What is left, the next start finds."""
        tasks = [*self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _finish(self, lease: Lease, because: str) -> None:
        lease = replace(lease, state=move(lease.state, LeaseEvent.END), ended_because=because)
        await self._store_or_tell(lease)
        try:
            self._house.trail.record(entries.lease_ended(lease, self._house.clock()))
        except GovError:
            # Taking a right away does not wait for the log; giving one does.
            log.error("the end of %s could not be recorded", lease.id)
        began = self._house.clock()
        for attempt in itertools.count(1):
            if not (error := await self._failed(lease)):
                break
            pause = _pause(attempt)
            self._troubles[lease.id] = Trouble(attempt, error, began, self._house.clock() + pause)
            log.warning("%s: %s is not dropped yet, try %s: %s", lease.id, lease.role, attempt, error)
            if attempt == TRIES:
                log.error("%s: the role %s on %s cannot be dropped", lease.id, lease.role, lease.target)
                lease = replace(lease, state=move(lease.state, LeaseEvent.FAILED))
                await self._store_or_tell(lease)
            await self._wait(lease.target, pause)
        self._troubles.pop(lease.id, None)
        await self._store_or_tell(replace(lease, state=move(lease.state, LeaseEvent.GONE)))

    async def _failed(self, lease: Lease) -> str:
        """Try to drop its role; what is in the way, empty when it is gone."""
        target = self._house.targets.get(lease.target)
        if target is None:
            return "the target is not in the configuration any more"
        try:
            async with asyncio.timeout(RETRY_AT_MOST):
                await target.revoke(lease.role)
        except GovError as error:
            return ": ".join(filter(None, (error.what, error.detail)))
        except TimeoutError:
            return f"no answer within {RETRY_AT_MOST:.0f} s"
        except (psycopg.Error, ValueError) as error:
            # ValueError: a role of another broker key, which this one must not touch.
            return str(error).strip() or type(error).__name__
        return ""

    async def _wait(self, name: TargetName, seconds: float) -> None:
        """Pause; cut short by `retry`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._back.setdefault(name, asyncio.Event()).wait()

    async def _store_or_tell(self, lease: Lease) -> None:
        """Store where the lease stands; when that fails the next start ends it again, which does no harm."""
        try:
            await asyncio.to_thread(self._store.put, lease)
        except GovError as error:
            log.error("%s: the state %s is not stored: %s", lease.id, lease.state, error)


def _pause(attempt: int) -> float:
    """Seconds before the next try: doubling, with jitter so that many leases do not knock at once."""
    return min(0.25 * 2.0 ** min(attempt, 16), RETRY_AT_MOST) * random.uniform(0.5, 1.0)  # noqa: S311 - not a secret
