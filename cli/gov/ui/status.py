"""The line below the prompt: where one is, for how long, and what is open. It reads without colour too."""

from __future__ import annotations

from dataclasses import dataclass

from gov.ui import times
from gov.ui.escape import escape
from gov.ui.results import cell_width

Fragments = list[tuple[str, str]]
"""(style, text), as prompt_toolkit has them."""

WARNED = 300.0
"""Seconds before the end of a lease from which on a line warns of it."""
URGENT = 60.0

STYLES = {
    "bottom-toolbar": "noreverse",
    "status": "bg:#303030 #d0d0d0", "status.place": "bg:#005f00 #ffffff bold",
    "status.warned": "bg:ansiyellow ansiblack", "status.urgent": "bg:ansired #ffffff bold",
    "production status": "bg:#5f0000 #ffffff", "production status.place": "bg:#d70000 #ffffff bold",
    "target": "#5faf5f bold", "production target": "bg:#d70000 #ffffff bold",
    "completion-menu.completion": "bg:#303030 #d0d0d0", "completion-menu.completion.current": "bg:#005f87 #ffffff",
    "completion-menu.meta.completion": "bg:#262626 #a8a8a8",
    "completion-menu.meta.completion.current": "bg:#005f87 #ffffff", "masked": "#ffd75f bold",
    "pygments.keyword": "#5fafff", "pygments.literal.string": "#87d787", "pygments.literal.number": "#d7af87",
    "pygments.comment": "#808080 italic", "pygments.operator": "", "pygments.name.builtin": "#5fafff",
}
"""Of everything the prompt shows: production is red on every line."""


@dataclass(frozen=True, slots=True)
class Status:
    """What the line tells."""

    target: str
    environment: str
    scope: str
    left: float
    """Seconds of the lease."""
    transaction: str = ""
    """`in transaction`, `failed transaction` or nothing."""
    masked: int = 0
    """Columns."""
    unmasked: int = 0
    """Columns whose masks an approval has lifted."""
    lost: str = ""
    """Why the session is over, when it is."""
    renews: bool = True
    """Whether the next statement may simply go to a new session: nothing of this one would be missed."""


def line(status: Status, columns: int) -> Fragments:
    """The status line, and below it a warning when there is one, each filled to the terminal's width."""
    place = _cut(f" {escape(status.environment).upper()} ", columns)
    facts = [escape(status.target), escape(status.scope), *_time(status)]
    facts += [f"{status.masked} masked"] if status.masked else []
    facts += [f"{status.unmasked} UNMASKED"] if status.unmasked else []
    production = "class:production " if status.environment == "production" else ""
    room = columns - cell_width(place)
    shown: Fragments = [(f"{production}class:status.place", place),
                        (f"{production}class:status", _filled(" " + " · ".join(facts), room, "\\? help "))]
    style, text = warning(status)
    return [*shown, ("", "\n"), (style, _filled(f" {text}", columns))] if text else shown


def _time(status: Status) -> list[str]:
    if status.lost:
        return ["session over"]
    return [f"lease {times.countdown(status.left)}", *filter(None, [status.transaction])]


def warning(status: Status) -> tuple[str, str]:
    """Style and text of what must be known now; no text when nothing must."""
    if status.lost:
        return "class:status.urgent", f"{escape(status.lost)}: your next statement connects again"
    if status.left > WARNED:
        return "", ""
    style = "class:status.urgent" if status.left <= URGENT else "class:status.warned"
    ends = f"the lease ends in {times.countdown(status.left)}"
    if status.transaction:
        return style, f"{ends}: commit before, or what is open is rolled back"
    if not status.renews:
        return style, f"{ends}, and SET and PREPARE with it: \\lease new takes another"
    return style, f"{ends}: then your next statement takes a new one"


def _filled(text: str, columns: int, right: str = "") -> str:
    """`text` cut or filled to so many columns, with `right` at the end where there is room."""
    text = _cut(text, columns)
    pad = columns - cell_width(text)
    return text + (right.rjust(pad) if len(right) < pad else " " * pad)


def _cut(text: str, columns: int) -> str:
    while cell_width(text) > max(columns, 0):
        text = text[:-1]
    return text
