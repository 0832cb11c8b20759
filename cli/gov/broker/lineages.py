"""Where the columns of a statement come from, for its entry in the trail: an analyst's work.

A statement is never refused for its lineage: what cannot be found is widened to all that its facts say it
reads, and the entry says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gov.lineage.form import Masked, from_facts
from gov.lineage.request import Asked, told
from gov.mask.view import qualified, quote
from gov.policy.decision import Outcome
from gov.sql.catalog import RelationInfo
from gov.sql.facts import Facts
from gov.sql.grammar import Node
from gov.sql.outline import Outline, outline
from gov.sql.resolve import resolve
from gov.terms import SYSTEM_SCHEMAS, Column, Effect, Relation

if TYPE_CHECKING:
    from gov.broker.study import Ground

DEEPEST = 32
"""Views behind views."""


def flows(facts: Facts) -> bool:
    """Whether a statement has a lineage: of the catalogs' own columns nobody asks."""
    if facts.calls or Effect.UNKNOWN in facts.effects:
        return True
    return any(each.schema not in SYSTEM_SCHEMAS for each in facts.reads | facts.writes)


def lineage_of(
    trees: list[Node], found: Outline, facts: Facts, path: tuple[str, ...], ground: Ground
) -> dict[str, Any]:
    """The fields of its entry that say where the columns of a statement come from.

    Raises:
        NotUnderstood, TooComplex: It cannot be found: see `unfound`.
    """
    outcome = ground.outcome
    reach = _Reach(facts, {call.name[-1] for each in found.statements for call in each.calls})
    _filters(reach, outcome)  # what their conditions read may be views, and what views read may be filtered
    _behind_views(ground, reach)
    filters = _filters(reach, outcome)
    prepared = [each.body for each in found.statements if each.followed and each.body]
    masks = ground.masks_of(reach.relations)
    lineage, by_column, names = told(Asked(
        trees, prepared, path, ground.catalog, sorted(reach.relations), sorted(reach.functions), masks,
        [*reach.opaque], filters,
    ))  # fmt: skip
    # PREPARE and EXPLAIN move nothing: that is said, or it would look like an entry from before there was lineage.
    moved = lineage or [{"sources": [], "exact": True}]
    return {"lineage": moved, "lineage_by_column": by_column, "outputs": names}


def unfound(facts: Facts, why: str) -> dict[str, Any]:
    """What can be said of a statement whose lineage could not be found."""
    return {"lineage": from_facts(map(str, facts.columns_read), map(str, facts.columns_written), why)}


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


def _behind_views(ground: Ground, reach: _Reach) -> None:
    """Add what the views in reach are made of."""
    work = [*reach.relations]
    for _ in range(DEEPEST):
        views = [
            info for each in work if (info := ground.catalog.relations.get(each)) is not None and info.definition
        ]
        work = []
        for info in views:
            behind = _behind(ground, info)
            work += behind.reads - reach.relations
            reach.relations |= behind.reads
            reach.functions |= behind.functions
            reach.opaque |= dict.fromkeys(f"{why} in {info.relation}" for why in behind.opaque)
        if not work:
            return


@dataclass(frozen=True, slots=True)
class Behind:
    """What stands behind one view."""

    reads: frozenset[Relation]
    functions: frozenset[str]
    opaque: tuple[str, ...]


def _behind(ground: Ground, info: RelationInfo) -> Behind:
    """What a view is made of, found once on each ground."""
    known = ground.behind.get(info.relation)
    if known is None:
        found = outline(info.definition)
        facts = resolve(found, ground.catalog, ("pg_catalog",))
        called = frozenset(call.name[-1] for each in found.statements for call in each.calls)
        known = ground.behind[info.relation] = Behind(facts.reads, called, tuple(_opaque(facts)))
    return known


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


def masks_by_relation(masks: Iterable[tuple[Column, Any]]) -> dict[Relation, dict[str, Masked]]:
    """The masks of a profile as lineage states them, by the relation that they are on."""
    found: dict[Relation, dict[str, Masked]] = {}
    for column, spec in masks:
        found.setdefault(column.relation, {})[str(column)] = Masked(spec.mask, spec.rule)
    return found
