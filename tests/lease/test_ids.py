"""Ids: short, typable, and as random as what they are made of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gov.lease import ids


@given(st.binary(min_size=8, max_size=16), st.integers(1, 12))
def test_an_id_has_its_length_and_alphabet(random: bytes, length: int) -> None:
    """Every id consists of Crockford's characters only."""
    text = ids.encode(random, length)

    assert len(text) == length
    assert set(text) <= set(ids.ALPHABET)


@given(st.integers(0, 2**60 - 1))
def test_no_bit_is_lost(number: int) -> None:
    """Twelve characters keep sixty bits: reading them back gives the number."""
    text = ids.encode(number.to_bytes(8))

    assert sum(ids.ALPHABET.index(char) << 5 * place for place, char in enumerate(reversed(text))) == number


def test_each_kind_has_its_prefix() -> None:
    """An id says what it is of."""
    assert ids.lease_id(bytes(8)) == "ls-000000000000"
    assert ids.session_id(bytes(8)) == "ss-000000000000"
    assert ids.request_id(b"\xff" * 8) == "rq-zzzzzz"


def test_too_little_randomness_is_refused() -> None:
    """An id is never padded."""
    with pytest.raises(ValueError, match="8 random bytes"):
        ids.encode(bytes(7))
