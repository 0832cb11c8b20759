"""Where the columns of a statement come from, for its entry in the trail.

An analyst finds it, with all that it needs of the catalog in the question. A statement is never refused for
its lineage: what cannot be found is widened to all that its facts say it reads, and the entry says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from gov.broker.analysis import Analysts
from gov.errors import GovError
from gov.lineage.form import MOST_OCTETS, Masked, from_facts
from gov.lineage.request import asked
from gov.mask.view import qualified, quote
from gov.policy.decision import Outcome
from gov.sql.catalog import Catalog
from gov.sql.facts import Facts
from gov.sql.outline import Outline
from gov.sql.resolve import resolve
from gov.terms import SYSTEM_SCHEMAS, Column, Effect, Relation

DEEPEST = 32
"""Views behind views."""


class Found(NamedTuple):
    """What is known of a statement's lineage."""

    fields: Mapping[str, object]
    """Of its entry."""
    octets: int
    """How much that is to keep."""


NOTHING = Found({}, 0)


async def lineage_of(
    analysts: Analysts, client: str, text: str, outline: Outline, facts: Facts, catalog: Catalog,
    search_path: tuple[str, ...], outcome: Outcome,
) -> Found:
    """Where the columns of a statement come from; nothing where nothing flows."""
    touched = facts.reads | facts.writes
    if not facts.calls and Effect.UNKNOWN not in facts.effects and all(
        each.schema in SYSTEM_SCHEMAS for each in touched
    ):
        return NOTHING  # of the catalogs' own columns nobody asks
    reach = _Reach(facts, {call.name[-1] for each in outline.statements for call in each.calls})
    try:
        _filters(reach, outcome)  # what their conditions read may be views, and what views read may be filtered
        await _behind_views(analysts, client, catalog, reach)
        filters = _filters(reach, outcome)
        prepared = [each.body for each in outline.statements if each.followed and each.body]
        question = asked(
            text, prepared, search_path, catalog, reach.relations, reach.functions, _masks(reach, outcome),
            [*reach.opaque], filters,
        )
        told = await analysts.lineage(question, client)
    except GovError as why:
        return Found({"lineage": from_facts(_names(facts.columns_read), _names(facts.columns_written), why.what)},
                     MOST_OCTETS)  # fmt: skip
    # PREPARE and EXPLAIN move nothing: that is said, or it would look like an entry from before there was lineage.
    moved = told.lineage or [{"sources": [], "exact": True}]
    return Found({"lineage": moved, "lineage_by_column": told.by_column, "outputs": told.names}, told.octets)


@dataclass(slots=True)
class _Reach:
    """What a text reaches, through views too."""

    facts: Facts
    functions: set[str]
    relations: set[Relation] = field(init=False)
    opaque: dict[str, None] = field(init=False)

    def __post_init__(self) -> None:
        self.relations = {*self.facts.reads, *self.facts.writes}
        self.opaque = dict.fromkeys(_opaque(self.facts))


def _opaque(facts: Facts) -> Iterable[str]:
    """Why code runs that nobody looks into."""
    if Effect.UNKNOWN in facts.effects:
        yield "what it does cannot be told"
    yield from (f"calls {each}" for each in sorted(facts.calls))


async def _behind_views(analysts: Analysts, client: str, catalog: Catalog, reach: _Reach) -> None:
    """Add what the views in reach are made of."""
    work = [*reach.relations]
    for _ in range(DEEPEST):
        views = [info for each in work if (info := catalog.relations.get(each)) is not None and info.definition]
        work = []
        for info in views:
            outline = await analysts.outline(info.definition, client)
            facts = resolve(outline, catalog, ("pg_catalog",))
            work += facts.reads - reach.relations
            reach.relations |= facts.reads
            reach.functions |= {call.name[-1] for each in outline.statements for call in each.calls}
            reach.opaque |= dict.fromkeys(f"{why} in {info.relation}" for why in _opaque(facts))
        if not work:
            return


def _filters(reach: _Reach, outcome: Outcome) -> dict[Relation, str]:
    """The rows that policy shows of what is in reach, each as a query; what their conditions read is in reach too."""
    found = {}
    for relation in reach.relations & outcome.filters.keys():
        specs = outcome.filters[relation]
        # Each on lines of its own, as a comment may end it.
        where = "\n AND ".join(f"(\n{spec.where}\n)" for spec in specs)
        found[relation] = f"SELECT FROM {qualified(relation)} AS {quote(relation.name)} WHERE {where}"
        reach.relations.update(*(spec.tables for spec in specs))
        reach.functions.update(name.rpartition(".")[2] for spec in specs for name in spec.functions)
    return found


def _masks(reach: _Reach, outcome: Outcome) -> dict[str, Masked]:
    return {
        str(column): Masked(spec.mask, spec.rule)
        for column, spec in outcome.masks.items() if column.relation in reach.relations
    }


def _names(columns: frozenset[Column]) -> list[str]:
    return [str(column) for column in columns]
