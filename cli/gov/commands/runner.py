"""Runs one statement after another in the prompt's session, and shows what comes back."""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import monotonic

import psycopg

from gov.commands.backslash import Expansion, Settings
from gov.commands.outlet import Outlet, Output
from gov.commands.refusals import meant
from gov.commands.running import Columns, Copied, Done, Rows
from gov.commands.session import Session
from gov.commands.turning import Said, Turn
from gov.errors import GovError, StatementFailed
from gov.ui import times
from gov.ui.escape import escape
from gov.ui.records import cut
from gov.ui.terminal import coloured, say, unechoed

_CHANGES = ("CREATE", "ALTER", "DROP", "IMPORT")
"""First words of the tags after which there is something else to complete."""

_HERE = {"gov why": "\\why"}
"""What a hint would have one type, as it is typed here."""


class Runner:
    """Knows the last statement, and the last one that was refused."""

    def __init__(self, session: Session, outlet: Outlet, settings: Settings, changed: Callable[[], None]) -> None:
        """`changed` is called after DDL."""
        self._session = session
        self._outlet = outlet
        self._settings = settings
        self._changed = changed
        self.last = ""
        self.refused: tuple[str, GovError] | None = None
        """The statement, and why."""

    def run(self, statement: str, *, paged: bool = True, expanded: Expansion | None = None) -> bool:
        """Run one statement and show what comes; whether it went well."""
        self.last = statement
        began = monotonic()
        turn = self._session.begin(statement)
        tags: list[str] = []
        try:
            with unechoed(), self._outlet.open(lambda: self._took(began), paged=paged, expanded=expanded) as out:
                try:
                    _show(turn, out, tags)
                except psycopg.Error:
                    cut(out.rows)
                    raise
        except psycopg.Error as error:
            self._failed(statement, meant(error, statement))
            return False
        finally:
            self._session.end(tags)
            if any(tag.startswith(_CHANGES) for tag in tags):
                self._changed()
        return not turn.cancelled

    def _took(self, began: float) -> str:
        return took(monotonic() - began) if self._settings.timing else ""

    def _failed(self, statement: str, error: GovError) -> None:
        show_error(error)
        if not isinstance(error, StatementFailed):
            self.refused = (statement, error)
        if self._session.connection.closed:
            say("gov: the session ended while it ran: look whether it took effect before you run it again")


def _show(turn: Turn, out: Output, tags: list[str]) -> None:
    for piece in turn.pieces():
        match piece:
            case Columns(names, types):
                out.rows.columns(names, types)
            case Rows(rows):
                out.rows.rows(rows)
            case Copied(data):
                out.write(escape(data.decode(errors="replace"), lines=True))
            case Done(tag, _):
                tags.append(tag.rstrip("0123456789 "))
                out.rows.done(tag)
            case Said(line):
                say(line)
        out.flush()


def show_error(error: GovError) -> None:
    """An error as psql shows one, with its SQLSTATE and what helps."""
    state = "" if isinstance(error, StatementFailed) else f" (SQLSTATE {error.wire_state})"
    word = "\x1b[1;31mERROR:\x1b[0m" if coloured(sys.stderr) else "ERROR:"
    say(f"{word}  {escape(error.what)}{state}")
    for line in error.detail.splitlines():
        say(escape(line))
    if error.hint:
        say(f"HINT:  {escape(_HERE.get(error.hint, error.hint))}")


def took(seconds: float) -> str:
    """How long something took: `4.2 ms`, `1.34 s`, `3m 12s`."""
    if seconds < 1:
        return f"{1000 * seconds:.1f} ms"
    return f"{seconds:.2f} s" if seconds < 60 else times.span(seconds)
