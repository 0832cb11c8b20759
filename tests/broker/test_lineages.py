"""Lineage for the trail: asked of real analysts, with views, masks and prepared statements; never a refusal."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import pytest

from gov.broker.analysis import Analysts, Settings, Studied
from gov.broker.grounds import Standing
from gov.broker.study import Question
from gov.policy.decision import FilterSpec, MaskSpec, Outcome
from gov.sql.bind import prepared
from gov.sql.catalog import Catalog, ColumnInfo, RelationInfo, RelationKind
from gov.sql.outline import outline
from gov.terms import Column, Relation

CUSTOMERS, MAILS, TWICE = (Relation("public", name) for name in ("customers", "mails", "twice"))


def _info(relation: Relation, columns: str, definition: str = "") -> RelationInfo:
    kind = RelationKind.VIEW if definition else RelationKind.TABLE
    listed = tuple(ColumnInfo(each, "text", number) for number, each in enumerate(columns.split(), 1))
    return RelationInfo(relation, 1, kind, "owner", listed, definition=definition)


CATALOG = Catalog("1", {info.relation: info for info in (
    _info(CUSTOMERS, "id email country"),
    _info(MAILS, "id mail", " SELECT customers.id, customers.email AS mail FROM public.customers;"),
    _info(TWICE, "mail", " SELECT mails.mail FROM public.mails;"),
)})  # fmt: skip
MASKED = Outcome(
    "prod", "read", frozenset(CATALOG.relations),
    {Column(CUSTOMERS, "email"): MaskSpec("partial", "contact-is-partial", "pii.contact")},
    opened={CUSTOMERS: frozenset({"id", "country"})},
)  # fmt: skip


def fields(text: str, *, before: str = "", outcome: Outcome = MASKED) -> Mapping[str, Any]:
    """The fields of the entry of `text`, after what `before` has prepared."""

    async def ask() -> Mapping[str, object]:
        analysts = Analysts()
        await analysts.start(1, Settings(seconds=20))
        try:
            names = {name: json.dumps(what) for name, what in prepared(outline(before))} if before else None
            standing = Standing("prod", CATALOG, outcome, {})
            studied = await analysts.study(Question(text, ("public",), names), standing, "alice")
            assert isinstance(studied, Studied)
            return await studied.lineage()
        finally:
            await analysts.close()

    return cast("Mapping[str, Any]", asyncio.run(ask()))


def test_a_view_behind_a_view_is_followed_to_the_masked_column() -> None:
    """The base column is the source, both views are named, and so are mask and rule."""
    said = fields("SELECT mail AS m FROM twice")

    assert said["lineage"] == [{
        "sources": [{
            "column": "public.customers.email", "via": ["public.twice.mail", "public.mails.mail"],
            "mask": "partial", "rule": "contact-is-partial",
        }],
        "outputs": [{"identity": [0]}],
        "exact": True,
    }]  # fmt: skip
    assert said["outputs"] == [["m"]]


def test_what_a_row_filter_reads_decides_about_the_rows() -> None:
    """Policy's condition is part of what happened."""
    spec = FilterSpec("consenting", "country IN (SELECT mail FROM public.mails)", (MAILS,))
    said = fields("SELECT id FROM customers", outcome=replace(MASKED, filters={CUSTOMERS: (spec,)}))

    (one,) = said["lineage"]
    assert {one["sources"][place]["column"] for place in one["rows"]["filter"]} == {
        "public.customers.country", "public.customers.email",
    }  # fmt: skip


def test_execute_has_the_lineage_of_what_was_prepared() -> None:
    """EXECUTE is short, and does what its name stands for."""
    said = fields("EXECUTE p", before="SELECT 1; PREPARE p AS SELECT country FROM customers; SELECT 2")

    assert said["lineage"][0]["sources"] == [{"column": "public.customers.country"}]


@pytest.mark.parametrize("text", [
    "BEGIN", "SET statement_timeout = 1", "SELECT 1", "SELECT relname FROM pg_catalog.pg_class",
])
def test_where_nothing_flows_nothing_is_said(text: str) -> None:
    """Where no table is touched there is nothing to tell."""
    assert fields(text) == {}


@pytest.mark.parametrize("text", ["PREPARE p AS SELECT email FROM customers", "EXPLAIN SELECT email FROM customers"])
def test_what_moves_nothing_says_so(text: str) -> None:
    """It reads columns by its facts, and yet nothing came of it."""
    assert fields(text)["lineage"] == [{"sources": [], "exact": True}]


def test_what_cannot_be_found_is_widened_to_the_facts() -> None:
    """A statement is not refused for its lineage: everything read is in everything that comes of it."""
    many = ", ".join(f"w{n} AS (SELECT a.id, b.email AS e{n}, a.*, b.* FROM w{n - 1} a, w{n - 1} b)"
                     for n in range(1, 17))  # fmt: skip
    said = fields(f"WITH w0 AS (SELECT * FROM customers), {many} SELECT * FROM w16")

    (one,) = said["lineage"]
    assert {each["column"] for each in one["sources"]} == {f"public.customers.{n}" for n in ("id", "email", "country")}
    assert one["more"] == {"transformation": [0, 1, 2]}
    assert not one["exact"]
    assert one["widened"]


def test_code_nobody_looks_into_is_everything_in_reach() -> None:
    """A function of somebody's: what it reads is not in the statement."""
    said = fields("SELECT mine(country) FROM customers")

    (one,) = said["lineage"]
    assert "*" in [each["column"] for each in one["sources"]]
    assert not one["exact"]
