"""What a mask's SQL looks like, without a database; `test_view` runs it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gov.errors import ConfigError
from gov.mask.expression import expression
from gov.policy.masks import PLAIN as MASKS


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("type", ["public.mood", 'public."Mo od"', "point", "public.geometry(Point,4326)"])
def test_a_type_nobody_knows_becomes_null(mask: str, type: str) -> None:
    """Enums, domains and extensions' types have no constant of ours: the strongest mask takes over."""
    assert expression(mask, "c", type) == f"CAST(NULL AS {type})"


@pytest.mark.parametrize("type", ["text); DROP TABLE t; --", "te'xt", "text[]]", 'a"b', "x.y.z", "text\n"])
def test_what_is_no_type_never_reaches_sql(type: str) -> None:
    """A type's name that `format_type` would not write is refused."""
    with pytest.raises(ConfigError, match="name of a type"):
        expression("null", "c", type)


@settings(deadline=None)
@given(mask=st.text(max_size=10).filter(lambda word: word not in MASKS))
def test_an_unknown_mask_is_refused(mask: str) -> None:
    """No word means `leave it clear`."""
    with pytest.raises(ConfigError, match="no mask"):
        expression(mask, "c", "text")


@pytest.mark.parametrize("type", ["public.citext", "citext"])
def test_citext_is_text(type: str) -> None:
    """The usual type of an email column keeps the usual mask."""
    assert "regexp_replace" in expression("partial", "c", type)


def test_partial_of_a_number_is_its_redaction() -> None:
    """A number has no shape to keep."""
    assert expression("partial", "c", "numeric(10,2)") == expression("redact", "c", "numeric(10,2)")
