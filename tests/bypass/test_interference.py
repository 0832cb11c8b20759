"""A sample of the non-interference gate; `interference.py` runs both corpora whole."""

from __future__ import annotations

import random
from collections.abc import Callable

import psycopg
import pytest

from bypass.interference import compare, corpora, gate
from live import door
from live.wire import Lease

SAMPLE = random.Random(1).sample(list(corpora()), 24)


def test_answers_do_not_depend_on_masked_values(
    admin: psycopg.Connection, lease_for: Callable[[str], Lease], files: dict[str, str]
) -> None:
    """Two sets of values that the masks show alike: every answer is the same byte for byte."""
    found = gate(admin, SAMPLE, lease_for, files)
    assert found.different == []
    assert found.compared > len(SAMPLE)


def test_who_sees_clear_values_can_tell(
    admin: psycopg.Connection, as_user: Callable[[str], dict[str, str]], files: dict[str, str]
) -> None:
    """Carol is not masked, so for her the gate must fail: it can see a difference."""
    carol = door.credentials(as_user("carol"))
    with pytest.raises(AssertionError, match="the masks show more"):
        gate(admin, SAMPLE[:1], lambda _: carol, files)


def test_what_is_never_the_same_proves_nothing() -> None:
    """Only what is steady counts as compared and found different."""
    first, other, again = {("a", "x"): b"1", ("b", "x"): b"1"}, {("a", "x"): b"2", ("b", "x"): b"2"}, {}
    again = {("a", "x"): b"1", ("b", "x"): b"3"}
    found = compare(first, other, again)
    assert (found.different, found.unsteady, found.compared) == ([("a", "x")], [("b", "x")], 2)
