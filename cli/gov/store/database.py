"""The SQL store: one row for each lease and each approval request.

A row has the whole value as a JSON document, and beside it, for WHERE and ORDER BY, the few fields that are
asked for. Fields that a later version adds with a default need no migration. SQLite with WAL and
`synchronous = FULL`: what was committed is on the disk.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter
from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    insert,
    select,
    text,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from gov.errors import ConfigError, Unavailable

VERSION = 1
"""Of the tables. A store of another version is left alone."""
_PATIENCE_MS = 5000
"""How long a statement waits for another's lock; then the store is unavailable."""

METADATA = MetaData()
SCHEMA = Table("gov_schema", METADATA, Column("version", Integer, nullable=False))
LEASES = Table(
    "gov_leases",
    METADATA,
    Column("id", String, primary_key=True),
    Column("state", String, nullable=False, index=True),
    Column("role", String, nullable=False, unique=True),
    Column("target", String, nullable=False),
    Column("created_at", Float, nullable=False, index=True),
    Column("document", String, nullable=False),
)
REQUESTS = Table(
    "gov_requests",
    METADATA,
    Column("id", String, primary_key=True),
    Column("state", String, nullable=False, index=True),
    Column("target", String, nullable=False),
    Column("created_at", Float, nullable=False, index=True),
    Column("document", String, nullable=False),
)

DOUBTFUL = Table("gov_doubtful_requests", METADATA, Column("id", String, primary_key=True))
"""Requests of which it is not certain that the trail says what the store says: see `store.requests`."""


class Database:
    """An open store. Safe for several threads, each call its own transaction."""

    def __init__(self, url: str) -> None:
        """Open the store at `url` (`sqlite:///path`), and make its tables if it is new.

        Raises:
            ConfigError: The URL is none that gov can use, or the store is of another version of gov.
            Unavailable: It cannot be opened.
        """
        path = _path(url)
        try:
            _make_private(path)
            self._reading = _engine(url)
            self._writing = self._reading.execution_options(writes=True)
            with self.write() as connection:
                METADATA.create_all(connection)
                self._check_version(connection, path)
        except OSError as why:
            what = f"the store {path} cannot be opened: {why.strerror}"
            raise Unavailable(what, hint=f"ls -ld {path}") from why

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the store and does not wait for writers.

        Raises:
            Unavailable: The store does not answer.
        """
        with _available(), self._reading.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is the only writer until its end, and on the disk after it.

        Raises:
            Unavailable: The store does not answer, or somebody else writes for too long.
        """
        with _available(), self._writing.begin() as connection:
            yield connection

    def scrub(self) -> bool:
        """Let go what was deleted from the write-ahead log as well; False while somebody still reads it there.

        Raises:
            Unavailable: The store does not answer.
        """
        with _available():
            connection = self._reading.raw_connection()
            try:
                return bool(connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)
            except sqlite3.Error as why:
                raise Unavailable(f"the store does not answer: {why}", hint="gov broker status") from why
            finally:
                connection.close()

    def close(self) -> None:
        """Give up all connections."""
        self._reading.dispose()

    def _check_version(self, connection: Connection, path: Path) -> None:
        found = connection.scalars(select(SCHEMA.c.version)).all()
        if not found:
            connection.execute(insert(SCHEMA).values(version=VERSION))
        elif list(found) != [VERSION]:
            raise ConfigError(
                f"the store {path} has version {found[0]}, this gov reads version {VERSION}",
                hint="start the version of gov that wrote it",
            )


Value = TypeVar("Value")


class Document(Generic[Value]):
    """How values of one frozen dataclass become text and back."""

    def __init__(self, kind: type[Value]) -> None:
        self._adapter = TypeAdapter(kind)

    def write(self, value: Value) -> str:
        """The JSON text of `value`: sorted keys, sorted sets."""
        return json.dumps(self._adapter.dump_python(value), default=_plain, sort_keys=True)

    def read(self, document: str) -> Value:
        """The value in `document`.

        Raises:
            Unavailable: It is none: the store was written by something else.
        """
        try:
            return self._adapter.validate_json(document)
        except ValueError as why:
            raise Unavailable("a row of the store does not read", hint="restore it from a backup") from why


def _plain(value: object) -> object:
    if isinstance(value, frozenset):
        return sorted(value)
    raise TypeError(f"not for the store: {type(value).__name__}")


def _path(url: str) -> Path:
    hint = "state: sqlite:///var/lib/gov/state.db"
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigError("the state is not a URL", hint=hint) from None
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite") or not parsed.database:
        raise ConfigError(f"the state cannot be kept in {parsed.drivername}, only in SQLite", hint=hint)
    return Path(parsed.database)


def _make_private(path: Path) -> None:
    """SQLite gives a new file whatever the umask leaves; ours holds verifiers and statements."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _engine(url: str) -> Engine:
    engine = create_engine(url, connect_args={"isolation_level": None}, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        connection.execute(f"PRAGMA busy_timeout = {_PATIENCE_MS}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")  # what is forgotten is in no page of the file; the rest: scrub

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A deferred transaction that reads first and writes then fails at once if somebody wrote between.
        writes = connection.get_execution_options().get("writes")
        connection.execute(text("BEGIN IMMEDIATE" if writes else "BEGIN"))

    return engine


@contextmanager
def _available() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as why:
        reason = getattr(why, "orig", None) or type(why).__name__
        raise Unavailable(f"the store does not answer: {reason}", hint="gov broker status") from why
