"""Reading the trail through the API: everybody what is theirs, auditors all, and it is recorded.

Hashes and checkpoints are for everybody who is logged in: that is what makes every client a witness.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from starlette.responses import Response

from gov.audit.kinds import KINDS
from gov.broker import entries
from gov.broker.http import Call, reply
from gov.control.trail import Entries, EntryView
from gov.errors import Denied, NoSuch, UsageError
from gov.policy.complaint import did_you_mean
from gov.policy.decision import Verdict
from gov.policy.roles import may_read_trail
from gov.store.disk import Files
from gov.store.search import FILTERS, Filters, entry, search
from gov.terms import Effect

PAGE = 100
LARGEST_PAGE = 1000
_NUMBER = r"(?:x\d{3}/)*\d{3}"
HASHES = re.compile(rf"checkpoint|key\.pub|key/[0-9a-f]{{8}}\.tlog-proof|tile/\d{{1,2}}/{_NUMBER}(?:\.p/\d{{1,3}})?")
"""What gives away nothing but hashes."""
CONTENTS = re.compile(rf"tile/entries/{_NUMBER}(?:\.p/\d{{1,3}})?|payload/{_NUMBER}")
"""What somebody did: for auditors."""
_ASK_AUDITOR = "ask whoever has the role `auditor` in the policy"
_INTEGERS = ("limit", "after", "before")
_TIMES = ("since", "until")
_WORDS = {
    "kind": frozenset(KINDS) | {kind.partition(".")[0] for kind in KINDS},
    "verdict": frozenset(Verdict) | {"refused"},
    "effect": frozenset(Effect),
}
"""Filters whose words are known."""
_DIGITS = 18
_BEYOND = 1 << 62
"""No log has so many entries."""


async def page(call: Call) -> Response:
    """The newest entries that the query asks for and the caller may see, newest last."""
    filters = filters_of(call.request.query_params)
    filters = replace(filters, file=call.house.receipts.named(filters.file))
    auditor = may_read_trail(call.house.policy, call.who)
    if not auditor:
        filters = replace(filters, subject=call.who.subject, issuer=call.who.issuer)
    found = await asyncio.to_thread(lambda: [*search(_files(call), filters, call.house.indexing.index)])
    if filters.after is None or not all(_own_reading(call, each) for each in found):
        await _recorded(call, "entries", filters=dict(call.request.query_params), count=len(found))
    newest_last = [_seen_by(each, auditor=auditor) for each in (found if filters.oldest else found[::-1])]
    return reply(Entries(entries=newest_last, size=call.house.trail.size))


async def one(call: Call) -> Response:
    """One entry."""
    if not call.id.isascii() or not call.id.isdigit() or len(call.id) > _DIGITS:
        raise UsageError(f"`{call.id}` is no index of an entry", hint="gov audit tail")
    found = await asyncio.to_thread(entry, _files(call), int(call.id))
    mine = (found.fields.get("subject"), found.fields.get("issuer")) == (call.who.subject, call.who.issuer)
    auditor = may_read_trail(call.house.policy, call.who)
    if not mine and not auditor:
        raise Denied(f"entry {call.id} is about somebody else", hint=_ASK_AUDITOR)
    await _recorded(call, "entry", index=found.index)
    return reply(_seen_by(found, auditor=auditor))


def _seen_by(found: EntryView, *, auditor: bool) -> EntryView:
    """The entry without what its own author was not told: the words of the database can quote masked values."""
    if auditor:
        return found
    told, done = dict(found.payload or {}), found.fields.get("done")
    told.pop("original", None)
    fields = dict(found.fields)
    if isinstance(done, Mapping):
        fields["done"] = {name: value for name, value in done.items() if name != "original"}
    return found.model_copy(update={"fields": fields, "payload": None if found.payload is None else told})


async def file(call: Call) -> Response:
    """A file of the log, as it is on disk."""
    path = call.request.query_params.get("path", "")
    contents = CONTENTS.fullmatch(path) is not None
    if not contents and HASHES.fullmatch(path) is None:
        raise NoSuch(f"the log has no file `{path}`", hint="gov audit verify")
    if contents and not may_read_trail(call.house.policy, call.who):
        raise Denied("only auditors read the contents of the log", hint=_ASK_AUDITOR)
    data = await asyncio.to_thread(_files(call), path)
    if data is None:
        raise NoSuch(f"the log has no file `{path}`", hint="gov audit verify")
    if contents:
        await _recorded(call, "file", path=path)
    return Response(data, media_type="application/octet-stream")


async def checkpoint(call: Call) -> Response:
    """The newest checkpoint."""
    return Response(call.house.trail.checkpoint, media_type="text/plain; charset=utf-8")


async def _recorded(
    call: Call,
    what: str,
    *,
    filters: Mapping[str, object] | None = None,
    count: int | None = None,
    index: int | None = None,
    path: str | None = None,
) -> None:
    """Have it in the trail that this was read, before it is shown."""
    call.house.trail.record(
        entries.log_read(call.who, what, call.house.clock(), filters=filters, entries=count, index=index, path=path)
    )


def _own_reading(call: Call, each: EntryView) -> bool:
    """Whether the entry only says that the caller has looked: who follows the log must not feed it."""
    return each.kind == "log.read" and each.fields.get("subject") == call.who.subject


def _files(call: Call) -> Files:
    return Files(Path(call.house.config.audit.directory))


def filters_of(query: Mapping[str, str]) -> Filters:
    """The filters of a query.

    Raises:
        UsageError: one is unknown, or no number or time where one is due.
    """
    unknown = sorted(set(query) - (FILTERS - {"subject", "issuer"}))
    if unknown:
        raise UsageError(f"the trail knows no filter `{unknown[0]}`", hint="gov audit search --help")
    for name, known in _WORDS.items():
        for word in filter(None, query.get(name, "").split(",")):
            if word not in known:  # or a slip of the pen would find nothing, and pass for nothing to be found
                raise UsageError(f"{name}: there is no `{word}`{did_you_mean(word, known)}",
                                 hint=f"one of {', '.join(sorted(known))}")
    given: dict[str, object] = {}
    for name, text in query.items():
        try:
            given[name] = _value(name, text)
        except ValueError:
            raise UsageError(f"{name}: `{text}` is not understood", hint="gov audit search --help") from None
    limit = given.get("limit", PAGE)
    assert isinstance(limit, int)
    return Filters(**(given | {"limit": max(1, min(limit, LARGEST_PAGE))}))  # type: ignore[arg-type]


def _value(name: str, text: str) -> object:
    if name in _INTEGERS:
        return whole(text)
    if name in _TIMES:
        return _time(text)
    return text == "true" if name == "oldest" else text


def whole(text: str) -> int:
    """A number that an index can have. Raises ValueError."""
    number = int(text)
    if abs(number) >= _BEYOND:
        raise ValueError("no such entry is possible")
    return number


def _time(text: str) -> float:
    """Seconds since the epoch, of a number or of RFC 3339. Raises ValueError."""
    try:
        seconds = float(text)
    except ValueError:
        return datetime.fromisoformat(text).timestamp()
    try:
        datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError):
        raise ValueError("beyond all years") from None
    return seconds
