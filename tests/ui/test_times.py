"""Times as people say them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gov.ui.times import duration, relative, span

NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(("text", "said"), [
    ("2026-01-31T12:42:00Z", "in 42m"), ("2026-01-31T11:00:00Z", "1h ago"), ("2026-01-31T12:00:00Z", "now"),
    ("2026-01-31T12:00:59Z", "in 59s"), ("2026-01-31T13:05:00Z", "in 1h 5m"),
    ("2026-02-03T14:00:00Z", "in 3d 2h"), ("2026-01-31T14:42:00+02:00", "in 42m"), ("soon", "soon"), ("", ""),
])
def test_relative(text: str, said: str) -> None:
    """A moment is said as seen from now; what is no moment stays as it is."""
    assert relative(text, NOW) == said


@pytest.mark.parametrize(("text", "seconds"), [
    ("90", 90), ("90s", 90), ("30m", 1800), ("8h", 28800), ("1d", 86400), ("1h30m", 5400), ("1H", 3600)])
def test_duration(text: str, seconds: int) -> None:
    """A length of time in one or more units."""
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "h", "1w", "-1h", "0", "1.5h", "٣h"])
def test_no_duration(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(ValueError, match="length of time"):
        duration(text)


@given(st.integers(1, 10**7))
def test_a_span_says_nearly_the_length(seconds: int) -> None:
    """What is said is never longer than what is, and short by less than the smaller unit."""
    said = sum(duration(part) for part in span(seconds).split())

    assert said <= seconds < said + 3600
