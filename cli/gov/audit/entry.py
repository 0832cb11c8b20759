"""What happened, and the one byte form it is stored in.

An entry becomes a leaf and, if it has anything to hide, a payload. The leaf goes into the tree:

    {"at":"2026-01-31T12:00:00.000000Z","fields":{…},"index":7,"kind":"statement",
     "payload":"<hex>","previous":"<hex>","v":1}

as ASCII JSON without spaces and with sorted keys; one line. `previous` is the leaf hash of the entry before
it (64 zeros for the first), `payload` the SHA-256 of salt ‖ payload and absent when there is none. The
16-byte salt keeps anybody from guessing an erased payload by its hash. `fields` has what `kinds.PUBLIC`
names; everything else went to the payload, a JSON object of the same spelling. A field of the entry that is
null or empty is left out of both.
"""

from __future__ import annotations

import json
import json.encoder
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any

from gov.audit.kinds import PUBLIC
from gov.audit.redact import redact
from gov.audit.tree import ENTRY_LIMIT, leaf_hash
from gov.errors import TooComplex, Unverified

SALT_SIZE = 16
PAYLOAD_LIMIT = 16 * 1024 * 1024
"""Bytes: a statement of 1 MiB (what analysis accepts) stays below it even if every byte is escaped."""
FIRST = bytes(32)
"""What the first entry names as its predecessor."""
VERSION = 1
_QUOTING = ("text", "parameters", "error", "notices")
"""Payload fields in which a password of a statement can stand."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. Sets become sorted lists; relations and columns their names."""

    kind: str
    """A key of `kinds.KINDS`."""
    at: float
    """Seconds since the epoch."""
    fields: Mapping[str, object] = field(default_factory=dict)
    payload: Mapping[str, object] = field(default_factory=dict)
    """Erasable whatever it is called; fields that are not public join it by themselves."""


@dataclass(frozen=True, slots=True)
class Record:
    """An entry as it is stored."""

    index: int
    leaf: bytes
    hash: bytes
    """The leaf's hash in the tree."""
    sealed: bytes
    """Salt ‖ payload; empty when there is no payload."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf, read."""

    index: int
    at: datetime
    kind: str
    fields: Mapping[str, Any]
    payload: bytes | None
    """The hash of the sealed payload."""
    previous: bytes


def _plain(value: object) -> object:
    if isinstance(value, frozenset | set):
        return sorted(map(str, value))
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Iterable) and not isinstance(value, bytes | bytearray | memoryview):
        return list(value)
    return str(value)


def _encoder() -> Callable[[object], str]:
    """`json`'s encoder, made once: `JSONEncoder.encode` makes a new one for every value, half of its cost."""
    coding = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False, default=_plain)
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return coding.encode
    quote = json.encoder.encode_basestring_ascii
    encode = make(None, _plain, quote, None, ":", ",", True, False, False)
    return lambda value: "".join(encode(value, 0))


_encode = _encoder()


def record(entry: Entry, index: int, previous: bytes, salt: bytes) -> Record:
    """The stored form of `entry` as number `index`, after the leaf with hash `previous`.

    Raises:
        TooComplex: It is longer than an entry or a payload may be.
        ValueError: Its kind is unknown, or a value cannot be written as JSON.
    """
    public, payload = _divide(entry)
    sealed = salt + _encode(payload).encode() if payload else b""
    mark = f'"payload":"{sha256(sealed).hexdigest()}",' if sealed else ""
    second, micros = divmod(round(entry.at * 1_000_000), 1_000_000)
    leaf = (
        f'{{"at":"{_second(second)}.{micros:06d}Z","fields":{_encode(public)},"index":{index},"kind":"{entry.kind}",{mark}'
        f'"previous":"{previous.hex()}","v":1}}'
    ).encode()
    if len(leaf) > ENTRY_LIMIT or len(sealed) > PAYLOAD_LIMIT:
        raise TooComplex(
            f"too much for one audit entry: {len(leaf)} bytes of {ENTRY_LIMIT}",
            hint="split the statement so that each part touches fewer columns",
        )
    return Record(index, leaf, leaf_hash(leaf), sealed)


@lru_cache(maxsize=4)
def _second(second: int) -> str:
    """That second in RFC 3339: most entries share it with the one before."""
    return datetime.fromtimestamp(second, UTC).isoformat()[:19]


def _divide(entry: Entry) -> tuple[dict[str, object], dict[str, object]]:
    """What goes into the leaf and what into the payload."""
    public = PUBLIC.get(entry.kind)
    if public is None:
        raise ValueError(f"no such kind of audit entry: {entry.kind}")
    shown: dict[str, object] = {}
    hidden = dict(entry.payload)
    for name, value in entry.fields.items():
        if value or value is False or value == 0:  # null, "" and empty collections say nothing
            (shown if name in public else hidden)[name] = value
    for name in _QUOTING:
        if value := hidden.get(name):
            hidden[name] = _redacted(value)
    return shown, hidden


def _redacted(value: object) -> object:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list | tuple):
        return [_redacted(item) for item in value]
    return value


def read_leaf(leaf: bytes) -> Leaf:
    """The leaf in these bytes.

    Raises:
        Unverified: They are not a leaf that `record` writes.
    """
    try:
        stated = json.loads(leaf)
        if stated["v"] != VERSION or not isinstance(stated["fields"], dict):
            raise ValueError("another version")
        return Leaf(
            int(stated["index"]),
            datetime.fromisoformat(stated["at"]),
            str(stated["kind"]),
            stated["fields"],
            bytes.fromhex(stated["payload"]) if "payload" in stated else None,
            bytes.fromhex(stated["previous"]),
        )
    except (ValueError, KeyError, TypeError):
        raise Unverified("not an audit entry that this version of gov reads", hint="gov --version") from None


def read_payload(sealed: bytes) -> dict[str, Any]:
    """The payload in a salted one; the caller has compared its hash.

    Raises:
        Unverified: It is not a JSON object.
    """
    try:
        payload = json.loads(sealed[SALT_SIZE:])
    except ValueError:
        payload = None
    if not isinstance(payload, dict):
        raise Unverified("not a payload that this version of gov reads", hint="gov --version")
    return payload


def digest(sealed: bytes) -> bytes:
    """What the leaf says of a salted payload."""
    return sha256(sealed).digest()
