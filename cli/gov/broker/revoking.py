"""The end of leases: their roles fenced, killed, verified gone and dropped, tried again until they are."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace

import psycopg

from gov.broker import entries
from gov.broker.house import House
from gov.errors import GovError, Unavailable
from gov.lease.lease import Lease
from gov.lease.states import LeaseEvent, move
from gov.store.leases import Leases
from gov.terms import LeaseId, TargetName

log = logging.getLogger(__name__)

TRIES = 6
"""Attempts at dropping a role before the lease counts as stuck; the attempts go on for ever."""
RETRY_AT_MOST = 30.0
"""Seconds between two attempts, and for one attempt."""


class Revoker:
    """Brings the role of every lease that has ended to its verified end."""

    def __init__(self, house: House, store: Leases) -> None:
        self._house = house
        self._store = store
        self._owned: set[LeaseId] = set()
        self._back: dict[TargetName, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()

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
        task = asyncio.create_task(self._finish(lease, because))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def retry(self, name: TargetName) -> None:
        """A target is back: do not wait any longer with what failed there."""
        waited = self._back.pop(name, None)
        if waited is not None:
            waited.set()

    async def close(self) -> None:
        """Stop trying. What is left, the next start finds."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _finish(self, lease: Lease, because: str) -> None:
        lease = replace(lease, state=move(lease.state, LeaseEvent.END), ended_because=because)
        await self._store_or_tell(lease)
        try:
            self._house.trail.record(entries.lease_ended(lease, self._house.clock()))
        except Unavailable:
            # Taking a right away does not wait for the log; giving one does.
            log.error("the end of %s could not be recorded", lease.id)
        for attempt in itertools.count(1):
            if await self._dropped(lease):
                break
            if attempt == TRIES:
                log.error("%s: the role %s on %s cannot be dropped", lease.id, lease.role, lease.target)
                lease = replace(lease, state=move(lease.state, LeaseEvent.FAILED))
                await self._store_or_tell(lease)
            await self._pause(lease.target, attempt)
        await self._store_or_tell(replace(lease, state=move(lease.state, LeaseEvent.GONE)))
        self._owned.discard(lease.id)

    async def _dropped(self, lease: Lease) -> bool:
        target = self._house.targets.get(lease.target)
        if target is None:
            return False  # taken out of the configuration: stuck, until it is back
        try:
            async with asyncio.timeout(RETRY_AT_MOST):
                await target.revoke(lease.role)
        except (GovError, psycopg.Error, TimeoutError, ValueError) as error:
            # ValueError: a role of another broker key, which this one must not touch.
            log.warning("%s: %s is not dropped yet: %s", lease.id, lease.role, error)
            return False
        return True

    async def _pause(self, name: TargetName, attempt: int) -> None:
        """Doubling, with jitter so that many leases do not knock at once; cut short by `retry`."""
        seconds = min(0.25 * 2**attempt, RETRY_AT_MOST) * random.uniform(0.5, 1.0)  # noqa: S311 - not a secret
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._back.setdefault(name, asyncio.Event()).wait()

    async def _store_or_tell(self, lease: Lease) -> None:
        """Store where the lease stands; when that fails the next start ends it again, which does no harm."""
        try:
            await asyncio.to_thread(self._store.put, lease)
        except GovError as error:
            log.error("%s: the state %s is not stored: %s", lease.id, lease.state, error)
