"""What names mean in a query: the things in FROM, level by level, as PostgreSQL looks them up.

A bare name is a column of the innermost level that has one (`colNameToVar` in parse_relation.c), else a whole
row. Where a thing's columns are not known, the name counts for it and for whatever else it could mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gov.lineage.flow import TRANSFORMATION, Flow, Result, of, union, used
from gov.sql.columns import SYSTEM_COLUMNS
from gov.terms import Relation


class Item:
    """One thing in FROM."""

    __slots__ = ("_row", "alias", "by_name", "flows", "names", "relation", "rest", "showing")

    def __init__(
        self, alias: str, names: Iterable[str], flows: Iterable[Flow], *,
        rest: Flow | None = None, relation: Relation | None = None, showing: bool = True,
    ) -> None:
        self.alias = alias
        self.names, self.flows = tuple(names), tuple(flows)
        self.rest = rest
        """What its other columns depend on, where not all are known."""
        self.relation = relation
        """Which relation it is."""
        self.showing = showing
        """Whether bare names and `*` mean its columns: those below a join with USING are the join's."""
        self._row: Flow | None = None
        self.by_name: dict[str, Flow] = {}
        for name, flow in zip(self.names, self.flows, strict=False):
            self.by_name[name] = union([self.by_name[name], flow]) if name in self.by_name else flow

    def column(self, name: str) -> Flow | None:
        """What the column depends on; None when there is surely none of that name."""
        found = self.by_name.get(name)
        if found is None and self.relation is not None and (name in SYSTEM_COLUMNS or self.rest is not None):
            return of(self.relation, name)
        return found if found is not None else self.rest

    def has(self, name: str) -> bool:
        """Whether there surely is such a column."""
        return name in self.by_name or (self.relation is not None and name in SYSTEM_COLUMNS)

    def row(self) -> Flow:
        """The whole row."""
        if self._row is None:
            self._row = used(union(self.flows if self.rest is None else [*self.flows, self.rest]), TRANSFORMATION)
        return self._row

    def hidden(self) -> Item:
        """The same, below a join that has taken its columns."""
        return Item(self.alias, self.names, self.flows, rest=self.rest, relation=self.relation, showing=False)


def item(alias: str, result: Result) -> Item:
    """A subquery or WITH query in FROM."""
    return Item(alias, result.names, result.columns, rest=result.rest)


class Scope:
    """One level of a query."""

    __slots__ = ("items", "parent")

    def __init__(self, parent: Scope | None, items: Iterable[Item] = ()) -> None:
        self.parent = parent
        self.items = list(items)

    def column(self, parts: tuple[str, ...]) -> tuple[Flow, bool]:
        """What a reference depends on, and whether it was found; what was not depends on everything here."""
        *qualifier, name = parts
        found = self._qualified(qualifier, name) if qualifier else self._bare(name)
        if found is not None:
            return found, True
        return union(each.row() for level in self.levels() for each in level.items), False

    def _bare(self, name: str) -> Flow | None:
        perhaps: list[Flow] = []
        for level in self.levels():
            if sure := [each.by_name.get(name) or each.column(name) for each in level.items
                        if each.showing and each.has(name)]:  # fmt: skip
                return union([*perhaps, *(flow for flow in sure if flow)])
            perhaps += [
                flow for each in level.items
                if each.showing and each.rest is not None and (flow := each.column(name)) is not None
            ]
        rows = self.called((name,))
        if not perhaps and rows is None:
            return None
        return union([*perhaps, rows.row() if rows else {}])

    def _qualified(self, qualifier: list[str], name: str) -> Flow | None:
        found = self.called(qualifier)
        if found is None:
            return None
        flow = found.column(name)
        return flow if flow is not None else found.row()  # a function of the row, written as its field

    def called(self, qualifier: Iterable[str]) -> Item | None:
        """The thing of that name, in the innermost level that has one."""
        *before, alias = qualifier
        for level in self.levels():
            for each in level.items:
                if each.alias != alias:
                    continue
                if not before or (each.relation is not None and each.relation.schema == before[-1]):
                    return each
        return None

    def levels(self) -> Iterator[Scope]:
        """This level and those around it."""
        level: Scope | None = self
        while level is not None:
            yield level
            level = level.parent

    def star(self) -> Result:
        """`*`."""
        shown = [each for each in self.items if each.showing]
        return joined(shown)


def joined(items: Iterable[Item]) -> Result:
    """The columns of several things, one after another."""
    items = list(items)
    rests = [each.rest for each in items if each.rest is not None]
    return Result(
        tuple(name for each in items for name in each.names),
        tuple(flow for each in items for flow in each.flows),
        {},
        union(rests) if rests else None,
    )
