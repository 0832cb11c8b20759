"""Tokens that were not accepted: each is seen in the trail, and nobody without a login can fill it with them.

The first `MOST` of a `WINDOW` have an entry of their own. What comes after them, and a token that comes again, is
counted, and the count is one entry at the end of the window. So a process of the broker writes at most `MOST` + 1
entries a window, however many tokens are tried.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from hashlib import sha256

from gov.broker import entries
from gov.broker.trail import Trail
from gov.errors import Unavailable

WINDOW = 60.0
"""Seconds."""
MOST = 10
"""Entries of a window, besides the count."""

log = logging.getLogger(__name__)


class RefusedLogins:
    """What one process of the broker has refused in the window of the moment."""

    def __init__(self) -> None:
        self._tokens: set[bytes] = set()
        self._more = 0
        self._last = ("", "")
        self._window: asyncio.TimerHandle | None = None

    def refused(self, trail: Trail, clock: Callable[[], float], token: str, client: str, because: str) -> None:
        """A token was not accepted. It is nowhere in the entry, nor is what it says: nobody vouches for that.

        Raises:
            Unavailable: It cannot be recorded.
        """
        if self._window is None:
            self._window = asyncio.get_running_loop().call_later(WINDOW, self._end, trail, clock)
        key = sha256(token.encode()).digest()
        if key in self._tokens or len(self._tokens) >= MOST:
            self._more += 1
            self._last = client, because
            return
        self._tokens.add(key)
        trail.record(entries.login_refused(clock(), client=client, because=because, times=1))

    def settle(self, trail: Trail, clock: Callable[[], float]) -> None:
        """Write what was only counted so far, and begin a new window. Raises Unavailable."""
        if self._window is not None:
            self._window.cancel()
            self._window = None
        self._tokens.clear()
        more, self._more = self._more, 0
        if more:
            client, because = self._last
            trail.record(entries.login_refused(clock(), client=client, because=because, times=more))

    def _end(self, trail: Trail, clock: Callable[[], float]) -> None:
        try:
            self.settle(trail, clock)
        except Unavailable as why:
            log.error("refused logins could not be recorded: %s", why.what)
