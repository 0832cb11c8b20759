"""A command on a pseudo terminal.

`pexpect.spawn` forks, which is not safe beside the threads of our own broker; this starts a process the
ordinary way and lets it take the terminal itself.
"""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager

from pexpect import EOF
from pexpect.fdpexpect import fdspawn

_TAKE = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from gov.commands import main
main(sys.argv[1:])
"""
PATIENCE = 20


class Terminal:
    """What somebody in front of it can do."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self._process = process
        self._screen = fdspawn(master, timeout=PATIENCE, encoding="utf-8")

    def sees(self, pattern: str) -> None:
        """Wait until `pattern` appears."""
        self._screen.expect(pattern)

    def types(self, text: str) -> None:
        """Press keys."""
        self._screen.send(text)

    def until_end(self) -> str:
        """Everything that is still shown, to the end."""
        self._screen.expect(EOF)
        return str(self._screen.before)

    def ends(self) -> int:
        """Wait for the end; the exit status."""
        self._screen.expect(EOF)
        return self._process.wait(PATIENCE)


@contextmanager
def terminal(*words: str) -> Iterator[Terminal]:
    """`gov WORDS` on a terminal of 40 lines and 120 columns, without colour."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    environment = {**os.environ, "TERM": "xterm", "NO_COLOR": "1", "PROMPT_TOOLKIT_NO_CPR": "1"}
    process = subprocess.Popen([sys.executable, "-c", _TAKE, *words], stdin=slave, stdout=slave, stderr=slave,
                               env=environment)
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        process.kill()
        process.wait(PATIENCE)
        os.close(master)
