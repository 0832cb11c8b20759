"""Files: written whole or not at all, private ones readable by their owner only, locked where it matters."""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import file_digest
from pathlib import Path
from typing import BinaryIO

from gov.errors import ConfigError


def write_private(path: Path, text: str) -> None:
    """Replace the file at `path` by `text`, atomically, mode 0600, its directory 0700 if it is new.

    Raises OSError, of the file at `path`.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with replacing(path, 0o600) as out:
            out.write(text.encode())
    except OSError as error:  # of a file that is gone again, or of none
        raise OSError(error.errno, error.strerror, str(path)) from error


@contextmanager
def replacing(path: Path, mode: int) -> Iterator[BinaryIO]:
    """A file that takes the place of `path` when all that is written to it is on disk; on any error nothing is left.

    Raises OSError. Nobody else can read it before it has its `mode`.
    """
    handle, partial = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            yield out
            out.flush()
            os.fchmod(handle, mode)
            os.fsync(handle)
        os.replace(partial, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(partial)
        raise


def digest(path: Path) -> str:
    """SHA-256 of a file, hex. Raises OSError."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def read_private(path: Path, *, secret: bool = False) -> str | None:
    """The text of the file, None when there is none.

    Raises:
        ConfigError: it is a `secret` and others can read it.
    """
    try:
        with path.open(encoding="utf-8") as file:
            if secret and stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise ConfigError(f"{path} can be read by others", hint=f"chmod 600 {path}")
            return file.read()
    except FileNotFoundError:
        return None


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file at `path` alone, among all processes of this machine; waits for it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)  # closing releases the lock
