"""Which columns of classified tables somebody has answered for; the others of these tables are closed.

A policy is written for the columns that there are. One that a migration adds to a table with classified
data may hold anything, so it is closed for everybody until the policy classifies it or somebody who may
accept policy says that it is clear. What was accepted is a name **and** a number of one table: a column
that is renamed to an accepted name is another column. A table made anew is known by its names alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from gov.policy.decision import Outcome
from gov.sql.catalog import Catalog, RelationInfo
from gov.terms import Column, Relation


@dataclass(frozen=True, slots=True)
class Accepted:
    """The columns of one table that are accepted."""

    oid: int
    """Of the table at that time."""
    columns: Mapping[str, int]
    """Name to number."""

    def holds(self, info: RelationInfo, name: str, number: int) -> bool:
        """Whether that column of the table as it is now is an accepted one."""
        return name in self.columns and (info.oid != self.oid or self.columns[name] == number)


Ledger = Mapping[Relation, Accepted]
"""Everything that was accepted on one target."""


def accepted(info: RelationInfo, closed: Collection[str] = ()) -> Accepted:
    """The table as it is now, all of its columns accepted but for `closed`."""
    return Accepted(info.oid, {each.name: each.number for each in info.columns if each.name not in closed})


def met(ledger: Ledger, classified: Collection[Column], catalog: Catalog) -> dict[Relation, Accepted]:
    """What `ledger` lacks: tables with classified columns that were never seen, and those made anew.

    A table under a new name is no new table, and what is closed in a parent is closed in its children.
    """
    names = {column.relation for column in classified}
    known = {each.oid for each in ledger.values()}
    found: dict[Relation, Accepted] = {}
    for info in _parents_first(catalog, names):
        record = ledger.get(info.relation)
        if record is None and info.oid not in known:
            found[info.relation] = accepted(info, _closed_above(info, {**ledger, **found}, classified, catalog))
        elif record is not None and record.oid != info.oid and info.oid not in known:
            kept = {each.name: each.number for each in info.columns if each.name in record.columns}
            found[info.relation] = Accepted(info.oid, kept)
    return found


def _parents_first(catalog: Catalog, names: Collection[Relation]) -> list[RelationInfo]:
    infos = [catalog.relations[name] for name in names if name in catalog.relations]

    def depth(info: RelationInfo) -> int:
        steps = 0
        while info.parent is not None and info.parent in catalog.relations and steps < len(catalog.relations):
            info, steps = catalog.relations[info.parent], steps + 1
        return steps

    return sorted(infos, key=lambda info: (depth(info), info.relation))


def _closed_above(
    info: RelationInfo, ledger: Ledger, classified: Collection[Column], catalog: Catalog
) -> frozenset[str]:
    parent = catalog.relations.get(info.parent) if info.parent else None
    if parent is None or not _watched(parent, ledger, classified):
        return frozenset()
    return frozenset(each.name for each in parent.columns) - opened(parent, ledger, classified)


def opened(info: RelationInfo, ledger: Ledger, classified: Collection[Column]) -> frozenset[str]:
    """The columns of a table with classified data that are not closed."""
    record = ledger.get(info.relation)
    return frozenset(
        each.name
        for each in info.columns
        if Column(info.relation, each.name) in classified
        or (record is not None and record.holds(info, each.name, each.number))
    )


def _watched(info: RelationInfo, ledger: Ledger, classified: Collection[Column]) -> bool:
    return (
        info.relation in ledger
        or any(Column(info.relation, each.name) in classified for each in info.columns)
        or any(info.oid == each.oid for each in ledger.values())
    )


def watched(ledger: Ledger, classified: Collection[Column], catalog: Catalog) -> dict[Relation, frozenset[str]]:
    """Every table that holds classified data, or did, with the columns that are not closed."""
    names, oids = {column.relation for column in classified} | ledger.keys(), {each.oid for each in ledger.values()}
    return {
        relation: opened(info, ledger, classified)
        for relation, info in catalog.relations.items()
        if relation in names or info.oid in oids
    }


def closed(outcome: Outcome, catalog: Catalog) -> frozenset[Column]:
    """The columns that are closed in `outcome`: new ones, too, that it was made without."""
    return frozenset(_closed(outcome, catalog))


def _closed(outcome: Outcome, catalog: Catalog) -> Iterator[Column]:
    for relation in outcome.opened.keys() | {column.relation for column in outcome.masks}:
        info = catalog.relations.get(relation)
        if info is not None and relation in outcome.relations:
            kept = outcome.opened.get(relation, frozenset()) | outcome.masked_in(relation).keys()
            yield from (Column(relation, each.name) for each in info.columns if each.name not in kept)


def narrowed(catalog: Catalog, hidden: Collection[Column]) -> Catalog:
    """`catalog` without the columns `hidden`."""
    if not hidden:
        return catalog
    relations = dict(catalog.relations)
    for relation in {column.relation for column in hidden}:
        info = relations[relation]
        left = tuple(each for each in info.columns if Column(relation, each.name) not in hidden)
        relations[relation] = replace(info, columns=left)
    return replace(catalog, relations=relations)
