"""One bit for each entry, as a set of numbers would have it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gov.audit.marks import Marks, packed

FLAGS = st.lists(st.booleans(), max_size=200)


@given(FLAGS, st.integers(0, 5), st.integers(0, 250), st.integers(0, 250))
def test_marks_are_a_set(flags: list[bool], ahead: int, first: int, end: int) -> None:
    """Put somewhere, taken away between two places, counted, and the lowest of them found."""
    marks, start = Marks(), 8 * ahead
    marks.put(start, packed(bytearray(flags)))
    wanted = {start + place for place, flag in enumerate(flags) if flag}
    assert {index for index in range(300) if index in marks} == wanted

    marks.clear(first, end)
    wanted -= set(range(first, end))
    assert {index for index in range(300) if index in marks} == wanted
    assert (marks.count(), marks.first()) == (len(wanted), min(wanted, default=None))


def test_parts_follow_each_other() -> None:
    """As a verifier puts them, one after the other."""
    marks = Marks()
    marks.put(0, packed(bytearray([1, 0] * 8)))
    marks.put(16, packed(bytearray([0, 1])))
    assert [index for index in range(20) if index in marks] == [0, 2, 4, 6, 8, 10, 12, 14, 17]
