"""Questions that count or compare: gaps, unused access, and samples that anybody can draw again.

They ask the index alone, in SQL, because there may be millions of entries; the entries that they name can be
read and verified like any other.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from gov.audit import telling
from gov.errors import Unavailable, UsageError
from gov.policy.rules import Policy
from gov.store.disk import Files
from gov.store.filters import Filters, holds
from gov.store.index import Index, indexed
from gov.store.log import Entries
from gov.store.proposals import narrowed
from gov.store.search import view

COUNTING: Final = frozenset({"gaps", "unused", "population"})
LARGEST_SAMPLE: Final = 1000
_MOST: Final = 1000
"""Gaps of one sort that are named."""
_DAY: Final = 86_400.0

Row = dict[str, object]
Rows = tuple[list[Row], list[str]]


def count(
    name: str, given: Mapping[str, str], base: Filters, read: Files, index: Index, policy: Policy, now: float
) -> Rows:
    """The rows of the question `name`, and notes.

    Raises:
        Unavailable: there is no index yet, or the log cannot be read.
        UsageError: an argument is no number.
    """
    try:
        with index.reading() as connection:
            if name == "gaps":
                return _gaps(connection)
            if name == "unused":
                return _unused(connection, policy, _number("days", given["days"], 36_500), now)
            size = _number("size", given["size"], LARGEST_SAMPLE)
            return _population(connection, read, base, size, given["seed"])
    except sqlite3.Error as why:
        raise Unavailable(f"the index of the trail is not ready: {why}", hint="ask again in a moment") from why


def _number(name: str, text: str, most: int) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= most:
        raise UsageError(f"{name}: `{text}` is not a number from 1 to {most}", hint="gov audit ask")
    return int(text)


# gaps


def _gaps(connection: sqlite3.Connection) -> Rows:
    rows = [
        {"entry": entry, "time": _stamp(at), "what": what, "about": about}
        for what, about_of, sql, values in _LOOKS
        for entry, at, *rest in connection.execute(f"{sql} LIMIT {_MOST}", values)
        for about in [about_of(*rest)]
    ]
    notes = [
        f"looked at the entries 0 to {indexed(connection) - 1}",
        "that no entry was changed, removed or swapped is proved by: gov audit verify",
    ]
    return sorted(rows, key=lambda row: -int(str(row["entry"]))), notes


_KIND = "what IN (SELECT half FROM what_term JOIN term ON term = term.id WHERE facet = 'kind' AND value = ?)"
_REFUSED = _KIND.replace("'kind'", "'verdict'").replace("value = ?", "value IN (?, ?)")
_SESSION = "JOIN who_term ON half = who JOIN term ON term = term.id AND facet = 'session'"

_LOOKS: tuple[tuple[str, Callable[..., str], str, tuple[str, ...]], ...] = (
    (
        "missing entries", lambda upto: f"the log goes on with entry {upto}",
        "SELECT * FROM (SELECT id, at, lead(id) OVER (ORDER BY id) AS next FROM entry) WHERE next <> id + 1", (),
    ),
    (
        "missing statements",
        lambda session, seen, most: f"session {session} counted {most} statements, the log has {seen}",
        f"SELECT max(entry.id), max(at), value, count(DISTINCT n), max(n) FROM entry {_SESSION}"
        f" WHERE {_KIND} AND n IS NOT NULL GROUP BY value HAVING count(DISTINCT n) <> max(n)", ("statement",),
    ),
    (
        "no end", lambda session: f"a statement of session {session} has no end yet: it runs, or was cut off",
        f"SELECT entry.id, at, value FROM entry {_SESSION} WHERE {_KIND} AND NOT {_REFUSED}"
        " AND NOT EXISTS (SELECT 1 FROM outcome WHERE statement = entry.id)", ("statement", "deny", "refused"),
    ),
    (
        "no orderly stop", lambda: "the broker started without having said that it stopped: it crashed or was killed",
        "SELECT id, at FROM (SELECT id, at, started, lag(started) OVER (ORDER BY id) AS before FROM"
        f" (SELECT id, at, {_KIND} AS started FROM entry WHERE {_KIND} OR {_KIND}))"
        " WHERE started AND before", ("broker.started", "broker.started", "broker.stopped"),
    ),
    (
        "time goes back", lambda seconds: f"the clock was {float(seconds):.1f} s further at the entry before",
        "SELECT * FROM (SELECT id, at, lag(at) OVER (ORDER BY id) - at AS back FROM entry) WHERE back > 1", (),
    ),
)


# unused access


def _unused(connection: sqlite3.Connection, policy: Policy, days: int, now: float) -> Rows:
    since = now - days * _DAY
    rows: list[Row] = [
        {
            "rule": rule.name, "groups": sorted(rule.people.groups), "targets": sorted(rule.targets),
            "scope": rule.scope.value, "last_used": _stamp(at) if at else None, "entry": entry, "leases": leases,
        }
        for rule in policy.access
        for entry, at, leases in [_use(connection, rule.name)]
        if at is None or at < since
    ]  # fmt: skip
    (first,) = connection.execute("SELECT min(at) FROM entry").fetchone()
    notes = [f"of {len(policy.access)} access rules; used means that somebody took a lease by it"]
    if first is not None and first > since:
        notes.append(f"the log begins {_stamp(first)}: it says nothing of the days before")
    return rows, notes


def _use(connection: sqlite3.Connection, rule: str) -> tuple[int | None, float | None, int]:
    where, values = narrowed(connection, Filters(kind="lease.created", rule=rule))
    found = connection.execute(f"SELECT max(id), max(at), count(*) FROM entry {where}", values).fetchone()
    return found[0], found[1], int(found[2])


# samples


def _population(connection: sqlite3.Connection, read: Files, base: Filters, size: int, seed: str) -> Rows:
    end = min(indexed(connection), base.before if base.before is not None else 1 << 62)
    asked = replace(base, kind=base.kind or "statement", before=end)
    where, values = narrowed(connection, asked)
    (total,) = connection.execute(f"SELECT count(*) FROM entry {where}", values).fetchone()
    places = [*drawn(seed, min(size, total), total)]
    numbered = f"SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM entry {where}"
    wanted = ",".join(map(str, sorted(places)))
    at_place = dict(connection.execute(f"SELECT place, id FROM ({numbered}) WHERE place IN ({wanted})", values))
    entries = Entries(read)
    rows: list[Row] = []
    for draw, place in enumerate(places):
        found = entries[at_place[place]]
        if not holds(found, asked):
            raise Unavailable("the index of the trail does not agree with the log", hint="gov audit verify")
        told = view(found)
        rows.append({
            "draw": draw, "place": place, "entry": told.index, "time": told.at, "who": telling.who(told),
            "target": told.fields.get("target"), "what": told.fields.get("verdict", told.kind),
            "statement": telling.about(told),
        })  # fmt: skip
    drew = f"{total} entries of kind {asked.kind}, from which {len(rows)} were drawn"
    return rows, [drew, f"the same again: gov audit ask population {size} {seed} --before {end}"]


def drawn(seed: str, size: int, total: int) -> Iterator[int]:
    """`size` different places below `total`: SHA-256 of `seed:0`, `seed:1`, … modulo `total`, repetitions left out.

    Anybody with the seed and the size of the population draws the same.
    """
    seen: set[int] = set()
    turn = 0
    while len(seen) < size:
        place = int.from_bytes(sha256(f"{seed}:{turn}".encode()).digest()) % total
        turn += 1
        if place not in seen:
            seen.add(place)
            yield place


def _stamp(at: float) -> str:
    return telling.stamp(datetime.fromtimestamp(at, UTC))
