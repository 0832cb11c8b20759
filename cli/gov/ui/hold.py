"""A held statement as whoever waits sees it, from the NOTICEs of the gateway.

`01G01` says that the statement is held and carries a JSON object in its context field (or its detail),
`01G02` keeps the connection awake, `01G03` says that somebody answered.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING

from gov.ui import times
from gov.ui.escape import escape
from gov.ui.terminal import say

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

HELD, WAITING, ANSWERED = "01G01", "01G02", "01G03"


@dataclass(frozen=True, slots=True)
class Hold:
    """What the gateway says about a statement that waits."""

    message: str
    request: str
    rule: str
    approvers: tuple[str, ...]
    reasons: tuple[str, ...]
    expires_at: str
    """RFC 3339, or empty."""
    alone: tuple[str, ...] = ()
    """Rules by which whoever waits may go ahead without an approver."""

    @classmethod
    def of(cls, message: str, *texts: str | None) -> Hold:
        """The hold that a notice announces, from the first of `texts` that is a JSON object.

        What is missing or of another form is left empty.
        """
        said = next(filter(None, map(_object, texts)), {})
        return cls(message, _word(said, "request"), _word(said, "rule"), _words(said, "approvers"),
                   _words(said, "reasons"), _moment(said.get("expires_at")), _words(said, "break_glass"))

    def lines(self, now: datetime | None = None) -> list[str]:
        """What to show, escaped: the rule, who may answer, until when, how to withdraw."""
        waits = f"waiting for {' or '.join(self.approvers)}" if self.approvers else "waiting for approval"
        held = f"held by rule {self.rule or '?'}; {waits}; Ctrl-C withdraws"
        said = [held if self.request else self.message]
        said += [f"because {reason}" for reason in self.reasons if not reason.startswith(f"{self.rule} holds it")]
        if self.request:
            until = f"; expires {times.relative(self.expires_at, now)}" if self.expires_at else ""
            said.append(f"they answer with: gov approve {self.request}{until}")
        if self.request and self.alone:
            said.append(f"in an emergency: gov approve {self.request} --break-glass --reason TEXT, which is recorded")
        return [escape(line) for line in said]


def _object(text: str | None) -> dict[str, object]:
    try:
        said = json.loads(text or "", strict=False)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _word(said: dict[str, object], key: str) -> str:
    value = said.get(key)
    return value if isinstance(value, str) else ""


def _moment(value: object) -> str:
    """RFC 3339 of a string that says so already, or of seconds since the epoch."""
    if isinstance(value, int | float):
        try:
            return datetime.fromtimestamp(value, UTC).isoformat()
        except (OverflowError, ValueError, OSError):
            return ""
    try:
        return times.parse(value).isoformat() if isinstance(value, str) else ""
    except (ValueError, OverflowError):
        return ""


def _words(said: dict[str, object], key: str) -> tuple[str, ...]:
    value = said.get(key)
    return tuple(map(str, value)) if isinstance(value, list) else ()


class Waiting:
    """What standard error shows while a statement has not answered, and takes away when it has."""

    def __init__(self, statement: str = "") -> None:
        self._statement = statement
        self._live: Live | None = None
        self._hold: Hold | None = None
        self._told: Hold | None = None

    def show(self, hold: Hold | None, running: float = 0.0) -> None:
        """Show `hold`; for None, that the statement runs since so many seconds, when they are some."""
        if hold != self._hold:
            self.end()
        self._hold = hold
        if self._live is None and (hold or running >= NOTED):
            self._begin(hold, monotonic() - running)

    def end(self) -> None:
        """Take it away."""
        if self._live:
            self._live.stop()
        self._live = self._hold = None

    def _begin(self, hold: Hold | None, began: float) -> None:
        from rich.console import Console
        from rich.live import Live

        console = Console(stderr=True, highlight=False, emoji=False, markup=False)
        if not console.is_terminal or console.is_dumb_terminal:
            if hold:
                self._tell(hold)
            return
        self._live = Live(get_renderable=lambda: panel(hold, self._statement) if hold else _running(began),
                          console=console, transient=True, refresh_per_second=4)
        self._live.start()


    def _tell(self, hold: Hold) -> None:
        """Where nothing can be drawn: say it once, in lines that stay."""
        if hold != self._told:
            self._told = hold
            for line in hold.lines():
                say(f"gov: {line}")


NOTED = 2.0
"""Seconds after which a running statement is said to run."""
STATEMENT_LINES = 6
"""Lines of a held statement that the panel shows."""


def _running(began: float) -> RenderableType:
    from rich.text import Text

    return Text(f"running {times.span(monotonic() - began)}; Ctrl-C cancels", style="dim")


def panel(hold: Hold, statement: str = "", now: datetime | None = None) -> RenderableType:
    """The hold as a box: what waits, why, for whom, how long still, and what to do."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column(overflow="fold")
    for label, text in _facts(hold, now):
        facts.add_row(label, Text(escape(text)))
    shown = Text("\n".join(_cut(statement)), style="cyan")
    return Panel(Group(shown, Text(""), facts) if statement else facts,
                 title=Text(f" HELD  {escape(hold.request)} ".rstrip() + " ", style="bold"), title_align="left",
                 subtitle=Text(" Ctrl-C withdraws the request ", style="bold"), subtitle_align="left",
                 border_style="yellow", padding=(1, 2), expand=False)


def _facts(hold: Hold, now: datetime | None) -> Iterator[tuple[str, str]]:
    """(label, text), most important first; what the gateway did not say is left out."""
    if not hold.request:
        yield "", hold.message
        return
    yield "rule", hold.rule or "?"
    because = [reason for reason in hold.reasons if not reason.startswith(f"{hold.rule} holds it")]
    yield from (("" if number else "because", reason) for number, reason in enumerate(because))
    yield "waits for", " or ".join(hold.approvers) or "approval"
    if hold.expires_at:
        yield "expires", f"in {times.countdown(times.left(hold.expires_at, now))}"
    yield "to answer", f"they type: gov approve {hold.request}"
    if hold.alone:
        yield "alone", f"in an emergency, on record: gov approve {hold.request} --break-glass --reason TEXT"


def _cut(statement: str) -> list[str]:
    lines = escape(statement.strip(), lines=True).splitlines()
    return lines if len(lines) <= STATEMENT_LINES else [*lines[: STATEMENT_LINES - 1], "…"]
