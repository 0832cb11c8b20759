"""A statement as people read it: escaped, and highlighted where colour is welcome."""

from __future__ import annotations

from gov.ui.escape import escape


def highlight(statement: str, *, colour: bool) -> str:
    """`statement` escaped and, with `colour`, in ANSI colours by PostgreSQL's own words."""
    shown = escape(statement, lines=True)
    if not colour:
        return shown
    from pygments import highlight as paint
    from pygments.formatters import TerminalFormatter
    from pygments.lexers.sql import PostgresLexer

    painted: str = paint(shown, PostgresLexer(stripnl=False, ensurenl=False), TerminalFormatter())
    return painted


def one_line(statement: str, width: int = 60) -> str:
    """`statement` on one escaped line of at most `width` characters, cut with an ellipsis."""
    line = escape(" ".join(statement.split()))
    return line if len(line) <= width else line[: width - 1] + "…"
