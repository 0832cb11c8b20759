"""Messages as bytes."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gov.errors import Denied, ProtocolError, StatementFailed
from gov.protocol import frames


@given(st.lists(st.tuples(st.integers(1, 127), st.binary(max_size=30)), max_size=6))
def test_messages_come_out_as_they_went_in(messages: list[tuple[int, bytes]]) -> None:
    """`split` undoes `message`."""
    data = b"".join(frames.message(bytes((kind,)), body) for kind, body in messages)

    assert list(frames.split(data)) == messages


@given(st.binary(max_size=80))
def test_no_body_raises_anything_but_our_own_error(body: bytes) -> None:
    """Every reader either reads or says that the message is malformed."""
    for read in (frames.read_parse, frames.read_bind, frames.parameters, frames.described, frames.data_row):
        try:
            read(body)
        except ProtocolError:
            continue


def test_parameters_are_shown_for_people() -> None:
    """Text as it is, binary in hex, NULL as None."""
    tail = b"\0\2\0\0\0\1" + b"\0\3".replace(b"\3", b"\2") + b"\0\0\0\2hi" + b"\0\0\0\1\xff" + b"\0\0"

    assert frames.parameters(tail) == ("hi", "\\xff")
    assert frames.parameters(b"\0\0\0\1\xff\xff\xff\xff\0\0") == (None,)


def test_a_refusal_names_its_code() -> None:
    """Scripts tell our refusals from the database's by the routine field."""
    fields = frames.read_error(frames.error(Denied("denied by rule r: no", hint="gov why"))[5:])

    assert fields == {
        "S": "ERROR", "V": "ERROR", "C": "42501", "M": "denied by rule r: no", "H": "gov why", "R": "gov:denied",
    }


def test_a_syntax_error_keeps_state_and_position() -> None:
    """What the grammar refuses looks as it does without gov."""
    error = StatementFailed("syntax error at or near \"x\"", hint="", state="42601", position=8)

    fields = frames.read_error(frames.error(error)[5:])

    assert (fields["C"], fields["P"]) == ("42601", "8")


@pytest.mark.parametrize(
    ("tag", "rows"), [("SELECT 3", 3), ("INSERT 0 7", 7), ("DROP TABLE", 0), ("", 0), ("COPY 12", 12)]
)
def test_rows_of_a_tag(tag: str, rows: int) -> None:
    """The last word of a command tag, where it is a number."""
    assert frames.tag_rows(tag) == rows


@pytest.mark.parametrize(
    ("types", "found"),
    [
        (struct.pack("!h", 0), False),
        (struct.pack("!hI", 1, 25), False),
        (struct.pack("!hII", 2, 25, 70_000), True),
        (struct.pack("!hI", 0, 70_000), True),
        (struct.pack("!hI", 2, 70_000)[:-1], False),
        (b"", False),
    ],
)
def test_a_parse_tells_whether_it_declares_a_type(types: bytes, found: bool) -> None:
    """Whatever its count says: too much is looked at rather than too little, and what is cut off is no OID."""
    asked = frames.read_parse(b"\0select $1\0" + types)

    assert asked.declares(frozenset({70_000})) is found
    assert not asked.declares(frozenset())
