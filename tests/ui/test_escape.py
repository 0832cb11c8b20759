"""What comes from elsewhere cannot command a terminal."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gov.ui.escape import escape, harmless, json_safe


@pytest.mark.parametrize(("text", "shown"), [
    ("select 1", "select 1"), ("naïve 日本 🎉", "naïve 日本 🎉"), ("\x1b[2J", "\\x1b[2J"),
    ("a\u202eb", "a\\u202eb"), ("a\u200bb", "a\\u200bb"), ("\u2066x\u2069", "\\u2066x\\u2069"),
    ("a\rb", "a\\rb"), ("a\nb", "a\\nb"), ("\x9b31m", "\\x9b31m"), ("\U000e0041", "\\U000e0041"),
    ("\u3164", "\\u3164"), ("\ufe0f", "\\ufe0f"), ("\u2028", "\\u2028"), ("\ud800", "\\ud800"),
    ("\ue000", "\\ue000"),
])
def test_characters(text: str, shown: str) -> None:
    """Control, bidirectional, invisible and private characters are escapes, all others themselves."""
    assert escape(text) == shown


def test_lines_stay_lines() -> None:
    """A statement keeps its lines and tabs; a lone carriage return, which hides a line, does not pass."""
    assert escape("a\r\n\tb\rc", lines=True) == "a\n\tb\\rc"


@given(st.text())
def test_nothing_harmful_is_left(text: str) -> None:
    """Whatever comes in, only characters that show themselves come out."""
    shown = escape(text)

    assert all(map(harmless, shown))
    assert not {unicodedata.category(c) for c in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@given(st.text())
def test_escaping_twice_changes_nothing(text: str) -> None:
    """What has been escaped is harmless."""
    assert escape(escape(text)) == escape(text)


DOCUMENTS = st.recursive(
    st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@given(DOCUMENTS)
def test_json_keeps_its_value(value: object) -> None:
    """JSON escapes leave the value as it was, and nothing that a terminal obeys."""
    shown = json_safe(json.dumps(value, ensure_ascii=False))

    assert json.loads(shown) == value
    assert all(map(harmless, shown))
