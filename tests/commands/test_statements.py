"""Cutting what somebody typed into statements, and binding named parameters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gov.commands.statements import Meta, bound, split, statements, steps, tokens


@pytest.mark.parametrize(("text", "expected"), [
    ("", []), (" -- nothing\n/* at ; all */", []), (";;", []),
    ("select 1", ["select 1"]), ("select 1; select 2;", ["select 1", "select 2"]),
    ("select ';'; select \"a;b\"", ["select ';'", 'select "a;b"']),
    ("select 'it''s;'; x", ["select 'it''s;'", "x"]),
    ("select e'\\';'; x", ["select e'\\';'", "x"]),
    ("select 'a\\'; x", ["select 'a\\'", "x"]),
    ("do $$ begin; end $$; x", ["do $$ begin; end $$", "x"]),
    ("select $a$ $b$;$a$; x", ["select $a$ $b$;$a$", "x"]),
    ("select a$b; x$c", ["select a$b", "x$c"]),
    ("/* a /* ; */ ; */ select 1; -- b;\nx", ["/* a /* ; */ ; */ select 1", "-- b;\nx"]),
    ("create rule r as on insert to t do (a; b); x", ["create rule r as on insert to t do (a; b)", "x"]),
    ("create function f() begin atomic select 1; select case when true then 1 end; end; x",
     ["create function f() begin atomic select 1; select case when true then 1 end; end", "x"]),
    ("create or replace procedure p() begin atomic a; end; x",
     ["create or replace procedure p() begin atomic a; end", "x"]),
    ("begin; select 1; end; x", ["begin", "select 1", "end", "x"]),
    ("create table function_t (a int); x", ["create table function_t (a int)", "x"]),
])
def test_statements(text: str, expected: list[str]) -> None:
    """A `;` ends a statement only at the surface: not in quotes, comments, parentheses or bodies."""
    assert statements(text) == expected


@pytest.mark.parametrize("text", [
    "select", "select 'a;", 'select "a;', "select $$;", "select /* ;", "select (1;", "a; select 1",
    "create function f() begin atomic select 1;", "-- comment\nselect"])
def test_what_is_not_finished(text: str) -> None:
    """The prompt waits for more."""
    assert split(text)[1]


@pytest.mark.parametrize("text", ["", "select 1;", "select 1; -- done", " \n", "do $$ ; $$;"])
def test_what_is_finished(text: str) -> None:
    """The prompt sends it."""
    assert not split(text)[1]


@pytest.mark.parametrize(("text", "expected", "values"), [
    ("select :a", "select $1", ["1"]), ("select :a, :b, :a", "select $1, $2, $1", ["1", "2"]),
    ("select :a::int", "select $1::int", ["1"]), ("select x::a", "select x::a", []),
    ("select ':a', \":a\", $$:a$$ -- :a", "select ':a', \":a\", $$:a$$ -- :a", []),
    ("select e'\\':a'", "select e'\\':a'", []), ("select x[1:a]", "select x[1:a]", []),
    ("f(x := :a)", "f(x := $1)", ["1"]), ("select :other", "select :other", []),
    ("where a=:a", "where a=$1", ["1"]), ("/* :a */ :b", "/* :a */ $1", ["2"]),
])
def test_bound(text: str, expected: str, values: list[str]) -> None:
    """A name becomes the next number where it is one, and only there."""
    assert bound(text, {"a": "1", "b": "2"}) == (expected, values)


SQLISH = st.text(alphabet="ab1'\"$/*-;:(){}\\ \n\u00e4", max_size=60)


@given(SQLISH | st.text())
def test_tokens_are_the_text(text: str) -> None:
    """Nothing is lost, nothing is invented."""
    assert "".join(token.text for token in tokens(text)) == text


@given(SQLISH)
def test_without_values_nothing_changes(text: str) -> None:
    """Binding touches named parameters only."""
    assert bound(text, {}) == (text, [])


@pytest.mark.parametrize(("text", "expected"), [
    ("select 1; select 2 \\gx", ([("select 1", 1), (Meta("select 2", "\\gx"), 1)], "")),
    ("\\i it's;a.sql\nselect\n 1;\n\n \\d a; b", (
        [(Meta("", "\\i it's;a.sql"), 1), ("select\n 1", 2), (Meta("", "\\d a; b"), 5)], "")),
    ("select '\\d', E'\\'\\d', $$\\d$$ -- \\d\n", ([], "select '\\d', E'\\'\\d', $$\\d$$ -- \\d")),
    ("select (1 \\watch 2", ([(Meta("select (1", "\\watch 2"), 1)], "")),
])
def test_backslash_commands_among_statements(text: str, expected: object) -> None:
    """One goes to the end of its line, quotes or not, and takes what is unfinished before it; each has its line."""
    assert steps(text) == expected
