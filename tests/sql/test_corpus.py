"""Statements of PostgreSQL's own regression suite and of TPC, where their files are beside the repository."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from gov.demo.cluster import Cluster
from gov.errors import GovError
from gov.sql.catalog import Catalog, ColumnInfo, RelationInfo, RelationKind
from gov.sql.facts import decode as facts_of
from gov.sql.facts import encode
from gov.sql.outline import Outline, decode, outline
from gov.sql.proof import same
from gov.sql.resolve import resolve
from gov.sql.rewrite import renames, rewrite
from gov.sql.world import World, meanings, search
from gov.terms import Effect, Relation
from sql.agreement import DATA, MOST_UNKNOWN, PATH, disagreements, knowing, sampled, snapshot, statements, tally
from sql.oracle import opinion

EVERY = 12
"""Of each kind of statement one in so many is in the default suite; `tests/sql/agreement.py` runs them all."""


@pytest.fixture(scope="module")
def corpus() -> list[str]:
    """A sample of the statements of every kind."""
    found = sampled(statements(), EVERY)
    if not found:
        pytest.skip(f"{DATA.name} is not in ../shared")
    return found


@pytest.fixture(scope="module")
def eighteen(cluster: Cluster) -> Catalog:
    """PostgreSQL 18 as it is installed."""
    return asyncio.run(snapshot(cluster.admin_dsn))


def test_facts_agree_with_an_independent_oracle(corpus: list[str], eighteen: Catalog) -> None:
    """Relations, effects, functions and missing WHEREs; and hardly an ordinary statement is unknown."""
    found = tally(corpus, eighteen)

    print(found)
    assert found.wrong == []
    assert found.ordinary > 500
    assert found.share < MOST_UNKNOWN


@pytest.mark.parametrize(
    "change",
    [
        {"reads": frozenset()},
        {"writes": frozenset()},
        {"effects": frozenset({Effect.DELETE})},
        {"effects": frozenset({Effect.DELETE, Effect.READ, Effect.DROP})},
        {"functions": frozenset()},
        {"unbounded": frozenset()},
        {"reads": frozenset({Relation("public", "a"), Relation("public", "b"), Relation("public", "c")})},
    ],
)
def test_the_oracle_objects_to_facts_that_are_wrong(change: dict[str, Any], eighteen: Catalog) -> None:
    """One that agrees with everything would be none."""
    text = "delete from a; select lower(x) from b"
    outlined, said = outline(text), opinion(text)
    assert said is not None
    known = knowing(eighteen, outlined)
    facts = resolve(outlined, known, PATH)

    assert list(disagreements(text, facts, said, known)) == []
    assert list(disagreements(text, replace(facts, **change), said, known)) != []


def outlines(corpus: list[str]) -> Iterator[tuple[str, Outline]]:
    """Each statement that is within the bounds, with its outline."""
    for text in corpus:
        try:
            yield text, outline(text)
        except GovError as why:
            assert "NUL" in why.what  # noqa: PT017 - nothing else of it is refused


def test_everything_is_outlined_and_almost_everything_understood(corpus: list[str], shop: Catalog) -> None:
    """No statement is beyond us; what stays unknown is EXECUTE, DO and functions that run text."""
    total, unknown = 0, 0
    for text, found in outlines(corpus):
        facts = resolve(found, shop, PATH)
        total += 1
        unknown += bool(facts.unknown)

        assert found.syntax_error is None, text
        assert facts.effects or facts.count == 0, text
        assert not [why for why in facts.unknown if why.startswith("not understood: ")], text

    print(f"unknown: {unknown} of {total} statements ({unknown / total:.2%})")
    assert unknown / total < 0.05


def test_outlines_and_facts_cross_the_border_as_json(corpus: list[str], shop: Catalog) -> None:
    """What an analyst sends is what it found."""
    for _, found in outlines(corpus):
        assert decode(json.loads(json.dumps(found))) == found
        known = resolve(found, shop, PATH)
        assert facts_of(json.loads(json.dumps(encode(known)))) == known


def test_every_rewrite_is_proven(corpus: list[str]) -> None:
    """With every relation masked, what is sent is the same statement over views."""
    rewritten = 0
    for text, found in outlines(corpus):
        catalog = everything(found)
        views = {each: Relation("gov_m_1", each.name) for each in catalog.relations}
        facts = resolve(found, catalog, PATH)
        sent = rewrite(text, found, facts, catalog, views, {}, PATH)
        rewritten += sent is not text

        assert sent is text or same(text, sent, renames(views)), (text, sent)

    assert rewritten > 200


def everything(found: Outline) -> Catalog:
    """A catalog with a table for every name."""
    world = World(Catalog("1"), search(PATH))
    named = {each for statement in found.statements for each in meanings(statement, world)}
    columns = (ColumnInfo("a", "text", 1), ColumnInfo("b", "text", 2))
    return Catalog("1", {each: RelationInfo(each, 1, RelationKind.TABLE, "owner", columns) for each in named})
