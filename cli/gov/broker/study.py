"""What an analyst makes of one text: everything that does not hang on a policy's rules, in one go.

The text is parsed once. From its tree come its outline, the facts, the text with masked relations replaced by
their views, the proof that this is the same statement, and its lineage.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from gov.broker.lineages import Behind, masks_by_relation
from gov.errors import Denied, GovError, Unavailable
from gov.lineage.form import Masked
from gov.policy.accepted import closed, narrowed
from gov.policy.decision import Outcome
from gov.sql import grammar
from gov.sql.bind import follow, prepared
from gov.sql.catalog import Catalog
from gov.sql.columns import Columns, Reading
from gov.sql.facts import Facts
from gov.sql.grammar import Node
from gov.sql.outline import Outline, decode, octets_of, of_trees
from gov.sql.proof import same_trees
from gov.sql.resolve import read
from gov.sql.rewrite import renames, with_views
from gov.sql.world import UNDOING, World, meanings, search, worlds
from gov.terms import Column, Relation


@dataclass(frozen=True)
class Ground:
    """What texts are studied on: what policy makes of one catalog for some people, and the views that stand there."""

    target: str
    whole: Catalog
    """With the columns that are closed."""
    outcome: Outcome
    views: Mapping[Relation, Relation]
    """Base table to masked view; empty when nothing is rewritten."""
    behind: dict[Relation, Behind] = field(default_factory=dict, compare=False)
    """What views are made of, as it is found."""

    @cached_property
    def hidden(self) -> frozenset[Column]:
        """The closed columns."""
        return closed(self.outcome, self.whole)

    @cached_property
    def catalog(self) -> Catalog:
        """Without them."""
        return narrowed(self.whole, self.hidden)

    @cached_property
    def masked(self) -> Mapping[Relation, frozenset[str]]:
        """The columns of each relation that are to be read from its view; none: all of them."""
        found: dict[Relation, set[str]] = {relation: set() for relation in self.views}
        for column in (*self.outcome.masks, *self.hidden):
            if column.relation in found and column.relation not in self.outcome.filters:
                found[column.relation].add(column.name)
        return {relation: frozenset(names) for relation, names in found.items()}

    @cached_property
    def renames(self) -> Mapping[Relation, Relation]:
        """From the view back to its relation."""
        return renames(self.views)

    @cached_property
    def _masks(self) -> Mapping[Relation, Mapping[str, Masked]]:
        return masks_by_relation(self.outcome.masks.items())

    def masks_of(self, relations: set[Relation]) -> dict[str, Masked]:
        """The masks on columns of some relations, by the column's whole name."""
        return {name: mask for each in relations & self._masks.keys() for name, mask in self._masks[each].items()}


class Question(NamedTuple):
    """What is asked about a text."""

    text: str
    path: tuple[str, ...]
    """search_path, as the session has it."""
    names: Mapping[str, str] | None = None
    """What names were prepared as, outlines as JSON; None when nobody has looked them up."""
    tell: bool = False
    """Whether an EXECUTE is to be told, rather than judged as unknown, while `names` is None."""
    settled: bool = True
    """Whether search_path stays what it is when the transaction ends."""


class Refused(NamedTuple):
    """The grammar's refusal."""

    message: str
    position: int


class Executes(NamedTuple):
    """Names that the text executes, and of which nobody has said what they are."""

    names: tuple[str, ...]


class Undoes(NamedTuple):
    """The text ends a transaction in which search_path was changed, and goes on."""


class Prepares(NamedTuple):
    """What a PREPARE prepares."""

    outline: str
    """As JSON: what `Question.names` wants."""
    octets: int
    """How much it takes, about."""


class Known(NamedTuple):
    """What is known of a text."""

    facts: Facts
    sent: str
    """With the views where they are needed."""
    objection: GovError | None
    """Why it cannot be sent so."""
    prepares: tuple[tuple[str, Prepares], ...]
    """By name."""
    undoing: bool
    """Whether it ends a transaction and goes on."""
    outline: Outline
    trees: list[Node]


Found = Refused | Executes | Undoes | Known


def study(question: Question, ground: Ground, step: Callable[[], None]) -> Found:
    """What can be said of a text; `step` is called after each part of the work.

    Raises:
        NotUnderstood: It is not valid UTF-8, or has a NUL.
        TooComplex: It is beyond the bounds of analysis.
        Denied: It names a closed column.
    """
    try:
        trees = grammar.parse(question.text)
        outline = of_trees(question.text, trees)
    except grammar.Refused as why:
        return Refused(why.message, why.position)
    undoing = any(statement.command in UNDOING for statement in outline.statements[:-1])
    if undoing and not question.settled:
        return Undoes()
    executes = tuple(each.runs for each in outline.statements if each.runs is not None)
    if executes and question.names is None and question.tell:
        return Executes(executes)
    if question.names is not None:
        outline = follow(outline, {name: decode(json.loads(what)) for name, what in question.names.items()})
        if executes := tuple(each.runs for each in outline.statements if each.runs is not None):
            return Executes(executes)
    step()
    if ground.hidden:
        _none_closed(ground, outline, question.path)
        step()
    facts, readings = read(outline, ground.catalog, question.path)
    step()
    sent, objection = _rewritten(question.text, facts, readings, trees, ground, step)
    prepares = tuple((name, _prepares(what)) for name, what in prepared(outline))
    return Known(facts, sent, objection, prepares, undoing, outline, trees)


def _prepares(outline: Outline) -> Prepares:
    return Prepares(json.dumps(outline, separators=(",", ":")), octets_of(outline))


def _rewritten(
    text: str, facts: Facts, readings: list[Reading], trees: list[Node], ground: Ground, step: Callable[[], None]
) -> tuple[str, GovError | None]:
    """The text as it is sent, proven to be the same statement over other relations; or why there is none."""
    if not ground.views:
        return text, None
    try:
        sent = with_views(text, facts, readings, ground.views, ground.masked)
        if sent == text:
            return text, None
        step()
        if _same(trees, sent, ground.renames):
            return sent, None
    except GovError as why:
        return text, why
    return text, Unavailable(
        "rewriting to the masked views changed the statement", hint="please report the statement"
    )


def _same(trees: list[Node], sent: str, renames: Mapping[Relation, Relation]) -> bool:
    try:
        return same_trees(trees, grammar.parse(sent), renames)
    except grammar.Refused:
        return False


def _none_closed(ground: Ground, outline: Outline, path: tuple[str, ...]) -> None:
    """Refuse what names a closed column; `*` gets along without.

    Raises:
        Denied: It does.
    """
    if not (named := _named(ground, outline, path)):
        return
    column = min(named)
    raise Denied(
        f"the column {column} is closed: it is new in a table with classified data, and nobody has said what it holds",
        hint="ask whoever has the role `policy_admin` to classify it, or to say that it is clear:"
        f" gov policy accept {ground.target} {column.relation}",
    )


def _named(ground: Ground, outline: Outline, path: tuple[str, ...]) -> set[Column]:
    """The closed columns that the first statement names which names any."""
    for statement, world, _ in worlds(outline, World(ground.whole, search(path), frozenset())):
        known = meanings(statement, world)
        hits = Columns(statement, known, ground.whole).hits
        if named := {Column(known[hit.name], hit.column) for hit in hits} & ground.hidden:
            return named
    return set()
