"""An index of the log: which entries have which terms, in one SQLite file beside the state.

It is never the truth. It proposes entries, and whoever answers a question reads them from the log and looks
again; what it does not have yet is read from the log as well. It can be deleted at any time and is made anew.

    entry       one row for each entry: when, and which halves of terms it has
    who, what   halves of terms that many entries share: see `audit.facets`
    term        every (facet, value) there is, and which halves have it
    said        texts, each once; `words` finds three letters in a row in them
    outcome     statement to what became of it

Written by one process (`broker.indexer`), read by others. The privacy of payloads is kept: when retention
erases them, what the index has of them goes too, and the file's pages are overwritten.
"""

from __future__ import annotations

import hashlib
import json
import marshal
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from gov.audit.facets import WORDS, Terms, what_of, whats, who_of, whose, words_of
from gov.audit.succession import Amiss, ranges
from gov.audit.tree import leaf_hash
from gov.errors import Unavailable
from gov.store.log import Found

_PATIENCE: Final = 5.0
"""Seconds that a reader waits for a writer."""
LONGEST: Final = 1 << 15
"""Characters of a text that is searched by its letters; a longer one is always proposed."""
K = TypeVar("K")
V = TypeVar("V")

_PLAIN: Final = 0
"""The form of marshal in which equal values have equal bytes."""
KEPT: Final = 50_000
"""Halves and texts that the writer remembers."""


class Filler(Protocol):
    """Somebody's tables in the index, filled entry by entry."""

    VERSION: str
    """Changes with its tables or with what it writes: an index of another version is made anew."""
    SCHEMA: str
    """SQL that makes them."""

    def add(self, connection: sqlite3.Connection, found: Found, payload: Mapping[str, Any]) -> None:
        """Take up one entry; its payload is empty when it was erased. What is to be written may wait for `flush`."""

    def flush(self, connection: sqlite3.Connection) -> None:
        """Write what waits: many rows at once cost a fraction of as many one by one."""

    def erase(self, connection: sqlite3.Connection, first: int, end: int) -> None:
        """Forget what came from the payloads of the entries first ≤ index < end."""

    def settle(self, connection: sqlite3.Connection) -> None:
        """All that was to be forgotten has been: leave no trace of it in the file."""


class Writer:
    """The one process that fills the index. Whatever is wrong with the file, it is made anew."""

    def __init__(self, path: Path, fillers: Iterable[Filler]) -> None:
        """Open the index, or begin it. Raises Unavailable when the file cannot be made."""
        self._path = path
        self._is_soiled = True
        """Whether the write-ahead log may still hold what was erased."""
        self._fillers = tuple(fillers)
        self._version = ",".join(f"{type(each).__name__} {each.VERSION}" for each in self._fillers)
        try:
            self._connection = self._opened()
        except sqlite3.Error:
            self._connection = self._anew()

    @property
    def size(self) -> int:
        """The number of the next entry that it wants."""
        return int(_meta(self._connection, "size") or 0)

    @property
    def last(self) -> str:
        """The hash, hex, of the last entry that it has: so that an index of another log is told."""
        return _meta(self._connection, "last") or ""

    @property
    def is_there(self) -> bool:
        """Whether the file that is written still has its name."""
        try:
            return os.stat(self._path).st_ino == self._inode
        except OSError:
            return False

    def add(self, entries: Iterable[Found]) -> int:
        """Take up these entries, which follow the last one, in one transaction; the new size.

        Raises:
            sqlite3.Error: The file is damaged, or the disk full. The writer is of no use any more.
        """
        found = None
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            for found in entries:
                payload = found.payload() or {}
                for filler in self._fillers:
                    filler.add(self._connection, found, payload)
                if found.leaf.kind == "log.erased":
                    self._flush()
                    self._erase(found.index, found.leaf.fields)
            self._flush()
            if found is not None:
                _set_meta(self._connection, size=str(found.index + 1), last=leaf_hash(found.raw).hex())
        return self.size

    def scrub(self) -> bool:
        """Empty the write-ahead log of what was erased; False while somebody reads what stood there before.

        Raises:
            sqlite3.Error: The file is damaged, or the disk full.
        """
        if self._is_soiled:
            (busy, _, _) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            self._is_soiled = bool(busy)
        return not self._is_soiled

    def rebuild(self) -> None:
        """Forget everything. Raises Unavailable."""
        self.close()
        self._connection = self._anew()

    def close(self) -> None:
        """Let the file go."""
        with suppress(sqlite3.Error):
            self._connection.close()

    def _flush(self) -> None:
        for filler in self._fillers:
            filler.flush(self._connection)

    def _erase(self, index: int, fields: Mapping[str, Any]) -> None:
        with suppress(Amiss):
            for first, end in ranges(index, fields):
                for filler in self._fillers:
                    filler.erase(self._connection, first, end)
        for filler in self._fillers:
            filler.settle(self._connection)
        self._is_soiled = True

    def _opened(self) -> sqlite3.Connection:
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self._inode = os.stat(self._path).st_ino
        connection = sqlite3.connect(self._path, timeout=_PATIENCE, isolation_level=None)
        try:
            connection.executescript(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA secure_delete = ON;"
                "PRAGMA cache_size = -32768; PRAGMA temp_store = MEMORY;"
                "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;"
            )
            version = _meta(connection, "version")
            if version is None:
                connection.executescript("".join(each.SCHEMA for each in self._fillers))
                _set_meta(connection, version=self._version, size="0")
            elif version != self._version:
                raise sqlite3.DatabaseError("of another version")
        except BaseException:
            connection.close()
            raise
        return connection

    def _anew(self) -> sqlite3.Connection:
        try:
            for end in ("", "-wal", "-shm"):
                Path(f"{self._path}{end}").unlink(missing_ok=True)
            self._fillers = tuple(type(each)() for each in self._fillers)  # what they remember is of the old file
            return self._opened()
        except (OSError, sqlite3.Error) as why:
            raise Unavailable(f"the index of the audit log cannot be made: {why}", hint="gov broker status") from why


class EntryFiller:
    """Entries by their terms and their words."""

    VERSION = "1"
    SCHEMA = """
    CREATE TABLE term (id INTEGER PRIMARY KEY, facet TEXT NOT NULL, value TEXT NOT NULL, UNIQUE (facet, value));
    CREATE TABLE who (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE);
    CREATE TABLE what (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE);
    CREATE TABLE who_term (term INTEGER NOT NULL, half INTEGER NOT NULL, PRIMARY KEY (term, half)) WITHOUT ROWID;
    CREATE TABLE what_term (term INTEGER NOT NULL, half INTEGER NOT NULL, PRIMARY KEY (term, half)) WITHOUT ROWID;
    CREATE TABLE said (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, body TEXT);
    CREATE VIRTUAL TABLE words USING fts5 (body, content = 'said', content_rowid = 'id', tokenize = 'trigram',
        detail = 'full');
    CREATE TABLE entry (
        id INTEGER PRIMARY KEY, at REAL NOT NULL, who INTEGER NOT NULL, what INTEGER NOT NULL, n INTEGER,
        text INTEGER, words INTEGER
    );
    CREATE INDEX entry_who ON entry (who);
    CREATE INDEX entry_what ON entry (what);
    CREATE INDEX entry_text ON entry (text) WHERE text IS NOT NULL;
    CREATE INDEX entry_words ON entry (words) WHERE words IS NOT NULL;
    CREATE TABLE outcome (statement INTEGER PRIMARY KEY, id INTEGER NOT NULL, rows INTEGER);
    """

    def __init__(self) -> None:
        self._halves: dict[bytes, int] = {}
        self._terms: dict[tuple[str, str], int] = {}
        self._said: dict[bytes, int] = {}
        self._entries: list[tuple[object, ...]] = []
        self._outcomes: list[tuple[object, ...]] = []

    def add(self, connection: sqlite3.Connection, found: Found, payload: Mapping[str, Any]) -> None:
        """One row in `entry`, and what it needs beside it."""
        leaf = found.leaf
        key = sameness(whose(leaf.fields, payload))
        if (who := self._halves.get(key)) is None:
            who = self._half(connection, "who", who_of(leaf.fields, payload))
            remember(self._halves, key, who)
        key = sameness(whats(leaf.kind, leaf.fields))
        if (what := self._halves.get(key)) is None:
            what = self._half(connection, "what", what_of(leaf.kind, leaf.fields))
            remember(self._halves, key, what)
        text = self._text(connection, words_of(payload, WORDS[:1]))
        words = self._text(connection, words_of(payload, WORDS[1:]))
        self._entries.append((leaf.index, leaf.at.timestamp(), who, what, leaf.fields.get("n"), text, words))
        if leaf.kind == "statement.done":
            self._outcomes.append((leaf.fields.get("statement"), leaf.index, leaf.fields.get("rows")))

    def flush(self, connection: sqlite3.Connection) -> None:
        """The rows of entries and of what became of statements."""
        connection.executemany("INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)", self._entries)
        connection.executemany("INSERT OR REPLACE INTO outcome VALUES (?, ?, ?)", self._outcomes)
        self._entries.clear()
        self._outcomes.clear()

    def erase(self, connection: sqlite3.Connection, first: int, end: int) -> None:
        """Words and names that stood in these payloads only."""
        self._said.clear()
        self._halves.clear()
        self._terms.clear()
        span = {"first": first, "end": end}
        connection.execute("CREATE TEMP TABLE gone AS SELECT text AS id FROM entry WHERE id >= :first AND id < :end"
                           " UNION SELECT words FROM entry WHERE id >= :first AND id < :end", span)
        connection.execute("UPDATE entry SET text = NULL, words = NULL WHERE id >= :first AND id < :end", span)
        unsaid = ("FROM said WHERE id IN (SELECT id FROM gone) AND NOT EXISTS (SELECT 1 FROM entry WHERE"
                  " text = said.id) AND NOT EXISTS (SELECT 1 FROM entry WHERE words = said.id)")
        connection.execute(f"INSERT INTO words (words, rowid, body) SELECT 'delete', id, body {unsaid}"
                           " AND body IS NOT NULL")
        connection.execute(f"DELETE {unsaid}")
        connection.execute("DROP TABLE gone")
        self._unname(connection, span)

    def settle(self, connection: sqlite3.Connection) -> None:
        """Words that were deleted stay in old segments until these are merged."""
        connection.execute("INSERT INTO words (words) VALUES ('optimize')")

    def _unname(self, connection: sqlite3.Connection, span: Mapping[str, int]) -> None:
        """Names of people from halves that no entry with a payload has any more."""
        named = ("IN (SELECT who FROM entry WHERE id >= :first AND id < :end) AND NOT EXISTS"
                 " (SELECT 1 FROM entry WHERE who = {} AND NOT (id >= :first AND id < :end))")
        connection.execute("DELETE FROM who_term WHERE term IN (SELECT id FROM term WHERE facet = 'name')"
                           f" AND half {named.format('half')}", span)
        # A digest tells what it is of to whoever can guess it.
        connection.execute(f"UPDATE who SET digest = randomblob(16) WHERE id {named.format('who.id')}", span)
        connection.execute(
            "DELETE FROM term WHERE facet = 'name' AND NOT EXISTS (SELECT 1 FROM who_term WHERE term = term.id)")

    def _half(self, connection: sqlite3.Connection, half: str, terms: Terms) -> int:
        """The number of this half, made if it is new."""
        key = hashlib.sha256(json.dumps(sorted(terms)).encode()).digest()[:16]
        number = id_of(connection, half, key)
        if number is None:
            number = inserted(connection, f"INSERT INTO {half} (digest) VALUES (?)", (key,))
            connection.executemany(
                f"INSERT OR IGNORE INTO {half}_term VALUES (?, ?)",
                [(self._term(connection, *term), number) for term in sorted(terms)],
            )
        return number

    def _term(self, connection: sqlite3.Connection, facet: str, value: str) -> int:
        known = self._terms.get((facet, value))
        if known is None:
            row = connection.execute("SELECT id FROM term WHERE facet = ? AND value = ?", (facet, value)).fetchone()
            known = row[0] if row else inserted(
                connection, "INSERT INTO term (facet, value) VALUES (?, ?)", (facet, value))
            remember(self._terms, (facet, value), known)
        return known

    def _text(self, connection: sqlite3.Connection, body: str) -> int | None:
        """The number of a text, made if it is new; None for none."""
        if not body:
            return None
        key = hashlib.sha256(body.encode(errors="surrogatepass")).digest()[:16]
        known = self._said.get(key)
        if known is None:
            known = id_of(connection, "said", key)
        if known is None:
            kept = body if len(body) <= LONGEST else None
            known = inserted(connection, "INSERT INTO said (digest, body) VALUES (?, ?)", (key, kept))
            if kept is not None:
                connection.execute("INSERT INTO words (rowid, body) VALUES (?, ?)", (known, kept))
        remember(self._said, key, known)
        return known


class Index:
    """The index as readers see it. None of its methods raises: a query that fails has no answer."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One state of the index.

        Raises:
            sqlite3.Error: There is none, or it is damaged.
        """
        if not self.path.exists():
            raise sqlite3.OperationalError("there is no index yet")
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=_PATIENCE)) as connection:
            connection.execute("PRAGMA query_only = ON")
            connection.execute("PRAGMA cache_size = -16384")
            connection.execute("BEGIN")
            yield connection

    @property
    def size(self) -> int:
        """Entries that it has; 0 when it cannot be read."""
        try:
            with self.reading() as connection:
                return indexed(connection)
        except sqlite3.Error:
            return 0


def indexed(connection: sqlite3.Connection) -> int:
    """How many entries of the log are in the index. Raises sqlite3.Error."""
    return int(_meta(connection, "size") or 0)


def _meta(connection: sqlite3.Connection, key: str) -> str | None:
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return row[0] if row else None


def _set_meta(connection: sqlite3.Connection, **values: str) -> None:
    connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", [*values.items()])


def id_of(connection: sqlite3.Connection, table: str, key: bytes) -> int | None:
    """The row of `table` with this digest. Raises sqlite3.Error."""
    row = connection.execute(f"SELECT id FROM {table} WHERE digest = ?", (key,)).fetchone()
    return row[0] if row else None


def inserted(connection: sqlite3.Connection, sql: str, values: tuple[object, ...]) -> int:
    """The id of a row that is made. Raises sqlite3.Error."""
    number = connection.execute(sql, values).lastrowid
    assert number is not None
    return number


def sameness(value: list[Any]) -> bytes:
    """A short key under which to remember what was made of a value of JSON: equal ones have the same."""
    return hashlib.sha256(marshal.dumps(value, _PLAIN)).digest()


def remember(kept: dict[K, V], key: K, value: V) -> None:
    """Keep something for the next time, within bounds."""
    if len(kept) >= KEPT:
        kept.clear()
    kept[key] = value
