"""Answers to the named questions of `audit.questions`: entries as rows, newest first.

What counts or compares many entries asks the index alone, and says how far that reaches; it is in `counting`.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from starlette.responses import Response

from gov.audit import telling
from gov.audit.columns import covers
from gov.audit.questions import Question, question
from gov.broker import counting, entries
from gov.broker.http import Call, reply
from gov.broker.reading import filters_of
from gov.control.trail import Answer, EntryView
from gov.errors import Denied
from gov.policy.roles import may_read_trail
from gov.receipt import envelope
from gov.receipt import statement as attestation
from gov.store.disk import Files
from gov.store.filters import Filters
from gov.store.index import Index
from gov.store.search import matching, view

ROWS = 1000
"""Rows of an answer at most; `before` of the answer leads to the next ones."""
STORIES = 200
"""Requests, the newest, whose whole story is told where they were looked for by their text or their requester."""
_DDL = "create,alter,drop,truncate,grant,role,maintenance"
_ADMINISTRATION = "policy,broker,kill,schema,columns,role.swept,log.erased,key,budget,ship,notify"


@dataclass(frozen=True, slots=True)
class Asked:
    """Which entries answer a question."""

    filters: tuple[Filters, ...]
    """Each entry that one of them names."""
    keep: Callable[[EntryView], bool] = lambda _: True
    column: str | None = None
    """Of which the answer says whether it was masked."""


def asked(name: str, given: Mapping[str, str], base: Filters) -> Asked:
    """What a question that is answered by entries asks for, within the bounds of `base`."""
    statements = replace(base, kind="statement")
    match name:
        case "column-readers":
            return Asked((replace(statements, read=given["column"]),), telling.ran, given["column"])
        case "activity":
            return Asked((replace(base, principal=given["who"], kind="statement,lease,login,request,session,kill"),),
                         lambda each: each.kind != "statement.done")
        case "approvals":
            return Asked(_approvals(given["about"], replace(base, kind="request")))
        case "origin":
            return Asked((replace(base, file=given["file"]),))
        case "run":
            return Asked((replace(statements, run=given["run"]),), telling.ran)
        case "purpose":
            return Asked((replace(statements, purpose=given["purpose"]),), telling.ran)
        case "denied":
            return Asked(
                (replace(statements, verdict="deny,refused"),
                 replace(base, kind="login.refused,lease.refused,session.refused"),
                 replace(base, kind="request.answered")),
                lambda each: each.kind != "request.answered" or each.fields.get("yes") is False)
        case "ddl":
            return Asked((replace(statements, effect=_DDL),), telling.ran)
        case "changes":
            return Asked((replace(base, kind=_ADMINISTRATION),))
        case "break-glass":
            return Asked((base,), lambda each: bool(each.fields.get("break_glass")))
        case "clear-reads":
            return Asked((replace(statements, clear=given["column"]),), telling.ran)
        case "exports":
            return Asked((replace(statements, effect="copy_out"), replace(base, kind="receipt,export")),
                         lambda each: each.kind != "statement" or telling.ran(each))
        case "log-reads":
            return Asked((replace(base, kind="log.read"),))
        case _:
            return Asked((replace(base, kind="login"),))


def _approvals(about: str, base: Filters) -> tuple[Filters, ...]:
    if about.startswith("rq-"):
        return (replace(base, request=about),)
    return (replace(base, text=about or None),)


async def answer(call: Call) -> Response:
    """The answer to one question, as far as the caller may see it."""
    which = question(call.id)
    query = dict(call.request.query_params)
    given = {each.name: query.pop(each.name, each.default or "") for each in which.arguments}
    base = filters_of({"limit": str(ROWS), **query})
    limit = min(base.limit or ROWS, ROWS)
    if not may_read_trail(call.house.policy, call.who):
        if which.name in counting.COUNTING:
            raise Denied("only auditors count and compare what others did", hint=ASK_AUDITOR)
        base = replace(base, subject=call.who.subject, issuer=call.who.issuer)
    made = await asyncio.to_thread(_answer, call, which, given, base, limit)
    record = entries.log_read(
        call.who, f"question {which.name}", call.house.clock(), filters=dict(call.request.query_params),
        entries=len(made.rows),
    )
    call.house.trail.record(record)
    return reply(made)


ASK_AUDITOR = "ask whoever has the role `auditor` in the policy"


def _answer(call: Call, which: Question, given: Mapping[str, str], base: Filters, limit: int) -> Answer:
    house = call.house
    read, index = Files(Path(house.config.audit.directory)), house.indexing.index
    size, before = house.trail.size, None
    notes: list[str] = []
    if which.name in counting.COUNTING:
        rows, notes = counting.count(which.name, given, base, read, index, house.policy, house.clock())
    else:
        asked_for = {**given, "file": house.receipts.named(given["file"]) or ""} if "file" in given else given
        rows, before = _rows(which, asked_for, base, read, index, limit)
    return Answer(
        question=which.name, asks=which.asks, arguments=dict(given), columns=[*which.columns], rows=rows,
        notes=notes, before=before, size=size, controls=[*which.controls],
    )  # fmt: skip


def _rows(
    which: Question, given: Mapping[str, str], base: Filters, read: Files, index: Index, limit: int
) -> tuple[list[dict[str, object]], int | None]:
    """The newest rows, and where the next ones begin."""
    what = asked(which.name, _resolved(which, given, base, read, index), base)
    if which.name == "origin":
        what = _with_statements(what, base, read, index)
    if which.name == "approvals":
        what = _with_stories(what, base, read, index)
    found = [*islice(filter(what.keep, _views(what, read, index)), limit + 1)]
    before = found[limit - 1].index if len(found) > limit else None
    return [row(each, which.columns, what.column) for each in found[:limit]], before


def _resolved(
    which: Question, given: Mapping[str, str], base: Filters, read: Files, index: Index
) -> Mapping[str, str]:
    """Where somebody asks for approvals by an entry, the request that it is of."""
    about = given.get("about", "")
    if which.name != "approvals" or not about.isascii() or not about.isdigit():
        return given
    one = replace(base, after=int(about) - 1, before=int(about) + 1)
    found = next(_views(Asked((one,)), read, index), None)
    request = found.fields.get("request") if found is not None else None
    return {**given, "about": str(request or "rq-")}  # an entry without a request has no approvals


def _with_stories(what: Asked, base: Filters, read: Files, index: Index) -> Asked:
    """All that became of the requests, too: what answers one has neither its text nor its requester's subject.

    Whoever is no auditor is told so of their own requests.
    """
    (asked_for,) = what.filters
    if base.subject is None and asked_for.text is None:
        return what
    opened = replace(asked_for, kind="request.opened", since=None)
    requests = [str(each.fields["request"]) for each in islice(_views(Asked((opened,)), read, index), STORIES)]
    whole = replace(base, kind="request", subject=None, issuer=None)
    return replace(what, filters=(asked_for, *(replace(whole, request=each) for each in requests)))


def _with_statements(what: Asked, base: Filters, read: Files, index: Index) -> Asked:
    """The statements that receipts name, too, and the requests that let these run."""
    more = list(what.filters)
    for receipt in islice(_views(what, read, index), ROWS):
        for statement in telling.listed(receipt.fields.get("statements")):
            one = replace(base, after=int(statement) - 1, before=int(statement) + 1)
            more.append(one)
            for found in _views(Asked((one,)), read, index):
                if request := found.fields.get("request"):
                    more.append(replace(base, request=str(request), kind="request"))
    return replace(what, filters=tuple(dict.fromkeys(more)))


def _views(what: Asked, read: Files, index: Index) -> Iterator[EntryView]:
    parts = [matching(read, each, index) for each in what.filters]
    last = -1
    for found, done in heapq.merge(*parts, key=lambda match: -match[0].index):
        if found.index != last:
            last = found.index
            yield view(found, done)


# rows


def row(each: EntryView, columns: tuple[str, ...], column: str | None = None) -> dict[str, object]:
    """The entry under these headings; `how` says what became of `column`."""
    cells = _CELLS | {"how": lambda each: telling.how(each, column) or None}
    if each.kind == "receipt":
        cells |= _OF_FILES
    return {name: cells[name](each) for name in columns}


def _field(name: str) -> Callable[[EntryView], object]:
    """A field wherever it stands: in the entry, in its end, in its payload."""

    def value(each: EntryView) -> object:
        done = each.fields.get("done")
        for place in (each.fields, done if isinstance(done, Mapping) else {}, each.payload or {}):
            if name in place:
                return place[name]
        return None

    return value


def _because(each: EntryView) -> object:
    payload = each.payload or {}
    reasons: Any = payload.get("reasons") or ()
    return payload.get("error") or payload.get("because") or payload.get("reason") or "; ".join(map(str, reasons))


def _columns(each: EntryView) -> object:
    """Columns that were read, each with its mask."""
    masks = {str(mask["column"]): str(mask.get("mask")) for mask in telling.masks_of(each.fields)}
    named = []
    for column in map(str, telling.listed(each.fields.get("columns_read"))):
        mask = next((masks[masked] for masked in masks if covers(column, masked)), "")
        named.append(f"{column} ({mask})" if mask else column)
    return named or None


def _statement(each: EntryView) -> object:
    return telling.ERASED if each.payload is None else each.payload.get("text")


def _files(each: EntryView) -> list[Mapping[str, Any]]:
    """The files of a receipt, as it tells them; none once it is erased."""
    document = (each.payload or {}).get("document")
    if not document:
        return []
    return [*attestation.read(envelope.read(str(document).encode()).payload).predicate.get("files", ())]


_OF_FILES: dict[str, Callable[[EntryView], object]] = {
    "how": lambda each: ", ".join(f"file {file['name']}" for file in _files(each)) or None,
    "rows": lambda each: sum(file.get("rows", 0) for file in _files(each)) or None,
    "bytes": lambda each: sum(file.get("bytes", 0) for file in _files(each)) or None,
}
"""Cells of a receipt that are otherwise a statement's."""

_CELLS: dict[str, Callable[[EntryView], object]] = {
    "entry": lambda each: each.index,
    "time": lambda each: each.at,
    "who": telling.who,
    "what": telling.what,
    "approved_by": lambda each: telling.approval(each) or None,
    "statement": _statement,
    "about": telling.about,
    "because": _because,
    "columns": _columns,
    "clear": _field("clear_sensitive"),
    **{name: _field(name) for name in (
        "target", "rows", "bytes", "purpose", "run", "rule", "request", "requester", "reason", "max_rows",
        "groups", "client")},
}
