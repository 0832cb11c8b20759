"""What flows where: sources, the ways in which they count, and their sums.

A flow says of one value which columns it depends on, and how. **Direct**: their values are in it. **Indirect**:
they decide whether, where or how often it appears. Flows are dictionaries that nobody changes once made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntFlag
from typing import NamedTuple, TypeAlias

from gov.terms import Relation


class Kind(IntFlag):
    """How a source counts; the words are OpenLineage's (columnLineage facet, transformations)."""

    IDENTITY = 1
    """The value itself."""
    TRANSFORMATION = 2
    """The value is computed from it, row by row."""
    AGGREGATION = 4
    """The value is computed from many rows of it."""
    FILTER = 8
    JOIN = 16
    GROUP_BY = 32
    SORT = 64
    WINDOW = 128
    CONDITIONAL = 256


IDENTITY, TRANSFORMATION, AGGREGATION = 1, 2, 4
FILTER, JOIN, GROUP_BY, SORT, WINDOW, CONDITIONAL = 8, 16, 32, 64, 128, 256
DIRECT = IDENTITY | TRANSFORMATION | AGGREGATION
WORDS: Mapping[int, str] = {int(kind): (kind.name or "").lower() for kind in Kind}


class Source(NamedTuple):
    """A column that something depends on."""

    schema: str
    table: str
    column: str
    """`*` where it cannot be told which of the table's."""
    via: tuple[str, ...] = ()
    """Columns of views (`public.v.email`) that it came through, the outermost first."""

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}.{self.column}" if self.table else "*"


ANY = Source("", "", "*")
"""Everything in reach: what code does that cannot be looked into."""

Flow: TypeAlias = dict[Source, int]
"""Each source with its kinds, as bits of `Kind`."""


def of(relation: Relation, column: str) -> Flow:
    """A column itself."""
    return {Source(relation.schema, relation.name, column): IDENTITY}


def add(total: Flow, flow: Flow, kind: int) -> None:
    """Put `flow` into `total`, which depends on it in the way of `kind`."""
    for source, kinds in flow.items():
        total[source] = total.get(source, 0) | through(kinds, kind)


def through(kinds: int, kind: int) -> int:
    """How a source counts when what it counted for by `kinds` is used in the way of `kind`."""
    if not kind & DIRECT:
        return kind
    if kind == IDENTITY or not kinds & DIRECT:
        return kinds
    if kind == AGGREGATION:
        return kinds & ~DIRECT | AGGREGATION
    computed = TRANSFORMATION if kinds & (IDENTITY | TRANSFORMATION) else 0
    return kinds & ~DIRECT | kinds & AGGREGATION | computed


def union(flows: Iterable[Flow]) -> Flow:
    """What depends on all of them as each does."""
    total: Flow = {}
    for flow in flows:
        for source, kinds in flow.items():
            total[source] = total.get(source, 0) | kinds
    return total


def used(flow: Flow, kind: int) -> Flow:
    """`flow`, used in the way of `kind`."""
    total: Flow = {}
    add(total, flow, kind)
    return total


def behind(view: str, flow: Flow) -> Flow:
    """`flow`, seen through the view's column `view`."""
    return {source._replace(via=(view, *source.via)): kinds for source, kinds in flow.items()}


class Result(NamedTuple):
    """What a query returns."""

    names: tuple[str, ...] = ()
    columns: tuple[Flow, ...] = ()
    rows: Flow = {}  # noqa: RUF012 - flows are never changed once made
    """What decides which rows there are, and in which order. All of it indirect."""
    rest: Flow | None = None
    """What its columns beyond those named depend on, where it is not known how many there are."""

    def renamed(self, names: Iterable[str]) -> Result:
        """With other names for the first columns."""
        given = tuple(names)
        return self._replace(names=given[: len(self.names)] + self.names[len(given) :]) if given else self

    def column(self, place: int) -> Flow:
        """What the column at that place depends on; everything, where that cannot be told."""
        if self.rest is not None:
            return union([*self.columns, self.rest])
        return self.columns[place] if place < len(self.columns) else {}

    def values(self) -> Flow:
        """What the columns depend on, all together."""
        return union(self.columns if self.rest is None else [*self.columns, self.rest])

    def all(self) -> Flow:
        """What the columns and their rows depend on."""
        return union([self.values(), self.rows])


class Write(NamedTuple):
    """What a statement puts into a relation, or removes from it."""

    relation: Relation
    columns: dict[str, Flow]
    """Each written column; none where rows are removed. `*` where it cannot be told."""
    rows: Flow
    """What decides which rows are written or removed."""


class Lineage(NamedTuple):
    """What one statement does with columns."""

    outputs: Result = Result()
    """What the client gets."""
    writes: tuple[Write, ...] = ()
    doubts: tuple[str, ...] = ()
    """Why more may be said than is so: each reason for which something was widened."""
