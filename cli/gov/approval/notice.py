"""What webhooks are told of an approval request, made of its entry in the trail.

Neither the statement's text nor its parameters are in it, so no value of the database: who asks for what kind of
thing on which tables, why, by which rule and until when is enough to go and look.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gov.policy.rules import Event

LONGEST = 300
"""Characters of what somebody wrote."""
MOST = 10
"""Tables, columns and names that are named."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One event of one request."""

    event: Event
    request: str
    target: str
    environment: str
    scope: str
    rules: tuple[str, ...]
    """Of policy, that ask for an approver; the deciding one first."""
    asked_by: str
    what: str
    """What is asked, in words: `update on public.orders`."""
    why: str = ""
    """The requester's own reason."""
    by: str = ""
    """Who answered."""
    said: str = ""
    """Their reason."""
    break_glass: str = ""
    """The rule by which the requester went ahead alone."""
    approvers: tuple[str, ...] = ()
    """Groups that may answer."""
    until: str = ""

    @property
    def headline(self) -> str:
        """All in one line."""
        where = f"{self.target} ({self.environment})" if self.environment else self.target
        match self.event:
            case Event.HELD:
                return f"{self.asked_by} asks for approval on {where}: {self.what}"
            case Event.BREAK_GLASS:
                return f"BREAK GLASS: {self.asked_by} goes ahead alone on {where}: {self.what}"
            case Event.APPROVED | Event.DENIED:
                return f"{self.by} {self.event} {self.asked_by}'s request on {where}: {self.what}"
            case Event.EXPIRED:
                return f"{self.asked_by}'s request on {where} expired: {self.what}"
            case Event.WITHDRAWN:
                return f"{self.asked_by}'s request on {where} was withdrawn: {self.what}"

    @property
    def facts(self) -> tuple[tuple[str, str], ...]:
        """(label, text) pairs, those that say nothing left out."""
        held = self.event is Event.HELD
        known = (
            ("request", self.request),
            ("asked by", self.asked_by),
            ("what", self.what),
            ("where", f"{self.target}{f', {self.environment}' if self.environment else ''}, scope {self.scope}"),
            ("why", self.why),
            ("held by", ", ".join(self.rules)),
            ("alone by", self.break_glass),
            ("answered by", self.by if not self.break_glass else ""),
            ("reason", self.said),
            ("approvers", ", ".join(self.approvers)),
            ("until", self.until),
            ("answer with", f"gov approve {self.request}" if held else ""),
        )
        return tuple((label, text) for label, text in known if text)


def event_of(kind: str, fields: Mapping[str, Any]) -> Event | None:
    """What an entry of the trail is the record of; None for all that nobody is told of."""
    if kind == "request.opened":
        return Event.HELD
    state = fields.get("state")
    if kind == "request.answered":
        if fields.get("break_glass"):
            return Event.BREAK_GLASS
        if fields.get("yes"):
            return Event.APPROVED if state == "approved" else None  # of two who must agree the first is no event
        return Event.DENIED
    if kind == "request.ended":
        return Event.EXPIRED if state == "expired" else Event.WITHDRAWN
    return None


def notice(event: Event, fields: Mapping[str, Any], payload: Mapping[str, Any]) -> Notice:
    """What is told of the entry with these `fields`; what was erased of its payload is left out."""
    answered = event in (Event.APPROVED, Event.DENIED, Event.BREAK_GLASS)
    own = _short(payload.get("reason"))
    return Notice(
        event=event,
        request=str(fields.get("request", "")),
        target=str(fields.get("target", "")),
        environment=str(fields.get("environment", "")),
        scope=str(fields.get("scope", "")),
        rules=rules_of(fields),
        asked_by=_short(payload.get("requested_by") or fields.get("requester") or fields.get("subject")),
        what=_what(fields),
        why=own if event is Event.HELD else "",
        by=_short(payload.get("approver") or fields.get("by")) if answered else "",
        said=own if answered else _short(payload.get("because")),
        break_glass=str(fields.get("break_glass") or ""),
        approvers=tuple(map(str, fields.get("approver_groups") or ())),
        until=str(fields.get("expires_at") or ""),
    )


def rules_of(fields: Mapping[str, Any]) -> tuple[str, ...]:
    """The rules that made the request."""
    named = [fields.get("rule"), *(fields.get("rules") or ())]
    return tuple(dict.fromkeys(str(each) for each in named if each))


def _what(fields: Mapping[str, Any]) -> str:
    if unmask := fields.get("unmask"):
        return f"unmask {_listed(unmask)}"
    on = f" on {_listed(relations)}" if (relations := fields.get("relations")) else ""
    if name := fields.get("dataset"):
        return f"the data set {name}{on}"
    return f"{_listed(fields.get('effects') or ['a statement'])}{on}"


def _listed(names: Any) -> str:
    found = [str(each)[:LONGEST] for each in names]
    more = f" and {len(found) - MOST} more" if len(found) > MOST else ""
    return ", ".join(found[:MOST]) + more


def _short(text: object) -> str:
    words = "" if text is None else str(text)
    return words if len(words) <= LONGEST else f"{words[:LONGEST]}…"
