"""What is asked of an analyst about a text's lineage, and what the answer is: plain data, as JSON.

An analyst knows no target. It is told the relations in reach of the text, of views all that is behind them,
and the masks that lie on their columns.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from gov.lineage.flow import Lineage
from gov.lineage.form import Masked, Masks, names_of, stated
from gov.lineage.reader import Known
from gov.lineage.statement import lineage, widened
from gov.sql.catalog import Catalog, ColumnInfo, RelationInfo, RelationKind
from gov.sql.world import World, search
from gov.terms import Relation


class Asked(NamedTuple):
    """The question."""

    text: str
    prepared: Sequence[str]
    """The PREPAREs that the text executes."""
    path: Sequence[str]
    """search_path, as the session has it."""
    relations: Sequence[Any]
    aggregates: Sequence[str]
    sets: Sequence[str]
    masks: Mapping[str, Sequence[str]]
    opaque: Sequence[str]
    """Why code runs that nobody looks into; empty for none."""
    filters: Sequence[Sequence[str]] = ()
    """(schema, name, query) of relations of which policy shows some rows only: see `reader.Known`."""


class Told(NamedTuple):
    """The answer: fields of the statement's entry."""

    lineage: list[Any]
    by_column: list[Any]
    """What was too long for it."""
    names: list[list[str]]
    """Of the output columns, statement by statement."""
    octets: int = 0
    """How much all of it is as JSON."""


def asked(
    text: str,
    prepared: Sequence[str],
    path: Sequence[str],
    catalog: Catalog,
    relations: Collection[Relation],
    functions: Iterable[str],
    masks: Masks,
    opaque: Sequence[str],
    filters: Mapping[Relation, str],
) -> Asked:
    """The question about `text`, which reaches `relations` and calls `functions`."""
    known = [info for each in sorted(relations) if (info := catalog.relations.get(each)) is not None]
    overloads = {name: catalog.functions.get(name, ()) for name in sorted(functions)}
    return Asked(
        text,
        prepared,
        path,
        [_written(info) for info in known],
        [name for name, found in overloads.items() if any(each.kind == "a" for each in found)],
        [name for name, found in overloads.items() if any(each.returns_set for each in found)],
        masks,
        opaque,
        [[relation.schema, relation.name, query] for relation, query in sorted(filters.items())],
    )


def told(row: Sequence[Any]) -> Told:
    """The answer to a question that came as JSON.

    Raises:
        Refused, NotUnderstood, TooComplex: See `statement.lineage`.
    """
    question = Asked(*row)
    infos = {info.relation: info for info in map(_read, question.relations)}
    world = World(Catalog("", infos), search(question.path))
    definitions = {relation: info.definition for relation, info in infos.items() if info.definition}
    filters = {Relation(schema, name): query for schema, name, query in question.filters}
    known = Known(world, definitions, frozenset(question.aggregates), frozenset(question.sets), filters)
    found: list[Lineage] = [*lineage(question.text, known)]
    for prepared in question.prepared:
        found += lineage(prepared, known, executed=True)
    if question.opaque:
        found = [widened(each, tuple(question.opaque)) for each in found]
    masks = {column: Masked(*mask) for column, mask in question.masks.items()}
    return Told(*stated(found, masks), names_of(found))


def _written(info: RelationInfo) -> list[Any]:
    columns = [[column.name, column.generated, column.derived] for column in info.columns]
    return [info.relation.schema, info.relation.name, info.kind.value, columns, info.definition]


def _read(row: list[Any]) -> RelationInfo:
    schema, name, kind, columns, definition = row
    return RelationInfo(
        Relation(schema, name), 0, RelationKind(kind), "",
        tuple(
            ColumnInfo(column, "", number, generated=generated, derived=tuple(derived))
            for number, (column, generated, derived) in enumerate(columns, 1)
        ),
        definition=definition,
    )  # fmt: skip
