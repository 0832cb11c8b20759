"""Entries have one byte form, and hide what may not stand in the tree."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gov.audit.entry import FIRST, Entry, digest, read_leaf, read_payload, record
from gov.audit.tree import ENTRY_LIMIT, leaf_hash
from gov.errors import TooComplex, Unverified
from gov.terms import Column, Effect, Relation

SALT = b"0123456789abcdef"
AT = 1769860800.25


def test_the_byte_form_is_what_the_specification_says() -> None:
    """Letter by letter, with the hash of the salted payload."""
    entry = Entry(
        "statement",
        AT,
        {"session": "ss-1", "n": 1, "verdict": "allow", "principal": "alice"},
        {"text": "select 1"},
    )

    made = record(entry, 7, bytes.fromhex("ab" * 32), SALT)

    payload = b'{"principal":"alice","text":"select 1"}'
    assert made.sealed == SALT + payload
    assert made.leaf.decode() == (
        '{"at":"2026-01-31T12:00:00.250000Z","fields":{"n":1,"session":"ss-1","verdict":"allow"},'
        f'"index":7,"kind":"statement","payload":"{sha256(SALT + payload).hexdigest()}",'
        f'"previous":"{"ab" * 32}","v":1}}'
    )
    assert made.hash == leaf_hash(made.leaf)


def test_an_entry_without_payload_mentions_none() -> None:
    """Nothing to erase, nothing to prove."""
    made = record(Entry("broker.started", AT, {"version": "1"}), 0, FIRST, SALT)

    assert made.sealed == b""
    assert read_leaf(made.leaf).payload is None


def test_what_nobody_classified_is_secret() -> None:
    """A forgotten field goes to the payload, where it can be erased."""
    made = record(Entry("login", AT, {"subject": "8f2c", "favourite_colour": "blue"}), 0, FIRST, SALT)

    assert read_leaf(made.leaf).fields == {"subject": "8f2c"}
    assert read_payload(made.sealed) == {"favourite_colour": "blue"}


def test_a_public_name_in_the_payload_stays_there() -> None:
    """Whoever says payload means it."""
    made = record(Entry("login", AT, {}, {"subject": "8f2c"}), 0, FIRST, SALT)

    assert read_leaf(made.leaf).fields == {}


def test_an_unknown_kind_is_a_mistake_of_ours() -> None:
    """Not an entry that nobody can classify."""
    with pytest.raises(ValueError, match="no such kind"):
        record(Entry("statment", AT), 0, FIRST, SALT)


def test_sets_and_terms_are_written_by_name() -> None:
    """Callers hand over facts as they have them."""
    customers = Relation("public", "customers")
    fields = {
        "effects": frozenset({Effect.READ, Effect.COPY_OUT}),
        "reads": frozenset({customers}),
        "columns_read": (Column(customers, "email"),),
    }

    made = record(Entry("statement", AT, fields), 0, FIRST, SALT)

    assert read_leaf(made.leaf).fields == {
        "effects": ["copy_out", "read"],
        "reads": ["public.customers"],
        "columns_read": ["public.customers.email"],
    }


def test_what_says_nothing_is_left_out() -> None:
    """False and 0 say something."""
    fields = {"request": None, "writes": (), "purpose": "", "masks": frozenset(), "rewritten": False, "n": 0}

    made = record(Entry("statement", AT, fields), 0, FIRST, SALT)

    assert read_leaf(made.leaf).fields == {"rewritten": False, "n": 0}


def test_passwords_are_redacted_before_anything_is_made_of_them() -> None:
    """In the text, in parameters, and in an error that quotes the text."""
    text = "ALTER ROLE bob PASSWORD 'hunter2'"

    for entry in (
        Entry("statement", AT, {"parameters": [text, None]}, {"text": text}),
        Entry("statement.done", AT, {"error": text, "notices": [text]}),
        Entry("request.opened", AT, {"text": text}),
    ):
        assert b"hunter2" not in record(entry, 0, FIRST, SALT).sealed


@pytest.mark.parametrize("over", [0, 1])
def test_the_longest_entry(over: int) -> None:
    """65,535 bytes are an entry, 65,536 are refused and not cut."""
    room = ENTRY_LIMIT - len(record(Entry("statement", AT, {"command": "x"}), 0, FIRST, SALT).leaf) + 1
    entry = Entry("statement", AT, {"command": "x" * (room + over)})

    if over:
        with pytest.raises(TooComplex, match="65536 bytes of 65535"):
            record(entry, 0, FIRST, SALT)
    else:
        assert len(record(entry, 0, FIRST, SALT).leaf) == ENTRY_LIMIT


def test_numbers_that_json_has_not_are_refused() -> None:
    """Another reader would stumble over NaN."""
    with pytest.raises(ValueError, match="JSON"):
        record(Entry("statement.done", AT, {"duration_ms": float("nan")}), 0, FIRST, SALT)


@given(st.floats(0, 4e9), st.integers(0, 2**53), st.text(), st.binary(min_size=16, max_size=16))
def test_an_entry_is_read_as_it_was_written(at: float, index: int, text: str, salt: bytes) -> None:
    """To the microsecond; any text, control characters and lone surrogates too, as ASCII on one line."""
    entry = Entry("statement", at, {"command": text, "n": index}, {"unclassified": text, "x": 1})

    made = record(entry, index, FIRST, salt)
    leaf = read_leaf(made.leaf)

    assert made.leaf.isascii()
    assert not any(byte < 0x20 for byte in made.leaf + made.sealed[16:])
    assert (leaf.index, leaf.kind, leaf.previous) == (index, "statement", FIRST)
    assert abs(leaf.at.timestamp() - at) < 1e-5
    assert leaf.fields.get("command", "") == text
    assert read_payload(made.sealed).get("unclassified", "") == text
    assert leaf.payload == digest(made.sealed)


@pytest.mark.parametrize(
    "leaf",
    [
        b"", b"{}", b"[]", b"null", b"\xff", b'{"v":2}',
        b'{"at":"x","fields":{},"index":0,"kind":"login","previous":"","v":1}',
    ],
)
def test_what_is_no_entry(leaf: bytes) -> None:
    """Garbage raises our error and no other."""
    with pytest.raises(Unverified):
        read_leaf(leaf)


@pytest.mark.parametrize("payload", [b"", b"[]", b"{", b"\xff"])
def test_what_is_no_payload(payload: bytes) -> None:
    """The same for payloads."""
    with pytest.raises(Unverified):
        read_payload(SALT + payload)


def test_times_are_utc() -> None:
    """Whatever the machine believes."""
    leaf = read_leaf(record(Entry("login", 0.0), 0, FIRST, SALT).leaf)

    assert leaf.at == datetime(1970, 1, 1, tzinfo=UTC)
    assert json.loads(record(Entry("login", 0.0), 0, FIRST, SALT).leaf)["at"] == "1970-01-01T00:00:00.000000Z"
