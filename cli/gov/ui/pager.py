"""Output for a terminal: printed at once while it fits there, through the pager when it does not."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from shutil import which
from typing import IO, Literal

from gov.ui.escape import escape
from gov.ui.results import cell_width

Paging = Literal["on", "off", "always"]
_NO_PROGRAM = (126, 127)
"""Exit statuses by which a shell says that it cannot run a command (POSIX)."""
_PAINT = re.compile(r"\x1b\[[0-9;]*m")


def pager(environ: Mapping[str, str] = os.environ) -> str:
    """The command that pages: `$PAGER`, else less where it is installed; empty for none."""
    return environ.get("PAGER", "less" if which("less") else "").strip()


class Screen:
    """Takes text as a file does. `close` shows what is still held, or waits for the pager to be left.

    Once the pager has been left what comes after is dropped, but taken: a statement is not ended by it.
    """

    def __init__(self, out: IO[str], size: tuple[int, int], command: str, paging: Paging = "on") -> None:
        """`size` is columns and lines of the terminal; without a `command` nothing is paged."""
        self._out = out
        self._columns, self._lines = size
        self._command = command if paging != "off" else ""
        self._always = paging == "always"
        self._held = ""
        self._pager: subprocess.Popen[str] | None = None
        self.paging = False
        """Whether the pager has the terminal."""

    def write(self, text: str) -> int:
        """Show `text` now or later."""
        if self._pager:
            self._page(text)
        elif not self._command:
            self._out.write(text)
        else:
            self._held += text
            if not self._fits():
                self._begin(self._command)
        return len(text)

    def flush(self) -> None:
        """Show what the terminal need not wait for."""
        self._out.flush()

    def close(self) -> None:
        """The output is complete."""
        if self._held and self._always:
            self._begin(self._command)
        if self._pager:
            self._end(self._pager)
        else:
            self._out.write(self._held)
            self._out.flush()
        self._held, self._pager, self.paging = "", None, False

    def _fits(self) -> bool:
        lines = self._held.split("\n")
        if len(lines) > self._lines:  # the last of them is where the prompt goes
            return False
        return all(cell_width(_PAINT.sub("", line)) <= self._columns for line in lines)

    def _begin(self, command: str) -> None:
        held, self._held = self._held, ""
        # -F leaves at once when it all fits, -R shows our colours, -S keeps a row on a line, -X the screen.
        environment = {"LESS": "FRSX", **os.environ}
        try:
            self._pager = subprocess.Popen(  # noqa: S602  # $PAGER is a command line by custom (manual of psql)
                command, shell=True, stdin=subprocess.PIPE, text=True, encoding="utf-8", env=environment)
        except OSError:
            self._command = ""
            self._out.write(held)
            return
        self.paging = True
        self._page(held)

    def _page(self, text: str) -> None:
        assert self._pager
        assert self._pager.stdin
        if not self.paging:
            return
        try:
            self._pager.stdin.write(text)
            self._pager.stdin.flush()
        except OSError:
            self.paging = False  # left, or it never ran

    def _end(self, running: subprocess.Popen[str]) -> None:
        """Ctrl-C belongs to the pager until it is left."""
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            assert running.stdin
            with suppress(OSError):
                running.stdin.close()
            if running.wait() in _NO_PROGRAM:
                self._out.write(f"the pager cannot be run: {escape(self._command)}; \\pset pager off\n")
        finally:
            signal.signal(signal.SIGINT, before)
