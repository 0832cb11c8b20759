"""Query results as table, CSV, JSON or JSON lines, written as they come and never held whole.

Values arrive in PostgreSQL's text form. A table measures its first thousand rows and keeps those widths.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from gov.ui.escape import escape, json_safe
from gov.ui.values import Fragment, as_json, numeric

Row = Sequence[str | None]
MEASURED = 1000
"""Rows that decide a table's widths."""


class Format(StrEnum):
    """How results are written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"
    PARQUET = "parquet"
    ARROW = "arrow"


COLUMNAR = (Format.PARQUET, Format.ARROW)
"""No text: `ui.columnar` writes them, to a file."""


class Out(Protocol):
    """Where text goes."""

    def write(self, text: str, /) -> int:
        """Take `text`."""


class Writer(Protocol):
    """Takes one result after another."""

    def columns(self, names: Sequence[str], types: Sequence[int]) -> None:
        """A result begins."""

    def rows(self, rows: Sequence[Row]) -> None:
        """Some of its rows."""

    def done(self, tag: str) -> None:
        """It is complete; without `columns` before it, the statement returned no rows."""


def writer(kind: Format, out: Out, *, terminal: bool) -> Writer:
    """The writer of `kind`, which is text, on `out`; for a `terminal` nothing written can command it."""
    match kind:
        case Format.TABLE:
            return Table(out)
        case Format.CSV:
            return Csv(out, terminal=terminal)
        case Format.JSON | Format.JSONL:
            return Json(out, lines=kind == Format.JSONL)
        case Format.PARQUET | Format.ARROW:
            raise ValueError(f"{kind} is no text")


@dataclass(frozen=True, slots=True)
class Look:
    """How results look to a person."""

    null: str = "NULL"
    """What stands for NULL. A text that reads the same is shown in quotes."""
    colour: bool = False
    took: Callable[[], str] = str
    """Said beside the number of rows: `4.2 ms`; nothing when empty."""

    def text(self, value: str | None) -> str:
        """A value as it is shown, escaped."""
        if value is None:
            return self.null
        shown = escape(value)
        return f'"{shown}"' if self.null and value == self.null else shown

    def painted(self, padded: str, value: str | None) -> str:
        """The same with its padding: where colour is welcome NULL is dim."""
        return f"\x1b[2m{padded}\x1b[0m" if value is None and self.colour else padded

    def count(self, rows: int) -> str:
        """The line below rows, with an empty one after it."""
        return f"({rows} row{'' if rows == 1 else 's'}{', ' if self.took() else ''}{self.took()})\n\n"

    def tag(self, tag: str) -> str:
        """The line of a statement without rows."""
        return f"{tag} ({took})\n" if (took := self.took()) else f"{tag}\n"


PLAIN = Look()


class Table:
    """Aligned columns with a line under the names and the number of rows below, as psql prints them."""

    def __init__(self, out: Out, look: Look = PLAIN) -> None:
        self._out = out
        self._look = look
        self._names: list[str] | None = None
        self._right: list[bool] = []
        self._widths: list[int] | None = None
        self._held: list[Row] = []
        self._count = 0

    def columns(self, names: Sequence[str], types: Sequence[int]) -> None:
        """Begin a table."""
        self._names = [escape(name) for name in names]
        self._right = [numeric(oid) for oid in types]
        self._widths, self._held, self._count = None, [], 0

    def rows(self, rows: Sequence[Row]) -> None:
        """Add rows; they are shown as soon as the widths are known."""
        self._count += len(rows)
        if self._widths is None and len(self._held) + len(rows) < MEASURED:
            self._held += rows
            return
        self._show(rows)

    def done(self, tag: str) -> None:
        """End the table with its count, or show the tag of a statement without rows."""
        if self._names is None:
            self._out.write(self._look.tag(tag))
            return
        self.end()
        self._out.write(self._look.count(self._count))

    def end(self) -> None:
        """End the table without a word below."""
        self._show([])
        self._names = None

    def cut(self) -> None:
        """Show the rows that came before an error ended the table."""
        if self._held:
            self.end()

    def _show(self, rows: Sequence[Row]) -> None:
        if self._widths is None:
            rows, self._held = [*self._held, *rows], []
            self._widths = widths(self._names or [], rows, self._look)
            self._head(self._widths)
        self._out.write("".join([self._line(row, self._widths) for row in rows]))

    def _head(self, widths: Sequence[int]) -> None:
        cells = map(_cell, self._names or [], widths, [False] * len(widths))
        line = "|".join(f"\x1b[1m{cell}\x1b[0m" if self._look.colour else cell for cell in cells)
        self._out.write(line.rstrip() + "\n")
        self._out.write("+".join("-" * (width + 2) for width in widths) + "\n")

    def _line(self, row: Row, widths: Sequence[int]) -> str:
        cells = map(_cell, map(self._look.text, row), widths, self._right)
        if self._look.colour and None in row:
            cells = map(self._look.painted, cells, row)
        return "|".join(cells).rstrip() + "\n"


def widths(names: Sequence[str], rows: Sequence[Row], look: Look = PLAIN) -> list[int]:
    """Columns of the terminal that each column of a table takes."""
    texts = ([look.text(value) for value in row] for row in rows)
    return [max(map(cell_width, column)) for column in zip(names, *texts, strict=False)]


def cell_width(text: str) -> int:
    """Columns of the terminal that `text` takes: two for a wide character."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _cell(text: str, width: int, right: bool) -> str:
    pad = " " * (width - cell_width(text))
    return f" {pad}{text} " if right else f" {text}{pad} "


class Csv:
    """RFC 4180 with a header line; NULL is empty, the empty string is `""`, as COPY writes them."""

    _SPECIAL = re.compile(r'[",\r\n]')

    def __init__(self, out: Out, *, terminal: bool) -> None:
        self._out = out
        self._terminal = terminal

    def columns(self, names: Sequence[str], types: Sequence[int]) -> None:
        """Write the header."""
        self.rows([names])

    def rows(self, rows: Sequence[Row]) -> None:
        """Write some rows."""
        text = "".join(",".join(map(self._field, row)) + "\n" for row in rows)
        self._out.write(escape(text, lines=True) if self._terminal else text)

    def done(self, tag: str) -> None:
        """Nothing more: CSV is data only."""

    def _field(self, value: str | None) -> str:
        if value is None:
            return ""
        quoted = not value or value == "\\." or self._SPECIAL.search(value)
        return '"' + value.replace('"', '""') + '"' if quoted else value


class Json:
    """An array of objects for each result, or with `lines` one object a line."""

    def __init__(self, out: Out, *, lines: bool) -> None:
        self._out = out
        self._lines = lines
        self._fields: list[tuple[str, Fragment]] | None = None
        self._first = True

    def columns(self, names: Sequence[str], types: Sequence[int]) -> None:
        """Begin a result."""
        named = (json_safe(as_json(0)(name)) for name in names)
        self._fields = [(f"{name}: ", as_json(oid)) for name, oid in zip(named, types, strict=True)]
        self._first = True
        if not self._lines:
            self._out.write("[")

    def rows(self, rows: Sequence[Row]) -> None:
        """Write some rows."""
        end = "\n" if self._lines else ""
        self._out.write("".join([f"{self._before()}{self._object(row)}{end}" for row in rows]))

    def done(self, tag: str) -> None:
        """End the result; a statement without rows leaves nothing."""
        if self._fields is not None and not self._lines:
            self._out.write("]\n" if self._first else "\n]\n")
        self._fields = None

    def _before(self) -> str:
        before = "" if self._lines else "\n  " if self._first else ",\n  "
        self._first = False
        return before

    def _object(self, row: Row) -> str:
        pairs = (name + ("null" if value is None else fragment(value))
                 for (name, fragment), value in zip(self._fields or (), row, strict=True))
        return "{" + json_safe(", ".join(pairs)) + "}"
