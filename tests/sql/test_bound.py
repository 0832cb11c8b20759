"""What bounds a statement and what only looks as if it did."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gov.sql.bound import bounded
from gov.sql.grammar import Node, parse

CONSTANTS = st.sampled_from(["true", "1 = 1", "$1", "'a' < 'b'", "null is null", "now() > '2000-01-01'", "a = a"])
QUESTIONS = st.sampled_from(["a = 1", "b is null", "a < b", "a in (1, 2)", "a in (select 1)", "f(a)"])


def where(condition: str) -> Node:
    """The tree of a condition."""
    tree: Node = parse(f"delete from t where {condition}")[0]["stmt"]["DeleteStmt"]["whereClause"]
    return tree


def combined(leaves: st.SearchStrategy[str], words: list[str]) -> st.SearchStrategy[str]:
    """Conditions of leaves joined by some words."""
    return st.recursive(
        leaves, lambda inner: st.builds("({} {} {})".format, inner, st.sampled_from(words), inner), max_leaves=8
    )


@given(combined(CONSTANTS, ["and", "or"]))
def test_constants_bound_nothing(condition: str) -> None:
    """However they are combined."""
    assert not bounded(where(condition))
    assert not bounded(where(f"not {condition}"))


@given(combined(QUESTIONS, ["and", "or"]))
def test_questions_about_columns_bound(condition: str) -> None:
    """However they are combined."""
    assert bounded(where(condition))
    assert bounded(where(f"not {condition}"))


@given(combined(QUESTIONS, ["and", "or"]), CONSTANTS)
def test_one_way_out_is_enough(question: str, constant: str) -> None:
    """`or true` undoes any condition; `and true` none; NOT turns them round."""
    assert not bounded(where(f"{question} or {constant}"))
    assert bounded(where(f"{question} and {constant}"))
    assert not bounded(where(f"not ({question} and {constant})"))
    assert bounded(where(f"not ({question} or {constant})"))


@pytest.mark.parametrize("condition", [
    "a is null or a is not null", "b = 2 or a is not null or a is null", "a = 1 or not a = 1", "a < 5 or a >= 5",
    "a <> f(b) or a = f(b)", "not (a is null and a is not null)", "coalesce(a, 0) = coalesce(a, 0)", "t.a >= t.a",
    "a in (1, a)", "a is not distinct from a", "a = any (array[a])", "a between a and a", "a like a",
])  # fmt: skip
def test_a_question_whose_answers_are_all_let_through_bounds_nothing(condition: str) -> None:
    """Something or its opposite, and what is compared with itself."""
    assert not bounded(where(condition))


@pytest.mark.parametrize("condition", [
    "a is null or b is not null", "a = 1 or a <> 2", "a < 5 or b >= 5", "a = 1 or not b = 1", "a in (1, b)",
    "a < 5 or a > 5", "a between 1 and a", "coalesce(a, 0) = coalesce(b, 0)", "a = any (array[b])", "a @@ 5 or a = 5",
])  # fmt: skip
def test_what_only_looks_like_its_opposite_bounds(condition: str) -> None:
    """Another column, another constant, or an operator that is not the other's opposite."""
    assert bounded(where(condition))


def test_a_cursor_s_row_is_one_row() -> None:
    """WHERE CURRENT OF needs no column."""
    assert bounded(where("current of c"))
