"""Patterns of names."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gov.policy.pattern import column_pattern, relation_pattern, within
from gov.terms import Column, Relation

EMAIL = Column(Relation("public", "customers"), "email")


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("public.customers.email", True),
        ("*.*.email", True),
        ("*.*.*", True),
        ("pub*.cust*.e?ail", True),
        ("public.customers.ssn", False),
        ("private.customers.email", False),
        ("public.cust.email", False),
        ("PUBLIC.customers.email", False),
    ],
)
def test_each_part_matches_its_part(pattern: str, matches: bool) -> None:
    """A wildcard stays in its part, and case counts as in the catalog."""
    found = column_pattern(pattern)
    assert found is not None

    assert found.matches(EMAIL) is matches


@pytest.mark.parametrize("text", ["", "a", "a.b", "a.b.c.d", "a..c", ".b.c", "a.b."])
def test_what_is_no_column(text: str) -> None:
    """Three parts, none empty."""
    assert column_pattern(text) is None


@given(schema=st.text(min_size=1), name=st.text(min_size=1))
@settings(deadline=None)
def test_a_star_matches_every_name(schema: str, name: str) -> None:
    """Names with dots, quotes and spaces, too."""
    star = relation_pattern("*.*")
    assert star is not None

    assert star.matches(Relation(schema, name))


def test_exact_names_one_relation() -> None:
    """Only a pattern without wildcards vouches for a view."""
    exact, wild = relation_pattern("public.v"), relation_pattern("public.v*")
    assert exact is not None
    assert wild is not None

    assert (exact.exact, wild.exact) == (Relation("public", "v"), None)


@pytest.mark.parametrize(
    ("data", "inside"),
    [("pii", True), ("pii.contact", True), ("pi", False), ("pii.con", False), ("pii.contact.x", False)],
)
def test_a_classification_is_within_its_prefixes(data: str, inside: bool) -> None:
    """By whole words only."""
    assert within("pii.contact", data) is inside
