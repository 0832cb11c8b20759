"""Where results go: standard output, or a file that appears whole or not at all."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from types import FrameType
from typing import IO, BinaryIO, cast

from gov.client.files import replacing
from gov.errors import GovError, UsageError
from gov.ui.results import COLUMNAR, Format

_ENDINGS = {".txt": Format.TABLE, ".csv": Format.CSV, ".json": Format.JSON,
            ".jsonl": Format.JSONL, ".ndjson": Format.JSONL,
            ".parquet": Format.PARQUET, ".arrow": Format.ARROW, ".feather": Format.ARROW}


class Sink:
    """Takes text and bytes, counts them and knows their digest."""

    def __init__(self, out: IO[str], file: BinaryIO | None = None) -> None:
        """`out` takes the text where there is no `file` of ours to take both as bytes."""
        self._out = out
        self._file = file
        self._hash = sha256()
        self.size = 0
        """Bytes of UTF-8 that went through."""
        self._told = 0

    closed = False
    """What libraries that write to files ask for."""

    def isatty(self) -> bool:
        """Whether somebody reads along."""
        return self._file is None and self._out.isatty()

    def flush(self) -> None:
        """Nothing is kept here."""

    def write(self, data: str | bytes, /) -> int:
        """Take some of it."""
        raw = data.encode(errors="surrogatepass") if isinstance(data, str) else data
        self.size += len(raw)
        if self._file is not None:
            self._hash.update(raw)
            self._file.write(raw)
        elif isinstance(data, str):
            self._out.write(data)
        else:
            self._out.flush()
            self._out.buffer.write(raw)  # type: ignore[attr-defined]  # standard output has one
        return len(data)

    @property
    def digest(self) -> str:
        """SHA-256, hex, of what went into the file so far."""
        return self._hash.hexdigest()

    def taken(self) -> int:
        """Bytes since the last call."""
        fresh, self._told = self.size - self._told, self.size
        return fresh


def format_of(asked: Format | None, path: str | None) -> Format:
    """The format asked for, else that of the file's ending, else a table.

    Raises:
        UsageError: The ending says nothing, or the format is none for a terminal.
    """
    if asked is not None or path in (None, "-"):
        if asked in COLUMNAR and path in (None, "-") and sys.stdout.isatty():
            raise UsageError(f"{asked} is not for a terminal", hint=f"-o FILE.{asked}")
        return asked or Format.TABLE
    ending = Path(path or "").suffix.lower()
    if ending not in _ENDINGS:
        raise UsageError(f"{path}: the ending names no format", hint="--format csv, or -o FILE.csv")
    return _ENDINGS[ending]


@contextmanager
def sink(path: str | None) -> Iterator[Sink]:
    """A stream to `path`, or to standard output for None and `-`.

    A file is written beside its place and moved there at the end; on any error nothing is left. What is
    no regular file (a pipe, a device) is written directly.
    """
    if path in (None, "-"):
        with _writing("standard output"):
            yield Sink(sys.stdout)
            sys.stdout.flush()
    elif not whole(path):
        with _writing(str(path)), Path(path or "").open("wb") as out:
            yield Sink(sys.stdout, cast(BinaryIO, out))
    else:
        place = Path(path or "")
        with _writing(str(place)), _whole(place) as out:
            yield Sink(sys.stdout, out)


def whole(path: str | None) -> bool:
    """Whether `path` is a place for a file that appears whole: no standard output, pipe or device."""
    place = Path(path or "-")
    return path not in (None, "-") and (not place.exists() or place.is_file())


@contextmanager
def _writing(name: str) -> Iterator[None]:
    """Say plainly that something cannot be written; a reader that has left is another matter."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        what = f"{name}: {(error.strerror or str(error)).lower()}"
        raise GovError(what, hint="-o FILE, on a disk with room for it") from error


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """While it lasts, SIGTERM and SIGHUP end us as Ctrl-C does: everything on the way out is still done."""

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    numbers = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is signal.SIG_DFL]
    for number in numbers:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def _whole(place: Path) -> Iterator[BinaryIO]:
    place = place.resolve()  # a symbolic link keeps pointing there
    with ExitStack() as stack:
        try:
            out = stack.enter_context(replacing(place, _mode(place)))
        except OSError as error:
            raise UsageError(f"{place}: {(error.strerror or str(error)).lower()}", hint="-o FILE") from error
        yield out


def _mode(place: Path) -> int:
    """The mode of the file that is replaced, else what the umask leaves."""
    with suppress(FileNotFoundError):
        return place.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
