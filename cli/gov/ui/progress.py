"""How far a long result has come: rows, bytes, rate and time, on standard error of a terminal only."""

from __future__ import annotations

import os
import sys
from threading import Lock, Timer
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

AFTER = 0.5
"""Seconds before anything is shown: what is done by then needs no progress."""
_PER_SECOND = 8


def amount(size: float) -> str:
    """Bytes as people read them: `512 B`, `3.4 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


class Progress:
    """Counts rows and bytes, and shows them while they come; also while nothing comes yet."""

    def __init__(self, *, shown: bool) -> None:
        """`shown` is for a person who looks on, and whose terminal the result does not go to."""
        self.rows = 0
        self.bytes = 0
        self.drawn = False
        """Whether it took long enough to be shown."""
        self._began = monotonic()
        self._live: Live | None = None
        self._lock = Lock()
        self._over = False
        self._timer = Timer(AFTER, self._draw)
        self._timer.daemon = True
        if shown:
            self._timer.start()

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return monotonic() - self._began

    def add(self, rows: int, size: int) -> None:
        """Count what has come."""
        self.rows += rows
        self.bytes += size

    def clear(self) -> None:
        """Take the line away."""
        self._timer.cancel()
        with self._lock:
            self._over = True
            if self._live is not None:
                self._live.stop()
                self._live = None

    def summary(self) -> str:
        """`10,000 rows, 3.4 MB in 1.2s, 2.8 MB/s`."""
        rows = f"{self.rows:,} row{'' if self.rows == 1 else 's'}"
        return f"{rows}, {amount(self.bytes)} in {self.seconds:.1f}s, {self._rate}"

    @property
    def _rate(self) -> str:
        return f"{amount(self.bytes / max(self.seconds, 1e-9))}/s"

    def _draw(self) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.spinner import Spinner

        console = Console(stderr=True, highlight=False, emoji=False, markup=False)
        spinner = Spinner("line")

        def line() -> RenderableType:
            spinner.update(text=self._line())
            return spinner

        with self._lock:
            if self._over:
                return
            self.drawn = True
            # Standard output is where the result goes, and no terminal.
            self._live = Live(get_renderable=line, console=console, transient=True, redirect_stdout=False,
                              refresh_per_second=_PER_SECOND)
            self._live.start(refresh=True)

    def _line(self) -> str:
        minutes, seconds = divmod(int(self.seconds), 60)
        clock = f"{minutes}:{seconds:02}"
        if not self.rows:
            return f"no row yet  {clock}"
        return f"{self.rows:,} rows  {amount(self.bytes)}  {self._rate}  {clock}"


class Share:
    """How much of something of a known size is done, redrawn as it is told: no thread, so processes may be forked."""

    def __init__(self, what: str, *, shown: bool) -> None:
        """`what` is counted: `entries`."""
        self._what = what
        self._shown = shown
        self._began = self._drawn_at = monotonic()
        self._width = 0

    def __call__(self, done: int, of: int) -> None:
        """So many of so many are done."""
        now = monotonic()
        if not self._shown or now - self._began < AFTER or now - self._drawn_at < 1 / _PER_SECOND:
            return
        self._drawn_at = now
        rate = done / (now - self._began)
        self._draw(f"{done:,} of {of:,} {self._what}  {done / max(of, 1):.0%}  {rate:,.0f}/s")

    def clear(self) -> None:
        """Take the line away."""
        if self._width:
            self._draw("")

    def _draw(self, line: str) -> None:
        sys.stderr.write(f"\r{line.ljust(self._width)}" + ("" if line else "\r"))
        sys.stderr.flush()
        self._width = len(line)


def watched() -> bool:
    """Whether somebody looks at standard error, on a terminal that can take a line away again."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
