"""The journal: an entry is one line, one write, and then it happened; the tree follows.

    append      a line reaches the kernel: it survives the broker
    sync        everything appended so far reaches the disk: it survives the machine
    integrate   everything appended so far moves into the tree, under a new checkpoint

Lines go to `journal/<serial>`. Integrating starts a new file first, so that appending never waits for it, and
removes the old one last. Whatever stops in between, opening the journal again brings both together: entries
that the tree has are passed over, the others are integrated, a last line cut short is dropped.

What fails, fails closed: after a write that the disk refused, the next append first cuts away what it left;
after a failed sync nothing more is acknowledged until all of it is in the tree, because the kernel may have
dropped the pages it could not write and would call a second sync a success.

What somebody takes away is noticed by the next sync or integration, before it counts. A journal file or a
checkpoint is written anew from memory by the integration after that. Directories are not: where the log's own
are not in their places nothing is written until they are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import NoReturn, Self, TypeVar

from gov.audit.entry import SALT_SIZE, Entry, Record, record
from gov.audit.line import write_line
from gov.audit.note import SigningKey
from gov.errors import ConfigError, Unavailable
from gov.store import erasure
from gov.store.disk import Disk
from gov.store.places import JOURNAL, Places
from gov.store.recovery import unseen
from gov.store.tiles import Tiles

T = TypeVar("T")

_SALTS = 256
"""Salts drawn at a time: one system call for many entries."""


@dataclass(slots=True)
class _Segment:
    """The file that is written."""

    path: Path
    fd: int
    length: int = 0
    """Bytes of whole lines. Anything beyond was refused."""
    is_lost: bool = False
    """Whether it may lack what was written to it."""


class Journal:
    """The only writer of one log. `append` for one thread; `sync` and `integrate` from others at any time."""

    def __init__(
        self, directory: Path, keys: SigningKey | Sequence[SigningKey], origin: str, *, disk: Disk | None = None
    ) -> None:
        """Open or begin the log in `directory`, and recover what a crash left.

        All `keys` sign; the last is the one in force, those before it are being given up.

        Raises:
            Unavailable: Another process has it open, the disk fails, or the log is damaged.
            ConfigError: It belongs to another key.
            Unverified: Its checkpoint is not signed by this key.
        """
        keys = (keys,) if isinstance(keys, SigningKey) else tuple(keys)
        for key in keys:
            if key.name != origin:
                raise ConfigError(f"the audit key is named {key.name}, the log {origin}", hint="gov broker init")
        self._disk = disk or Disk()
        self._directory = directory
        self._appending = Lock()  # held for a write
        self._syncing = Lock()  # held for one fdatasync
        self._integrating = Lock()
        self.erasing = Lock()
        """Held from the beginning of an erasure to its end."""
        self._salts: list[bytes] = []
        self._writer = os.urandom(8).hex()
        """One opening of the log is one writer."""
        self._sequence = 0
        """Entries that it has written."""
        self._dirty = False
        """Whether the segment may hold more than its whole lines."""
        self._trouble = ""
        """Why nothing is acknowledged until the next successful `integrate`."""
        self._closed = False
        self._noticed = ""
        """What somebody took away, the last time that somebody did."""
        self._places = Places(directory, self._disk)
        self._pending: list[Record] = []
        """In the journal and not in the tree."""
        self._spent: list[Path] = []
        """Segments that are not written any more, and not removed yet."""
        self._segment: _Segment
        self._size: int
        self._durable: int
        self._last: bytes
        """The hash of the last entry."""
        try:
            self._lock = self._acquire()
            try:
                self._open(keys)
            except BaseException:
                self._disk.close(self._lock)
                raise
        except OSError as why:
            raise _unavailable("the audit log cannot be opened", why) from why

    def append(self, entry: Entry) -> int:
        """Write `entry`; its index. When this returns, the kernel has it.

        Raises:
            Unavailable: It could not be written, so what it is about must not happen.
            TooComplex: It is longer than an entry may be.
            ValueError: Its kind is unknown.
        """
        with self._appending:  # what append_many does, without its lists: this is done for every statement
            made = record(entry, self._size, self._last, self._salt(), self._writer, self._sequence)
            self._write(write_line(made))
            self._pending.append(made)
            self._last = made.hash
            self._size += 1
            self._sequence += 1
            return made.index

    def append_many(self, entries: Iterable[Entry]) -> int:
        """Write all of `entries` at once, or none; the size of the log after them.

        Raises:
            Unavailable: They could not be written.
            TooComplex: One is longer than an entry may be.
            ValueError: The kind of one is unknown.
        """
        with self._appending:
            records = self._records(entries)
            if records:
                self._write(b"".join(map(write_line, records)))
                self._pending += records
                self._last = records[-1].hash
                self._size += len(records)
                self._sequence += len(records)
            return self._size

    def sync(self) -> int:
        """Return when every entry appended so far is on the disk; how many there are. Blocks.

        Raises:
            Unavailable: The disk failed; nothing since the last sync counts as written.
        """
        with self._syncing:
            with self._appending:
                segment, length, size = self._segment, self._segment.length, self._size
                self._refuse_trouble()
            if size > self._durable:
                self._sync(segment, length)
                self._durable = size
            return size

    def integrate(self) -> int:
        """Move what is in the journal into the tree and sign its checkpoint; the tree's size. Blocks.

        Raises:
            Unavailable: The disk failed, or somebody took the journal away. Call again: it heals if it can.
        """
        with self._integrating:
            self._refuse_closed()
            try:
                self._notice()
                if self._pending or self._trouble:
                    self._integrate()
                    self._places.wrong()  # remembers the directories that this has made
                self._tidy()
            except OSError as why:
                raise _unavailable("the audit log cannot be written", why) from why
            return self._tiles.size

    def change(self, work: Callable[[Tiles], T]) -> T:
        """Do something to the files of the tree, while nobody else does. Blocks.

        Raises:
            Unavailable: The disk failed.
        """
        with self._integrating:
            self._refuse_closed()
            try:
                return work(self._tiles)
            except OSError as why:
                raise _unavailable("the audit log cannot be written", why) from why

    @property
    def directory(self) -> Path:
        """Where the log is."""
        return self._directory

    @property
    def checkpoint(self) -> bytes:
        """The newest signed checkpoint. It is behind `size` until the next `integrate`."""
        return self._tiles.checkpoint

    @property
    def noticed(self) -> str:
        """What of the log was taken away, cut short or replaced under it, the last time; empty if nothing ever was."""
        return self._noticed

    @property
    def size(self) -> int:
        """How many entries there are, in the tree or not yet."""
        return self._size

    @property
    def durable(self) -> int:
        """How many entries are known to be on the disk."""
        return self._durable

    def close(self) -> None:
        """Integrate what is left and give the log back.

        Raises:
            Unavailable: The disk failed; the journal keeps what could not be integrated.
        """
        try:
            self.integrate()
        finally:
            # Whoever is still at work on the log in another thread is refused: its files may be somebody else's now.
            with self._integrating, self._syncing, self._appending:
                self._closed, self._trouble = True, "it was given back"
                self._disk.close(self._segment.fd)
                self._disk.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # appending

    def _records(self, entries: Iterable[Entry]) -> list[Record]:
        previous = self._last
        records = []
        for number, entry in enumerate(entries):
            made = record(
                entry, self._size + number, previous, self._salt(), self._writer, self._sequence + number
            )
            records.append(made)
            previous = made.hash
        return records

    def _salt(self) -> bytes:
        if not self._salts:
            drawn = os.urandom(SALT_SIZE * _SALTS)
            self._salts = [drawn[at : at + SALT_SIZE] for at in range(0, len(drawn), SALT_SIZE)]
        return self._salts.pop()

    def _write(self, lines: bytes) -> None:
        self._refuse_trouble()
        segment = self._segment
        try:
            if self._dirty:
                self._disk.truncate(segment.fd, segment.length)
            self._dirty = True
            written = self._disk.write(segment.fd, lines)
            if written != len(lines):
                self._disk.truncate(segment.fd, segment.length)
                raise OSError(f"only {written} of {len(lines)} bytes were written")
        except OSError as why:
            raise _unavailable("the audit journal cannot be written", why) from why
        self._dirty = False
        segment.length += written

    def _refuse_closed(self) -> None:
        if self._closed:
            raise _unavailable("the audit log is closed", self._trouble)

    def _refuse_trouble(self) -> None:
        if self._trouble:
            raise _unavailable("the audit journal is closed", self._trouble)

    # syncing

    def _sync(self, segment: _Segment, length: int) -> None:
        # `length` was read before the file is looked at: an append in between makes the file longer, never shorter.
        # Looking comes after the sync, so that what is acknowledged was on disk in a file that had its name.
        try:
            self._disk.sync(segment.fd)
            if wrong := self._wrong(segment, length):
                self._noticed = wrong
                raise OSError(wrong)
        except OSError as why:
            segment.is_lost = True
            self._trouble = str(why)
            raise _unavailable("the audit journal cannot be written", why) from why

    # noticing

    def _wrong(self, segment: _Segment, length: int) -> str:
        """What somebody did to a journal file, if anything."""
        name = f"{JOURNAL}/{segment.path.name}"
        if not self._disk.same(segment.fd, segment.path):
            return f"{name} was removed or replaced"
        return f"{name} was cut short" if self._disk.length(segment.fd) < length else ""

    def _notice(self) -> None:
        """Refuse if something is not where the log left it; the second time, mend what can be mended."""
        if wrong := self._places.wrong():
            self._refuse_from_now_on(wrong)
        if self._tiles.intact:
            pass
        elif self._trouble:
            self._tiles.restore()
        else:
            self._refuse_from_now_on("checkpoint was removed or replaced")
        if not self._trouble:
            with self._appending:
                segment, length = self._segment, self._segment.length
            if wrong := self._wrong(segment, length):
                segment.is_lost = True
                self._refuse_from_now_on(wrong)

    def _refuse_from_now_on(self, wrong: str) -> NoReturn:
        self._noticed = self._trouble = wrong
        raise _unavailable("the audit journal is closed", wrong)

    # integrating

    def _integrate(self) -> None:
        self._absorb(self._rotate())

    def _absorb(self, count: int) -> None:
        """Bring the first `count` pending entries into the tree, then let their segments go."""
        batch = self._pending[:count]
        if batch:
            self._tiles.extend(batch)
        with self._appending:
            del self._pending[: len(batch)]
            self._durable = max(self._durable, self._tiles.size)
            self._trouble = ""  # everything acknowledged is in the tree, on the disk

    def _tidy(self) -> None:
        """Remove what is in the tree. If that fails nothing is lost, and it is tried again."""
        while self._spent:
            self._disk.remove(self._spent[-1])
            self._spent.pop()
        self._tiles.prune()

    def _rotate(self) -> int:
        """Append to a new file from now on; how many pending entries the old ones hold."""
        with self._appending:
            if not self._segment.length and not self._segment.is_lost:
                return len(self._pending)  # an attempt before this one did it, and then failed
        fresh = self._begin(self._serial + 1)
        with self._syncing:
            with self._appending:
                old, self._segment, count = self._segment, fresh, len(self._pending)
                self._dirty = False
            self._spent.append(old.path)
            try:
                if not self._trouble:
                    self._sync(old, old.length)
                    self._durable = self._tiles.size + count
            finally:
                self._disk.close(old.fd)
        return count

    def _begin(self, serial: int) -> _Segment:
        self._serial = serial  # of the attempt: a name whose sync failed is not used again
        path = self._directory / JOURNAL / f"{serial:016d}"
        segment = _Segment(path, self._disk.open_append(path))
        try:
            self._disk.sync_directory(path.parent)
        except OSError:
            self._disk.close(segment.fd)
            try:
                self._disk.remove(path)
            except OSError:
                self._spent.append(path)
            raise
        return segment

    # opening

    def _acquire(self) -> int:
        self._disk.make_directory(self._directory)
        try:
            return self._disk.lock(self._directory)
        except BlockingIOError:
            raise Unavailable(
                f"another process writes the audit log in {self._directory}", hint="gov broker status"
            ) from None

    def _open(self, keys: Sequence[SigningKey]) -> None:
        self._tiles = Tiles(self._directory, keys, self._disk)
        self._read_segments()
        self._size = self._tiles.size + len(self._pending)
        self._last = self._pending[-1].hash if self._pending else self._tiles.last
        self._durable = self._tiles.size
        self._segment = self._begin(int(self._spent[-1].name) + 1 if self._spent else 1)
        self._absorb(len(self._pending))
        self._tidy()
        self._places.wrong()
        erasure.resume(self)

    def _read_segments(self) -> None:
        journal = self._directory / JOURNAL
        self._disk.make_directory(journal)
        self._disk.sync_directory(self._directory)
        self._spent = sorted(path for path in journal.iterdir() if path.name.isdigit())
        self._pending = unseen(self._spent, self._tiles.size, self._tiles.last)


def _unavailable(what: str, why: object) -> Unavailable:
    return Unavailable(f"{what}: {why}", hint="gov broker status")
