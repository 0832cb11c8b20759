"""What a receipt says: an in-toto Statement v1 about files, with the predicate of our own.

The payload is JSON in ASCII with sorted members and without spaces. `docs/receipts.md` describes every member;
members that say nothing (null, empty) are left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gov.errors import Unverified

TYPE = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:gov-broker:receipt:1"
BROKER, CLIENT = "broker", "client"
"""Who says that a file has its digest: the broker took it of the bytes it relayed, or the client stated it."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A file, by what is in it."""

    name: str
    """Its last part; where a file lies is no concern of a receipt."""
    sha256: str


@dataclass(frozen=True, slots=True)
class Statement:
    """A payload, read."""

    subjects: tuple[Subject, ...]
    predicate: Mapping[str, Any]


def write(subjects: Sequence[Subject], predicate: Mapping[str, object]) -> bytes:
    """The payload of a receipt."""
    said = {
        "_type": TYPE,
        "subject": [{"name": each.name, "digest": {"sha256": each.sha256}} for each in subjects],
        "predicateType": PREDICATE,
        "predicate": meaningful(predicate),
    }
    return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def read(payload: bytes) -> Statement:
    """What a payload says.

    Raises:
        Unverified: It is no receipt that this version of gov reads.
    """
    try:
        said = json.loads(payload)
        if (said["_type"], said["predicateType"]) != (TYPE, PREDICATE):
            raise ValueError("another type")
        subjects = tuple(Subject(str(each["name"]), str(each["digest"]["sha256"])) for each in said["subject"])
        predicate = said["predicate"]
        if not subjects or not isinstance(predicate, dict):
            raise ValueError("no subject, or no predicate")
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Unverified("the envelope holds no receipt that this version of gov reads", hint="gov --version") from None
    return Statement(subjects, predicate)


def meaningful(value: Any) -> Any:
    """`value` without the members that say nothing: null, empty texts, lists and objects."""
    if isinstance(value, Mapping):
        kept = {name: meaningful(each) for name, each in value.items()}
        return {name: each for name, each in kept.items() if each is not None and each not in ("", [], {})}
    if isinstance(value, list | tuple):
        return [meaningful(each) for each in value]
    return value
