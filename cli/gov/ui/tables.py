"""Lists of things as a table: fitted to the terminal, whole and plain when piped."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gov.ui.escape import escape
from gov.ui.terminal import console


@dataclass(frozen=True, slots=True)
class Heading:
    """A column: its name, its colour on a terminal, and whether it gives way when space is short."""

    name: str
    style: str = ""
    gives: bool = False
    right: bool = False


def show(headings: Sequence[Heading], rows: Iterable[Sequence[str]], *, empty: str) -> None:
    """Print the table, cells escaped; without rows the sentence `empty` on standard error."""
    lines = [[escape(cell) for cell in row] for row in rows]
    if not lines:
        print(empty, file=sys.stderr)
        return
    for line in _rendered(headings, lines).splitlines():
        print(line.rstrip())


def _rendered(headings: Sequence[Heading], rows: list[list[str]]) -> str:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in headings:
        table.add_column(heading.name, style=heading.style, no_wrap=True, overflow="ellipsis",
                         justify="right" if heading.right else "left",
                         min_width=None if heading.gives else _widest(heading, headings, rows))
    for row in rows:
        table.add_row(*map(Text, row))
    with console().capture() as captured:
        console().print(table)
    return captured.get()


def _widest(heading: Heading, headings: Sequence[Heading], rows: list[list[str]]) -> int:
    from rich.cells import cell_len

    index = list(headings).index(heading)
    return max([cell_len(heading.name), *(cell_len(row[index]) for row in rows)])
