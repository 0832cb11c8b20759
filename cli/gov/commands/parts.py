"""A data set read in parts at once: one lease, one snapshot, one directory, one receipt.

The first connection exports its snapshot, and asks for the ends of the column and the number of rows; every reader
takes that snapshot over and reads a range. When the parts together do not have the number of rows, the query gives
other rows each time it runs (LIMIT without ORDER BY, random()), and nothing is kept.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import psycopg

from gov.approval.dataset import ends, last_part, part, rest
from gov.commands.opening import connect
from gov.commands.ranges import cuts
from gov.commands.receipts import Made
from gov.commands.refusals import meant
from gov.commands.running import Columns, Rows, run
from gov.commands.sink import ended_by_signals, sink
from gov.commands.taking import taker
from gov.commands.wallet import Grant
from gov.control.trail import FileClaim
from gov.errors import Unverified, UsageError
from gov.ui.arrow import library
from gov.ui.escape import escape
from gov.ui.progress import Progress, watched
from gov.ui.results import COLUMNAR, Format
from gov.ui.terminal import say

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.errors import Diagnostic

    from gov.client.api import Broker

_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"


@dataclass(frozen=True, slots=True)
class _Part:
    """What one reader reads."""

    number: int
    text: str
    parameters: tuple[str, ...]


class Parts:
    """One export."""

    def __init__(self, broker: Broker, grant: Grant, query: str, kind: Format, directory: Path) -> None:
        self._broker, self._grant, self._query, self._kind = broker, grant, query, kind
        self._directory = directory
        self._progress = Progress(shown=watched())
        self._lock = Lock()
        self._connections: list[Connection[Any]] = []
        self._columns: tuple[tuple[str, int], ...] = ()

    @staticmethod
    def check(kind: Format, directory: Path) -> None:
        """Do nothing when parts of that kind can be written there.

        Raises:
            UsageError: There is something already, or the format's library is missing.
        """
        if kind in COLUMNAR:
            library()
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            raise UsageError(f"{directory} is there already", hint="-o DIRECTORY, a new or an empty one")
        if not directory.absolute().parent.is_dir():
            raise UsageError(f"{directory.parent} is no directory", hint="-o DIRECTORY")

    def read(self, readers: int, by: str, run_id: str, *, croissant: bool = False) -> None:
        """Read everything; the directory appears whole or not at all.

        Raises:
            UsageError: The column cannot be divided.
            Unverified: The query does not give the same rows each time.
        """
        name = f"gov dataset {run_id}".strip()
        place = self._directory.absolute()
        partial = Path(tempfile.mkdtemp(prefix=f".{place.name}.", suffix=".partial", dir=place.parent))
        try:
            with ended_by_signals(), ExitStack() as stack:
                for _ in range(readers + 2):  # each file has a session of its own, and so has what is asked besides
                    self._connections.append(stack.enter_context(closing(connect(self._grant, name, _quiet))))
                claims = self._read(partial, readers, by)
                made = Made.of(self._broker, claims)
            partial.chmod(0o755)
            if place.exists():
                place.rmdir()
            os.replace(partial, place)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        finally:
            self._progress.clear()
        try:
            made.put(place)
            if croissant:
                made.describe(place, self._columns)
        finally:
            say(f"{escape(str(self._directory))}: {len(claims)} parts, {self._progress.summary()}")

    def _read(self, partial: Path, readers: int, by: str) -> list[FileClaim]:
        leader, rest_of, *others = self._connections
        try:
            leader.execute(_BEGIN)
            if self._kind in COLUMNAR:
                _dates(self._connections)
            snapshot = leader.execute("SELECT pg_export_snapshot()").fetchone()
            assert snapshot is not None
            for other in (rest_of, *others):
                other.execute(_BEGIN)
                other.execute(f"SET TRANSACTION SNAPSHOT '{snapshot[0]}'")
            first, last, count, oid = self._ends(leader, by)
            parts = self._divided(first, last, oid, readers, by)
            claims = self._at_once(partial, others, parts)
            read = sum(each.rows or 0 for each in claims)
            if read < count or not parts:
                claims.append(self._one(rest_of, partial, _Part(len(parts), rest(self._query, by), ())))
                read += claims[-1].rows or 0
        except psycopg.Error as error:
            raise meant(error, self._query) from error
        if read != count:
            raise Unverified(
                f"the parts have {read} rows, and the query gives {count}: it does not give the same rows each time",
                hint="ORDER BY before LIMIT, and nothing random; or export it with one reader",
            )
        return claims

    def _ends(self, leader: Connection[Any], by: str) -> tuple[str | None, str | None, int, int]:
        oid, row = 0, tuple[str | None, ...]()
        for piece in run(leader, ends(self._query, by)):
            if isinstance(piece, Columns):
                oid = piece.types[0]
            elif isinstance(piece, Rows):
                row = piece.rows[0]
        first, last, count = row or (None, None, None)
        return first, last, int(count or 0), oid

    def _divided(self, first: str | None, last: str | None, oid: int, readers: int, by: str) -> list[_Part]:
        if first is None or last is None:
            return []
        marks = cuts(first, last, oid, readers)
        parts = [_Part(n, part(self._query, by), pair) for n, pair in enumerate(pairwise(marks))]
        return [*parts, _Part(len(parts), last_part(self._query, by), (marks[-1],))]

    def _at_once(
        self, partial: Path, readers: Sequence[Connection[Any]], parts: Sequence[_Part]
    ) -> list[FileClaim]:
        with ThreadPoolExecutor(len(readers)) as pool:
            futures = [
                pool.submit(self._one, connection, partial, one)
                for connection, one in zip(readers, parts, strict=False)
            ]
            try:
                wait(futures, return_when=FIRST_EXCEPTION)
                return [each.result() for each in _failed_first(futures)]
            except BaseException:
                for connection in readers:
                    with suppress(psycopg.Error):
                        connection.cancel_safe(timeout=5.0)
                raise

    def _one(self, connection: Connection[Any], partial: Path, one: _Part) -> FileClaim:
        path = partial / f"part-{one.number:05}.{self._kind}"
        with sink(str(path)) as out:
            shown = taker(self._kind, out)
            try:
                for piece in run(connection, one.text, one.parameters, whole=True):
                    rows = shown.take(piece)
                    with self._lock:
                        self._progress.add(rows, out.taken())
                shown.end()
            except BaseException:
                shown.abandon()
                raise
            with self._lock:
                self._progress.add(0, out.taken())
                self._columns = shown.columns
        return FileClaim(
            name=path.name, sha256=out.digest, bytes=out.size, rows=shown.rows, format=self._kind.value,
            session=f"{self._grant.lease.lease.id}/{connection.info.backend_pid}",
        )


def _failed_first(futures: Sequence[Future[FileClaim]]) -> Sequence[Future[FileClaim]]:
    """Those that failed before those that would be waited for."""
    return sorted(futures, key=lambda each: not (each.done() and each.exception() is not None))


def _dates(connections: Sequence[Connection[Any]]) -> None:
    for connection in connections:
        if not (connection.info.parameter_status("DateStyle") or "").startswith("ISO"):
            raise UsageError("DateStyle is not ISO, so dates cannot be read", hint="export PGDATESTYLE=ISO")


def _quiet(notice: Diagnostic) -> None:
    """Every reader hears that its part is approved: that is said once, by the receipt."""
