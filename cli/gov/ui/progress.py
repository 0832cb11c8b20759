"""How far a long result has come: rows, bytes and rate, on standard error of a terminal only."""

from __future__ import annotations

import sys
from time import monotonic

EVERY = 0.2
"""Seconds between two updates."""


def amount(size: float) -> str:
    """Bytes as people read them: `512 B`, `3.4 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


class Progress:
    """Counts rows and bytes, and shows them while they come."""

    def __init__(self, *, shown: bool | None = None) -> None:
        self.rows = 0
        self.bytes = 0
        self._shown = sys.stderr.isatty() if shown is None else shown
        self._began = monotonic()
        self._last = self._began
        self._drawn = False

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return monotonic() - self._began

    def add(self, rows: int, size: int) -> None:
        """Count what has come."""
        self.rows += rows
        self.bytes += size
        if self._shown and monotonic() - self._last >= EVERY:
            self._last, self._drawn = monotonic(), True
            rate = amount(self.bytes / max(self.seconds, 1e-9))
            print(f"\r\x1b[K{self.rows:,} rows  {amount(self.bytes)}  {rate}/s",
                  end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Take the line away."""
        if self._drawn:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._drawn = False

    def summary(self) -> str:
        """`10,000 rows, 3.4 MB in 1.2s`."""
        rows = f"{self.rows:,} row{'' if self.rows == 1 else 's'}"
        return f"{rows}, {amount(self.bytes)} in {self.seconds:.1f}s"
