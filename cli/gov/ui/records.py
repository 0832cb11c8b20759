"""Rows too wide for the terminal: a line for each column, as psql's `\\x` shows them."""

from __future__ import annotations

from collections.abc import Sequence

from gov.ui.escape import escape
from gov.ui.results import MEASURED, PLAIN, Look, Out, Row, Table, Writer, cell_width, widths


class Expanded:
    """A line for each column, numbered records: psql's `\\x`."""

    def __init__(self, out: Out, look: Look = PLAIN) -> None:
        self._out = out
        self._look = look
        self._names: list[str] | None = None
        self._count = 0

    def columns(self, names: Sequence[str], types: Sequence[int]) -> None:
        """Begin a result."""
        shown = [escape(name) for name in names]
        width = max(map(cell_width, shown), default=0)
        self._names = [f"{name}{' ' * (width - cell_width(name))}" for name in shown]
        self._count = 0

    def rows(self, rows: Sequence[Row]) -> None:
        """Write some rows."""
        for row in rows:
            self._count += 1
            self._out.write(f"-[ RECORD {self._count} ]\n")
            for name, value in zip(self._names or (), row, strict=True):
                self._out.write(f"{name} | {self._look.painted(self._look.text(value), value)}\n")

    def done(self, tag: str) -> None:
        """End the result with its count, or show the tag of a statement without rows."""
        self._out.write(self._look.tag(tag) if self._names is None else self._look.count(self._count))
        self._names = None


class Fitting:
    """A table where its first rows fit into so many columns of the terminal, else expanded: `\\x auto`."""

    def __init__(self, out: Out, columns: int, look: Look = PLAIN) -> None:
        self._out = out
        self._columns = columns
        self._look = look
        self._shape: tuple[Sequence[str], Sequence[int]] | None = None
        self._held: list[Row] = []
        self._chosen: Writer | None = None

    def columns(self, names: Sequence[str], types: Sequence[int]) -> None:
        """Begin a result; how it is shown is not known yet."""
        self._shape, self._held, self._chosen = (names, types), [], None

    def rows(self, rows: Sequence[Row]) -> None:
        """Add rows; they are shown as soon as enough are there to choose."""
        if self._chosen:
            self._chosen.rows(rows)
            return
        self._held += rows
        if len(self._held) >= MEASURED:
            self._choose()

    def done(self, tag: str) -> None:
        """End the result."""
        (self._chosen or self._choose()).done(tag)
        self._shape = self._chosen = None

    def cut(self) -> None:
        """Show the rows that came before an error ended the result."""
        if self._held:
            self._choose()
        if isinstance(self._chosen, Table):
            self._chosen.cut()

    def _choose(self) -> Writer:
        if self._shape is None:
            return Table(self._out, self._look)  # no rows: only the tag
        taken = widths([escape(name) for name in self._shape[0]], self._held, self._look)
        fits = sum(taken) + 3 * len(taken) - 1 <= self._columns
        self._chosen = Table(self._out, self._look) if fits else Expanded(self._out, self._look)
        self._chosen.columns(*self._shape)
        if self._held:
            self._chosen.rows(self._held)
        self._held = []
        return self._chosen


def cut(shown: Writer) -> None:
    """An error has ended a result: show those of its rows that `shown` holds yet."""
    if isinstance(shown, Table | Fitting):
        shown.cut()
