"""Where the cursor stands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gov.commands.clauses import Mention, place

PIECES = st.lists(st.sampled_from([
    "select", "from", "join", "a", "b.c", '"Q t"', '"open', "'s'", "'open", ".", ",", "(", ")", ";", "as", "with", "on",
    "--x", "\n", "$$", "/*", "*/", "*", "=", "1", "insert into", "update", "x", "\\d", "ü", ":n"]), max_size=25)


@given(PIECES, st.integers(0, 200))
def test_any_unfinished_text_has_a_place(pieces: list[str], cursor: int) -> None:
    """Nothing that is typed stops the prompt, wherever the cursor is; what is typed ends at the cursor."""
    text = " ".join(pieces)
    at = min(cursor, len(text))

    assert text[:at].endswith(place(text, at).typed)


@pytest.mark.parametrize(("text", "mentions"), [
    ("select 1 from a", [Mention("", "a")]),
    ("select 1 from s.a x, b as y", [Mention("s", "a", "x"), Mention("", "b", "y")]),
    ('select 1 from "A" left join b using (id) where 1', [Mention("", "A"), Mention("", "b")]),
    ("select 1 from (select 2 from inner_one) z", [Mention("", "inner_one")]),
    ("insert into a (x) select 1 from b", [Mention("", "a"), Mention("", "b")]),
    ("update a set x = 1", [Mention("", "a")]),
    ("delete from only a x where 1", [Mention("", "a", "x")]), ("select 1 from generate_series(1, 2) g", []),
])
def test_what_the_statement_speaks_of(text: str, mentions: list[Mention]) -> None:
    """Relations with their aliases; functions in FROM are none."""
    assert list(place(text + " ", len(text) + 1).mentions) == mentions
