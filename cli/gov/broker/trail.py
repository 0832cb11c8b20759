"""The journal as the daemon uses it: written at once, on disk when it must be, signed each second.

Invariant: an entry has reached the kernel when `record` returns and the disk when `durable` does.
Whatever cannot keep that raises `Unavailable`, and whoever called does not act (DESIGN 11).

Writing a line takes a microsecond or two, so the event loop does it itself, but only where it has just been seen
to work: the first entry after a pause is written by a thread that is not waited for without end. A file system
that was suspended blocks a write in the kernel, and nothing could get the loop out of there.

One kind of entry is different: what tells of something that has already happened. When the disk does not take
it, it is owed: kept in memory and written before anything else is, so that nothing new runs before it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from threading import Event, Thread

from gov.audit.checkpoint import unsigned
from gov.audit.entry import Entry
from gov.errors import TooComplex, Unavailable
from gov.store.journal import Journal

log = logging.getLogger(__name__)

PATIENCE = 5.0
"""Seconds that a disk may take; after them statements are refused rather than kept waiting."""
INTEGRATE_EVERY = 1.0
"""Seconds between two checkpoints while entries come."""
FRESH = 0.02
"""Seconds for which a write that came back says that the next one will."""
STALL = 2.0
"""Seconds that a write may keep the event loop, and with it everybody."""
OWED = 10_000
"""Entries that are owed at most: ends of statements and sessions that were under way."""
_AFTERWARDS = frozenset({"statement.done", "session.closed"})
"""Kinds that tell what is over: refusing them would undo nothing."""


class Trail:
    """The one writer of the audit log, for one event loop."""

    def __init__(self, journal: Journal, *, patience: float = PATIENCE, stall: float = STALL) -> None:
        self._journal = journal
        self._patience, self._stall = patience, stall
        # A thread for each, so that whoever waits for the disk does not wait for the tree as well.
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="line")
        self._syncing = ThreadPoolExecutor(1, thread_name_prefix="sync")
        self._integrating = ThreadPoolExecutor(1, thread_name_prefix="tree")
        self._flush: asyncio.Task[None] | None = None
        self._growth: asyncio.Task[None] | None = None
        self._follower: asyncio.Task[None] | None = None
        self._writing_since = 0.0
        """When the loop began the write that it is in; 0 when it is in none."""
        self._closed = Event()
        self.when_stuck: Callable[[], None] = _nothing
        """Called from another thread when a write does not come back to the event loop, so that nobody hears."""
        self._wrote = 0.0
        """When a write last came back, by the monotonic clock."""
        self._hanging: set[object] = set()
        """Calls of the disk that have not come back within the patience."""
        self._behind_since: float | None = None
        """Since when the tree does not follow, by the monotonic clock."""
        self._fault = self._tree_fault = ""
        self._refusal = ""
        """Why nothing is recorded at the moment, whatever the journal would say."""
        self._owed: deque[Entry] = deque()

    @property
    def failing(self) -> str:
        """Why entries cannot be kept at the moment; empty when all is well."""
        return self._refusal or self._fault or self._tree_fault

    @property
    def journal(self) -> Journal:
        """The log itself, for what changes its files."""
        return self._journal

    @property
    def noticed(self) -> str:
        """What of the log was taken away or replaced under it, the last time; empty if nothing ever was."""
        return self._journal.noticed

    @property
    def size(self) -> int:
        """Entries in the log."""
        return self._journal.size

    @property
    def checkpoint(self) -> bytes:
        """The newest signed checkpoint; it may be a second behind `size`."""
        return self._journal.checkpoint

    def record(self, entry: Entry) -> int:
        """The index of `entry`, which has reached the kernel; -1 when it is owed.

        Raises:
            Unavailable: the journal does not take it.
            TooComplex: it is longer than an entry may be.
        """
        try:
            if self._refusal:
                # Where the disk is silent, a write would hang as well, and with it the whole event loop.
                raise Unavailable(self._refusal, hint=_HINT)
            if self._owed:
                self._pay()
            index = self._append(entry)
        except Unavailable as error:
            self._fault = error.what
            if entry.kind not in _AFTERWARDS or len(self._owed) >= OWED:
                raise
            if not isinstance(error, _Late):
                self._owed.append(entry)
            return -1
        self._fault = ""
        return index

    def _append(self, entry: Entry) -> int:
        now = time.monotonic()
        if now - self._wrote < FRESH:
            self._writing_since = now
            try:
                index = self._journal.append(entry)
            finally:
                self._writing_since = 0.0
        else:
            index = self._append_apart(entry)
        self._wrote = now
        return index

    def _append_apart(self, entry: Entry) -> int:
        """The index of `entry`, written by a thread. What is not done in time is refused, though it may be done later.

        Raises:
            Unavailable: like `record`.
        """
        loop, write = asyncio.get_running_loop(), self._writing.submit(self._journal.append, entry)
        try:
            return write.result(self._stall)
        except TimeoutError:
            if write.done():
                return write.result()
        self._hanging.add(write)
        self._refuse_or_not()
        write.add_done_callback(lambda _: _soon(loop, self._came_late, write, entry))
        raise _Late(_SILENT, hint=_HINT)

    def _came_late(self, write: Future[int], entry: Entry) -> None:
        if write.exception() is not None and entry.kind in _AFTERWARDS:
            self._owed.append(entry)
        self._comes_back(write)

    def _pay(self) -> None:
        """Write what is owed, oldest first. Raises Unavailable."""
        while self._owed:
            try:
                self._append(self._owed[0])
            except (TooComplex, ValueError) as error:
                log.error("an entry is not kept: %s", error)
            except _Late:
                self._owed.popleft()  # it is being written
                raise
            self._owed.popleft()

    async def durable(self, index: int) -> None:
        """Wait until the entry `index` and all before it are on disk; one sync serves all who wait.

        Raises:
            Unavailable: the disk fails, or does not answer within the patience.
        """
        try:
            async with asyncio.timeout(self._patience):
                while self._journal.durable <= index:
                    await self._synced()
        except TimeoutError:
            raise self._hangs(self._flush) from None

    async def _synced(self) -> None:
        """The end of a sync that is under way, or of one that begins now."""
        if self._flush is None:
            self._flush = asyncio.create_task(self._sync())
            self._flush.add_done_callback(_retrieve)
        await asyncio.shield(self._flush)

    async def _sync(self) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._syncing, self._journal.sync)
        except Unavailable as error:
            self._fault = error.what
            raise
        finally:
            self._comes_back(self._flush)
            self._flush = None

    def _hangs(self, call: asyncio.Task[None] | None) -> Unavailable:
        """The disk has not answered in time: nothing is recorded until it does."""
        if call is not None and not call.done():
            self._hanging.add(call)
            self._refuse_or_not()
        return Unavailable(_SILENT, hint=_HINT)

    def _comes_back(self, call: object) -> None:
        self._hanging.discard(call)
        self._refuse_or_not()

    def _refuse_or_not(self) -> None:
        """Refuse while the disk is silent, and when the tree has not followed for too long."""
        behind = 0.0
        if self._behind_since is not None:
            behind = asyncio.get_running_loop().time() - self._behind_since
        self._refusal = _SILENT if self._hanging else self._tree_fault if behind > self._patience else ""

    def start(self) -> None:
        """Begin to bring entries into the tree, in the background, once a second, and to watch the event loop."""
        self._follower = asyncio.create_task(self._follow())
        Thread(target=self._watch, name="watch", daemon=True).start()

    def _watch(self) -> None:
        """In a thread of its own: tell when a write has taken the event loop with it."""
        told = 0.0
        while not self._closed.wait(self._stall / 4):
            since = self._writing_since
            if since and since != told and time.monotonic() - since > self._stall:
                told = since
                log.error("%s, and holds the broker: every session is cut off", _SILENT)
                self.when_stuck()

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(INTEGRATE_EVERY)
            try:
                await self.integrate()
                if self._owed:
                    self._pay()
            except Unavailable as error:
                log.error("%s", error)
            except Exception:  # a bug of ours must not end the checkpoints for ever
                log.exception("the tree does not follow the journal")

    async def integrate(self) -> None:
        """Bring the tree up to the journal and sign a checkpoint; after a fault this heals it, if it can.

        Raises:
            Unavailable: the tree cannot be written, or the disk does not answer within the patience.
        """
        if self._growth is None:
            self._growth = asyncio.create_task(self._grow())
            self._growth.add_done_callback(_retrieve)
        try:
            async with asyncio.timeout(self._patience):
                await asyncio.shield(self._growth)
        except TimeoutError:
            raise self._hangs(self._growth) from None

    async def covered(self, index: int) -> None:
        """Wait until the entry `index` is under a checkpoint.

        Raises:
            Unavailable: like `integrate`.
        """
        while unsigned(self.checkpoint).size <= index:
            await self.integrate()

    async def _grow(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._integrating, self._journal.integrate)
        except Unavailable as error:
            self._tree_fault = error.what
            if self._behind_since is None:
                self._behind_since = loop.time()
            raise
        else:
            self._behind_since, self._fault, self._tree_fault = None, "", ""
        finally:
            self._comes_back(self._growth)
            self._growth = None

    async def close(self) -> None:
        """Sign a last checkpoint and let the journal go."""
        self._closed.set()
        if self._follower is not None:
            self._follower.cancel()
            with suppress(asyncio.CancelledError):
                await self._follower
        with suppress(TimeoutError, Unavailable):
            if self._owed and not self._refusal:
                self._pay()
            async with asyncio.timeout(self._patience):
                await asyncio.get_running_loop().run_in_executor(self._integrating, self._journal.close)
        for thread in (self._writing, self._syncing, self._integrating):
            thread.shutdown(wait=False, cancel_futures=True)


class _Late(Unavailable):
    """The entry is not written, and may be later."""


def _soon(loop: asyncio.AbstractEventLoop, act: Callable[..., None], *given: object) -> None:
    """Let the loop do it, unless it has ended."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(act, *given)


def _nothing() -> None:
    """Nobody wants to be told."""


def _retrieve(task: asyncio.Task[None]) -> None:
    """Look at the error of a sync for which nobody waits any more."""
    if not task.cancelled():
        task.exception()


_SILENT = "the disk of the audit log does not answer"
_HINT = "gov broker status"
