"""Where the prompt's results go, and how they look there: the terminal and its pager, a file, another program."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import get_terminal_size
from typing import IO

from gov.commands.backslash import Expansion, Settings
from gov.errors import UsageError
from gov.ui.pager import Screen, pager
from gov.ui.records import Expanded, Fitting
from gov.ui.results import Format, Look, Out, Table, Writer, writer
from gov.ui.terminal import coloured


class Outlet:
    """Opens an output for each statement."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._file: IO[str] | None = None
        self._program: subprocess.Popen[str] | None = None

    def to(self, where: str) -> None:
        """Send results to a file or to `|COMMAND` from now on; to the terminal again when empty.

        Raises:
            UsageError: The file cannot be written.
        """
        self.close()
        if where.startswith("|"):
            self._program = subprocess.Popen(where[1:], shell=True, stdin=subprocess.PIPE, text=True)  # noqa: S602
            self._file = self._program.stdin
        elif where:
            try:
                self._file = Path(where).expanduser().open("w", encoding="utf-8")
            except OSError as error:
                raise UsageError(f"{where}: {(error.strerror or str(error)).lower()}", hint="\\o FILE") from error

    @contextmanager
    def open(self, took: Callable[[], str], *, paged: bool = True, expanded: Expansion | None = None
             ) -> Iterator[Output]:
        """The output of one statement. `took` gives the time to show beside the number of rows."""
        if self._file is not None:
            yield Output(self._writer(self._file, Look(self._settings.null, took=took), expanded or "off"), self._file)
            return
        size = get_terminal_size()
        screen = Screen(sys.stdout, (size.columns, size.lines), pager() if paged and sys.stdout.isatty() else "",
                        self._settings.pager)
        look = Look(self._settings.null, colour=coloured(sys.stdout), took=took)
        try:
            yield Output(self._writer(screen, look, expanded or self._settings.expanded, size.columns), screen)
        finally:
            screen.close()

    def close(self) -> None:
        """End what was opened, and wait for a program to take it all in."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
        if self._program is not None:
            self._program.wait()
        self._file = self._program = None

    def _writer(self, out: Out, look: Look, expanded: Expansion, columns: int = 0) -> Writer:
        if self._settings.format != Format.TABLE:
            return writer(self._settings.format, out, terminal=True)
        if expanded == "auto":
            return Fitting(out, columns, look)
        return Expanded(out, look) if expanded == "on" else Table(out, look)


class Output:
    """A writer for rows, and the stream below it for text."""

    def __init__(self, rows: Writer, stream: Screen | IO[str]) -> None:
        self.rows = rows
        self._stream = stream

    def write(self, text: str) -> int:
        """Write text that is escaped already."""
        return self._stream.write(text)

    def flush(self) -> None:
        """Show what is there."""
        self._stream.flush()
