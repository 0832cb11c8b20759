"""Lineage in the index: which statements read and wrote which columns, by whom, without a row for each run.

    flow_column   columns by target and whole name; `public.t.*` is any of a table's, `*` everything in reach
    flow_shape    each lineage there is, once: a text that runs a million times has one
    flow_edge     source to sink of a shape; sink 0 is the result, which the client got
    flow_actor    who, with which agent, for which run and purpose
    flow_use      shape, actor and approval request: how often, the first and the last entry
    flow_file     files by digest, with the entry that says so
    flow_made     statement to the entries that speak of files made of it

Nothing here is personal: names of columns are the schema's, subjects and runs are ids that stay in the leaf.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from gov.lineage.flow import TRANSFORMATION, WORDS
from gov.lineage.form import from_facts
from gov.store.index import KEPT, id_of, inserted, remember, sameness
from gov.store.log import Found

MOST_EDGES: Final = 4000
"""Edges of one shape; one with more is kept by table."""
NOT_RUN: Final = frozenset({"deny", "refused"})
_FLOWS: Final = frozenset({"outputs", "more", "writes"})
"""What a lineage has one of at least, if anything flows."""
_BITS: Final = {word: bit for bit, word in WORDS.items()}
RESULT: Final = ""
"""The sink that is what the client got."""
OUTSIDE: Final = ""
"""The source of what comes from no column: constants, parameters, COPY FROM; of a removal too."""


class Edge(NamedTuple):
    """One source of one sink."""

    source: str
    sink: str
    kinds: int
    mask: str = ""


Key = tuple[int, int, str]
"""Of a use: shape, actor, request."""
Span = tuple[int, int, int]
"""Of a use: its first and its last entry, and how many."""
_OF_KEY: Final = "FROM flow_use WHERE shape = ? AND actor = ? AND request = ?"


class LineageFiller:
    """Fills the tables of lineage, entry by entry."""

    VERSION = "3"
    SCHEMA = """
    CREATE TABLE flow_column (
        id INTEGER PRIMARY KEY, target TEXT NOT NULL, name TEXT NOT NULL, UNIQUE (target, name));
    CREATE TABLE flow_shape (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, target TEXT NOT NULL);
    CREATE TABLE flow_edge (
        shape INTEGER NOT NULL, source INTEGER NOT NULL, sink INTEGER NOT NULL, kinds INTEGER NOT NULL,
        mask TEXT NOT NULL, PRIMARY KEY (shape, source, sink)) WITHOUT ROWID;
    CREATE INDEX flow_edge_source ON flow_edge (source);
    CREATE INDEX flow_edge_sink ON flow_edge (sink);
    CREATE TABLE flow_actor (
        id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, subject TEXT, issuer TEXT, agent TEXT, run TEXT,
        purpose TEXT);
    CREATE INDEX flow_actor_subject ON flow_actor (subject);
    CREATE INDEX flow_actor_run ON flow_actor (run);
    CREATE TABLE flow_use (
        shape INTEGER NOT NULL, actor INTEGER NOT NULL, request TEXT NOT NULL, first INTEGER NOT NULL,
        last INTEGER NOT NULL, uses INTEGER NOT NULL, PRIMARY KEY (shape, actor, request)) WITHOUT ROWID;
    CREATE INDEX flow_use_actor ON flow_use (actor, last);
    CREATE TABLE flow_file (digest TEXT NOT NULL, entry INTEGER NOT NULL, PRIMARY KEY (digest, entry)) WITHOUT ROWID;
    CREATE TABLE flow_made (
        statement INTEGER NOT NULL, entry INTEGER NOT NULL, PRIMARY KEY (statement, entry)) WITHOUT ROWID;
    """

    def __init__(self) -> None:
        self._shapes: dict[bytes, int] = {}
        self._actors: dict[tuple[str, ...], int] = {}
        self._columns: dict[tuple[str, str], int] = {}
        self._uses: dict[Key, Span | None] = {}
        self._changed: set[Key] = set()
        """Uses that are not written yet."""
        self._open: dict[int, tuple[Key, Span | None]] = {}
        """Statements whose end has not come, with what their use was before them."""

    def add(self, connection: sqlite3.Connection, found: Found, payload: Mapping[str, Any]) -> None:
        """Take up a statement that ran, or what says that a file was made."""
        fields = found.leaf.fields
        for digest in digests(fields):
            connection.execute("INSERT OR IGNORE INTO flow_file VALUES (?, ?)", (digest, found.index))
            rows = [(statement, found.index) for statement in statements_of(fields)]
            connection.executemany("INSERT OR IGNORE INTO flow_made VALUES (?, ?)", rows)
        if found.leaf.kind == "statement.done":
            self._end(connection, fields)
        if found.leaf.kind != "statement" or fields.get("verdict") in NOT_RUN:
            return
        lineage = lineage_of(fields)
        if any(not _FLOWS.isdisjoint(each) for each in lineage):
            key = (self._shape(connection, str(fields.get("target", "")), lineage), self._actor(connection, fields),
                   str(fields.get("request") or fields.get("approval") or ""))  # fmt: skip
            self._use(connection, key, found.index)

    def _use(self, connection: sqlite3.Connection, key: Key, entry: int) -> None:
        before = self._span(connection, key)
        first, _, uses = before or (entry, entry, 0)
        self._change(key, (first, entry, uses + 1))
        remember(self._open, entry, (key, before))

    def _span(self, connection: sqlite3.Connection, key: Key) -> Span | None:
        if key not in self._uses:
            self._uses[key] = connection.execute(f"SELECT first, last, uses {_OF_KEY}", key).fetchone()
        return self._uses[key]

    def _change(self, key: Key, span: Span | None) -> None:
        self._uses[key] = span
        self._changed.add(key)

    def flush(self, connection: sqlite3.Connection) -> None:
        """The uses that have changed, each once however often it did."""
        spans = [(key, self._uses[key]) for key in self._changed]
        connection.executemany(f"DELETE {_OF_KEY}", [key for key, span in spans if span is None])
        connection.executemany("INSERT OR REPLACE INTO flow_use VALUES (?, ?, ?, ?, ?, ?)",
                               [(*key, *span) for key, span in spans if span is not None])  # fmt: skip
        self._changed.clear()
        if len(self._uses) > KEPT:
            self._uses.clear()

    def _end(self, connection: sqlite3.Connection, done: Mapping[str, Any]) -> None:
        """A statement has ended; when it failed before anything had flowed, its use is taken back."""
        statement = int(done.get("statement", -1))
        key, before = self._open.pop(statement, (None, None))
        if key is None or not _came_to_nothing(done):
            return  # or it began in another life of the index: then it stays
        now = self._span(connection, key)
        if now is None or now[2] <= 1:
            self._change(key, None)
        elif before is not None:
            first, last, uses = now
            self._change(key, (first, before[1] if last == statement else last, uses - 1))

    def erase(self, connection: sqlite3.Connection, first: int, end: int) -> None:
        """Nothing here comes from a payload."""

    def settle(self, connection: sqlite3.Connection) -> None:
        """Nothing was erased."""

    def _shape(self, connection: sqlite3.Connection, target: str, lineage: list[Any]) -> int:
        plain = sameness([target, lineage])
        if (remembered := self._shapes.get(plain)) is not None:
            return remembered
        key = shape_key(target, lineage)
        known = id_of(connection, "flow_shape", key)
        if known is None:
            known = inserted(connection, "INSERT INTO flow_shape (digest, target) VALUES (?, ?)", (key, target))
            connection.executemany(
                "INSERT OR REPLACE INTO flow_edge VALUES (?, ?, ?, ?, ?)",
                [
                    (known, self._column(connection, target, edge.source),
                     self._column(connection, target, edge.sink) if edge.sink else 0, edge.kinds, edge.mask)
                    for edge in edges_of(lineage)
                ],
            )  # fmt: skip
        remember(self._shapes, plain, known)
        return known

    def _column(self, connection: sqlite3.Connection, target: str, name: str) -> int:
        known = self._columns.get((target, name))
        if known is None:
            row = connection.execute(
                "SELECT id FROM flow_column WHERE target = ? AND name = ?", (target, name)
            ).fetchone()
            known = row[0] if row else inserted(
                connection, "INSERT INTO flow_column (target, name) VALUES (?, ?)", (target, name))
            remember(self._columns, (target, name), known)
        return known

    def _actor(self, connection: sqlite3.Connection, fields: Mapping[str, Any]) -> int:
        said = tuple(str(fields.get(each) or "") for each in ("subject", "issuer", "agent", "run", "purpose"))
        known = self._actors.get(said)
        if known is None:
            key = hashlib.sha256(json.dumps(said).encode()).digest()[:16]
            known = id_of(connection, "flow_actor", key)
            if known is None:
                known = inserted(
                    connection,
                    "INSERT INTO flow_actor (digest, subject, issuer, agent, run, purpose) VALUES (?, ?, ?, ?, ?, ?)",
                    (key, *said),
                )
            remember(self._actors, said, known)
        return known


def shape_key(target: str, lineage: list[Any]) -> bytes:
    """What tells a shape from others."""
    return hashlib.sha256(json.dumps([target, lineage], sort_keys=True).encode()).digest()[:16]


def lineage_of(fields: Mapping[str, Any]) -> list[Any]:
    """The lineage that an entry states; from before entries had one, all that it reads in all that it writes."""
    stated = fields.get("lineage")
    if isinstance(stated, list):
        return stated
    read, written = fields.get("columns_read") or [], fields.get("columns_written") or []
    return from_facts(read, written, "written before lineage was kept") if read or written else []


def digests(fields: Mapping[str, Any]) -> Iterator[str]:
    """The digests, SHA-256 in hex, of the files that an entry speaks of."""
    found = fields.get("digests")
    for each in found if isinstance(found, list) else ():
        yield str(each).removeprefix("sha256:").lower()


def _came_to_nothing(done: Mapping[str, Any]) -> bool:
    """Whether a statement failed, or was cancelled, before a row of it had reached anybody."""
    return done.get("outcome") in ("failed", "cancelled") and not done.get("rows") and not done.get("relayed")


def statements_of(fields: Mapping[str, Any]) -> list[int]:
    """The statements, by the numbers of their entries, that an entry about a file speaks of."""
    said = fields.get("statements", fields.get("statement"))
    return [number for number in (said if isinstance(said, list) else [said]) if isinstance(number, int)]


def edges_of(lineage: Iterable[Any]) -> list[Edge]:
    """Source to sink of everything that a statement's entry says."""
    total: dict[tuple[str, str], tuple[int, str]] = {}
    for statement in lineage:
        for edge in _edges(statement):
            kinds, mask = total.get((edge.source, edge.sink), (0, ""))
            total[edge.source, edge.sink] = kinds | edge.kinds, edge.mask or mask
    if len(total) > MOST_EDGES:
        coarse: dict[tuple[str, str], tuple[int, str]] = {}
        for (source, sink), (kinds, mask) in total.items():
            key = _table(source), _table(sink)
            before = coarse.get(key, (0, ""))
            coarse[key] = before[0] | kinds, mask or before[1]
        total = coarse
    return [Edge(source, sink, kinds, mask) for (source, sink), (kinds, mask) in total.items()]


def _table(column: str) -> str:
    return f"{column.rpartition('.')[0]}.*" if "." in column else column


def _edges(statement: Mapping[str, Any]) -> Iterator[Edge]:
    sources = statement.get("sources") or []
    for flow in (*statement.get("outputs", ()), statement.get("more") or {}, statement.get("rows") or {}):
        yield from _flow(flow, sources, RESULT)
    for write in statement.get("writes", ()):
        relation = write["relation"]
        every = f"{relation}.*" if relation != "*" else "*"
        columns = write.get("columns") or {}
        for name, flow in columns.items():
            sink = f"{relation}.{name}" if relation != "*" else "*"
            yield from _flow(flow, sources, sink)
            if not flow:
                yield Edge(OUTSIDE, sink, 0)
        yield from _flow(write.get("rows") or {}, sources, every)
        if not columns:
            yield Edge(OUTSIDE, every, 0)


def _flow(flow: Mapping[str, Any], sources: list[Any], sink: str) -> Iterator[Edge]:
    kinds: dict[int, int] = {}
    for word, places in flow.items():
        for place in places:
            kinds[place] = kinds.get(place, 0) | _BITS.get(word, TRANSFORMATION)
    for place, bits in kinds.items():
        source = sources[place]
        mask = str(source.get("mask", ""))
        yield Edge(source["column"], sink, bits, mask)
        for view in source.get("via", ()):
            yield Edge(view, sink, bits, mask)
