"""Every statement of PostgreSQL's own regression suite, where its file is beside the repository."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gov.errors import GovError
from gov.sql.catalog import Catalog, ColumnInfo, RelationInfo, RelationKind
from gov.sql.outline import Outline, decode, outline
from gov.sql.proof import same
from gov.sql.resolve import resolve
from gov.sql.rewrite import renames, rewrite
from gov.sql.world import World, meanings, search
from gov.terms import Relation

FILE = Path(__file__).parents[2].parent / "shared" / "data" / "postgresql-statements.jsonl"
PATH = ("public",)


@pytest.fixture(scope="module")
def corpus() -> list[str]:
    """The statements."""
    if not FILE.exists():
        pytest.skip(f"{FILE.name} is not in ../shared/data")
    return [json.loads(line)["sql"] for line in FILE.read_text().splitlines()]


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
    assert unknown / total < 0.02


def test_an_outline_crosses_the_border_as_json(corpus: list[str]) -> None:
    """What an analyst sends is what it found."""
    for _, found in outlines(corpus):
        assert decode(json.loads(json.dumps(found))) == found


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

    assert rewritten > 2_500


def everything(found: Outline) -> Catalog:
    """A catalog with a table for every name."""
    world = World(Catalog("1"), search(PATH))
    named = {each for statement in found.statements for each in meanings(statement, world)}
    columns = (ColumnInfo("a", "text", 1), ColumnInfo("b", "text", 2))
    return Catalog("1", {each: RelationInfo(each, 1, RelationKind.TABLE, "owner", columns) for each in named})
