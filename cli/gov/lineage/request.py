"""What is asked about a text's lineage, and what the answer is: fields of the statement's entry, fit for JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from gov.lineage.flow import Lineage
from gov.lineage.form import Masks, names_of, stated
from gov.lineage.reader import Known
from gov.lineage.statement import lineage, of_trees, widened
from gov.sql.catalog import Catalog
from gov.sql.grammar import Node
from gov.sql.world import World, search
from gov.terms import Relation


class Asked(NamedTuple):
    """The question."""

    trees: list[Node]
    """The text, parsed."""
    prepared: Sequence[str]
    """The PREPAREs that the text executes."""
    path: Sequence[str]
    """search_path, as the session has it."""
    catalog: Catalog
    relations: Iterable[Relation]
    """Those in reach of the text, of views all that is behind them."""
    functions: Iterable[str]
    """Bare names of what it calls."""
    masks: Masks
    """Those on columns of `relations`."""
    opaque: Sequence[str]
    """Why code runs that nobody looks into; empty for none."""
    filters: Mapping[Relation, str]
    """Of relations of which policy shows some rows only: see `reader.Known`."""


class Told(NamedTuple):
    """The answer."""

    lineage: list[Any]
    by_column: list[Any]
    """What was too long for it."""
    names: list[list[str]]
    """Of the output columns, statement by statement."""


def told(asked: Asked) -> Told:
    """The answer to a question.

    Raises:
        Refused, NotUnderstood, TooComplex: See `statement.lineage`.
    """
    relations = asked.catalog.relations
    infos = {each: info for each in asked.relations if (info := relations.get(each)) is not None}
    overloads = {name: asked.catalog.functions.get(name, ()) for name in asked.functions}
    known = Known(
        # What is out of reach has no meaning here, even where a name would fit.
        World(Catalog("", infos), search(asked.path)),
        {relation: info.definition for relation, info in infos.items() if info.definition},
        frozenset(name for name, found in overloads.items() if any(each.kind == "a" for each in found)),
        frozenset(name for name, found in overloads.items() if any(each.returns_set for each in found)),
        asked.filters,
    )
    found: list[Lineage] = [*of_trees(asked.trees, known)]
    for prepared in asked.prepared:
        found += lineage(prepared, known, executed=True)
    if asked.opaque:
        found = [widened(each, tuple(asked.opaque)) for each in found]
    return Told(*stated(found, asked.masks), names_of(found))
