"""A held statement as whoever waits sees it, from the NOTICEs of the gateway.

`01G01` says that the statement is held and carries a JSON object in its context field (or its detail),
`01G02` keeps the connection awake, `01G03` says that somebody answered.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gov.ui import times
from gov.ui.escape import escape

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

    @classmethod
    def of(cls, message: str, *texts: str | None) -> Hold:
        """The hold that a notice announces, from the first of `texts` that is a JSON object.

        What is missing or of another form is left empty.
        """
        said = next(filter(None, map(_object, texts)), {})
        return cls(message, _word(said, "request"), _word(said, "rule"), _words(said, "approvers"),
                   _words(said, "reasons"), _moment(said.get("expires_at")))

    def lines(self, now: datetime | None = None) -> list[str]:
        """What to show, escaped: the rule, who may answer, until when, how to withdraw."""
        waits = f"waiting for {' or '.join(self.approvers)}" if self.approvers else "waiting for approval"
        held = f"held by rule {self.rule or '?'}; {waits}; Ctrl-C withdraws"
        said = [held if self.request else self.message]
        said += [f"because {reason}" for reason in self.reasons if not reason.startswith(f"{self.rule} holds it")]
        if self.request:
            until = f"; expires {times.relative(self.expires_at, now)}" if self.expires_at else ""
            said.append(f"they answer with: gov approve {self.request}{until}")
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
    return value if isinstance(value, str) else ""


def _words(said: dict[str, object], key: str) -> tuple[str, ...]:
    value = said.get(key)
    return tuple(map(str, value)) if isinstance(value, list) else ()


class Waiting:
    """The panel on standard error that shows a hold for as long as it lasts, and then goes away."""

    def __init__(self) -> None:
        self._live: Live | None = None
        self._hold: Hold | None = None

    def show(self, hold: Hold | None) -> None:
        """Show `hold`, or nothing for None. Call it as often as you like."""
        if hold is None:
            self.end()
        elif hold != self._hold:
            self.end()
            self._begin(hold)

    def end(self) -> None:
        """Take the panel away."""
        if self._live:
            self._live.stop()
        self._live = self._hold = None

    def _begin(self, hold: Hold) -> None:
        from rich.console import Console
        from rich.live import Live

        console = Console(stderr=True, highlight=False, emoji=False, markup=False)
        self._hold = hold
        self._live = Live(get_renderable=lambda: _panel(hold), console=console, transient=True,
                          refresh_per_second=4)
        self._live.start()


def _panel(hold: Hold) -> RenderableType:
    from rich.panel import Panel
    from rich.text import Text

    return Panel(Text("\n".join(hold.lines())), title=Text(f"waiting {escape(hold.request)}".rstrip()),
                 title_align="left", border_style="yellow", expand=False)
