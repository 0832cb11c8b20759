"""Judgments that are kept: by text, and by shape where no literal can matter."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gov.broker.plans import Plans, shape
from gov.policy.decision import Decision, Verdict
from gov.sql.facts import Facts
from gov.sql.grammar import parse
from gov.terms import Effect
from gov.turn import Judged, Route

PATH = ("public",)


def judged(text: str, sent: str | None = None, effects: frozenset[Effect] = frozenset({Effect.READ})) -> Judged:
    """An allowed judgment of `text` that no literal can change."""
    decision = Decision(Verdict.ALLOW, ("because",))
    facts = Facts(effects=effects, literal_free=True)
    return Judged(facts, decision, sha256(text.encode()).hexdigest(), sent or text, Route.SESSION)


def test_the_same_text_is_found() -> None:
    """By its text and search path together."""
    plans = Plans()
    one = judged("select now()")
    plans.put("select now()", PATH, one)

    assert plans.get("select now()", PATH) is one
    assert plans.get("select now()", ("app",)) is None


def test_another_literal_is_found_by_shape() -> None:
    """With its own digest, and its own literals in the rewritten text."""
    plans = Plans()
    plans.put("select * from t where id = 1 and n = 'x'", PATH, judged(
        "select * from t where id = 1 and n = 'x'", 'select * from "v"."t" where id = 1 and n = \'x\''))

    found = plans.get("select * from t where id = 42 and n = 'its'", PATH)

    assert found is not None
    assert found.sent == 'select * from "v"."t" where id = 42 and n = \'its\''
    assert found.digest == sha256(b"select * from t where id = 42 and n = 'its'").hexdigest()


@pytest.mark.parametrize("text", [
    "select 1 -- x", "select /* 1 */ 1", 'select "a" from t', "select $1", "select $$x$$", "select E'\\''",
    "select 'é'",
    "select U&'x'", "select 1 # 2", "x" * 5000,
])
def test_a_text_that_is_not_plain_has_no_shape(text: str) -> None:
    """Whatever could be cut into other tokens than it seems."""
    assert shape(text) is None


@pytest.mark.parametrize(("one", "other"), [
    ("select 1", "select 'a'"), ("select a1", "select a2"), ("select t.c1", "select t.c2"),
    ("select 1e5", "select 1e6"),
    ("select x 1", "select x1"),
])
def test_different_statements_have_different_shapes(one: str, other: str) -> None:
    """Numbers are no strings, and digits in names are no literals."""
    assert shape(one) != shape(other)


def test_writes_that_literals_can_widen_are_not_kept_by_shape() -> None:
    """`WHERE 1=2` is bounded and `WHERE 1=1` is not."""
    plans = Plans()
    plans.put("delete from t where 1=2", PATH, judged("delete from t where 1=2", effects=frozenset({Effect.DELETE})))

    assert plans.get("delete from t where 1=1", PATH) is None


def test_only_what_was_allowed_is_kept_by_shape() -> None:
    """A held or denied statement is judged each time its text differs."""
    plans = Plans()
    held = replace(judged("select 1"), decision=Decision(Verdict.HOLD, ("because",)))
    plans.put("select 1", PATH, held)

    assert plans.get("select 2", PATH) is None


def _constants(node: object) -> object:
    """A tree without its constants and places."""
    if isinstance(node, dict):
        return {
            key: _constants(value) for key, value in node.items()
            if key != "A_Const" and not key.endswith(("location", "len"))
        }
    return [_constants(each) for each in node] if isinstance(node, list) else node


_PIECES = st.sampled_from([
    "select", "from", "where", "t", "id", "=", "1", "22", "3.5", "'a'", "'b''c'", "''", ",", "(", ")", "+", "limit",
    "and",
    "date", "::int", "a1", "1e5", "like", "in", "order by", "insert into", "values", "--", "/*", "*/", "'", ";",
    "*",
])


@given(st.lists(_PIECES, max_size=12), st.integers(0, 99), st.text("xyz' ", max_size=4))
def test_equal_shapes_have_equal_trees(pieces: list[str], number: int, word: str) -> None:
    """The promise that keeping by shape stands on, with PostgreSQL's own grammar as the judge."""
    quoted = "'" + word.replace("'", "''") + "'"
    one = " ".join(pieces)
    other = " ".join(
        str(number) if piece in ("1", "22", "3.5") else quoted if piece.startswith("'") and len(piece) > 1 else piece
        for piece in pieces
    )
    key = shape(one)
    if key is None or shape(other) != key:
        return
    try:
        first = parse(one)
    except Exception:
        return
    assert _constants(first) == _constants(parse(other))
