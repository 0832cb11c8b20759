"""The last refusal of somebody's own, as the trail has it: what was refused, where, by whom, and why.

The trail is what every client shares and what outlives a restart, so here it does not matter whether psql,
an ORM or `gov exec` was told no. What helps now is `remedies`' business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from starlette.responses import Response

from gov.approval.request import Request, RequestState
from gov.broker import entries, remedies
from gov.broker.http import Call, reply
from gov.broker.views import rfc3339
from gov.control.statements import Refusal, Why
from gov.control.trail import EntryView
from gov.errors import BoundExceeded, Denied
from gov.identity.principal import Principal
from gov.store.disk import Files
from gov.store.index import Index
from gov.store.search import Filters, entry, search

LOOKED_AT = 50_000
"""Entries of the log that are looked at while the index is behind: whoever asks was refused a short while ago."""
_SETTLED = {RequestState.DENIED: "approval denied", RequestState.EXPIRED: "timed out"}
_BY_DATABASE = {Denied.sqlstate: "refused by the database", BoundExceeded.sqlstate: "bound exceeded"}
"""What came of a statement that policy let run, by SQLSTATE."""


async def why(call: Call) -> Response:
    """The caller's last refusal, what policy makes of the same now, and what to type."""
    found = await last(call)
    call.house.trail.record(
        entries.log_read(call.who, "refusal", call.house.clock(), index=found.entry if found else None)
    )
    if found is None:
        return reply(Why(refusal=None))
    now, steps = await remedies.of(call.house, call.who, found)
    return reply(Why(refusal=found, now=now, next=steps))


async def last(call: Call) -> Refusal | None:
    """The newest of what the trail has and of the requests that nobody was waiting for any more."""
    mine = [each for each in call.house.desk.visible_to(call.who, settled=True) if _asked(each, call.who)]
    files = Files(Path(call.house.config.audit.directory))
    index, size = call.house.indexing.index, call.house.trail.size
    found = await asyncio.to_thread(lambda: _newest(files, index, size, mine, call.who))
    left = [_of_request(each) for each in mine if each.session is None and each.state in _SETTLED]
    return max(filter(None, chain(left, [found])), key=lambda each: _moment(each.at), default=None)


def _asked(request: Request, who: Principal) -> bool:
    return request.requester.same_person(who) and request.requester.agent == who.agent


_SIGNS: tuple[dict[str, Any], ...] = (
    {"kind": "statement", "verdict": "deny"}, {"kind": "statement", "verdict": "refused"},
    *({"kind": "statement.done", "sqlstate": each} for each in _BY_DATABASE),
    {"kind": "lease.refused"}, {"kind": "session.refused"},
)
"""What entries look like that tell of a refusal."""


def _newest(files: Files, index: Index, size: int, mine: list[Request], who: Principal) -> Refusal | None:
    """The newest refusal that the trail has: of each sign the newest, and of these the newest."""
    found: list[Refusal] = []
    after = size - LOOKED_AT if size - index.size > LOOKED_AT else None
    for sign in _SIGNS:
        asked = Filters(subject=who.subject, issuer=who.issuer, after=after, **sign)
        if refusal := next(_refusals(_statements(files, search(files, asked, index)), mine, who), None):
            found.append(refusal)
    return max(found, key=lambda each: each.entry or 0, default=None)


def _statements(files: Files, found: Iterator[EntryView]) -> Iterator[EntryView]:
    """Where an entry tells the end of a statement, the statement."""
    for each in found:
        yield entry(files, statement) if isinstance(statement := each.fields.get("statement"), int) else each


def _refusals(found: Iterator[EntryView], mine: list[Request], who: Principal) -> Iterator[Refusal]:
    for each in found:
        if each.fields.get("agent") == who.agent and (refusal := _refusal(each, mine)) is not None:
            yield refusal


def _refusal(entry: EntryView, mine: list[Request]) -> Refusal | None:
    """What the entry says was refused; None when it says nothing of the kind."""
    said, payload = entry.fields, entry.payload or {}
    match entry.kind, said.get("verdict"):
        case "statement", "deny":
            return _of_statement(entry, "denied", payload.get("error"))
        case "statement", "refused":
            request = _held(entry, mine)
            if request is None:
                return _of_statement(entry, "refused", payload.get("error"))
            # Who withdrew a request knows that; what became of it is not a refusal.
            outcome = _SETTLED.get(request.state, "" if request.state is RequestState.WITHDRAWN else "refused")
            return _of_statement(entry, outcome, payload.get("error"), request) if outcome else None
        case "statement", _:
            done = said.get("done")
            done = done if isinstance(done, Mapping) else {}
            outcome = _BY_DATABASE.get(str(done.get("sqlstate")), "")
            return _of_statement(entry, outcome, done.get("error")) if outcome else None
        case "lease.refused", _:
            return _plain(entry, "lease", _words(payload.get("reasons")))
        case "session.refused", _:
            return _plain(entry, "session", [_text(payload.get("because"))])
        case _:
            return None


def _held(entry: EntryView, mine: list[Request]) -> Request | None:
    """The request that the refused statement waited for: the newest of its session before it."""
    text, session = (entry.payload or {}).get("text"), entry.fields.get("session")
    until = _moment(entry.at).timestamp()
    held = [
        each for each in mine
        if each.session is not None and each.session == session and each.statement == text and each.created_at <= until
    ]  # fmt: skip
    return max(held, key=lambda each: each.created_at, default=None)


def _of_statement(entry: EntryView, outcome: str, told: object, request: Request | None = None) -> Refusal:
    said, payload = entry.fields, entry.payload or {}
    text = payload.get("text")
    return Refusal(
        kind="statement", outcome=outcome, at=entry.at, entry=entry.index, target=_text(said.get("target")),
        scope=_text(said.get("scope")), client=_text(payload.get("client")), session=_text(said.get("session")),
        lease=_text(said.get("lease")), request=request.id if request else "",
        statement=text if isinstance(text, str) else None,
        parameters=_words(payload.get("parameters")), rule=_text(said.get("rule")), told=_text(told),
        reasons=_words(payload.get("reasons")), approvers=sorted(request.approvers) if request else [],
        reason=request.reason if request else "", purpose=_text(said.get("purpose")),
    )  # fmt: skip


def _plain(entry: EntryView, kind: Literal["lease", "session"], reasons: list[str]) -> Refusal:
    """The refusal of a lease or of a session."""
    said, payload = entry.fields, entry.payload or {}
    return Refusal(
        kind=kind, outcome="denied" if kind == "lease" else "refused", at=entry.at, entry=entry.index,
        target=_text(said.get("target")), scope=_text(said.get("scope")), client=_text(payload.get("client")),
        lease=_text(said.get("lease")), rule=_text(said.get("rule")), told=next(iter(reasons), ""),
        reasons=reasons, reason=_text(payload.get("reason")), purpose=_text(said.get("purpose")),
    )  # fmt: skip


def _of_request(request: Request) -> Refusal:
    """The refusal of a statement that waited without a session, by `gov exec --no-wait`."""
    no = next((answer for answer in request.answers if not answer.yes), None)
    told = f"nobody answered {request.id} in time"
    if no is not None:
        told = f"{no.approver.display} denied {request.id}" + (f": {no.reason}" if no.reason else "")
    return Refusal(
        kind="request", outcome=_SETTLED[request.state], at=rfc3339(no.at if no else request.expires_at), entry=None,
        target=request.target, scope=request.scope.value, request=request.id, statement=request.statement,
        parameters=[*map(_text, request.parameters)], rule=request.rule, told=told, reasons=[*request.reasons],
        approvers=sorted(request.approvers), reason=request.reason, purpose=request.purpose,
    )  # fmt: skip


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _words(value: object) -> list[str]:
    return [_text(each) for each in value] if isinstance(value, list | tuple) else []
