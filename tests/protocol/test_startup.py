"""What comes before a session."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gov.errors import Denied, GovError, ProtocolError
from gov.protocol import startup


def packet(version: int = startup.PROTOCOL_3_0, **fields: str) -> bytes:
    """The body of a startup message."""
    body = struct.pack("!I", version)
    return body + b"".join(f"{name}\0{value}\0".encode() for name, value in fields.items()) + b"\0"


def test_a_startup_message_is_read() -> None:
    """User and database apart, the parameters travel on; names are lower case."""
    asked = startup.read_startup(packet(user="u", database="d", DateStyle="ISO", client_encoding="UTF8"))

    assert (asked.user, asked.database, asked.parameters) == ("u", "d", {"datestyle": "ISO"})


def test_the_database_is_the_user_when_none_is_given() -> None:
    """As PostgreSQL has it."""
    assert startup.read_startup(packet(user="u")).database == "u"


def test_options_are_taken_apart() -> None:
    """PGOPTIONS with -c or --name=value join the parameters."""
    asked = startup.read_startup(packet(user="u", options="-c statement_timeout=5s --search-path=app"))

    assert asked.parameters == {"statement_timeout": "5s", "search_path": "app"}


@pytest.mark.parametrize("fields", [
    {"replication": "true"}, {"replication": "database"}, {"options": "-c session_replication_role=replica"},
    {"options": "-d 5"}, {"client_encoding": "SJIS"}, {"role": "postgres"}, {"options": "-c"},
    {"session_authorization": "x"},
])
def test_what_could_change_meaning_does_not_pass(fields: dict[str, str]) -> None:
    """Everything that is not on the allow-list."""
    with pytest.raises(Denied):
        startup.read_startup(packet(user="u", **fields))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    """Garbage raises our own error and nothing else."""
    for read in (startup.read_startup, startup.read_cancel, startup.read_code):
        try:
            read(raw)
        except GovError:
            pass
        except ValueError as error:  # shlex on unbalanced quotes must be ours, too
            pytest.fail(f"{read.__name__}: {error}")


@pytest.mark.parametrize(("asked", "spoken"), [
    (3 << 16, 3 << 16), (3 << 16 | 1, 3 << 16), (3 << 16 | 2, 3 << 16 | 2), (3 << 16 | 9999, 3 << 16 | 2),
])
def test_the_version_is_negotiated_down(asked: int, spoken: int) -> None:
    """3.2 is the newest we speak, 3.1 was never used; whoever asks for more is told."""
    version, say = startup.negotiate(asked, ())

    assert version == spoken
    assert bool(say) == (asked != spoken)


def test_unknown_protocol_options_are_named() -> None:
    """The client learns which of its `_pq_.` options we do not know."""
    _, say = startup.negotiate(startup.PROTOCOL_3_0, ("_pq_.x",))

    assert say[:1] == b"v"
    assert say.endswith(b"_pq_.x\0")


def test_cancel_keys_have_bounds() -> None:
    """Four bytes in 3.0, up to 256 in 3.2."""
    head = struct.pack("!Ii", startup.CANCEL_REQUEST, 7)

    assert startup.read_cancel(head + b"abcd").secret == b"abcd"
    for secret in (b"abc", bytes(257)):
        with pytest.raises(ProtocolError):
            startup.read_cancel(head + secret)
