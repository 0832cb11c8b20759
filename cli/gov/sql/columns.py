"""Which columns of which relations a statement's references mean.

PostgreSQL looks a name up in the innermost query first, then outwards (`colNameToVar`), and takes a name
that is no column for a whole row, or for a function of one. Where it cannot be told here what it would
find, the reference counts for everything that it could mean.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from gov.errors import TooComplex
from gov.sql.catalog import Catalog
from gov.sql.statement import HIDING, Reference, Source, Statement
from gov.terms import Column, Relation

HINT = "split the statement, or qualify its columns"
_MODIFIER = re.compile(r"\([0-9, -]+\)")
"""Of a type: `character varying(20)`."""
_INTERVAL = re.compile(r"^interval [a-z ]+")
"""The other modifier of an interval: `interval day to second`."""
SYSTEM_COLUMNS = frozenset({"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"})


class Hit(NamedTuple):
    """One thing that a reference may mean."""

    reference: int
    name: int
    """Which of the statement's names."""
    column: str
    """The real column; `*` for the whole row or for what cannot be told."""


class Table(NamedTuple):
    """A relation in FROM, with the names that its columns have there."""

    alias: str
    name: int
    relation: Relation
    columns: Mapping[str, str] | None
    """Name there to real name; None when the catalog does not know the relation."""

    def column(self, called: str) -> str | None:
        """The real column of that name; None when there is surely none."""
        if self.columns is None or called in SYSTEM_COLUMNS:
            return called
        return self.columns.get(called)


MAX_STEPS = 500_000
"""Scopes and relations looked at for one statement: names can be made to multiply."""


class _Level:
    """One scope's FROM, by the names that things have there."""

    def __init__(self) -> None:
        self.tables: list[Table] = []
        self.unknown: list[Table] = []
        self.by_alias: dict[str, list[Table]] = defaultdict(list)
        self.by_column: dict[str, list[tuple[Table, str]]] = defaultdict(list)
        self.others: dict[str, list[Source]] = defaultdict(list)
        self.hides = False

    def add(self, source: Source, table: Table | None) -> None:
        if table is None:
            self.others[source.alias].append(source)
            self.hides = self.hides or source.name == HIDING
            return
        self.tables.append(table)
        self.by_alias[table.alias].append(table)
        if table.columns is None:
            self.unknown.append(table)
        for called, column in (table.columns or {}).items():
            self.by_column[called].append((table, column))

    def column(self, name: str) -> list[tuple[Table, str]]:
        """What a bare name can mean here."""
        if name in SYSTEM_COLUMNS:
            return [(table, name) for table in self.tables]
        return self.by_column.get(name, []) + [(table, name) for table in self.unknown]


class Columns:
    """The references of one statement, given what its names mean.

    Raises:
        TooComplex: They can mean too many things.
    """

    def __init__(self, statement: Statement, meanings: Sequence[Relation], catalog: Catalog) -> None:
        self._scopes, self._references = statement.scopes, statement.references
        self._catalog = catalog
        self._levels: dict[int, _Level] = defaultdict(_Level)
        self._steps = 0
        for source in statement.sources:
            table = None if source.name < 0 else _table(source, meanings[source.name], catalog)
            self._levels[source.scope].add(source, table)
        self.attributes: set[str] = set(statement.attributes)
        """Names after a dot that are no known column, and so may be functions."""
        self.hits: list[Hit] = []
        for number, reference in enumerate(statement.references):
            meant = self._meant(reference)
            self._spend(len(meant))
            self.hits.extend(Hit(number, table.name, column) for table, column in meant)

    def type_of(self, number: int) -> str | None:
        """The type of a reference, `format_type` without its modifier; None where it is not certain."""
        reference = self._references[number]
        *qualifier, last = reference.parts
        if reference.output or last == "*":
            return None
        for level, certain in self._chain(reference):
            if qualifier:
                tables = [each for each in level.by_alias.get(qualifier[-1], ()) if _called(each, qualifier)]
                known = [(each, each.columns.get(last) if each.columns else None) for each in tables]
                others = level.others.get(qualifier[-1])
            else:
                known = [(table, column) for table, column in level.column(last)]
                others = [each for several in level.others.values() for each in several]
            if not certain or others or len(known) > 1 or level.unknown:
                return None
            if known:
                return self._type(*known[0])
        return None

    def _type(self, table: Table, column: str | None) -> str | None:
        info = self._catalog.relations.get(table.relation)
        found = [each.type for each in info.columns if each.name == column] if info else []
        return _INTERVAL.sub("interval", _MODIFIER.sub("", found[0])) if found else None

    def _meant(self, reference: Reference) -> list[tuple[Table, str]]:
        *qualifier, last = reference.parts
        if last == "*" and not qualifier:
            return [(table, "*") for table in self._levels[reference.scope].tables]
        found = self._qualified(reference, qualifier, last) if qualifier else self._bare(reference, last)
        if found is not None:
            return found
        reached = [level for level, _ in self._chain(reference)]
        if reference.output or any(level.others for level in reached):
            return []
        return [(table, "*") for level in reached for table in level.tables]

    def _bare(self, reference: Reference, name: str) -> list[tuple[Table, str]] | None:
        found: list[tuple[Table, str]] = []
        rows: list[tuple[Table, str]] = []
        for level, certain in self._chain(reference):
            here = level.column(name)
            found += here
            if certain and len(here) > len(level.unknown):
                return found
            rows += [(table, "*") for table in level.by_alias.get(name, ())]
        return found + rows or None

    def _qualified(self, reference: Reference, qualifier: list[str], name: str) -> list[tuple[Table, str]] | None:
        found: list[tuple[Table, str]] = []
        known = False
        for level, certain in self._chain(reference):
            here = [each for each in level.by_alias.get(qualifier[-1], ()) if _called(each, qualifier)]
            found += [(table, table.column(name) or "*") for table in here]
            others = level.others.get(qualifier[-1], [])
            known = known or bool(here or others)
            if name != "*" and not any(table.columns and table.column(name) for table in here):
                self._maybe_function(name, others)
            if certain and known:
                break
        return found if known else None

    def _maybe_function(self, name: str, others: list[Source]) -> None:
        if not any(name in other.columns for other in others):
            self.attributes.add(name)

    def _chain(self, reference: Reference) -> Iterator[tuple[_Level, bool]]:
        """The levels from the reference's outwards, each with whether all of it can surely be seen."""
        scope, certain = reference.scope, reference.certain
        while scope >= 0:
            self._spend(1)
            level = self._levels[scope]
            yield level, certain and not level.hides
            scope, certain = self._scopes[scope]

    def _spend(self, steps: int) -> None:
        self._steps += steps
        if self._steps > MAX_STEPS:
            raise TooComplex("what the names of the statement mean is beyond the bounds of analysis", hint=HINT)


class Reading(NamedTuple):
    """A statement with what its names mean."""

    statement: Statement
    known: list[Relation]
    """What each of its names is."""
    columns: Columns
    catalog: Catalog


def _called(table: Table, qualifier: list[str]) -> bool:
    if table.alias != qualifier[-1]:
        return False
    return len(qualifier) == 1 or table.relation.schema == qualifier[-2]


def _table(source: Source, relation: Relation, catalog: Catalog) -> Table:
    info = catalog.relations.get(relation)
    if info is None:
        return Table(source.alias, source.name, relation, None)
    real = [column.name for column in info.columns]
    called = [*source.columns, *real[len(source.columns) :]]
    return Table(source.alias, source.name, relation, dict(zip(called, real, strict=False)))


def expand(relation: Relation, column: str, catalog: Catalog) -> frozenset[Column]:
    """The columns that `column` of `relation` stands for; `*` stays where the catalog knows none."""
    info = catalog.relations.get(relation)
    if column != "*" or info is None or not info.columns:
        return frozenset({Column(relation, column)})
    return frozenset(Column(relation, each.name) for each in info.columns)
