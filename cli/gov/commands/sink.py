"""Where results go: standard output, or a file that appears whole or not at all."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO

from gov.errors import GovError, UsageError
from gov.ui.results import Format

_ENDINGS = {".txt": Format.TABLE, ".csv": Format.CSV, ".json": Format.JSON,
            ".jsonl": Format.JSONL, ".ndjson": Format.JSONL}


def format_of(asked: Format | None, path: str | None) -> Format:
    """The format asked for, else that of the file's ending, else a table.

    Raises:
        UsageError: The ending says nothing.
    """
    if asked is not None or path in (None, "-"):
        return asked or Format.TABLE
    ending = Path(path or "").suffix.lower()
    if ending not in _ENDINGS:
        raise UsageError(f"{path}: the ending names no format", hint="--format csv, or -o FILE.csv")
    return _ENDINGS[ending]


@contextmanager
def sink(path: str | None) -> Iterator[IO[str]]:
    """A text stream to `path`, or to standard output for None and `-`.

    A file is written beside its place and moved there at the end; on any error nothing is left. What is
    no regular file (a pipe, a device) is written directly.
    """
    if path in (None, "-"):
        with _writing("standard output"):
            yield sys.stdout
            sys.stdout.flush()
    elif (place := Path(path or "")).exists() and not place.is_file():
        with _writing(str(place)), place.open("w", encoding="utf-8", newline="") as out:
            yield out
    else:
        with _writing(str(place)), _whole(place) as out:
            yield out


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
def _whole(place: Path) -> Iterator[IO[str]]:
    place = place.resolve()  # a symbolic link keeps pointing there
    try:
        handle, partial = tempfile.mkstemp(prefix=f".{place.name}.", suffix=".partial", dir=place.parent)
    except OSError as error:
        raise UsageError(f"{place}: {(error.strerror or str(error)).lower()}", hint="-o FILE") from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as out:
            yield out
            out.flush()
            os.fchmod(handle, _mode(place))
            os.fsync(handle)
        os.replace(partial, place)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(partial)
        raise


def _mode(place: Path) -> int:
    """The mode of the file that is replaced, else what the umask leaves."""
    with suppress(FileNotFoundError):
        return place.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
