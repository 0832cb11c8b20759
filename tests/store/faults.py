# ruff: noqa: D102 - the methods are those of Disk
"""A disk that stops, fails or loses what was not synced, at any chosen operation."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from errno import EIO, ENOSPC
from pathlib import Path
from typing import TypeVar

from audit.logs import ORIGIN
from gov.audit.note import SigningKey
from gov.store.disk import Disk
from gov.store.journal import Journal

Result = TypeVar("Result")


class Crash(BaseException):
    """The process is gone. Not an Exception: nobody in it catches its own end."""


class CrashingDisk(Disk):
    """Lets `survive` operations happen, then the process ends; a write may end in its middle."""

    def __init__(self, survive: int) -> None:
        self.survive = survive
        self.operations = 0
        self._open: set[int] = set()

    def release(self) -> None:
        """What the kernel does for a dead process: close its files, drop its locks."""
        for fd in self._open:
            os.close(fd)
        self._open.clear()

    def _step(self, operation: Callable[[], Result]) -> Result:
        if self.operations == self.survive:
            raise Crash
        self.operations += 1
        return operation()

    def open_append(self, path: Path) -> int:
        fd = self._step(lambda: super(CrashingDisk, self).open_append(path))
        self._open.add(fd)
        return fd

    def open_write(self, path: Path) -> int:
        fd = self._step(lambda: super(CrashingDisk, self).open_write(path))
        self._open.add(fd)
        return fd

    def scrub(self, fd: int) -> None:
        self._step(lambda: super(CrashingDisk, self).scrub(fd))

    def lock(self, path: Path) -> int:
        fd = super().lock(path)
        self._open.add(fd)
        return fd

    def close(self, fd: int) -> None:
        self._open.discard(fd)
        super().close(fd)

    def write(self, fd: int, data: bytes | memoryview) -> int:
        if self.operations == self.survive and len(data) > 1:
            super().write(fd, data[: len(data) // 2])
        return self._step(lambda: super(CrashingDisk, self).write(fd, data))

    def truncate(self, fd: int, length: int) -> None:
        self._step(lambda: super(CrashingDisk, self).truncate(fd, length))

    def sync(self, fd: int) -> None:
        self._step(lambda: None)  # what a real sync does is what ForgetfulDisk forgets without one

    def create(self, path: Path, data: bytes) -> None:
        self._step(lambda: super(CrashingDisk, self).create(path, data))

    def rename(self, old: Path, new: Path) -> None:
        self._step(lambda: super(CrashingDisk, self).rename(old, new))

    def remove(self, path: Path) -> None:
        self._step(lambda: super(CrashingDisk, self).remove(path))

    def make_directory(self, path: Path) -> None:
        self._step(lambda: super(CrashingDisk, self).make_directory(path))

    def sync_directory(self, path: Path) -> None:
        self._step(lambda: None)


class ForgetfulDisk(CrashingDisk):
    """After the crash the machine loses power: what was not synced is undone, the newest first.

    The worst that POSIX allows of appended bytes, new names, replaced names and removed names.
    """

    def __init__(self, survive: int) -> None:
        super().__init__(survive)
        self._lengths: dict[Path, int] = {}
        self._paths: dict[int, Path] = {}
        self._undo: list[tuple[Path, Callable[[], object]]] = []

    def lose_power(self) -> None:
        """Leave on the disk what had been promised to be there."""
        for path, length in self._lengths.items():
            if path.exists():
                os.truncate(path, length)
        for _, undo in reversed(self._undo):
            undo()

    def open_append(self, path: Path) -> int:
        is_new = not path.exists()
        fd = super().open_append(path)
        if is_new:
            self._undo.append((path.parent, lambda: path.unlink(missing_ok=True)))
        self._lengths.setdefault(path, 0 if is_new else path.stat().st_size)
        self._paths[fd] = path
        return fd

    def truncate(self, fd: int, length: int) -> None:
        super().truncate(fd, length)
        self._lengths[self._paths[fd]] = min(self._lengths[self._paths[fd]], length)

    def sync(self, fd: int) -> None:
        super().sync(fd)
        if path := self._paths.get(fd):
            self._lengths[path] = os.fstat(fd).st_size

    def close(self, fd: int) -> None:
        self._paths.pop(fd, None)
        super().close(fd)

    def rename(self, old: Path, new: Path) -> None:
        before = new.read_bytes()[: self._lengths.get(new)] if new.exists() else None
        super().rename(old, new)
        self._lengths.pop(new, None)  # it names a file that was written whole, and synced
        self._undo.append((new.parent, lambda: _restore(new, before)))

    def remove(self, path: Path) -> None:
        before = path.read_bytes() if path.exists() else None
        super().remove(path)
        self._undo.append((path.parent, lambda: _restore(path, before)))

    def sync_directory(self, path: Path) -> None:
        super().sync_directory(path)
        self._undo = [(parent, undo) for parent, undo in self._undo if parent != path]


def _restore(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink(missing_ok=True)
    elif path.parent.exists():
        path.write_bytes(content)


class FailingDisk(Disk):
    """Works, but for the operations `fails` says yes to: they end in `error`."""

    def __init__(self, fails: Callable[[str, int], bool], error: int = ENOSPC) -> None:
        self._fails = fails
        self._error = error
        self.operations = 0

    def _try(self, name: str) -> None:
        self.operations += 1
        if self._fails(name, self.operations):
            raise OSError(self._error, os.strerror(self._error))

    def write(self, fd: int, data: bytes | memoryview) -> int:
        self.operations += 1
        if self._fails("write", self.operations):
            if self._error == ENOSPC and len(data) > 1:
                return super().write(fd, data[: len(data) // 2])  # what still fitted
            raise OSError(self._error, os.strerror(self._error))
        return super().write(fd, data)

    def truncate(self, fd: int, length: int) -> None:
        self._try("truncate")
        super().truncate(fd, length)

    def sync(self, fd: int) -> None:
        self._try("sync")
        super().sync(fd)

    def open_append(self, path: Path) -> int:
        self._try("open_append")
        return super().open_append(path)

    def open_write(self, path: Path) -> int:
        self._try("open_write")
        return super().open_write(path)

    def create(self, path: Path, data: bytes) -> None:
        self._try("create")
        super().create(path, data)

    def remove(self, path: Path) -> None:
        self._try("remove")
        super().remove(path)

    def rename(self, old: Path, new: Path) -> None:
        self._try("rename")
        super().rename(old, new)

    def sync_directory(self, path: Path) -> None:
        self._try("sync_directory")
        super().sync_directory(path)


__all__ = ["EIO", "ENOSPC", "Crash", "CrashingDisk", "FailingDisk", "ForgetfulDisk"]


def stopped(
    base: Path, scratch: Path, disk_of: type[CrashingDisk], keys: list[SigningKey], work: Callable[[Journal], object]
) -> Iterator[Path]:
    """Copies of the log `base`, in each of which `work` was stopped one operation later; in the last it was not."""
    survive, over = 0, False
    while not over:
        directory = shutil.copytree(base, scratch / f"{disk_of.__name__}-{survive}")
        disk = disk_of(10_000)
        journal = Journal(directory, keys, ORIGIN, disk=disk)
        disk.survive = disk.operations + survive
        with suppress(Crash):
            work(journal)
            over = True
        disk.release()
        if not over and isinstance(disk, ForgetfulDisk):
            disk.lose_power()
        yield directory
        survive += 1
