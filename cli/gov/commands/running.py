"""Run one statement over a connection and yield what comes back, piece by piece.

psycopg's own cursors keep a result whole or insist on rows; this reads libpq's results as they come, in
PostgreSQL's text form, so that a terabyte passes through in constant memory and COPY and commands
without rows need no case of their own. Values are text: turning them into anything else is for `results`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import psycopg
from psycopg import capabilities, generators
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, TransactionStatus

from gov.errors import UsageError

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.pq.abc import PGresult

CHUNK = 500
"""Rows that are handed on together at most, and asked of libpq together, where it can (17 and later)."""
COPY_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Columns:
    """The shape of a result: names, type OIDs and type modifiers."""

    names: tuple[str, ...]
    types: tuple[int, ...]
    modifiers: tuple[int, ...] = ()
    """What `numeric(10, 2)` says beyond numeric; -1 where it says nothing."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of a result, each value in text form, None for NULL."""

    rows: list[tuple[str | None, ...]]


@dataclass(frozen=True, slots=True)
class Copied:
    """Some bytes of a COPY TO STDOUT."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Done:
    """A statement has ended, with its command tag."""

    tag: str
    rows: int
    """Rows returned or changed, as the tag says."""


Piece = Columns | Rows | Copied | Done
_SOME_ROWS = (ExecStatus.SINGLE_TUPLE, ExecStatus.TUPLES_CHUNK)
"""Statuses of results after which more of the same may come."""


def run(
    connection: Connection[Any], text: str, parameters: Sequence[str] = (), source: IO[bytes] | None = None,
    *, whole: bool = False,
) -> Iterator[Piece]:
    """Send `text` and yield what comes back. `source` feeds a COPY FROM STDIN.

    `whole` is for whoever has no use for a result that an error ends: libpq reads faster in chunks, but when
    an error comes it throws away the rows of the chunk that it was filling (`pqSaveErrorResult`).

    Without parameters the simple protocol is used, so `text` may hold several statements. Ctrl-C cancels
    the statement at the server and is raised again.

    Raises:
        psycopg.Error: What the server said no to; the connection is usable again.
    """
    pgconn = connection.pgconn
    if parameters:
        pgconn.send_query_params(text.encode(), [value.encode() for value in parameters])
    else:
        pgconn.send_query(text.encode())
    if whole and capabilities.has_stream_chunked():
        pgconn.set_chunked_rows_mode(CHUNK)
    else:
        pgconn.set_single_row_mode()
    try:
        connection.wait(generators.send(pgconn))
        yield from _results(connection, source)
    except psycopg.Error:
        _drain(connection)
        raise
    except BaseException:  # Ctrl-C, or whoever listened has had enough
        _abandon(connection)
        raise


def _results(connection: Connection[Any], source: IO[bytes] | None) -> Iterator[Piece]:
    shaped, held = False, list[tuple[str | None, ...]]()
    while result := connection.wait(generators.fetch(connection.pgconn)):
        if result.status not in _SOME_ROWS and held:
            yield Rows(held)
            held = []
        match result.status:
            case ExecStatus.SINGLE_TUPLE | ExecStatus.TUPLES_CHUNK | ExecStatus.TUPLES_OK:
                if not shaped:
                    yield _columns(result)
                held += _rows(result)
                shaped = result.status != ExecStatus.TUPLES_OK
                if held and (len(held) >= CHUNK or not shaped or connection.pgconn.is_busy()):
                    yield Rows(held)
                    held = []
                if not shaped:
                    yield _done(result)
            case ExecStatus.COMMAND_OK:
                yield _done(result)
            case ExecStatus.EMPTY_QUERY:
                pass
            case ExecStatus.COPY_OUT:
                yield from _copy_out(connection)
                return
            case ExecStatus.COPY_IN:
                yield _done(_copy_in(connection, source))
                return
            case _:
                raise error_from_result(result)


def _columns(result: PGresult) -> Columns:
    fields = range(result.nfields)
    names = tuple((result.fname(i) or b"").decode(errors="replace") for i in fields)
    return Columns(names, tuple(result.ftype(i) for i in fields), tuple(result.fmod(i) for i in fields))


def _rows(result: PGresult) -> list[tuple[str | None, ...]]:
    get, fields = result.get_value, range(result.nfields)
    return [tuple(_text(get(row, field)) for field in fields) for row in range(result.ntuples)]


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode(errors="replace")


def _done(result: PGresult) -> Done:
    tag = (result.command_status or b"").decode()
    return Done(tag, result.command_tuples or 0)


def _copy_out(connection: Connection[Any]) -> Iterator[Piece]:
    while True:
        piece = connection.wait(generators.copy_from(connection.pgconn))
        if not isinstance(piece, memoryview):
            yield _done(piece)
            return
        yield Copied(bytes(piece))


def _copy_in(connection: Connection[Any], source: IO[bytes] | None) -> PGresult:
    pgconn = connection.pgconn
    if source is None:
        connection.wait(generators.copy_end(pgconn, b"nothing to copy from"))
        raise UsageError("COPY FROM STDIN has nothing to read", hint="gov exec TARGET -c 'copy …' < FILE")
    while data := source.read(COPY_CHUNK):
        connection.wait(generators.copy_to(pgconn, data))
    result: PGresult = connection.wait(generators.copy_end(pgconn, None))
    return result


def _drain(connection: Connection[Any]) -> None:
    """Take in what is left of a result, so that the connection is usable; else close it."""
    try:
        while result := connection.wait(generators.fetch(connection.pgconn), timeout=5.0):
            if result.status == ExecStatus.COPY_OUT:  # or libpq gives this result again and again
                while isinstance(connection.wait(generators.copy_from(connection.pgconn), timeout=5.0), memoryview):
                    pass
    except (psycopg.Error, TimeoutError):
        connection.close()


def _abandon(connection: Connection[Any]) -> None:
    """Cancel what runs, and take in what had been sent."""
    if connection.pgconn.transaction_status == TransactionStatus.ACTIVE:
        with suppress(psycopg.Error):
            connection.cancel_safe(timeout=5.0)
    _drain(connection)
