"""What happened, and the one byte form it is stored in.

An entry becomes a leaf and, if it has anything to hide, a payload. The leaf goes into the tree:

    {"at":"2026-01-31T12:00:00.000000Z","fields":{…},"index":7,"kind":"statement",
     "payload":"<hex>","previous":"<hex>","sequence":5,"v":1,"writer":"<hex>"}

as ASCII JSON without spaces and with sorted keys; one line. `writer` is who wrote it, `sequence` its number among
the entries of that writer, `previous` the leaf hash of the one before it among them: a writer's entries are a chain
of their own, so that none can be left out where those of several are brought together. A writer's first entry
follows whatever the log ended with (64 zeros where it was empty).

`payload` is the SHA-256 of salt ‖ payload and absent when there is none. The 16-byte salt keeps anybody from
guessing an erased payload by its hash. `fields` has what `kinds.PUBLIC` names; everything else went to the
payload, a JSON object of the same spelling. A field of the entry that is null or empty is left out of both.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any

from gov.audit.encoding import divide, encode
from gov.audit.form import Form
from gov.audit.tree import ENTRY_LIMIT, leaf_hash
from gov.errors import TooComplex, Unverified

SALT_SIZE = 16
PAYLOAD_LIMIT = 16 * 1024 * 1024
"""Bytes: a statement of 1 MiB (what analysis accepts) stays below it even if every byte is escaped."""
FIRST = bytes(32)
"""What the first entry names as its predecessor."""
VERSION = 1


@dataclass(slots=True)  # neither is changed, but freezing costs a microsecond for each, and every statement makes four
class Entry:
    """One thing that happened. Sets become sorted lists; relations and columns their names."""

    kind: str
    """A key of `kinds.KINDS`."""
    at: float
    """Seconds since the epoch."""
    fields: Mapping[str, object] = field(default_factory=dict)
    payload: Mapping[str, object] = field(default_factory=dict)
    """Erasable whatever it is called; fields that are not public join it by themselves."""
    form: Form | None = None
    """What it shares with others of its kind; `fields` and `payload` are then the rest."""


@dataclass(slots=True)
class Record:
    """An entry as it is stored."""

    index: int
    leaf: bytes
    hash: bytes
    """The leaf's hash in the tree."""
    sealed: bytes
    """Salt ‖ payload; empty when there is no payload."""


@dataclass(slots=True)  # never changed; freezing costs a microsecond for each of millions
class Leaf:
    """A leaf, read."""

    index: int
    at: datetime
    kind: str
    fields: Mapping[str, Any]
    payload: bytes | None
    """The hash of the sealed payload."""
    previous: bytes
    writer: str = ""
    """Empty in logs from before there were writers: such an entry follows the one before it in the log."""
    sequence: int = 0


def record(
    entry: Entry, index: int, previous: bytes, salt: bytes, writer: str = "", sequence: int = 0
) -> Record:
    """The stored form of `entry` as number `index` of the log and number `sequence` of its writer, 16 hex digits.

    `previous` is the leaf hash of what the writer wrote before, or of the last entry of the log.

    Raises:
        TooComplex: It is longer than an entry or a payload may be.
        ValueError: Its kind is unknown, or a value cannot be written as JSON.
    """
    if entry.form is not None:
        public, payload = entry.form.fill(entry.fields, entry.payload)
    else:
        shown, hidden = divide(entry.kind, entry.fields, entry.payload)
        public, payload = encode(shown), encode(hidden) if hidden else ""
    sealed = salt + payload.encode() if payload else b""
    mark = f'"payload":"{sha256(sealed).hexdigest()}",' if sealed else ""
    second, micros = divmod(round(entry.at * 1_000_000), 1_000_000)
    leaf = (
        f'{{"at":"{_second(second)}.{micros:06d}Z","fields":{public or "{}"},"index":{index},'
        f'"kind":"{entry.kind}",{mark}'
        f'"previous":"{previous.hex()}",{_by(writer, sequence)}}}'
    ).encode()
    if len(leaf) > ENTRY_LIMIT or len(sealed) > PAYLOAD_LIMIT:
        raise TooComplex(
            f"too much for one audit entry: {len(leaf)} bytes of {ENTRY_LIMIT}",
            hint="split the statement so that each part touches fewer columns",
        )
    return Record(index, leaf, leaf_hash(leaf), sealed)


def _by(writer: str, sequence: int) -> str:
    return f'"sequence":{sequence},"v":1,"writer":"{writer}"' if writer else '"v":1'


@lru_cache(maxsize=4)
def _second(second: int) -> str:
    """That second in RFC 3339: most entries share it with the one before."""
    return datetime.fromtimestamp(second, UTC).isoformat()[:19]


def read_leaf(leaf: bytes) -> Leaf:
    """The leaf in these bytes.

    Raises:
        Unverified: They are not a leaf that `record` writes.
    """
    try:
        stated = json.loads(leaf.decode())
        if stated["v"] != VERSION or not isinstance(stated["fields"], dict):
            raise ValueError("another version")
        return Leaf(
            int(stated["index"]),
            datetime.fromisoformat(stated["at"]),
            str(stated["kind"]),
            stated["fields"],
            bytes.fromhex(stated["payload"]) if "payload" in stated else None,
            bytes.fromhex(stated["previous"]),
            str(stated.get("writer", "")),
            int(stated.get("sequence", 0)),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Unverified("not an audit entry that this version of gov reads", hint="gov --version") from None


def read_payload(sealed: bytes) -> dict[str, Any]:
    """The payload in a salted one; the caller has compared its hash.

    Raises:
        Unverified: It is not a JSON object.
    """
    try:
        payload = json.loads(sealed[SALT_SIZE:].decode())
    except ValueError:
        payload = None
    if not isinstance(payload, dict):
        raise Unverified("not a payload that this version of gov reads", hint="gov --version")
    return payload


def digest(sealed: bytes) -> bytes:
    """What the leaf says of a salted payload."""
    return sha256(sealed).digest()
