"""The grammar: what it hands out, and what it refuses before PostgreSQL's parser sees it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from postgast.pg_query_pb2 import Token as Kinds

from gov.errors import NotUnderstood, TooComplex
from gov.sql import grammar


def test_a_statement_is_a_tree_with_byte_offsets() -> None:
    """Locations count bytes of UTF-8, not characters."""
    (statement,) = grammar.parse("select 'é' from t")

    assert statement["stmt"]["SelectStmt"]["fromClause"][0]["RangeVar"]["location"] == 17


def test_a_refusal_has_postgresql_s_words_and_a_place_in_characters() -> None:
    """The position is what ErrorResponse wants: characters from 1."""
    with pytest.raises(grammar.Refused) as refused:
        grammar.parse("select 'éé' selec from x, from")

    assert refused.value.message == 'syntax error at or near "from"'
    assert refused.value.position == 25


def test_tokens_leave_comments_out() -> None:
    """Comments and white space are nowhere in the tokens."""
    text = "select /* a /* nested */ */ x -- y\n from t"

    assert [text[token.start : token.end] for token in grammar.tokens(text)] == ["select", "x", "from", "t"]


@pytest.mark.parametrize(
    "text",
    [
        "select 1 where 1 not /* c */ in (1)",
        "select null::timestamp with -- x\n time zone",
        "select a from t order by a nulls /* x\n */ first",
        "select U&'d' /* x */ uescape '!'",
        "select 'a' -- x\n 'b'",
        "select 1 --",
    ],
)
def test_comments_are_white_space(text: str) -> None:
    """Wherever PostgreSQL takes one, so do we; libpg_query alone would not."""
    assert grammar.parse(text)


def test_what_is_no_comment_stays() -> None:
    """Quotes of every kind hide the marks of comments, and places do not move."""
    text = """select '--', "/*", $$ -- $$, E'\\'/*' /* é */ from t -- x"""
    select = grammar.parse(text)[0]["stmt"]["SelectStmt"]

    assert len(select["targetList"]) == 4
    assert select["fromClause"][0]["RangeVar"]["location"] == text.encode().index(b"t -- x")


def test_an_open_comment_is_refused() -> None:
    """In PostgreSQL's words."""
    with pytest.raises(grammar.Refused, match=r"unterminated /\* comment"):
        grammar.parse("select 1 /* x")


def test_the_numbers_of_comments_are_those_of_the_library() -> None:
    """libpg_query numbers its tokens anew with each version."""
    assert {Kinds.Value("SQL_COMMENT"), Kinds.Value("C_COMMENT")} == grammar.COMMENTS


@pytest.mark.parametrize("text", ["select 1\0", "\ud800"])
def test_what_is_no_text_is_not_parsed(text: str) -> None:
    """A NUL would hide what comes after it."""
    with pytest.raises(NotUnderstood):
        grammar.parse(text)


def test_a_text_has_a_length() -> None:
    """One byte too many is too many."""
    with pytest.raises(TooComplex, match="bytes"):
        grammar.encode("x" * (grammar.MAX_BYTES + 1))


def test_a_stack_that_is_full_is_too_complex() -> None:
    """PostgreSQL has the same bound, and calls it a syntax error."""
    with pytest.raises(TooComplex, match="nested"):
        grammar.parse("select " + "(" * 20_000)


@given(st.text())
def test_any_text_parses_or_is_refused_in_our_words(text: str) -> None:
    """Nothing else comes out of the parser."""
    try:
        grammar.parse(text)
        grammar.tokens(text)
    except (grammar.Refused, NotUnderstood, TooComplex):
        return
