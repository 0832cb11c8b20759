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
from bypass.interference import compare, corpora, gate, settled, told_apart
from bypass.standing import WORDS
from gov.demo.stage import Stage
from live import door
from live.wire import Heard, Reply

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
    first, other, again = ({("a", "x"): (one,), ("b", "x"): (two,)} for one, two in ((b"1", b"1"), (b"2", b"2"),
                                                                                    (b"1", b"3")))  # fmt: skip
    found = compare(first, other, again)
    assert (found.different, found.unsteady, found.compared) == ([("a", "x")], [("b", "x")], 2)


def test_an_order_that_changes_hides_no_difference() -> None:
    """Rows that come in another order each time are compared as a heap."""
    assert told_apart((b"1", b"2"), (b"2", b"1"), (b"2", b"1")) is False
    assert told_apart((b"1", b"2"), (b"2", b"3"), (b"2", b"1")) is True
    assert told_apart((b"1", b"2"), (b"1", b"2"), (b"1", b"3")) is None


def test_moments_are_left_out_however_they_are_written() -> None:
    """Microseconds that end in zeros are written with fewer digits, which changes the row's length and the field's."""
    said = [Heard([Reply("D", len(values).to_bytes(2) + b"".join(len(each).to_bytes(4) + each for each in values))])
            for values in ([b"2026-11-24 15:00:00.1234+00", b"x"], [b"2026-11-24 15:00:00.123456+00", b"x"])]
    assert settled(said[0]) == settled(said[1])
    assert settled(Heard([Reply("D", b"\0\1" + b"\xff" * 4)])) == (b"D\0\0\0\6\0\1" + b"\xff" * 4,)
