"""The backslash commands of our prompt: what they are called, what they say of themselves, and what they set.

Those that describe the catalog are pgspecial's (see `describing`); the doing of ours is `prompt`'s.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Literal, TypeVar, get_args

from gov.errors import UsageError
from gov.ui.pager import Paging
from gov.ui.results import COLUMNAR, Format

T = TypeVar("T", bound=str)
Expansion = Literal["auto", "on", "off"]


@dataclass(frozen=True, slots=True)
class Command:
    """A command as help and completion show it."""

    name: str
    arguments: str
    about: str
    values: tuple[str, ...] = ()
    """What its first argument may be, where that is a closed list."""


OURS = (
    Command("\\q", "", "leave (Ctrl-D too)"),
    Command("\\?", "", "this help"),
    Command("\\h", "[COMMAND]", "the syntax of a SQL command"),
    Command("\\conninfo", "", "where you are, as whom, and for how long"),
    Command("\\lease", "[new]", "your lease; new takes another one now", ("new",)),
    Command("\\unmask", "COLUMN[,…] [REASON]", "ask to see columns without their masks"),
    Command("\\mask", "", "back: end that lease, and go on with an ordinary one"),
    Command("\\why", "", "the last refusal here, and what policy says now"),
    Command("\\x", "[on|off|auto]", "a line for each column; auto: of rows too wide",
            ("on", "off", "auto")),
    Command("\\timing", "[on|off]", "how long each statement took", ("on", "off")),
    Command("\\pset", "[NAME [VALUE]]", "change how results look; alone: how that stands",
            ("expanded", "format", "null", "pager", "timing")),
    Command("\\e", "[FILE]", "edit the statement in $EDITOR; what was changed runs"),
    Command("\\p", "", "show the statement: that before it, or the last one"),
    Command("\\g", "", "run the statement"),
    Command("\\gx", "", "run it, with a line for each column"),
    Command("\\watch", "[SECONDS]", "run it again and again, until Ctrl-C"),
    Command("\\i", "FILE", "run the statements of a file; the first error ends it"),
    Command("\\o", "[FILE | |COMMAND]", "results go there; alone: here again"),
)
"""Ours; those of `describing` come beside them."""

KEYS = (
    ("Tab", "completes; columns that are masked for you are marked"),
    ("Ctrl-R", "searches what you typed before"),
    ("Ctrl-C", "clears the line, cancels what runs or waits"),
    ("Alt-Enter", "a new line where Enter would run the statement"),
    ("Ctrl-X Ctrl-E", "edits what is typed in $EDITOR"),
)


def parse(line: str) -> tuple[str, str]:
    """Name and argument of a command: `\\d+ orders;` is `\\d+` and `orders`."""
    word, *rest = line.strip().split(None, 1)
    return word.rstrip(";") or word, "".join(rest).rstrip("; ")


def help_text(catalog: Iterable[Command]) -> str:
    """What `\\?` shows: our commands, those of the catalog, and the keys."""
    ours = [(f"{each.name} {each.arguments}", each.about) for each in OURS]
    theirs = [(f"{each.name}{each.arguments}", each.about) for each in catalog]
    parts = (("Commands", ours), ("The catalog: + says more, a pattern may hold * and ?", theirs), ("Keys", KEYS))
    return "\n\n".join(f"{title}\n" + "\n".join(f"  {left:<24}{right}" for left, right in rows)
                       for title, rows in parts)


@dataclass(slots=True)
class Settings:
    """What the prompt remembers between statements."""

    expanded: Expansion = "auto"
    format: Format = Format.TABLE
    null: str = "NULL"
    pager: Paging = "on"
    timing: bool = True

    def set(self, name: str, value: str) -> str:
        """Change the setting `name`, or tell how it stands when `value` is empty; what to say of it.

        Raises:
            UsageError: There is no such setting, or not with that value.
        """
        if name and name not in {each.name for each in fields(self)}:
            raise UsageError(f"\\pset: no such setting: {name}", hint="\\pset lists them")
        if not name:
            return "\n".join(self._told(each.name) for each in fields(self))
        if value:
            self._put(name, value)
        return self._told(name)

    def toggle_expanded(self, value: str) -> str:
        """`\\x`: on and off by turns, or what `value` says."""
        return self.set("expanded", value or ("off" if self.expanded == "on" else "on"))

    def toggle_timing(self, value: str) -> str:
        """`\\timing`: on and off by turns, or what `value` says."""
        return self.set("timing", value or ("off" if self.timing else "on"))

    def _put(self, name: str, value: str) -> None:
        match name:
            case "expanded":
                self.expanded = _one(name, value, get_args(Expansion))
            case "format":
                texts = [each for each in Format if each not in COLUMNAR]
                self.format = Format(_one(name, value.replace("aligned", "table"), texts))
            case "null":
                self.null = value.strip("'")
            case "pager":
                self.pager = _one(name, value, get_args(Paging))
            case _:
                self.timing = _one(name, value, ("on", "off")) == "on"

    def _told(self, name: str) -> str:
        value = getattr(self, name)
        return f"{name} is {value if isinstance(value, str) else 'on' if value else 'off'}"


def _one(name: str, value: str, known: Iterable[T]) -> T:
    for each in known:
        if each == value.lower():
            return each
    raise UsageError(f"{name} cannot be `{value}`", hint=f"one of {', '.join(known)}")
