"""What a client says before a session: encryption requests, cancel requests, the startup message.

PostgreSQL manual, part VII, "Start-up" and "Message Formats" (those without a type byte).
"""

from __future__ import annotations

import shlex
import struct
from dataclasses import dataclass

from gov.errors import Denied, ProtocolError
from gov.protocol.frames import Cursor, message

SSL_REQUEST = (1234 << 16) | 5679
GSS_REQUEST = (1234 << 16) | 5680
CANCEL_REQUEST = (1234 << 16) | 5678
PROTOCOL_3_0 = 3 << 16
PROTOCOL_3_2 = (3 << 16) | 2

LONGEST_STARTUP = 10_000
"""Bytes: PostgreSQL's own limit, MAX_STARTUP_PACKET_LENGTH."""

ALLOWED = frozenset({
    "user", "database", "application_name", "client_encoding", "datestyle", "timezone", "intervalstyle",
    "extra_float_digits", "search_path", "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout",
    "bytea_output", "client_min_messages", "default_transaction_isolation", "default_transaction_read_only",
    "geqo", "jit", "options",
})
"""Startup parameters that pass; everything else is refused, because it may change what statements mean."""


@dataclass(frozen=True, slots=True)
class Startup:
    """A startup message that passed."""

    version: int
    user: str
    database: str
    parameters: dict[str, str]
    """What travels on in the upstream startup message: no user, no database, no options."""
    unknown: tuple[str, ...] = ()
    """Protocol options (`_pq_.…`) that we do not know."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Please stop what the session with this key does."""

    pid: int
    secret: bytes


def read_code(packet: bytes) -> int:
    """The request code or protocol version at the head of a packet body."""
    if len(packet) < 4:
        raise ProtocolError("a startup packet is too short", hint="does a PostgreSQL client connect here?")
    return int(struct.unpack_from("!I", packet)[0])


def read_cancel(packet: bytes) -> Cancel:
    """The fields of a CancelRequest body; keys of protocol 3.2 may have up to 256 bytes."""
    cursor = Cursor(packet)
    cursor.int32()
    pid = cursor.int32()
    secret = cursor.rest()
    if not 4 <= len(secret) <= 256:
        raise ProtocolError("a cancel key has a wrong length", hint="check the client library")
    return Cancel(pid, secret)


def read_startup(packet: bytes) -> Startup:
    """The startup message in a packet body.

    Raises:
        ProtocolError: It is malformed or of another major version.
        Denied: A parameter does not pass.
    """
    version = read_code(packet)
    if version >> 16 != 3:
        raise ProtocolError(f"protocol {version >> 16}.{version & 0xFFFF} is not spoken here", hint="use protocol 3")
    cursor = Cursor(packet)
    cursor.int32()
    given: dict[str, str] = {}
    unknown: list[str] = []
    while name := cursor.text():
        value = cursor.text()
        if name.startswith("_pq_."):
            unknown.append(name)
        else:
            given[name.lower()] = value
    cursor.end()
    given |= _options(given.pop("options", ""))
    if given.get("replication", "false").lower() not in ("false", "off", "no", "0"):
        raise Denied("replication does not go through gov", hint="connect without the replication parameter")
    given.pop("replication", None)
    if strange := sorted(set(given) - ALLOWED):
        raise Denied(f"startup parameter `{strange[0]}` does not pass", hint="leave it out of the connection string")
    _check_encoding(given.get("client_encoding", "UTF8"))
    given.pop("client_encoding", None)
    user = given.pop("user", "")
    if not user:
        raise ProtocolError("no user name was given", hint='eval "$(gov credentials TARGET --format env)"')
    database = given.pop("database", user)
    return Startup(version, user, database, given, tuple(unknown))


def _options(text: str) -> dict[str, str]:
    """`-c name=value` and `--name=value` of the `options` parameter; anything else is refused."""
    found: dict[str, str] = {}
    try:
        words = iter(shlex.split(text)) if text.strip() else iter(())
    except ValueError:
        raise Denied("the options parameter has an open quote", hint="check PGOPTIONS") from None
    for word in words:
        if word == "-c":
            word = next(words, "")
        elif word.startswith(("-c", "--")):
            word = word[2:]
        else:
            raise Denied(f"option `{word}` does not pass", hint="only -c name=value passes in PGOPTIONS")
        name, equals, value = word.partition("=")
        if not equals:
            raise Denied(f"option `{word}` does not pass", hint="only -c name=value passes in PGOPTIONS")
        found[name.strip().lower().replace("-", "_")] = value.strip()
    return found


def _check_encoding(name: str) -> None:
    if name.strip("'\"").lower().replace("-", "").replace("_", "") not in ("utf8", "unicode", "auto"):
        raise Denied(f"client_encoding `{name}` does not pass", hint="set PGCLIENTENCODING=UTF8")


def build_startup(user: str, database: str, parameters: dict[str, str]) -> bytes:
    """A whole startup message of protocol 3.0."""
    fields = {"user": user, "database": database, "client_encoding": "UTF8", **parameters}
    body = struct.pack("!I", PROTOCOL_3_0)
    body += b"".join(f"{name}\0{value}\0".encode() for name, value in fields.items()) + b"\0"
    return (len(body) + 4).to_bytes(4, "big") + body


def build_cancel(pid: int, secret: bytes) -> bytes:
    """A whole CancelRequest."""
    body = struct.pack("!Ii", CANCEL_REQUEST, pid) + secret
    return (len(body) + 4).to_bytes(4, "big") + body


def negotiate(version: int, unknown: tuple[str, ...]) -> tuple[int, bytes]:
    """The version that is spoken, and the NegotiateProtocolVersion to send (empty when nothing is to be said)."""
    spoken = min(version, PROTOCOL_3_2) if version != PROTOCOL_3_0 | 1 else PROTOCOL_3_0
    if spoken == version and not unknown:
        return spoken, b""
    names = b"".join(name.encode() + b"\0" for name in unknown)
    return spoken, message(b"v", struct.pack("!II", spoken, len(unknown)) + names)


def key_data(pid: int, secret: bytes) -> bytes:
    """BackendKeyData."""
    return message(b"K", struct.pack("!i", pid) + secret)


def parameter_status(name: str, value: str) -> bytes:
    """ParameterStatus."""
    return message(b"S", f"{name}\0{value}\0".encode())
