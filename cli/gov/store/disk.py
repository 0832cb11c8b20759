"""The system calls that the audit log is written with, each of them one method.

The order in which the journal uses them is its crash safety; tests replace this one class to stop, fill or
break the disk between any two of them.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PRIVATE = 0o600
_OURS = os.O_CLOEXEC | os.O_NOFOLLOW
"""The files of a log are plain files: a link in the place of one could have a broker write, or show, other files."""


class Disk:
    """A real file system. Every method raises OSError and knows nothing of what it writes."""

    def open_append(self, path: Path) -> int:
        """A descriptor that writes at the end of `path`, made if it is not there."""
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _OURS, _PRIVATE)

    def open_write(self, path: Path) -> int:
        """A descriptor that writes over `path`, which must be there."""
        return os.open(path, os.O_WRONLY | _OURS)

    def scrub(self, fd: int) -> None:
        """Overwrite a file that has no name any more. What fails here leaves nothing that could be opened."""
        with suppress(OSError):
            rest = memoryview(bytes(os.fstat(fd).st_size))
            while rest:
                rest = rest[self.write(fd, rest) :]
            self.sync(fd)

    def write(self, fd: int, data: bytes | memoryview) -> int:
        """One write: how many bytes the kernel took."""
        return os.write(fd, data)

    def truncate(self, fd: int, length: int) -> None:
        """Cut the file to `length` bytes."""
        os.ftruncate(fd, length)

    def length(self, fd: int) -> int:
        """How long the file is; -1 when it has no name any more."""
        stat = os.fstat(fd)
        return stat.st_size if stat.st_nlink else -1

    def same(self, fd: int, path: Path) -> bool:
        """Whether `path` still names the file that `fd` writes."""
        try:
            return os.path.samestat(os.fstat(fd), os.stat(path))
        except (FileNotFoundError, NotADirectoryError):
            return False

    def identity(self, path: Path) -> tuple[int, int] | None:
        """What tells the file or directory from any other that may take its name; None when there is none."""
        try:
            stat = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return stat.st_dev, stat.st_ino

    def sync(self, fd: int) -> None:
        """Return when the file's content is on the disk."""
        os.fdatasync(fd)

    def close(self, fd: int) -> None:
        """Give the descriptor back."""
        os.close(fd)

    def create(self, path: Path, data: bytes) -> None:
        """A new file `path` with `data`, on the disk. The directory is not synced."""
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _OURS, _PRIVATE)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[self.write(fd, rest) :]
            self.sync(fd)
        finally:
            self.close(fd)

    def rename(self, old: Path, new: Path) -> None:
        """Let `new` name what `old` named."""
        os.replace(old, new)

    def remove(self, path: Path) -> None:
        """Forget `path`; it need not exist."""
        with suppress(FileNotFoundError):
            os.unlink(path)

    def remove_directory(self, path: Path) -> None:
        """Forget `path` and the files in it; it need not exist."""
        with suppress(FileNotFoundError):
            for name in sorted(os.listdir(path)):
                self.remove(path / name)
            os.rmdir(path)

    def make_directory(self, path: Path) -> None:
        """Make `path` and its parents where they are missing."""
        if not path.is_dir():
            self.make_directory(path.parent)
            with suppress(FileExistsError):
                os.mkdir(path, 0o700)

    def forget_directory(self, path: Path) -> None:
        """Forget `path` if nothing is in it; if that fails too, so be it."""
        with suppress(OSError):
            os.rmdir(path)

    def sync_directory(self, path: Path) -> None:
        """Return when the names in `path` are on the disk."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def lock(self, path: Path) -> int:
        """A descriptor that holds the directory's only lock.

        Raises:
            BlockingIOError: Another process holds it.
        """
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            raise
        return fd


class Files:
    """Read access to the directory of a log, by the paths of `docs/spec/audit-log.md`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def __call__(self, path: str) -> bytes | None:
        """The content of `path`; None when there is no such file, it is no plain one, or it would be outside."""
        if path.startswith("/") or ".." in path.split("/"):
            return None
        try:
            fd = os.open(self.directory / path, os.O_RDONLY | os.O_NONBLOCK | _OURS)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as why:
            if why.errno in (errno.ELOOP, errno.ENXIO):  # a link, a socket
                return None
            raise
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                return None
            with open(fd, "rb", buffering=0, closefd=False) as file:
                return file.readall()
        finally:
            os.close(fd)

    def names(self, under: str = "") -> Iterator[str]:
        """Every file below the directory `under`, relative to the log's, those of each directory sorted."""
        prefix = f"{under.rstrip('/')}/" if under else ""
        try:
            with os.scandir(self.directory / under) as found:
                each = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in found)
        except (FileNotFoundError, NotADirectoryError):
            return
        for name, is_directory in each:
            if is_directory:
                yield from self.names(f"{prefix}{name}")
            else:
                yield f"{prefix}{name}"


class Listing:
    """The names of a log's files, read anew each time somebody goes through them: there may be very many."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def __iter__(self) -> Iterator[str]:
        return self._files.names()
