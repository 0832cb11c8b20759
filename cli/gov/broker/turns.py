"""Slots that clients take in turn, so that nobody waits behind everything that one other client wants.

Whoever has used least goes first, and who has waited longest among equals. Time that somebody did not
use is not saved up (start-time fair queueing: Goyal, Vin, Cheng, SIGCOMM 1996).
"""

from __future__ import annotations

import asyncio
from collections import deque

REMEMBERED = 1000
"""Clients whose use is remembered."""


class Turns:
    """Some slots; none at first."""

    def __init__(self) -> None:
        self._open = 0
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._due: dict[str, float] = {}
        """When each client's next turn begins, in seconds that were used."""
        self._now = 0.0

    async def take(self, who: str) -> None:
        """Wait for a slot on behalf of client `who`."""
        if self._open and not self._waiting:
            self._open -= 1
            self._begin(who)
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(who, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give()  # it was given to somebody who does not want it any more
            else:
                self._forget(who, turn)
            raise

    def give(self) -> None:
        """A slot is free, again or for the first time."""
        while self._waiting:
            # Clients stand in the order in which they asked: `min` keeps to it among equals.
            who = min(self._waiting, key=self._begins)
            turn = self._waiting[who].popleft()
            if later := self._waiting.pop(who):
                self._waiting[who] = later
            if not turn.done():  # or its client has just given up
                self._begin(who)
                turn.set_result(None)
                return
        self._open += 1

    def used(self, who: str, seconds: float) -> None:
        """What a turn of `who` has cost."""
        self._due[who] = self._begins(who) + seconds
        if len(self._due) > REMEMBERED:
            self._due = {each: due for each, due in self._due.items() if due > self._now}

    def drop(self) -> None:
        """No slot will be free any more: whoever waits goes on without."""
        for turns in self._waiting.values():
            for turn in turns:
                if not turn.done():
                    turn.set_result(None)
        self._waiting.clear()

    def _begins(self, who: str) -> float:
        return max(self._now, self._due.get(who, 0.0))

    def _begin(self, who: str) -> None:
        self._now = self._begins(who)

    def _forget(self, who: str, turn: asyncio.Future[None]) -> None:
        same = self._waiting.get(who, deque())
        if turn in same:
            same.remove(turn)
            if not same:
                del self._waiting[who]
