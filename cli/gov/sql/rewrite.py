"""A statement's own text, with names of masked relations replaced by those of their views.

As little as possible is replaced: a relation stays where only its clear columns are read, by name, so that
GROUP BY its key, FOR UPDATE, TABLESAMPLE and system columns keep working. `*`, whole rows, masked columns
and everything that cannot be told go to the view. DML targets and COPY FROM stay. A view has the name of
its relation, in a schema of its own, so nothing else of the text changes. A wrong guess costs the client a
`permission denied`: the role cannot read what is masked.

What comes out is not to be used before `sql.proof.same` has compared the two trees.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from gov.errors import NotUnderstood
from gov.sql.catalog import Catalog, RelationKind
from gov.sql.columns import Reading
from gov.sql.facts import Facts
from gov.sql.resolve import read
from gov.sql.spans import REPLACEABLE
from gov.sql.statement import OLD, Outline, Use
from gov.terms import Relation


class Splice(NamedTuple):
    """Bytes `start` to `end` of the text become `text`."""

    start: int
    end: int
    text: str


def renames(views: Mapping[Relation, Relation]) -> dict[Relation, Relation]:
    """From the view back to its relation, as `sql.proof.same` wants it."""
    return {view: relation for relation, view in views.items()}


def rewrite(
    text: str,
    outline: Outline,
    facts: Facts,
    catalog: Catalog,
    views: Mapping[Relation, Relation],
    masked: Mapping[Relation, frozenset[str]],
    search_path: tuple[str, ...],
    temporary: frozenset[str] = frozenset(),
) -> str:
    """`text` with the views of masked relations where they are needed; `text` itself when nowhere.

    `masked` has the masked columns of each relation in `views`; none means that every read goes to the view.

    Raises:
        NotUnderstood: It copies a masked relation in a spelling in which no query can be copied.
    """
    if facts.unknown or facts.reads.isdisjoint(views):
        return text
    readings = read(outline, catalog, search_path, temporary)[1]
    return with_views(text, facts, readings, views, masked)


def with_views(
    text: str,
    facts: Facts,
    readings: Iterable[Reading],
    views: Mapping[Relation, Relation],
    masked: Mapping[Relation, frozenset[str]],
) -> str:
    """The same of a text that was read: see `sql.resolve.read`."""
    if facts.unknown or facts.reads.isdisjoint(views):
        return text
    found = [splice for each in readings for splice in _Rewriting(each, views, masked).splices()]
    return _spliced(text, found) if found else text


def _spliced(text: str, splices: list[Splice]) -> str:
    data = text.encode()
    pieces, at = [], 0
    for splice in sorted(splices):
        # `u&public.t.c` must not become `u&"…"`, which is a string of Unicode escapes.
        space = b" " if data[splice.start - 1 : splice.start] == b"&" else b""
        pieces += [data[at : splice.start], space, splice.text.encode()]
        at = splice.end
    return b"".join([*pieces, data[at:]]).decode()


class _Rewriting:
    """What is replaced in one statement."""

    def __init__(
        self,
        reading: Reading,
        views: Mapping[Relation, Relation],
        masked: Mapping[Relation, frozenset[str]],
    ) -> None:
        self._statement, self._known, self._catalog = reading.statement, reading.known, reading.catalog
        self._hits = reading.columns.hits
        self._views = views
        self._copied_as_of_old()
        self._replaced = self._to_replace(masked)
        self._check_family()

    def _copied_as_of_old(self) -> None:
        for name, relation in zip(self._statement.names, self._known, strict=True):
            if name.end == OLD and relation in self._views:
                raise NotUnderstood(
                    f"COPY of {relation} in a spelling from before PostgreSQL 7.3 cannot be masked",
                    hint="COPY … TO STDOUT WITH (FORMAT binary), or WITH (DELIMITER '…')",
                )

    def _to_replace(self, masked: Mapping[Relation, frozenset[str]]) -> frozenset[int]:
        """Numbers of the names: all that read a relation of which one needs its view."""
        candidates = {
            number
            for number, name in enumerate(self._statement.names)
            if name.use in REPLACEABLE and name.end > 0 and self._known[number] in self._views
        }
        needing = {
            self._known[hit.name]
            for hit in self._hits
            if hit.name in candidates and (hit.column == "*" or hit.column in masked.get(self._known[hit.name], ()))
        }
        return frozenset(
            number for number in candidates
            if self._statement.names[number].use is Use.LOCK
            or self._known[number] in needing or not masked.get(self._known[number])
        )

    def _check_family(self) -> None:
        """A view shows the rows of children too, which ONLY leaves out, and so does COPY of a table by its name."""
        alone = {self._known[number]: self._statement.names[number] for number in self._replaced
                 if self._statement.names[number].only or self._statement.names[number].use is Use.COPY}
        parents = {info.parent for info in self._catalog.relations.values()} if alone else set()
        for relation in alone.keys() & parents:
            copied = alone[relation].use is Use.COPY
            if not copied or self._catalog.relations[relation].kind is RelationKind.TABLE:
                what = f"{'COPY' if copied else 'ONLY'} {relation}"
                raise NotUnderstood(
                    f"{what} leaves out the rows of its children, which a masked view has not apart",
                    hint=f"select from {relation} without ONLY, or from each child by its name",
                )

    def splices(self) -> Iterator[Splice]:
        """All of them, in no order."""
        for number in self._replaced:
            name, view = self._statement.names[number], self._views[self._known[number]]
            copied = name.use is Use.COPY
            yield Splice(name.at, name.end, self._query(number, view) if copied else quoted(view))
        yield from self._qualifiers()

    def _query(self, number: int, view: Relation) -> str:
        """The query that COPY gets in place of its relation and columns."""
        columns = [hit.column for hit in self._hits if hit.name == number]
        if columns == ["*"]:
            every = self._catalog.relations[self._known[number]].columns
            columns = [column.name for column in every if not column.generated]
        return f"(SELECT {', '.join(map(identifier, columns))} FROM {quoted(view)})"

    def _qualifiers(self) -> Iterator[Splice]:
        """`public.customers.id` names its relation too."""
        hit_by: dict[int, set[int]] = {}
        for hit in self._hits:
            hit_by.setdefault(hit.reference, set()).add(hit.name)
        for number, names in hit_by.items():
            reference = self._statement.references[number]
            if reference.end > 0 and names <= self._replaced:
                view = self._views[self._known[min(names)]]
                yield Splice(reference.at, reference.end, identifier(view.schema))


def identifier(name: str) -> str:
    """`name` as SQL that means exactly it."""
    return '"' + name.replace('"', '""') + '"'


def quoted(relation: Relation) -> str:
    """`relation` as SQL that means exactly it."""
    return f"{identifier(relation.schema)}.{identifier(relation.name)}"
