"""One lease after another: who works for longer than a lease lasts uses the next one in time.

A lease is never made longer. Who opens a new connection when the lease is about to end does so under a
new lease, and policy has its say again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime

from gov.control.access import LeaseGrant
from gov.errors import Unavailable, Unreachable

MARGIN = 30.0
"""Seconds before its end from which a lease opens no new connection; less for a lease of minutes."""
SHARE = 4
"""A lease serves for all of its life but one part of so many."""


class Leases:
    """The lease to open the next connection with. Used by several threads."""

    def __init__(self, take: Callable[[], LeaseGrant], *, clock: Callable[[], float] = time.time) -> None:
        """`take` asks the broker for a new lease."""
        self._take = take
        self._clock = clock
        self._lock = threading.Lock()
        self._lease: LeaseGrant | None = None
        self._taken: dict[str, float] = {}

    def current(self, *, refused: str = "") -> LeaseGrant:
        """A lease that lasts for a while yet; `refused` is the id of one that the gateway does not know any more.

        Raises:
            GovError: a new lease is due, and the broker gives none.
        """
        with self._lock:
            held = self._lease
            if held is not None and held.lease.id != refused:
                if self._left(held) > _margin(held):
                    return held
                try:
                    return self._next()
                except (Unreachable, Unavailable):
                    if self._left(held) > 0:  # the gateway may serve it yet
                        return held
                    raise
            return self._next()

    def given_up(self) -> list[str]:
        """The ids of all that have not ended by themselves, each told once: nobody uses them any more."""
        with self._lock:
            taken, self._taken, self._lease = self._taken, {}, None
            return [lease for lease, end in taken.items() if end > self._clock()]

    def _next(self) -> LeaseGrant:
        self._lease = self._take()
        self._taken[self._lease.lease.id] = _epoch(self._lease.lease.expires_at)
        return self._lease

    def _left(self, grant: LeaseGrant) -> float:
        return _epoch(grant.lease.expires_at) - self._clock()


def _margin(grant: LeaseGrant) -> float:
    life = _epoch(grant.lease.expires_at) - _epoch(grant.lease.created_at)
    return min(MARGIN, life / SHARE)


def _epoch(text: str) -> float:
    """Seconds since the epoch, of RFC 3339."""
    return datetime.fromisoformat(text).timestamp()
