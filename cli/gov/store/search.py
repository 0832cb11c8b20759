"""Questions to the log: from filters to entries, newest first.

Reads what is on the disk, the journal too, so that an entry can be found as soon as it was written. A scan
from the new end to the old; whoever needs an index at millions of entries can build one from the tiles.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from gov.audit import payload
from gov.audit.checkpoint import Checkpoint, unsigned
from gov.audit.columns import covers, ends
from gov.audit.entry import Leaf, Record, read_leaf, read_payload
from gov.audit.kinds import KINDS
from gov.audit.line import read_lines
from gov.audit.tree import WIDTH, Tile, unbundle
from gov.control.models import EntryView
from gov.errors import NoSuch, Unavailable, Unverified
from gov.store.disk import Files
from gov.store.places import JOURNAL

_SOON = 4096
"""Entries after a statement among which its end is looked for."""
_ATTEMPTS = 10
"""Times that a reader starts again because the writer moved the journal away under it."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which entries are asked for; all that are given must hold. Names are as in the API's query."""

    column: str | None = None
    """`public.customers.email`, or the end of it: `customers.email`."""
    table: str | None = None
    principal: str | None = None
    """A name, a subject, or an agent."""
    target: str | None = None
    session: str | None = None
    lease: str | None = None
    request: str | None = None
    kind: str | None = None
    """A kind, or the first word of several: `request`, `lease`."""
    verdict: str | None = None
    since: float | None = None
    until: float | None = None
    """Seconds since the epoch; `since` inclusive, `until` exclusive."""
    text: str | None = None
    """A part of the payload: of a statement, an error, a reason."""
    limit: int | None = None
    after: int | None = None
    """Entries with a larger index only: for following the log."""
    subject: str | None = None
    """Only entries of this subject: what somebody who is no auditor may see."""
    issuer: str | None = None
    """Together with `subject`."""


FILTERS = frozenset(each.name for each in fields(Filters))


def search(read: Files, filters: Filters) -> Iterator[EntryView]:
    """The entries that `filters` name, newest first.

    A `statement` has what became of it under the field `done`, as far as that is known.

    Raises:
        Unavailable: The log cannot be read.
    """
    return islice(_matching(read, filters), filters.limit)


def entry(read: Files, index: int) -> EntryView:
    """One entry; a `statement` with what became of it, if that was soon.

    Raises:
        NoSuch: The log has no such entry.
        Unavailable: The log cannot be read.
    """
    forwards = islice(_forwards(read, max(index, 0)), _SOON)
    found = next(forwards, None)
    if found is None or found.index != index:
        raise NoSuch(f"the log has no entry {index}", hint="gov audit tail")
    if found.leaf.kind != "statement":
        return found.view()
    return found.view(next((later.done() for later in forwards if later.completes(index)), None))


@dataclass(frozen=True, slots=True)
class _Found:
    """An entry read back, its payload not yet."""

    leaf: Leaf
    sealed: bytes

    @property
    def index(self) -> int:
        return self.leaf.index

    def payload(self) -> dict[str, Any] | None:
        """The payload; empty when there never was one, None when it was erased."""
        if self.sealed:
            return read_payload(self.sealed)
        return {} if self.leaf.payload is None else None

    def completes(self, statement: int) -> bool:
        """Whether this is what became of that statement."""
        return self.leaf.kind == "statement.done" and self.leaf.fields.get("statement") == statement

    def done(self) -> dict[str, Any]:
        """What became of a statement, on one level."""
        return {**self.leaf.fields, **(self.payload() or {})}

    def view(self, done: Mapping[str, Any] | None = None) -> EntryView:
        shown = dict(self.leaf.fields)
        if done is not None:
            shown["done"] = dict(done)
        at = self.leaf.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return EntryView(
            index=self.index, at=at, kind=self.leaf.kind, fields=shown, payload=self.payload()
        )


def _matching(read: Files, filters: Filters) -> Iterator[EntryView]:
    done: dict[int, dict[str, Any]] = {}
    for found in _backwards(read, -1 if filters.after is None else filters.after):
        leaf = found.leaf
        if filters.since is not None and leaf.at < datetime.fromtimestamp(filters.since, UTC):
            return
        if leaf.kind == "statement.done":
            done[leaf.fields["statement"]] = found.done()
        result = done.pop(leaf.index, None) if leaf.kind == "statement" else None
        if _holds(found, filters):
            yield found.view(result)


# filters


def _holds(found: _Found, filters: Filters) -> bool:
    leaf, asked = found.leaf, filters
    equal = ("target", "session", "lease", "request", "verdict")
    return (
        all(getattr(asked, name) in (None, leaf.fields.get(name)) for name in equal)
        and (asked.until is None or leaf.at < datetime.fromtimestamp(asked.until, UTC))
        and (asked.kind is None or _is_a(leaf.kind, asked.kind))
        and (asked.subject is None or _owned(leaf, asked.subject, asked.issuer))
        and (asked.column is None or _touches_column(leaf.fields, asked.column))
        and (asked.table is None or _touches_table(leaf.fields, asked.table))
        and (asked.principal is None or _is_of(found, asked.principal))
        and (asked.text is None or _mentions(found, asked.text))
    )


def _is_a(kind: str, asked: str) -> bool:
    return kind == asked or (asked not in KINDS and kind.startswith(f"{asked}."))


def _owned(leaf: Leaf, subject: str, issuer: str | None) -> bool:
    return leaf.fields.get("subject") == subject and issuer in (None, leaf.fields.get("issuer"))


def _touches_column(stated: Mapping[str, Any], column: str) -> bool:
    return any(
        covers(touched, column)
        for field in ("columns_read", "columns_written")
        for touched in stated.get(field) or ()
    )


def _touches_table(stated: Mapping[str, Any], table: str) -> bool:
    tables = [*(stated.get("reads") or ()), *(stated.get("writes") or ()), *(stated.get("relations") or ())]
    return any(ends(touched, table) for touched in tables)


def _is_of(found: _Found, principal: str) -> bool:
    if principal in (found.leaf.fields.get("subject"), found.leaf.fields.get("agent")):
        return True
    return principal == (found.payload() or {}).get("principal")


def _mentions(found: _Found, text: str) -> bool:
    wanted = text.casefold()
    return any(wanted in str(value).casefold() for value in (found.payload() or {}).values())


# reading


def _forwards(read: Files, first: int) -> Iterator[_Found]:
    """Every entry from number `first` on, oldest first."""
    checkpoint, pending = _ends(read)
    for number in range(first // WIDTH, (checkpoint.size + WIDTH - 1) // WIDTH):
        yield from reversed([*_bundle(read, number, checkpoint.size, first - 1)])
    for record in pending:
        if record.index >= first:
            yield _Found(read_leaf(record.leaf), record.sealed)


def _backwards(read: Files, after: int) -> Iterator[_Found]:
    """Every entry with an index above `after`, newest first."""
    checkpoint, pending = _ends(read)
    for record in reversed(pending):
        if record.index <= after:
            return
        yield _Found(read_leaf(record.leaf), record.sealed)
    for number in range((checkpoint.size + WIDTH - 1) // WIDTH - 1, -1, -1):
        yield from _bundle(read, number, checkpoint.size, after)
        if number * WIDTH <= after + 1:
            return


def _bundle(read: Files, number: int, size: int, after: int) -> Iterator[_Found]:
    width = min(WIDTH, size - number * WIDTH)
    # A partial bundle is removed when the full one is there: then its beginning is what we look for.
    data = read(Tile(None, number, width).path) or read(Tile(None, number).path)
    payloads = read(payload.path(number))
    try:
        if data is None or payloads is None:
            raise ValueError("a file is missing")
        entries, items = unbundle(data)[:width], payload.unpack(payloads, width)[0]
        for leaf, sealed in zip(reversed(entries), reversed(items), strict=True):
            found = _Found(read_leaf(leaf), sealed)
            if found.index <= after:
                return
            yield found
    except (ValueError, Unverified):
        raise _damaged(f"near entry {number * WIDTH}") from None


def _ends(read: Files) -> tuple[Checkpoint, list[Record]]:
    """The tree's head and the entries after it, of one moment."""
    for _ in range(_ATTEMPTS):
        note = read("checkpoint")
        if note is None:
            raise Unavailable("there is no audit log here: it has no checkpoint", hint="gov broker status")
        checkpoint = unsigned(note)
        pending = _pending(read, checkpoint.size)
        if not pending or pending[0].index == checkpoint.size:
            return checkpoint, pending
    raise Unavailable("the audit journal does not go on from the tree", hint="gov audit verify")


def _pending(read: Files, size: int) -> list[Record]:
    records: list[Record] = []
    for name in read.names(JOURNAL):
        data = read(name) or b""  # integrated and removed since its name was read
        try:
            records += [found for found in read_lines(data).records if found.index >= size]
        except Unverified as why:
            raise _damaged(f"in {name}, {why.what}") from None
    return records


def _damaged(where: str) -> Unavailable:
    return Unavailable(f"the audit log is damaged {where}", hint="gov audit verify")
