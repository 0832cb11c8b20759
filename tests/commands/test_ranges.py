"""Where a column's range is divided."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gov.commands.ranges import cuts
from gov.errors import UsageError


@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**63 - 1), st.integers(2, 64))
def test_whole_numbers(low: int, width: int, parts: int) -> None:
    """Begin at the least, go up, stay within, and differ in width by one at most."""
    high = min(low + width, 2**63 - 1)
    marks = [*map(int, cuts(str(low), str(high), 20, parts))]

    assert marks[0] == low
    assert marks[-1] <= high
    assert all(one < other for one, other in pairwise(marks))
    widths = {other - one for one, other in pairwise([*marks, high + 1])}
    assert max(widths) - min(widths) <= 1 or len(marks) < parts


@pytest.mark.parametrize(("first", "last", "oid", "expected"), [
    ("0.5", "2.5", 1700, ["0.5", "1.5"]),
    ("2026-01-01", "2026-01-10", 1082, ["2026-01-01", "2026-01-06"]),
    ("2026-01-01 00:00:00", "2026-01-01 01:00:00", 1114, ["2026-01-01 00:00:00", "2026-01-01 00:30:00"]),
    ("2026-01-01 00:00:00+00", "2026-01-01 00:00:01+00", 1184,
     ["2026-01-01 00:00:00+00:00", "2026-01-01 00:00:00.500000+00:00"]),
    ("7", "7", 23, ["7"]),
])  # fmt: skip
def test_other_types(first: str, last: str, oid: int, expected: list[str]) -> None:
    """As PostgreSQL reads them; one value is one part."""
    assert cuts(first, last, oid, 2) == expected


@pytest.mark.parametrize(("first", "last", "oid"), [
    ("a", "z", 25), ("-infinity", "2026-01-01", 1082), ("NaN", "NaN", 1700), ("1", "Infinity", 1700),
    ("0044-03-15 00:00:00 BC", "2026-01-01 00:00:00", 1114),
])  # fmt: skip
def test_what_has_no_width(first: str, last: str, oid: int) -> None:
    """Texts, and ends that are no place on a line."""
    with pytest.raises(UsageError):
        cuts(first, last, oid, 4)
