"""CSV that spreadsheets show and do not run."""

from __future__ import annotations

import csv
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gov.audit.tabular import cell, harmless, line

PLAIN = st.text(st.characters(codec="utf-8", exclude_characters="\x00"))


@given(st.lists(PLAIN, min_size=1))
def test_cells_come_back(cells: list[str]) -> None:
    """As they were, but for the apostrophe of the dangerous ones."""
    assert next(csv.reader(StringIO(line(cells), newline=""), strict=True)) == [harmless(each) for each in cells]


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", " =1", "\uff1d1", "|x"])
def test_formulas_are_disarmed(text: str) -> None:
    """Whatever stands before them."""
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-1.5", "+2e10", "0", "a=b", ""])
def test_numbers_and_words_stay(text: str) -> None:
    """A negative number is a number."""
    assert harmless(text) == text


def test_values_as_cells() -> None:
    """Lists, mappings, truth and nothing."""
    assert [cell(each) for each in (["a", 1], {"mask": "hash"}, True, False, None)] == [
        "a; 1", "mask=hash", "true", "false", ""]  # fmt: skip
