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
    """The one writer of the audit log."""

    def __init__(self, journal: Journal, *, patience: float = PATIENCE) -> None:
        self._journal = journal
        self._patience = patience
        # One thread: sync and integrate never overlap, and a disk that hangs holds one thread only.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="trail")
        self._synced = journal.size
        self._flush: asyncio.Task[None] | None = None
        self._follower: asyncio.Task[None] | None = None
        self._blocked = False
        self._broken: str | None = None

    @property
    def failing(self) -> str | None:
        """Why entries cannot be kept at the moment; None when all is well."""
        return self._broken or ("the disk does not answer" if self._blocked else None)

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
        """
        if self._blocked:
            # A write would hang like the sync does, and with it the whole event loop.
            raise _unavailable("the disk does not answer")
        try:
            index = self._journal.append(entry)
        except Unavailable as error:
            self._broken = error.what
            raise
        except OSError as error:
            self._broken = error.strerror or "the journal cannot be written"
            raise _unavailable(self._broken) from error
        if self._broken is not None:
            log.warning("the journal is written again")
            self._broken = None
        return index

    async def durable(self, index: int) -> None:
        """Wait until the entry `index` and all before it are on disk; one sync serves all who wait.

        Raises:
            Unavailable: the disk fails, or does not answer within the patience.
        """
        try:
            async with asyncio.timeout(self._patience):
                while self._synced <= index:
                    if self._flush is None:
                        self._flush = asyncio.create_task(self._sync())
                    await asyncio.shield(self._flush)
        except TimeoutError:
            self._blocked = True
            raise _unavailable("the disk does not answer") from None

    async def _sync(self) -> None:
        """One fdatasync for every entry that was there when it began."""
        size = self._journal.size
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._journal.sync)
        except (OSError, Unavailable) as error:
            self._broken = str(error)
            raise _unavailable("the disk does not keep the journal") from error
        finally:
            self._flush = None
        self._synced = max(self._synced, size)
        self._blocked = False

    def start(self) -> None:
        """Begin to integrate entries into the tree in the background."""
        self._follower = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(INTEGRATE_EVERY)
            with suppress(Unavailable):
                await self.integrate()

    async def integrate(self) -> None:
        """Bring the tree up to the journal and sign a checkpoint.

        Raises:
            Unavailable: the tree cannot be written.
        """
        if self._blocked:
            # Only a sync that comes back ends the block; ask for one.
            await self._probe()
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._journal.integrate)
        except (OSError, Unavailable) as error:
            log.error("the tree does not follow the journal: %s", error)
            raise _unavailable("the tree does not follow the journal") from error

    async def _probe(self) -> None:
        if self._flush is None:
            self._flush = asyncio.create_task(self._sync())
        await asyncio.shield(self._flush)

    async def close(self) -> None:
        """Sync, sign a last checkpoint and let the journal go."""
        if self._follower is not None:
            self._follower.cancel()
        with suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(self._patience):
                await self._probe()
                await self.integrate()
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._journal.close()


def _unavailable(why: str) -> Unavailable:
    return Unavailable(f"the audit log cannot be written: {why}", hint="gov broker status")
