"""Questions to the log: from filters to entries, newest first or oldest first.

The index proposes entries, the log answers: every entry is read from it and looked at again, and what the index
does not have yet, or all where there is no index, is read from the log in order. So the answer is the same with
an index and without, and its entries can be verified.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from gov.audit.telling import stamp
from gov.control.trail import EntryView
from gov.store.disk import Files
from gov.store.filters import FILTERS, Filters, holds
from gov.store.index import Index, indexed
from gov.store.log import Entries, Found, backwards, forwards
from gov.store.proposals import proposed

__all__ = ["FILTERS", "Filters", "entry", "matching", "search", "view"]

_SOON = 4096
"""Entries after a statement among which its end is looked for where there is no index."""

Done = dict[str, Any]
"""What became of a statement."""
Match = tuple[Found, Done | None]


def search(read: Files, filters: Filters, index: Index | None = None) -> Iterator[EntryView]:
    """The entries that `filters` name.

    A `statement` has what became of it under the field `done`, as far as that is known.

    Raises:
        Unavailable: The log cannot be read.
    """
    for found, done in islice(matching(read, filters, index), filters.limit):
        yield view(found, done)


def matching(read: Files, filters: Filters, index: Index | None = None) -> Iterator[Match]:
    """The same, unread and without their limit."""
    with ExitStack() as stack:
        connection, have = None, 0
        if index is not None:
            try:
                connection = stack.enter_context(index.reading())
                have = indexed(connection)
            except sqlite3.Error:
                connection, have = None, 0
        kept = _Kept(read, filters, connection, have)
        yield from kept.oldest_first() if filters.oldest else kept.newest_first()


def entry(read: Files, index: int) -> EntryView:
    """One entry; a `statement` with what became of it, if that was soon.

    Raises:
        NoSuch: The log has no such entry.
        Unavailable: The log cannot be read.
    """
    found = Entries(read)[index]
    return view(found, _soon(read, found) if found.leaf.kind == "statement" else None)


def view(found: Found, done: Mapping[str, Any] | None = None) -> EntryView:
    """The entry as the API shows it."""
    shown = dict(found.leaf.fields)
    if done is not None:
        shown["done"] = dict(done)
    leaf = found.leaf
    return EntryView(index=leaf.index, at=stamp(leaf.at), kind=leaf.kind, fields=shown, payload=found.payload())


class _Kept:
    """The two parts of one answer: what the index has, and the end of the log that it does not have yet."""

    def __init__(self, read: Files, filters: Filters, connection: sqlite3.Connection | None, have: int) -> None:
        self._read = read
        self._filters = filters
        self._connection = connection
        self._entries = Entries(read)
        self._have = min(have, self._entries.size)
        self._done: dict[int, Done] = {}

    def newest_first(self) -> Iterator[Match]:
        after, before = self._filters.after, self._filters.before
        since = None if self._filters.since is None else datetime.fromtimestamp(self._filters.since, UTC)
        for found in backwards(self._read, max(self._have - 1, -1 if after is None else after)):
            leaf = found.leaf
            if since is not None and leaf.at < since:
                return
            if leaf.kind == "statement.done":
                self._done[leaf.fields["statement"]] = found.done()
            done = self._done.pop(leaf.index, None) if leaf.kind == "statement" else None
            if (before is None or leaf.index < before) and holds(found, self._filters):
                yield found, done
        yield from self._indexed()

    def oldest_first(self) -> Iterator[Match]:
        if self._connection is not None:
            self._done = _dones(islice(forwards(self._read, self._have), _SOON))
        yield from self._indexed()
        after = self._filters.after
        rest = forwards(self._read, max(self._have, 0 if after is None else after + 1))
        part = [*islice(rest, _SOON)]
        while part:
            following = [*islice(rest, _SOON)]
            done = _dones([*part, *following])
            for found in part:
                if holds(found, self._filters):
                    yield found, done.get(found.index)
            part = following

    def _indexed(self) -> Iterator[Match]:
        if self._connection is None or not self._have:
            return
        for number in proposed(self._connection, self._filters):
            if number >= self._have:
                continue  # a log that is older than its index
            found = self._entries[number]
            if holds(found, self._filters):
                yield found, self._outcome(found) if found.leaf.kind == "statement" else None

    def _outcome(self, found: Found) -> Done | None:
        if (known := self._done.pop(found.index, None)) is not None:
            return known
        assert self._connection is not None
        row = self._connection.execute("SELECT id FROM outcome WHERE statement = ?", (found.index,)).fetchone()
        later = self._entries[row[0]] if row and row[0] < self._entries.size else None
        return later.done() if later is not None and later.completes(found.index) else None


def _soon(read: Files, statement: Found) -> Done | None:
    """What became of a statement, if its end is among the entries behind it."""
    behind = islice(forwards(read, statement.index + 1), _SOON)
    return next((later.done() for later in behind if later.completes(statement.index)), None)


def _dones(entries: Iterable[Found]) -> dict[int, Done]:
    return {found.leaf.fields["statement"]: found.done() for found in entries if found.leaf.kind == "statement.done"}
