"""From filters to the entries that an index proposes: one query, whichever way is shortest.

SQLite has no idea how many entries have a term. So before it is asked, each condition's entries are counted up
to a bound; the rarest leads, and where none is rare the entries are walked in order until there are enough.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from gov.audit.facets import columns
from gov.audit.kinds import KINDS
from gov.store.filters import Filters

_RARE = 20_000
"""Entries that are rather gathered and sorted than met on the way."""
_GRAM = 3
"""Characters that the index of texts needs at least."""

Value = str | int | float


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that entries must have."""

    column: str
    """Of the table `entry`."""
    subquery: str
    """The values that it may have."""
    values: tuple[Value, ...]
    also: str = ""
    """A second column, either of which must have one of them."""

    def leading(self) -> tuple[str, tuple[Value, ...]]:
        """As the one that SQLite goes by."""
        if not self.also:
            return f"{self.column} IN ({self.subquery})", self.values
        either = " UNION ".join(f"SELECT id FROM entry WHERE {each} IN ({self.subquery})" for each in self._columns)
        return f"id IN ({either})", self.values * 2

    def following(self) -> tuple[str, tuple[Value, ...]]:
        """As one that entries are tried by: a plus keeps SQLite from going by the column's own index."""
        tried = " OR ".join(f"+{each} IN ({self.subquery})" for each in self._columns)
        return f"({tried})", self.values * len(self._columns)

    def count(self, connection: sqlite3.Connection, most: int) -> int:
        """How many entries have it, as far as `most`. Raises sqlite3.Error."""
        total = 0
        for each in self._columns:
            some = f"SELECT 1 FROM entry WHERE {each} IN ({self.subquery}) LIMIT {most}"
            total += connection.execute(f"SELECT count(*) FROM ({some})", self.values).fetchone()[0]
        return total

    @property
    def _columns(self) -> tuple[str, ...]:
        return (self.column, self.also) if self.also else (self.column,)


def proposed(connection: sqlite3.Connection, asked: Filters) -> Iterator[int]:
    """Numbers of entries that may be what is asked for, in its order.

    Raises:
        sqlite3.Error: The index is damaged.
    """
    where, values = narrowed(connection, asked)
    order = "ASC" if asked.oldest else "DESC"
    for (number,) in connection.execute(f"SELECT id FROM entry {where} ORDER BY id {order}", values):
        yield int(number)


def narrowed(connection: sqlite3.Connection, asked: Filters) -> tuple[str, list[Value]]:
    """What stands behind `FROM entry`, and its values. Raises sqlite3.Error."""
    conditions = [*_conditions(asked)]
    lead = _rarest(connection, conditions)
    parts: list[str] = []
    values: list[Value] = []
    for condition in conditions:
        part, some = condition.leading() if condition is lead else condition.following()
        parts.append(part)
        values += some
    for part, value in _bounds(asked):
        parts.append(part)
        values.append(value)
    return f"{'' if lead else 'NOT INDEXED '}{'WHERE ' if parts else ''}{' AND '.join(parts)}", values


def halved(half: str, *terms: tuple[str, str]) -> Condition:
    """Entries whose half (`who` or `what`) has one of these terms."""
    one = "SELECT id FROM term WHERE facet = ? AND value = ?"
    subquery = f"SELECT half FROM {half}_term WHERE term IN ({' UNION ALL '.join([one] * len(terms))})"
    return Condition(half, subquery, tuple(part for term in terms for part in term))


def _conditions(asked: Filters) -> Iterator[Condition]:
    if asked.principal is not None:
        yield halved("who", *((facet, asked.principal) for facet in ("name", "subject", "agent")))
    for name in ("agent", "target", "session", "lease", "purpose", "run", "subject", "issuer"):
        if (value := getattr(asked, name)) is not None:
            yield halved("who", (name, value))
    for name in ("request", "rule", "table", "sqlstate", "file"):
        if (value := getattr(asked, name)) is not None:
            yield halved("what", (name, value))
    for name in ("verdict", "effect"):
        if (value := getattr(asked, name)) is not None:
            yield halved("what", *((name, each) for each in value.split(",")))
    if asked.kind is not None:
        yield halved("what", *(("kind" if each in KINDS else "family", each) for each in asked.kind.split(",")))
    for facets, column in ((("read", "written"), asked.column), (("read",), asked.read), (("clear",), asked.clear)):
        if column is not None:
            yield halved("what", *((facet, each) for facet in facets for each in columns(column)))
    if asked.text:
        yield Condition("text", *_texts(asked.text), also="words")


def _bounds(asked: Filters) -> Iterator[tuple[str, Value]]:
    if asked.since is not None:
        yield "at >= ?", asked.since
    if asked.until is not None:
        yield "at < ?", asked.until
    if asked.after is not None:
        yield "id > ?", asked.after
    if asked.before is not None:
        yield "id < ?", asked.before


def _texts(text: str) -> tuple[str, tuple[Value, ...]]:
    """Which texts have this part, and those that are too long to tell."""
    wanted = text.casefold()
    if len(wanted) < _GRAM:
        return "SELECT id FROM said WHERE body IS NULL OR instr(body, ?)", (wanted,)
    phrase = '"' + wanted.replace('"', '""') + '"'
    return "SELECT rowid FROM words WHERE words MATCH ? UNION ALL SELECT id FROM said WHERE body IS NULL", (phrase,)


def _rarest(connection: sqlite3.Connection, conditions: list[Condition]) -> Condition | None:
    """The condition with the fewest entries; None where all have many."""
    rarest, fewest = None, _RARE
    for each in conditions:
        if (count := each.count(connection, fewest)) < fewest:
            rarest, fewest = each, count
    return rarest
