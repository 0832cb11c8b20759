"""The janitor: brings the roles on every target and the leases in the store together, at start and ever again.

It looks from the database's side. A role of ours that nobody answers for is ended; a lease whose role has
vanished is ended; a lease that has ended and still has a role, with nobody at work on it, is taken up again.
Nothing is given up: what cannot be ended is tried again in the next round, and shown meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import psycopg

from gov.broker import entries
from gov.broker.house import House
from gov.errors import GovError
from gov.lease.states import OPEN
from gov.store.leases import Leases
from gov.target.target import Target
from gov.terms import LeaseId, TargetName

if TYPE_CHECKING:
    from gov.broker.leases import LeaseDesk

log = logging.getLogger(__name__)

JITTER = 0.2
"""Part of the period by which a round comes earlier or later, so that many targets are not looked at at once."""
PATIENCE = 60.0
"""Seconds that one round may take."""
LEFT = "nobody was ending it"
VANISHED = "its role was gone from the target"


@dataclass(frozen=True, slots=True)
class Round:
    """How the janitor gets on with one target. Times are seconds since the epoch, 0 for never."""

    done_at: float = 0.0
    """The end of the last round that succeeded."""
    failures: int = 0
    """Rounds that have failed since then."""
    error: str = ""
    """Why the last of them did."""
    stuck: Mapping[str, str] = field(default_factory=dict)
    """Roles that nobody answers for and that cannot be ended, each with what is in the way."""


class Janitor:
    """Looks after the targets of one house."""

    def __init__(self, house: House, desk: LeaseDesk, store: Leases) -> None:
        self._house, self._desk, self._store = house, desk, store
        self._rounds: dict[TargetName, Round] = {}
        self._looking: dict[TargetName, asyncio.Lock] = {}

    def round(self, name: TargetName) -> Round:
        """How it stands with a target."""
        return self._rounds.get(name, Round())

    async def run(self) -> None:
        """Look at every target again and again, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for name in self._house.targets:
                group.create_task(self._every_so_often(name))

    async def look(self, name: TargetName) -> None:
        """One round at one target; nothing where it is down. What goes wrong is noted and tried in the next."""
        if name in self._house.down:
            return
        async with self._looking.setdefault(name, asyncio.Lock()):
            before = self.round(name)
            try:
                async with asyncio.timeout(PATIENCE):
                    stuck = await self._reconciled(name, self._house.target(name))
            except (GovError, psycopg.Error, TimeoutError) as error:
                log.warning("the target %s is not swept: %s", name, reason(error))
                self._rounds[name] = replace(before, failures=before.failures + 1, error=reason(error))
            except Exception as error:  # a bug of ours must not end the sweeping
                log.exception("the target %s is not swept", name)
                self._rounds[name] = replace(before, failures=before.failures + 1, error=repr(error))
            else:
                self._rounds[name] = Round(self._house.clock(), stuck=stuck)

    async def _every_so_often(self, name: TargetName) -> None:
        while True:
            every = self._house.config.janitor.every
            await asyncio.sleep(every * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311 - jitter is no secret
            await self.look(name)

    async def _reconciled(self, name: TargetName, target: Target) -> Mapping[str, str]:
        """The roles that could not be ended."""
        # Leases first: their roles are older than this moment, so that what is not there has vanished.
        live = {lease.role: lease for lease in self._desk.live() if lease.target == name}
        for role in await target.sweep(self._desk.revoker.owned):
            await self._record(name, role)
        for role in await target.missing(live):
            log.warning("%s: the role %s is gone from %s", live[role].id, role, name)
            await self._desk.end(live[role].id, VANISHED)
        for lease in await asyncio.to_thread(self._store.unfinished):
            if lease.target == name and lease.id not in self._desk.revoker.owned:
                self._take_up(lease.id)
        return dict(target.stuck)

    def _take_up(self, lease_id: LeaseId) -> None:
        """End a lease on which nobody is at work, unless it has ended since somebody last looked."""
        lease = self._store.get(lease_id)
        if lease is not None and lease.state in OPEN:
            log.warning("%s is %s and nobody was at work on it", lease.id, lease.state)
            self._desk.revoker.begin(lease, lease.ended_because or LEFT)

    async def _record(self, name: TargetName, role: str) -> None:
        log.info("swept the role %s on %s", role, name)
        lease = await asyncio.to_thread(self._store.by_role, role)
        entry = entries.role_swept(
            name, role, "no lease owns it", self._house.clock(), lease=lease.id if lease else None
        )
        try:
            self._house.trail.record(entry)
        except GovError as error:
            log.error("the sweep of %s could not be recorded: %s", role, error)


def reason(error: BaseException) -> str:
    """What went wrong, on one line."""
    if isinstance(error, GovError):
        return ": ".join(filter(None, (error.what, error.detail)))
    return str(error).strip().split("\n", 1)[0] or "no answer in time"
