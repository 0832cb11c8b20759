"""A sample of the non-interference gate; `interference.py` runs both corpora whole."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from bypass import kinds
from bypass.interference import compare, corpora, gate
from bypass.standing import WORDS
from gov.demo.stage import Stage
from live import door

SAMPLE = random.Random(1).sample(list(corpora()), 24)


@pytest.fixture(scope="module")
def file(
    demo: Stage, admin: psycopg.Connection, as_user: Callable[[str], dict[str, str]]
) -> Iterator[Path]:
    """One of every kind of relation and of every mask stands; a table of them is this file."""
    file = Path("/tmp") / f"gov-kinds-{uuid4().hex}.csv"
    with kinds.standing(demo, admin, as_user, file):
        yield file


def test_answers_do_not_depend_on_masked_values(
    admin: psycopg.Connection, as_user: Callable[[str], dict[str, str]], files: dict[str, str], file: Path
) -> None:
    """Two sets of values that the masks show alike: every answer is the same byte for byte."""
    lease_for = cache(lambda scope: door.credentials(as_user("alice"), *WORDS[scope]))
    found = gate(admin, SAMPLE, lease_for, files, file)
    assert found.different == [], found.answers
    assert found.compared > len(SAMPLE)


def test_who_sees_clear_values_can_tell(
    admin: psycopg.Connection, as_user: Callable[[str], dict[str, str]], files: dict[str, str], file: Path
) -> None:
    """Carol is not masked, so for her the gate must fail: it can see a difference."""
    carol = door.credentials(as_user("carol"))
    with pytest.raises(AssertionError, match="the masks show more"):
        gate(admin, SAMPLE[:1], lambda _: carol, files, file)


def test_what_is_never_the_same_proves_nothing() -> None:
    """Only what is steady counts as compared and found different."""
    first, other, again = {("a", "x"): b"1", ("b", "x"): b"1"}, {("a", "x"): b"2", ("b", "x"): b"2"}, {}
    again = {("a", "x"): b"1", ("b", "x"): b"3"}
    found = compare(first, other, again)
    assert (found.different, found.unsteady, found.compared) == ([("a", "x")], [("b", "x")], 2)
