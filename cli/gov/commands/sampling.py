"""A few rows of each relation, read only and bounded, for `gov discover`.

Each relation is one statement under the caller's lease, in a read-only transaction of its own with a time
limit. What is refused, held or too slow is told and left out: then its names alone count.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from gov.commands.opening import connect
from gov.commands.wallet import Grant
from gov.discovery.proposal import LONGEST_VALUE, Proposal, propose
from gov.terms import Column, Relation
from gov.ui import hold
from gov.ui.escape import escape

if TYPE_CHECKING:
    from psycopg.errors import Diagnostic

    from gov.control.access import ColumnView, RelationView

PATIENCE = 5
"""Seconds for one relation."""
SCATTERED = 50
"""A table of at least so many times the sample is read here and there, not from its beginning."""
_OPAQUE = ("bytea", "oid", "tsvector", "xid", "cid", "tid", "regclass")


@dataclass(slots=True)
class Found:
    """What came of looking."""

    proposals: list[Proposal] = field(default_factory=list)
    looked_at: int = 0
    masked: int = 0
    rows: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)
    """(relation, why) of those whose values were not seen."""


class Sampler:
    """One connection, and the relations it looks at one after another."""

    def __init__(self, grant: Grant, rows: int) -> None:
        self._rows = rows
        self._held = ""
        """What policy said when it held a statement of ours."""
        self._connection = connect(grant, "gov discover", self._noticed)

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    def all(self, relations: Sequence[RelationView]) -> Found:
        """Look at each of `relations`, with progress on a terminal."""
        found = Found()
        try:
            for number, relation in enumerate(relations, 1):
                _progress(f"{number}/{len(relations)}  {relation.namespace}.{relation.name}")
                self._one(relation, found)
        finally:
            _progress("")
        found.proposals.sort(key=lambda each: each.column)
        return found

    def _one(self, relation: RelationView, found: Found) -> None:
        clear = [column for column in relation.columns if column.mask is None]
        found.looked_at += len(relation.columns)
        found.masked += len(relation.columns) - len(clear)
        rows: list[tuple[Any, ...]] = []
        if self._rows and clear:
            try:
                rows = self._sample(relation, clear)
            except psycopg.Error as error:
                why, self._held = self._held or error.diag.message_primary or str(error).strip(), ""
                found.skipped.append((f"{relation.namespace}.{relation.name}", why))
                if self._connection.closed:
                    raise
        found.rows += len(rows)
        found.proposals += _proposals(relation, clear, rows)

    def _sample(self, relation: RelationView, columns: Sequence[ColumnView]) -> list[tuple[Any, ...]]:
        table = sql.Identifier(relation.namespace, relation.name)
        values = [
            sql.SQL("NULL") if column.type in _OPAQUE
            else sql.SQL("left({}::text, {})").format(sql.Identifier(column.name), sql.Literal(LONGEST_VALUE))
            for column in columns
        ]
        with self._connection.transaction():
            self._connection.execute("SET TRANSACTION READ ONLY")
            self._connection.execute(sql.SQL("SET LOCAL statement_timeout = {}").format(sql.Literal(f"{PATIENCE}s")))
            query = sql.SQL("SELECT {} FROM {}{} LIMIT {}").format(
                sql.SQL(", ").join(values), table, self._scatter(relation), sql.Literal(self._rows)
            )
            return self._connection.execute(query).fetchall()

    def _scatter(self, relation: RelationView) -> sql.Composable:
        if relation.kind not in ("table", "partitioned table", "materialized view"):
            return sql.SQL("")
        known = self._connection.execute(
            "SELECT c.reltuples FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = %s AND c.relname = %s", (relation.namespace, relation.name),
        ).fetchone()
        if known is None or known[0] < SCATTERED * self._rows:
            return sql.SQL("")
        percent = min(100.0, max(0.01, 500.0 * self._rows / known[0]))
        return sql.SQL(" TABLESAMPLE SYSTEM ({})").format(sql.Literal(round(percent, 4)))

    def _noticed(self, notice: Diagnostic) -> None:
        """Nobody shall be asked to approve a look: what policy holds is withdrawn."""
        if notice.sqlstate == hold.HELD:
            self._held = (notice.message_primary or "").partition(":")[0]
            threading.Thread(target=self._withdraw, daemon=True).start()

    def _withdraw(self) -> None:
        with suppress(psycopg.Error):
            self._connection.cancel_safe(timeout=PATIENCE)


def _proposals(
    relation: RelationView, columns: Sequence[ColumnView], rows: Sequence[tuple[Any, ...]]
) -> Iterable[Proposal]:
    known = Relation(relation.namespace, relation.name)
    for place, column in enumerate(columns):
        proposed = propose(Column(known, column.name), column.type, [row[place] for row in rows])
        if proposed is not None:
            yield proposed


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{escape(text)}", end="", file=sys.stderr, flush=True)
