"""Which columns of which relations a statement's references mean.

PostgreSQL looks a name up in the innermost query first, then outwards (`colNameToVar`), and takes a name
that is no column for a whole row, or for a function of one. Where it cannot be told here what it would
find, the reference counts for everything that it could mean.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from gov.sql.catalog import Catalog
from gov.sql.statement import Reference, Source, Statement
from gov.terms import Column, Relation

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


class Columns:
    """The references of one statement, given what its names mean."""

    def __init__(self, statement: Statement, meanings: Sequence[Relation], catalog: Catalog) -> None:
        self._statement = statement
        self._tables: dict[int, list[Table]] = defaultdict(list)
        self._others: dict[int, list[Source]] = defaultdict(list)
        for source in statement.sources:
            if source.name < 0:
                self._others[source.scope].append(source)
            else:
                self._tables[source.scope].append(_table(source, meanings[source.name], catalog))
        self.attributes: set[str] = set(statement.attributes)
        """Names after a dot that are no known column, and so may be functions."""
        self.hits: list[Hit] = []
        for number, reference in enumerate(statement.references):
            self.hits.extend(Hit(number, table.name, column) for table, column in self._meant(reference))

    def _meant(self, reference: Reference) -> list[tuple[Table, str]]:
        *qualifier, last = reference.parts
        if last == "*" and not qualifier:
            return [(table, "*") for table in self._tables[reference.scope]]
        found = self._qualified(reference, qualifier, last) if qualifier else self._bare(reference, last)
        if found is not None:
            return found
        reached = [scope for scope, _ in self._chain(reference)]
        if reference.output or any(self._others[scope] for scope in reached):
            return []
        return [(table, "*") for scope in reached for table in self._tables[scope]]

    def _bare(self, reference: Reference, name: str) -> list[tuple[Table, str]] | None:
        found: list[tuple[Table, str]] = []
        for scope, certain in self._chain(reference):
            here = [(table, column) for table in self._tables[scope] if (column := table.column(name))]
            found += here
            if certain and any(table.columns is not None for table, _ in here):
                return found
        rows = self._rows(reference, name)
        return found + rows or None

    def _rows(self, reference: Reference, name: str) -> list[tuple[Table, str]]:
        """Whole rows: the bare name of something in FROM."""
        return [
            (table, "*") for scope, _ in self._chain(reference) for table in self._tables[scope] if table.alias == name
        ]

    def _qualified(self, reference: Reference, qualifier: list[str], name: str) -> list[tuple[Table, str]] | None:
        found: list[tuple[Table, str]] = []
        known = False
        for scope, certain in self._chain(reference):
            here = [table for table in self._tables[scope] if _called(table, qualifier)]
            found += [(table, table.column(name) or "*") for table in here]
            others = [other for other in self._others[scope] if other.alias == qualifier[-1]]
            known |= bool(here or others)
            if name != "*" and not any(table.columns and table.column(name) for table in here):
                self._maybe_function(name, others)
            if certain and known:
                break
        return found if known else None

    def _maybe_function(self, name: str, others: list[Source]) -> None:
        if not any(name in other.columns for other in others):
            self.attributes.add(name)

    def _chain(self, reference: Reference) -> Iterator[tuple[int, bool]]:
        """The scopes from the reference's outwards, each with whether all of it can surely be seen."""
        scope, certain = reference.scope, reference.certain
        while scope >= 0:
            yield scope, certain
            scope, certain = self._statement.scopes[scope]


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
