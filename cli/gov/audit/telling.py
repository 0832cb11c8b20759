"""What an entry says, in words: who, what, masked or clear, who approved. For tables, answers and exports alike."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from gov.audit.columns import covers

ERASED = "(erased)"


class Told(Protocol):
    """An entry as it is shown."""

    @property
    def index(self) -> int:
        """Its number."""

    @property
    def at(self) -> str:
        """When, RFC 3339."""

    @property
    def kind(self) -> str:
        """A key of `kinds.KINDS`."""

    @property
    def fields(self) -> Mapping[str, Any]:
        """What is public, and of a statement under `done` what became of it."""

    @property
    def payload(self) -> Mapping[str, Any] | None:
        """None where it was erased."""


def stamp(at: datetime) -> str:
    """A moment of UTC as it is told outside, RFC 3339: `2026-01-31T12:00:00.000Z`."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def time(view: Told) -> str:
    """The second, in UTC."""
    return f"{view.at[:10]} {view.at[11:19]}Z"


def who(view: Told) -> str:
    """The name, with the agent that acted; the subject's id where the name was erased."""
    payload = view.payload or {}
    name = text(payload.get("principal") or payload.get("approver") or view.fields.get("subject"))
    agent = view.fields.get("agent")
    return f"{agent} for {name}" if agent else name


def what(view: Told) -> str:
    """The kind of entry; of a statement, what the decision was and what came of it."""
    fields = view.fields
    if view.kind != "statement":
        answer = {True: " yes", False: " no"}.get(bool(fields.get("yes")), "") if "yes" in fields else ""
        return view.kind + answer
    verdict, done = text(fields.get("verdict")), fields.get("done")
    if not ran(view):
        return f"{verdict}: not run" if verdict in ("allow", "hold", "confirm") else verdict
    outcome = text(done.get("outcome")) if isinstance(done, Mapping) else "open"
    return f"{verdict}, {outcome}"


def ran(view: Told) -> bool:
    """Whether the statement reached the database: then its entry carries no error of ours."""
    denied = view.fields.get("verdict") in ("deny", "refused")
    return view.kind == "statement" and not denied and "error" not in (view.payload or {})


def how(view: Told, column: str | None) -> str:
    """What became of the column: `masked (partial)`, `clear`, `written`; without one, of all that mattered."""
    if view.kind != "statement" or not ran(view):
        return ""
    return _how(view.fields, column) if column else _overview(view.fields)


def _how(fields: Mapping[str, Any], column: str) -> str:
    found = [text(field) for field in fields.get("columns_read") or () if covers(text(field), column)]
    written = any(covers(text(field), column) for field in fields.get("columns_written") or ())
    masks = sorted({text(mask["mask"]) for mask in masks_of(fields) if covers(text(mask["column"]), column)})
    read = f"masked ({', '.join(masks)})" if masks else "clear"
    return " and ".join([read] * bool(found) + ["written"] * written)


def _overview(fields: Mapping[str, Any]) -> str:
    masked, clear = len(masks_of(fields)), len(fields.get("clear_sensitive") or ())
    return ", ".join([f"{masked} masked"] * bool(masked) + [f"{clear} clear"] * bool(clear))


def listed(value: object) -> list[Any]:
    """The values of a field that has several; none of a field that is not there."""
    return [*value] if isinstance(value, list | tuple) else []


def masks_of(fields: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The masks that lay between: `column`, `mask` and `rule`."""
    return [mask for mask in listed(fields.get("masks")) if isinstance(mask, Mapping) and "column" in mask]


def approvers(view: Told) -> list[str]:
    """Who approved: names, or subject ids where the names were erased."""
    names = (view.payload or {}).get("approvers") or view.fields.get("approved_by") or ()
    return [text(name) for name in listed(names)]


def approval(view: Told) -> list[str]:
    """The same, and where somebody went ahead without an approver, that they did and by which rule."""
    rule = view.fields.get("break_glass")
    return [*approvers(view), *([f"alone, by break glass ({text(rule)})"] if rule else [])]


def about(view: Told) -> str:
    """The statement, or what else the entry is about."""
    payload = view.payload
    if payload is None:
        return ERASED
    if said := payload.get("text") or payload.get("complaints"):
        return text(said)
    fields = view.fields
    named = ("request", "lease", "leases", "session", "sessions", "columns", "relations", "scope", "rule", "state",
             "role", "what", "path", "version")
    if filters := payload.get("filters"):
        return f"{text(fields.get('what'))}: {text(filters)}"
    because = payload.get("because") or payload.get("reason") or payload.get("error")
    said = " ".join(text(fields[name]) for name in named if fields.get(name))
    return f"{said}: {text(because)}" if because and said else text(because or said)


def text(value: object) -> str:
    """A value of an entry for people."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return ", ".join(map(text, value))
    if isinstance(value, Mapping):
        return " ".join(f"{name}={text(part)}" for name, part in value.items())
    return str(value)
