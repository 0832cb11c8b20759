"""A command on a pseudo terminal.

`pexpect.spawn` forks, which is not safe beside the threads of our own broker; this starts a process the
ordinary way and lets it take the terminal itself.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

import pyte
from pexpect import EOF, TIMEOUT
from pexpect.fdpexpect import fdspawn

_TAKE = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from gov.commands import main
main(sys.argv[1:])
"""
PATIENCE = 30
NEVER = "\0 never"


class Terminal:
    """What somebody in front of it can do."""

    def __init__(self, process: subprocess.Popen[bytes], master: int, size: tuple[int, int]) -> None:
        self._process = process
        self._bytes = fdspawn(master, timeout=PATIENCE, encoding="utf-8")
        self._screen = pyte.Screen(*size)
        self._screen.write_process_input = self.types  # it answers where the cursor is
        self._bytes.logfile_read = _Feed(pyte.Stream(self._screen))

    def sees(self, pattern: str) -> None:
        """Wait until `pattern` is written, behind what was seen before."""
        if self._bytes.expect([pattern, TIMEOUT, EOF]):
            raise AssertionError(f"{pattern!r} was not written; the screen:\n{self.screen}")

    def shows(self, pattern: str) -> None:
        """Wait until `pattern` stands on the screen, as somebody who looks at it reads it."""
        deadline = monotonic() + PATIENCE
        while not re.search(pattern, self.screen):
            if monotonic() > deadline:
                raise AssertionError(f"{pattern!r} is not on the screen:\n{self.screen}")
            self._bytes.expect_exact([NEVER, TIMEOUT, EOF], timeout=0.1)

    @property
    def screen(self) -> str:
        """What stands on the screen."""
        return "\n".join(line.rstrip() for line in self._screen.display)

    def types(self, text: str) -> None:
        """Press keys."""
        self._bytes.send(text)

    def insists(self, key: str, pattern: str) -> None:
        """Press `key` again and again, until `pattern` stands on the screen."""
        deadline = monotonic() + PATIENCE
        while not re.search(pattern, self.screen):
            assert monotonic() < deadline, f"{pattern!r} is not on the screen:\n{self.screen}"
            self.types(key)
            self._bytes.expect_exact([NEVER, TIMEOUT, EOF], timeout=0.5)

    def until_end(self) -> str:
        """Everything that is still written, to the end."""
        self._bytes.expect(EOF)
        return str(self._bytes.before)

    def ends(self) -> int:
        """Wait for the end; the exit status."""
        self._bytes.expect(EOF)
        return self._process.wait(PATIENCE)


class _Feed:
    """What a terminal does with all that is written to it."""

    def __init__(self, stream: pyte.Stream) -> None:
        self.write = stream.feed

    def flush(self) -> None:
        """It has no buffer."""


@contextmanager
def terminal(*words: str, size: tuple[int, int] = (120, 40), **environ: str) -> Iterator[Terminal]:
    """`gov WORDS` on a terminal of so many columns and lines, without colour."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    environment = {**os.environ, "TERM": "xterm", "NO_COLOR": "1", **environ}
    process = subprocess.Popen([sys.executable, "-c", _TAKE, *words], stdin=slave, stdout=slave, stderr=slave,
                               env=environment)
    os.close(slave)
    try:
        yield Terminal(process, master, size)
    finally:
        process.kill()
        process.wait(PATIENCE)
        os.close(master)
