"""The child process that ships the trail: `python -m gov.broker.shipper LOG CURSORS` with its orders on stdin.

What is under a checkpoint is delivered in order, to each destination in a thread of its own. How far each has
it is kept on disk, after the delivery: so after a crash something may come twice, with the same ids, and
nothing is left out. Whatever fails is tried again for ever, ever more slowly. What it says on standard output
is JSON, a line each time that a destination's state changes. It ends when standard input does.
"""

from __future__ import annotations

import hashlib
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final

from gov import __version__
from gov.audit.formats import Format, Writer
from gov.audit.ocsf import Source
from gov.audit.telling import stamp
from gov.audit.tree import leaf_hash
from gov.broker.deliverer import EVERY, Cursor, keep, main, pause_after
from gov.broker.destinations import Destination, Parcel, Undelivered, made, place
from gov.errors import GovError
from gov.store.disk import Files
from gov.store.log import Entries, Found, forwards, integrated
from gov.store.search import view

BATCH: Final = 500
"""Entries of one delivery."""


def name(to: str, format: str) -> str:
    """What a destination and its cursor are called."""
    return hashlib.sha256(f"{format} {to}".encode()).hexdigest()[:16]


@dataclass(slots=True)
class State:
    """How a destination is, as the broker hears it."""

    id: str
    to: str
    format: str
    next: int = 0
    size: int = 0
    error: str = ""
    failures: int = 0
    oldest: float | None = None
    """When the oldest entry was written that it does not have; None when it has all."""
    delivered_at: float | None = None
    told: str = field(default="", repr=False)

    def said(self) -> dict[str, Any]:
        """What the broker hears of it."""
        return {
            "id": self.id, "next": self.next, "size": self.size, "error": self.error,
            "failures": self.failures, "oldest": self.oldest, "delivered_at": self.delivered_at,
        }  # fmt: skip


class Route:
    """One destination and everything that it has not got yet."""

    def __init__(self, read: Files, destination: Destination, cursor: Cursor, source: Source, state: State) -> None:
        self._read, self._destination, self._cursor, self._source = read, destination, cursor, source
        self._batch = BATCH
        self._started = False
        self.state = state

    def step(self) -> float:
        """Deliver the next parcel if there is one; seconds until the next step."""
        try:
            if not self._started:
                self._begin()
            more = self._deliver()
        except Undelivered as why:
            self._batch = max(self._batch // 2, 1) if why.smaller else self._batch
            return self._failed(str(why), why.wait)
        except (GovError, OSError) as why:
            return self._failed(str(getattr(why, "what", why)), 0.0)
        self.state.error, self.state.failures = "", 0
        return 0.0 if more else EVERY

    def _begin(self) -> None:
        """A file knows better than the cursor what is in it."""
        known = self._destination.known()
        if known is not None and known[0] >= self._cursor.next:
            last, at = known
            found = Entries(self._read)[last] if last < integrated(self._read) else None
            if found is None or stamp(found.leaf.at) != at:
                raise Undelivered("the file ends with an entry of another log: move it away, or ship to another")
            self._cursor.move(last + 1, leaf_hash(found.raw).hex())
        self._started = True

    def _deliver(self) -> bool:
        size, state = integrated(self._read), self.state
        state.size, state.next = size, self._cursor.next
        if self._cursor.next > size or not self._continues():
            raise Undelivered("the log is not the one that was shipped: it was restored, or is another")
        found = [*islice(forwards(self._read, self._cursor.next), min(self._batch, size - self._cursor.next))]
        state.oldest = found[0].leaf.at.timestamp() if found else None
        if not found:
            return False
        self._destination.deliver(parcel(found, self._source, Format(state.format)))
        self._cursor.move(found[-1].index + 1, leaf_hash(found[-1].raw).hex())
        state.next, state.delivered_at = self._cursor.next, time.time()
        self._batch = min(self._batch * 2, BATCH)
        if state.next == size:
            state.oldest = None
        return state.next < size

    def _continues(self) -> bool:
        if not self._cursor.next or not self._cursor.last:
            return True
        return self._cursor.follows(self._read)

    def _failed(self, why: str, wait: float) -> float:
        state = self.state
        state.error, state.failures = why, state.failures + 1
        return max(wait, pause_after(state.failures))


def parcel(found: Sequence[Found], source: Source, format: Format) -> Parcel:
    """These entries as lines; the end of a statement that is among them too is told with it."""
    done = {each.leaf.fields.get("statement"): each.done() for each in found if each.leaf.kind == "statement.done"}
    views = (view(each, done.get(each.index) if each.leaf.kind == "statement" else None) for each in found)
    body = "".join(Writer(format, source).lines(views))
    return Parcel(found[0].index, found[-1].index, body, source.origin)


def run(directory: Path, cursors: Path, orders: dict[str, Any]) -> None:
    """Ship until standard input ends."""
    over = threading.Event()
    source = Source(orders["origin"], __version__)
    for said in orders["ship"]:
        state = State(name(said["to"], said["format"]), place(said["to"]), said["format"])
        cursor = Cursor(cursors / f"{state.id}.json")
        route = Route(Files(directory), made(said), cursor, source, state)
        threading.Thread(target=keep, args=(route, over), name=state.to, daemon=True).start()
    sys.stdin.read()
    over.set()


if __name__ == "__main__":
    main(sys.argv[1:], run)
