"""Connections that are not authenticated yet: how many there may be, and which one has to go.

Whoever only opens connections must not keep others out, so nobody is turned away at the door: for one
too many the oldest is closed, since it is the slowest, and it is one of whoever has the most of them.
"""

from __future__ import annotations

import asyncio
from ipaddress import ip_address

from gov.control.config import Limits


class Starting:
    """The connections in start-up, by address, each oldest first."""

    def __init__(self, limits: Limits) -> None:
        self._most, self._most_each = limits.half_open, limits.half_open_per_address
        self._by_origin: dict[str, dict[asyncio.Task[None], None]] = {}
        self._origins: dict[asyncio.Task[None], str] = {}

    def __len__(self) -> int:
        return len(self._origins)

    def add(self, task: asyncio.Task[None], host: str) -> None:
        """One more, from `host`; another is cancelled when it is one too many."""
        origin = origin_of(host)
        if len(self._by_origin.get(origin, ())) >= self._most_each:
            self._close_one_of(origin)
        elif len(self._origins) >= self._most:
            self._close_one_of(max(self._by_origin, key=lambda each: len(self._by_origin[each])))
        self._by_origin.setdefault(origin, {})[task] = None
        self._origins[task] = origin

    def remove(self, task: asyncio.Task[None]) -> None:
        """It is authenticated, or gone. Twice is nothing."""
        origin = self._origins.pop(task, None)
        if origin is None:
            return
        same = self._by_origin[origin]
        del same[task]
        if not same:
            del self._by_origin[origin]

    def _close_one_of(self, origin: str) -> None:
        oldest = next(iter(self._by_origin[origin]))
        self.remove(oldest)
        oldest.cancel()


def origin_of(host: str) -> str:
    """What counts as one address: of IPv6 a network of 64 bits, which anybody has for himself."""
    address = ip_address(host.partition("%")[0])
    if address.version == 4:
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return address.exploded[:19]
