"""A place on this machine where programs of one person find a proxy: a Unix socket, or a port of the loopback.

A Unix socket is its owner's alone: mode 0600, in a directory that nobody else can change, and the kernel
says who knocks. A port has none of that, so it comes with a password of its own.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import socket
import stat
import struct
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from gov.errors import UsageError

PORT = 5432
"""The number in the name of a socket, where libpq looks when PGPORT is not set."""
BACKLOG = 128
LONGEST_PATH = 103
"""Bytes of a socket's path that every system takes (Linux has 107, macOS 103)."""

_NAME = re.compile(r"\.s\.PGSQL\.(\d{1,5})")
_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An open place; `host` and `port` are what libpq's PGHOST and PGPORT must say."""

    listener: socket.socket
    host: str
    port: int
    password: str | None = None
    """What a client must know; None where the kernel says who it is."""

    @property
    def path(self) -> Path | None:
        """Of the Unix socket; None for a port."""
        return None if self.password is not None else Path(self.host) / f".s.PGSQL.{self.port}"


@contextmanager
def unix(place: Path) -> Iterator[Endpoint]:
    """A Unix socket at `place`, as long as the context lasts: a directory, or the whole path of a `.s.PGSQL.N`.

    A directory that is not there is made, 0700, and taken away again.

    Raises:
        UsageError: somebody serves there already, or others can change the directory.
    """
    place = Path(os.path.abspath(place))
    named = _NAME.fullmatch(place.name)
    directory, port = (place.parent, int(named[1])) if named else (place, PORT)
    path = directory / f".s.PGSQL.{port}"
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise UsageError(f"{path}: too long for a socket, which has {LONGEST_PATH} bytes", hint="--socket /tmp/NAME")
    with ExitStack() as stack:
        stack.enter_context(_directory(directory))
        stack.enter_context(_alone(path))
        yield Endpoint(stack.enter_context(_bound(path)), str(directory), port)


@contextmanager
def own_directory(wanted: Path) -> Iterator[Path]:
    """`wanted`, if a socket in it has a path short enough, else a new directory of one's own below /tmp."""
    if len(os.fsencode(wanted / f".s.PGSQL.{PORT}")) <= LONGEST_PATH:
        yield wanted
        return
    made = Path(tempfile.mkdtemp(prefix="gov-"))
    try:
        yield made
    finally:
        with suppress(OSError):
            made.rmdir()


@contextmanager
def loopback(port: int) -> Iterator[Endpoint]:
    """A port of the loopback, as long as the context lasts; 0 is any that is free.

    Raises:
        UsageError: the port is taken, or not for us to take.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((_LOOPBACK, port))
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise UsageError(f"port {port}: {why}", hint="--port 0 takes any that is free") from error
        listener.listen(BACKLOG)
        yield Endpoint(listener, _LOOPBACK, listener.getsockname()[1], secrets.token_urlsafe(24))


def stranger(connection: socket.socket) -> int | None:
    """The uid of whoever is at the other end of a Unix socket, when it is not ours; None when it is.

    Where the kernel does not say, the directory must do.
    """
    if not hasattr(socket, "SO_PEERCRED"):
        return None
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    uid = int(struct.unpack("3i", raw)[1])
    return None if uid == os.geteuid() else uid


@contextmanager
def _directory(directory: Path) -> Iterator[None]:
    """A directory in which nobody else can put something in the socket's place."""
    try:
        made = not directory.exists()
        if not made and not directory.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = directory.stat()
    except OSError as error:
        raise UsageError(f"{directory}: {(error.strerror or str(error)).lower()}", hint="--socket DIRECTORY") from error
    open_to_others = found.st_mode & 0o022 and not found.st_mode & stat.S_ISVTX
    if found.st_uid not in (0, os.geteuid()) or open_to_others:
        what = f"{directory}: others can change this directory"
        raise UsageError(what, hint=f"chmod 700 {directory}, if it is yours")
    try:
        yield
    finally:
        if made:
            with suppress(OSError):  # somebody keeps something in it by now
                directory.rmdir()


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the lock beside the socket, so that only one of us serves it and a socket that is left is nobody's."""
    lock = path.with_name(f"{path.name}.gov-lock")
    handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _taken(path) from None
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)  # while it is held: whoever opens it now makes another
    finally:
        os.close(handle)


@contextmanager
def _bound(path: Path) -> Iterator[socket.socket]:
    """A listening socket at `path`, mode 0600 from its first moment, and gone at the end."""
    _clear(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        mask = os.umask(0o177)
        try:
            listener.bind(str(path))
        except OSError as error:
            raise UsageError(f"{path}: {(error.strerror or str(error)).lower()}", hint="--socket DIRECTORY") from error
        finally:
            os.umask(mask)
        try:
            listener.listen(BACKLOG)
            yield listener
        finally:
            path.unlink(missing_ok=True)


def _clear(path: Path) -> None:
    """Take away what a proxy that was killed has left; what somebody serves, or what is no socket, stays."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise UsageError(f"{path}: this is no socket", hint="--socket DIRECTORY")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knock:
        try:
            knock.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except OSError as error:
            raise UsageError(f"{path}: {(error.strerror or str(error)).lower()}", hint="--socket DIRECTORY") from error
    raise _taken(path)


def _taken(path: Path) -> UsageError:
    return UsageError(f"{path}: something serves there already", hint=f"psql -h {path.parent}, or --socket DIRECTORY")
