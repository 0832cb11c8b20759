"""What the children that deliver the trail share: how far each has it, when to try again, what they say of it.

What they say on standard output is JSON, a line each time that the state of somebody they deliver to changes. Their
first orders are the first line of standard input, and they end when that does.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol

from gov.audit.tree import leaf_hash
from gov.broker.follower import alone
from gov.store.disk import Files
from gov.store.log import Entries

EVERY: Final = 1.0
"""Seconds between two looks at the log."""
FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 60.0
NICER: Final = 10
"""Added to the niceness."""


class State(Protocol):
    """How somebody is that is delivered to."""

    told: str
    """What was said last."""

    def said(self) -> dict[str, Any]:
        """What the broker hears of it."""


class Way(Protocol):
    """The way to one of them."""

    @property
    def state(self) -> State:
        """How it is."""

    def step(self) -> float:
        """Deliver the next thing if there is one; seconds until the next step."""


class Cursor:
    """How far a destination has the log: the next entry, and the hash of the one before it."""

    def __init__(self, path: Path) -> None:
        """Read it, or begin at the first entry."""
        self._path = path
        self.next, self.last = 0, ""
        with suppress(OSError, ValueError, KeyError):
            kept = json.loads(path.read_text())
            self.next, self.last = int(kept["next"]), str(kept["last"])

    def move(self, to: int, last: str) -> None:
        """Keep the new place; it is on disk when this returns. Raises OSError."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, json.dumps({"next": to, "last": last}).encode())
            os.fsync(fd)
        finally:
            os.close(fd)
        fresh.replace(self._path)
        directory = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
        self.next, self.last = to, last

    def follows(self, read: Files) -> bool:
        """Whether the entry before the next one is the one that it was. Raises GovError where there is none."""
        return leaf_hash(Entries(read)[self.next - 1].raw).hex() == self.last


def pause_after(failures: int) -> float:
    """Seconds to wait after so many failures in a row: twice as long each time, give or take."""
    pause = min(FIRST_PAUSE * 2.0 ** min(failures - 1, 10), LONGEST_PAUSE)
    return pause * random.uniform(0.5, 1)  # noqa: S311 - to spread, not to hide


def keep(way: Way, over: threading.Event) -> None:
    """Go step by step until it is over; say how it is whenever that is news."""
    pause = 0.0
    while not over.wait(pause):
        pause = way.step()
        state = way.state
        said = state.said()
        if (line := json.dumps(said)) != state.told:
            state.told = line
            say(said)


_saying = threading.Lock()


def say(said: dict[str, Any]) -> None:
    """One line for the broker."""
    with _saying, suppress(OSError):
        print(json.dumps(said), flush=True)


def main(arguments: Sequence[str], run: Callable[[Path, Path, dict[str, Any]], None]) -> None:
    """The process, with the log and the directory of its cursors as arguments."""
    os.nice(NICER)
    cursors = Path(arguments[1])
    alone(cursors / "lock")
    run(Path(arguments[0]), cursors, json.loads(sys.stdin.readline()))
