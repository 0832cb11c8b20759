"""The system calls of the audit log, with a fault at any of them, and a power cut that takes what was not synced.

`Calls` stands in the place of the module `os` in `gov.store.disk`. It counts each call by what it does and
to which kind of file (`write journal`, `fsync tile`, `rename checkpoint`), and lets the chosen one fail.

The power cut is the worst that POSIX allows: bytes that no successful sync covered become zeros or are gone,
names that no successful sync of their directory covered are as they were. A sync that failed has lost what it
was asked to write; a later one that succeeds does not bring it back.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from errno import EIO, ENOSPC
from pathlib import Path
from typing import Any, TypeVar

from gov.store import disk

Result = TypeVar("Result")
SHORT = -1
"""A write that takes half of what it is given, once or again and again."""
HANG = -2
"""A call that does not come back until it is released."""
HANGS_FOR = 60.0
"""Seconds; then it does."""
ERRORS = {EIO: "EIO", ENOSPC: "ENOSPC", SHORT: "short", HANG: "hang"}


@dataclass(frozen=True, slots=True)
class Fault:
    """Which call fails, and how."""

    operation: str
    """As counted: `write journal`."""
    occurrence: int
    """Which of them, from 1."""
    error: int
    lasting: bool = False
    """Whether all calls of that operation fail from then on, until it is released."""

    def __str__(self) -> str:
        lasting = " and on" if self.lasting else ""
        return f"{ERRORS[self.error]} at {self.operation} {self.occurrence}{lasting}"


@dataclass(slots=True)
class _Content:
    """Which bytes of a file a power cut would take."""

    dirty: list[tuple[int, int]] = field(default_factory=list)
    lost: list[tuple[int, int]] = field(default_factory=list)
    """What a sync failed to write."""

    def written(self, start: int, end: int) -> None:
        self.lost = list(_without(self.lost, start, end))
        self.dirty.append((start, end))

    def cut(self, length: int) -> None:
        self.dirty = [(start, min(end, length)) for start, end in self.dirty if start < length]
        self.lost = [(start, min(end, length)) for start, end in self.lost if start < length]

    def synced(self, failed: bool) -> None:
        if failed:
            self.lost += self.dirty
        self.dirty = []


def _without(spans: list[tuple[int, int]], start: int, end: int) -> Iterator[tuple[int, int]]:
    for first, last in spans:
        if first < min(last, start):
            yield first, min(last, start)
        if max(first, end) < last:
            yield max(first, end), last


@dataclass(slots=True)
class _Name:
    """A change of a directory that a power cut would undo."""

    path: Path
    undo: Callable[[], object]
    lost: bool = False
    """Whether a sync of the directory failed after it."""


class Calls:
    """A module `os` below one directory; everything else is the real one's."""

    def __init__(self, below: Path) -> None:
        self.below = below
        self.counts: Counter[str] = Counter()
        self.fault: Fault | None = None
        self.struck = 0
        """How many calls failed."""
        self.released = threading.Event()
        self._paths: dict[int, Path] = {}
        self._contents: dict[Path, _Content] = {}
        self._names: list[_Name] = []
        self._lock = threading.RLock()

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    # What the tests do

    def arm(self, fault: Fault) -> None:
        """Let `fault` happen, counted from now."""
        self.counts.clear()
        self.released.clear()
        self.fault = fault

    def release(self) -> None:
        """The disk works again."""
        self.fault = None
        self.released.set()

    def abandon(self) -> None:
        """What the kernel does for a process that was killed: close its files, drop its locks."""
        for fd in [*self._paths]:
            self._paths.pop(fd)
            os.close(fd)

    def lose_power(self, *, zeros: bool) -> None:
        """After `abandon`: leave on the disk only what it had promised to keep."""
        for path, content in self._contents.items():
            if path.exists():
                _take(path, content.dirty + content.lost, zeros=zeros)
        for name in reversed(self._names):
            name.undo()

    # The calls

    def open(self, path: Path, flags: int, mode: int = 0o777) -> int:
        """Counted, and known by its path from then on."""
        path = Path(path)
        is_new = bool(flags & os.O_CREAT) and not path.exists()
        fd = self._call("open", path, lambda: os.open(path, flags, mode))
        with self._lock:
            self._paths[fd] = path
            if not flags & os.O_DIRECTORY:
                content = self._contents.setdefault(path, _Content())
                if is_new:
                    self._contents[path] = _Content()
                    self._changed(path, lambda: path.unlink(missing_ok=True))
                elif flags & os.O_TRUNC:
                    content.cut(0)
        return fd

    def close(self, fd: int) -> None:
        """Never fails."""
        if self._paths.pop(fd, None) is not None:
            os.close(fd)

    def write(self, fd: int, data: bytes | memoryview) -> int:
        """May take half only."""
        path = self._paths[fd]
        start = os.fstat(fd).st_size  # everything here appends
        if (error := self._strikes("write", path)) == SHORT and len(data) > 1:
            data = data[: len(data) // 2]
        elif error > 0:
            raise OSError(error, os.strerror(error))
        written = os.write(fd, data)
        with self._lock:
            self._contents[path].written(start, start + written)
        return written

    def ftruncate(self, fd: int, length: int) -> None:
        """Counted."""
        path = self._paths[fd]
        self._call("truncate", path, lambda: os.ftruncate(fd, length))
        with self._lock:
            self._contents[path].cut(length)

    def fdatasync(self, fd: int) -> None:
        """What it fails to write is lost."""
        path = self._paths[fd]
        error = self._strikes("fsync", path)
        with self._lock:
            self._contents[path].synced(error > 0)
        if error > 0:
            raise OSError(error, os.strerror(error))

    def fsync(self, fd: int) -> None:
        """Of a directory: the names in it."""
        path = self._paths[fd]
        error = self._strikes("fsync", path)
        with self._lock:
            for name in self._names:
                name.lost |= error > 0 and name.path.parent == path
            self._names = [name for name in self._names if name.lost or name.path.parent != path]
        if error > 0:
            raise OSError(error, os.strerror(error))

    def replace(self, old: Path, new: Path) -> None:
        """Counted."""
        before = new.read_bytes() if new.exists() else None
        self._call("rename", new, lambda: os.replace(old, new))
        with self._lock:
            self._contents[new] = self._contents.pop(old, _Content())
            self._names = [name for name in self._names if name.path not in (old, new) or not name.lost]
            self._names = [name for name in self._names if name.path != old]
            self._changed(new, lambda: _restore(new, before))

    def unlink(self, path: Path) -> None:
        """Counted."""
        before = path.read_bytes() if path.exists() else None
        self._call("unlink", path, lambda: os.unlink(path))
        with self._lock:
            self._contents.pop(path, None)
            if any(name.path == path and name.lost for name in self._names):
                self._names = [name for name in self._names if name.path != path]
            else:
                self._changed(path, lambda: _restore(path, before))

    def mkdir(self, path: Path, mode: int = 0o777) -> None:
        """Counted."""
        if not Path(path).exists():
            self._call("mkdir", Path(path), lambda: os.mkdir(path, mode))

    def rmdir(self, path: Path) -> None:
        """Counted."""
        self._call("rmdir", Path(path), lambda: os.rmdir(path))

    def listdir(self, path: Path) -> list[str]:
        """Counted."""
        return self._call("list", Path(path), lambda: os.listdir(path))

    def _call(self, name: str, path: Path, act: Callable[[], Result]) -> Result:
        if (error := self._strikes(name, path)) > 0:
            raise OSError(error, os.strerror(error))
        return act()

    def _strikes(self, name: str, path: Path) -> int:
        """The error that this call ends in; 0 for none. Hangs where it must."""
        with self._lock:
            operation = f"{name} {self._kind(path)}"
            self.counts[operation] += 1
            fault, number = self.fault, self.counts[operation]
            if fault is None or fault.operation != operation:
                return 0
            if number != fault.occurrence and not (fault.lasting and number > fault.occurrence):
                return 0
            self.struck += 1
        if fault.error == HANG:
            self.released.wait(HANGS_FOR)
            return 0
        return fault.error

    def _kind(self, path: Path) -> str:
        """What a file is to the log."""
        if not path.is_relative_to(self.below):
            return "parent"
        first, *rest = path.relative_to(self.below).parts or (".",)
        return f"{first}/" if first in _FOLDERS and not rest else first

    def _changed(self, path: Path, undo: Callable[[], object]) -> None:
        self._names.append(_Name(path, undo))


_FOLDERS = ("journal", "tile", "payload", "new")


def _take(path: Path, spans: list[tuple[int, int]], *, zeros: bool) -> None:
    """Let these bytes of a file be zeros; at its end, be gone, unless `zeros`."""
    content = bytearray(path.read_bytes())
    for start, end in sorted(spans, reverse=True):
        if end >= len(content) and not zeros:
            del content[start:]
        else:
            content[start:end] = bytes(min(end, len(content)) - start)
    path.write_bytes(content)


def _restore(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink(missing_ok=True)
    elif path.parent.exists():
        path.write_bytes(content)


@contextmanager
def counted(below: Path) -> Iterator[Calls]:
    """The log's system calls go through the `Calls` that is yielded."""
    calls, before = Calls(below), disk.os
    disk.os = calls  # type: ignore[assignment, attr-defined]
    try:
        yield calls
    finally:
        calls.release()
        disk.os = before  # type: ignore[attr-defined]
        calls.abandon()
