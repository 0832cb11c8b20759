"""Where things are shown: standard output for data, standard error for everything said about it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO


def coloured(stream: IO[str]) -> bool:
    """Whether colour is welcome on `stream`: a terminal that is not dumb, and no NO_COLOR."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def interactive() -> bool:
    """Whether somebody sits there who can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def say(line: str) -> None:
    """One line on standard error, at once. `line` must be escaped already."""
    print(line, file=sys.stderr, flush=True)


@contextmanager
def unechoed() -> Iterator[None]:
    """While it lasts, what is typed does not show; it waits for whoever reads next. Ctrl-C works as ever."""
    if not sys.stdin.isatty():
        yield
        return
    import termios

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    silent = [*before]
    silent[3] &= ~(termios.ECHO | termios.ECHONL)
    termios.tcsetattr(terminal, termios.TCSANOW, silent)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSANOW, before)
