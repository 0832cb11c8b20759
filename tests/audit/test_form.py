"""Entries that share a form are stored byte for byte as if each had been written whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gov.audit.entry import Entry, record
from gov.audit.form import Form
from gov.audit.kinds import KINDS
from gov.terms import Effect, Relation

NAMES = st.sampled_from([*KINDS["statement"], "unclassified", "text", "password"])
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.just(Relation("public", "t")),
    st.frozensets(st.sampled_from(Effect), max_size=2), st.lists(st.text(max_size=4), max_size=2),
    st.just("alter role x password 'secret'"),
)
FIELDS = st.dictionaries(NAMES, VALUES, max_size=6)


@given(FIELDS, FIELDS, st.dictionaries(st.sampled_from(["text", "parameters", "error"]), VALUES, max_size=2))
def test_a_filled_form_is_the_whole_entry(
    shared: dict[str, object], rest: dict[str, object], payload: dict[str, object]
) -> None:
    """Whatever is shared and whatever is not, while nothing is said twice."""
    rest = {name: value for name, value in rest.items() if name not in shared}
    payload = {name: value for name, value in payload.items() if name not in shared and name not in rest}
    form = Form("statement", shared)

    for _ in range(2):  # the second time the layout is known
        filled = record(Entry("statement", 1.5, rest, payload, form), 7, bytes(32), bytes(16))
        assert filled == record(Entry("statement", 1.5, {**shared, **rest}, payload), 7, bytes(32), bytes(16))


def test_what_is_given_wins_over_what_is_shared() -> None:
    """A refused statement says so, though its text was once allowed."""
    form = Form("statement", {"verdict": "allow", "n": 1})

    shown, hidden = form.fill({"verdict": "refused"}, {})

    assert (shown, hidden) == ('{"n":1,"verdict":"refused"}', "")


def test_there_is_no_form_of_an_unknown_kind() -> None:
    """Nothing is written that nobody classified."""
    with pytest.raises(ValueError, match="no such kind"):
        Form("party", {})
