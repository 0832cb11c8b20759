"""The journal as the daemon uses it: written at once, on disk when it must be, signed each second.

Invariant: an entry has reached the kernel when `record` returns and the disk when `durable` does.
Whatever cannot keep that raises `Unavailable`, and whoever called does not act (DESIGN 11).
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from gov.audit.entry import Entry
from gov.errors import Unavailable
from gov.store.journal import Journal

log = logging.getLogger(__name__)

PATIENCE = 5.0
"""Seconds that a disk may take; after them statements are refused rather than kept waiting."""
INTEGRATE_EVERY = 1.0
"""Seconds between two checkpoints while entries come."""


class Trail:
    """The one writer of the audit log, for one event loop."""

    def __init__(self, journal: Journal, *, patience: float = PATIENCE) -> None:
        self._journal = journal
        self._patience = patience
        # A thread for each, so that whoever waits for the disk does not wait for the tree as well.
        self._syncing = ThreadPoolExecutor(1, thread_name_prefix="sync")
        self._integrating = ThreadPoolExecutor(1, thread_name_prefix="tree")
        self._flush: asyncio.Task[None] | None = None
        self._follower: asyncio.Task[None] | None = None
        self._hangs = False
        self._fault = ""

    @property
    def failing(self) -> str:
        """Why entries cannot be kept at the moment; empty when all is well."""
        return _SILENT if self._hangs else self._fault

    @property
    def size(self) -> int:
        """Entries in the log."""
        return self._journal.size

    @property
    def checkpoint(self) -> bytes:
        """The newest signed checkpoint; it may be a second behind `size`."""
        return self._journal.checkpoint

    def record(self, entry: Entry) -> int:
        """The index of `entry`, which has reached the kernel.

        Raises:
            Unavailable: the journal does not take it.
            TooComplex: it is longer than an entry may be.
        """
        if self._hangs:
            # A write would hang as the sync does, and with it the whole event loop.
            raise Unavailable(_SILENT, hint=_HINT)
        try:
            index = self._journal.append(entry)
        except Unavailable as error:
            self._fault = error.what
            raise
        self._fault = ""
        return index

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
            self._hangs = True
            raise Unavailable(_SILENT, hint=_HINT) from None

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
            self._flush, self._hangs = None, False

    def start(self) -> None:
        """Begin to bring entries into the tree, in the background, once a second."""
        self._follower = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(INTEGRATE_EVERY)
            try:
                await self.integrate()
            except Unavailable as error:
                log.error("%s", error)
            except Exception:  # a bug of ours must not end the checkpoints for ever
                log.exception("the tree does not follow the journal")

    async def integrate(self) -> None:
        """Bring the tree up to the journal and sign a checkpoint; after a fault this heals it, if it can.

        Raises:
            Unavailable: the tree cannot be written.
        """
        try:
            await asyncio.get_running_loop().run_in_executor(self._integrating, self._journal.integrate)
        except Unavailable as error:
            self._fault = error.what
            raise
        self._fault, self._hangs = "", False

    async def close(self) -> None:
        """Sign a last checkpoint and let the journal go."""
        if self._follower is not None:
            self._follower.cancel()
            with suppress(asyncio.CancelledError):
                await self._follower
        with suppress(TimeoutError, Unavailable):
            async with asyncio.timeout(self._patience):
                await asyncio.get_running_loop().run_in_executor(self._integrating, self._journal.close)
        for thread in (self._syncing, self._integrating):
            thread.shutdown(wait=False, cancel_futures=True)


def _retrieve(task: asyncio.Task[None]) -> None:
    """Look at the error of a sync for which nobody waits any more."""
    if not task.cancelled():
        task.exception()


_SILENT = "the disk of the audit log does not answer"
_HINT = "gov broker status"
