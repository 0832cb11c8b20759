"""What bounds a statement and what only looks as if it did."""

from __future__ import annotations

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


def test_a_cursor_s_row_is_one_row() -> None:
    """WHERE CURRENT OF needs no column."""
    assert bounded(where("current of c"))
