"""Lists of things as a table: fitted to the terminal, whole and plain when piped."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from shutil import get_terminal_size
from typing import Literal

from gov.ui.escape import escape
from gov.ui.results import cell_width
from gov.ui.terminal import coloured

GAP = 2
NARROW = 100
GIVES_TO = 16
"""Columns that a heading which gives way keeps all the same."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A column of a table."""

    name: str
    style: Literal["", "bold"] = ""
    right: bool = False
    gives: bool = False
    """Whether its cells are cut when the terminal is narrow. At most one of a table does."""


def show(headings: Sequence[Heading], rows: Iterable[Sequence[str]], *, empty: str) -> None:
    """Print the table, cells escaped; without rows the sentence `empty` on standard error."""
    cells = [[escape(cell) for cell in row] for row in rows]
    if not cells:
        print(empty, file=sys.stderr)
        return
    columns = get_terminal_size().columns if sys.stdout.isatty() else None
    if columns is not None:
        headings, cells = _filled(headings, cells, columns)
    for line in render(headings, cells, columns=columns, colour=coloured(sys.stdout)):
        print(line)


def narrow() -> bool:
    """Whether standard output is a terminal of the usual 80 columns, or not much more."""
    return sys.stdout.isatty() and get_terminal_size().columns < NARROW


def _filled(
    headings: Sequence[Heading], rows: Sequence[Sequence[str]], columns: int
) -> tuple[Sequence[Heading], list[list[str]]]:
    """On a terminal that is too narrow for all of them, only columns that have something to say."""
    widths = [max(map(cell_width, column)) for column in zip((h.name for h in headings), *rows, strict=True)]
    kept = [at for at in range(len(headings)) if any(row[at] for row in rows)]
    if sum(widths) + GAP * (len(widths) - 1) <= columns:
        kept = [*range(len(headings))]
    return [headings[at] for at in kept], [[row[at] for at in kept] for row in rows]


def render(
    headings: Sequence[Heading], rows: Sequence[Sequence[str]], *, columns: int | None, colour: bool
) -> Iterable[str]:
    """The lines of a table for a terminal of so many columns, or for no terminal.

    On one that is too narrow lines wrap: nothing but what gives way is ever cut.
    """
    widths = [max(map(cell_width, column)) for column in zip((h.name for h in headings), *rows, strict=True)]
    if columns is not None:
        over = sum(widths) + GAP * (len(widths) - 1) - columns
        widths = [_fitted(heading, width, over) for heading, width in zip(headings, widths, strict=True)]
    yield _line([Heading(h.name, "bold", h.right) for h in headings], widths,
                [h.name for h in headings], colour)
    for row in rows:
        yield _line(headings, widths, row, colour)


def _fitted(heading: Heading, width: int, over: int) -> int:
    return max(width - max(over, 0), min(width, GIVES_TO)) if heading.gives else width


def _line(headings: Sequence[Heading], widths: Sequence[int], cells: Sequence[str], colour: bool) -> str:
    parts = []
    for heading, width, cell in zip(headings, widths, cells, strict=True):
        text = _cut(cell, width)
        pad = " " * (width - cell_width(text))
        shown = f"\x1b[1m{text}\x1b[0m" if colour and heading.style and text else text
        parts.append(pad + shown if heading.right else shown + pad)
    return (" " * GAP).join(parts).rstrip()


def _cut(text: str, width: int) -> str:
    """`text` in at most `width` columns, the last one an ellipsis where something is missing."""
    if cell_width(text) <= width:
        return text
    while cell_width(text) >= width:
        text = text[:-1]
    return text + "…"
