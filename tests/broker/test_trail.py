"""Entries are on disk when somebody says so, many at once, and a bad disk refuses rather than hangs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from gov.audit.entry import Entry
from gov.audit.note import SigningKey
from gov.audit.verify import verify
from gov.broker.trail import FRESH, Trail
from gov.errors import Unavailable
from gov.store.disk import Disk, Files
from gov.store.journal import Journal
from gov.store.search import Filters, search

KEY = SigningKey("test/gov", bytes(32))
ENTRY = Entry("broker.stopped", 0.0, {"because": "a test"})
Played = Callable[[Awaitable[Any]], Any]


class Faulty(Disk):
    """A disk that fails or hangs when told to, and counts its syncs."""

    def __init__(self) -> None:
        self.full = self.sick = self.stiff = self.frozen = False
        self.free = threading.Event()
        self.free.set()
        self.syncs = 0

    def write(self, fd: int, data: bytes | memoryview) -> int:
        """Refuse when full, hang when frozen."""
        if self.frozen:
            self.free.wait(30)
        if self.full:
            raise OSError(28, "No space left on device")
        return super().write(fd, data)

    def rename(self, old: Path, new: Path) -> None:
        """Refuse when the tree cannot grow."""
        if self.stiff:
            raise OSError(5, "Input/output error")
        super().rename(old, new)

    def sync(self, fd: int) -> None:
        """Wait while hanging, fail while sick."""
        self.syncs += 1
        self.free.wait(30)
        if self.sick:
            raise OSError(5, "Input/output error")
        super().sync(fd)


def trail_of(directory: Path, disk: Disk, patience: float = 5.0) -> Trail:
    """A trail in a directory, on that disk."""
    return Trail(Journal(directory, KEY, KEY.name, disk=disk), patience=patience)


async def healed(trail: Trail) -> None:
    """Wait until it takes entries again."""
    while trail.failing:
        with suppress(Unavailable):
            await trail.integrate()


async def certain(trail: Trail) -> None:
    """Record an entry and wait until it is on disk, however slow that is today."""
    index = trail.record(ENTRY)
    while True:
        with suppress(Unavailable):
            return await trail.durable(index)


def test_one_sync_serves_all_who_wait(tmp_path: Path, played: Played) -> None:
    """Group commit: two hundred who wait at once need a handful of syncs."""

    async def story() -> int:
        disk = Faulty()
        trail = trail_of(tmp_path, disk)
        before = disk.syncs
        await asyncio.gather(*(trail.durable(trail.record(ENTRY)) for _ in range(200)))
        syncs = disk.syncs - before
        await trail.close()
        return syncs

    assert played(story()) <= 3


def test_what_was_recorded_is_proven_after_closing(tmp_path: Path, played: Played) -> None:
    """The last checkpoint covers the last entry."""

    async def story() -> None:
        trail = trail_of(tmp_path, Disk())
        for _ in range(300):
            trail.record(ENTRY)
        await trail.close()

    played(story())
    assert verify(Files(tmp_path), KEY.verifier).size == 300


def test_the_tree_follows_by_itself(tmp_path: Path, played: Played) -> None:
    """Within about a second the checkpoint has what was recorded."""

    async def story() -> None:
        trail = trail_of(tmp_path, Disk())
        trail.start()
        before = trail.checkpoint
        trail.record(ENTRY)
        while trail.checkpoint == before:  # noqa: ASYNC110 - it comes from another task
            await asyncio.sleep(0.05)
        await trail.close()

    played(story())


def test_a_full_disk_refuses_and_recovers(tmp_path: Path, played: Played) -> None:
    """While there is no room nothing is recorded, so nothing may happen; room again, and it goes on."""

    async def story() -> None:
        disk = Faulty()
        trail = trail_of(tmp_path, disk)
        disk.full = True
        with pytest.raises(Unavailable):
            trail.record(ENTRY)
        assert "No space" in trail.failing
        disk.full = False
        await trail.durable(trail.record(ENTRY))
        assert not trail.failing
        await trail.close()

    played(story())
    assert verify(Files(tmp_path), KEY.verifier).size == 1


def test_a_disk_that_hangs_is_not_waited_for(tmp_path: Path, played: Played) -> None:
    """Whoever waits is told in time, nobody else begins to, and all is well when it comes back."""

    async def story() -> None:
        disk = Faulty()
        trail = trail_of(tmp_path, disk, patience=0.1)
        disk.free.clear()
        index = trail.record(ENTRY)
        for outcome in await asyncio.gather(*(trail.durable(index) for _ in range(3)), return_exceptions=True):
            assert isinstance(outcome, Unavailable)
        with pytest.raises(Unavailable):
            trail.record(ENTRY)
        assert trail.failing
        disk.free.set()
        await healed(trail)
        await certain(trail)
        await trail.close()

    played(story())
    assert verify(Files(tmp_path), KEY.verifier).size == 2


def test_after_a_failed_sync_nothing_is_taken_for_written(tmp_path: Path, played: Played) -> None:
    """The kernel may have dropped the pages: a second sync that succeeds proves nothing, the tree does."""

    async def story() -> None:
        disk = Faulty()
        trail = trail_of(tmp_path, disk)
        index = trail.record(ENTRY)
        disk.sick = True
        with pytest.raises(Unavailable):
            await trail.durable(index)
        disk.sick = False
        with pytest.raises(Unavailable):
            await trail.durable(index)
        with pytest.raises(Unavailable):
            trail.record(ENTRY)
        await trail.integrate()
        await trail.durable(index)
        assert not trail.failing
        await trail.close()

    played(story())
    assert verify(Files(tmp_path), KEY.verifier).size == 1


def test_a_tree_that_hangs_is_not_waited_for(tmp_path: Path, played: Played) -> None:
    """Where only reads come nobody waits for a sync: the tree's own silence is what tells."""

    async def story() -> None:
        disk = Faulty()
        trail = trail_of(tmp_path, disk, patience=0.1)
        trail.record(ENTRY)
        disk.free.clear()
        with pytest.raises(Unavailable, match="does not answer"):
            await trail.integrate()
        with pytest.raises(Unavailable, match="does not answer"):
            trail.record(ENTRY)
        assert trail.failing
        disk.free.set()
        while trail.failing:  # noqa: ASYNC110 - it comes from another thread
            await asyncio.sleep(0.01)
        trail.record(ENTRY)
        await trail.close()

    played(story())
    assert verify(Files(tmp_path), KEY.verifier).size == 2


def freeze(disk: Faulty) -> None:
    """No write comes back any more."""
    disk.free.clear()
    disk.frozen = True


def test_a_write_that_hangs_does_not_take_everybody_with_it(tmp_path: Path, played: Played) -> None:
    """The first entry after a pause is refused in time, and later ones at once, until the disk comes back."""

    async def story() -> None:
        disk = Faulty()
        trail = Trail(Journal(tmp_path, KEY, KEY.name, disk=disk), stall=0.1)
        trail.record(ENTRY)
        await asyncio.sleep(2 * FRESH)
        freeze(disk)
        began = Entry("statement", 0.0, {"n": 1})
        for _ in range(3):
            with pytest.raises(Unavailable, match="does not answer"):
                trail.record(began)
        assert trail.failing
        disk.free.set()
        await healed(trail)
        trail.record(ENTRY)
        await trail.close()

    played(story())
    assert [each.kind for each in search(Files(tmp_path), Filters())].count("broker.stopped") == 2
    assert verify(Files(tmp_path), KEY.verifier).size == 3  # the first refused one was under way, and came late


def test_an_end_that_is_written_late_is_written_once(tmp_path: Path, played: Played) -> None:
    """It is under way, so it is not owed as well; what came behind it is."""

    async def story() -> None:
        disk = Faulty()
        trail = Trail(Journal(tmp_path, KEY, KEY.name, disk=disk), stall=0.1)
        began = trail.record(Entry("statement", 0.0, {"n": 1}))
        await asyncio.sleep(2 * FRESH)
        freeze(disk)
        assert trail.record(Entry("statement.done", 0.0, {"statement": began})) == -1
        assert trail.record(Entry("session.closed", 0.0, {"session": "ss-1"})) == -1
        disk.free.set()
        await healed(trail)
        trail.record(ENTRY)
        await trail.close()

    played(story())
    kinds = [each.kind for each in search(Files(tmp_path), Filters())]
    assert kinds[::-1] == ["statement", "statement.done", "session.closed", "broker.stopped"]


def test_a_write_that_holds_the_loop_is_told_to_whom_it_concerns(tmp_path: Path, played: Played) -> None:
    """In the middle of work the loop writes by itself; if that hangs, another thread cuts the sessions off."""

    async def story() -> None:
        disk = Faulty()
        trail = Trail(Journal(tmp_path, KEY, KEY.name, disk=disk), stall=0.2)
        told = threading.Event()

        def cut_off() -> None:
            told.set()
            disk.free.set()

        trail.when_stuck = cut_off
        trail.start()
        while not told.is_set():
            trail.record(ENTRY)
            freeze(disk)
            trail.record(ENTRY)  # soon enough after the one before; on a very slow machine not, and again
            disk.frozen = False
            disk.free.set()
        await trail.close()

    played(story())
    assert verify(Files(tmp_path), KEY.verifier).size >= 2


def test_a_tree_that_cannot_follow_closes_the_log(tmp_path: Path, played: Played) -> None:
    """Entries without a checkpoint are not gathered for ever, though the journal would take them."""

    async def story() -> int:
        disk = Faulty()
        trail = trail_of(tmp_path, disk, patience=0.1)
        disk.stiff = True
        refused = False
        while not refused:
            with suppress(Unavailable):
                await trail.integrate()
            try:
                trail.record(ENTRY)
            except Unavailable:
                refused = True
        disk.stiff = False
        await healed(trail)
        size = trail.record(ENTRY) + 1
        await trail.close()
        return size

    assert played(story()) == verify(Files(tmp_path), KEY.verifier).size >= 2


def test_the_end_of_what_ran_is_owed_and_paid_first(tmp_path: Path, played: Played) -> None:
    """What is over cannot be refused: its entry waits for room, and nothing new is written before it."""

    async def story() -> None:
        disk = Faulty()
        trail = trail_of(tmp_path, disk)
        began = trail.record(Entry("statement", 0.0, {"n": 1}))
        disk.full = True
        assert trail.record(Entry("statement.done", 0.0, {"statement": began, "rows": 7})) == -1
        assert "No space" in trail.failing
        with pytest.raises(Unavailable):
            trail.record(ENTRY)
        disk.full = False
        assert trail.record(ENTRY) == began + 2
        assert not trail.failing
        disk.full = True
        trail.record(Entry("session.closed", 0.0, {"session": "ss-1"}))
        disk.full = False
        await trail.close()

    played(story())
    kinds = [each.kind for each in search(Files(tmp_path), Filters())]
    assert kinds[::-1] == ["statement", "statement.done", "broker.stopped", "session.closed"]
    assert verify(Files(tmp_path), KEY.verifier).size == 4


def test_a_wait_that_ends_as_its_sync_does_closes_nothing(tmp_path: Path, played: Played) -> None:
    """Whoever waits for an entry that never comes is told in time, and nobody else is refused."""

    async def story() -> None:
        trail = trail_of(tmp_path, Disk(), patience=0.05)
        trail.record(ENTRY)
        with pytest.raises(Unavailable):
            await trail.durable(7)
        trail._patience = 60.0
        await healed(trail)
        trail.record(ENTRY)
        await trail.close()

    played(story())
    assert verify(Files(tmp_path), KEY.verifier).size == 2
