"""How the values of an entry are written, and which part of them goes where."""

from __future__ import annotations

import json
import json.encoder
from collections.abc import Callable, Iterable, Mapping

from gov.audit.kinds import PUBLIC
from gov.audit.redact import redact

QUOTING = ("text", "parameters", "error", "notices")
"""Payload fields in which a password of a statement can stand."""


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
    whole = make(None, _plain, quote, None, ":", ",", True, False, False)

    def encode(value: object) -> str:
        kind = type(value)
        if kind is str:
            return quote(value)  # type: ignore[arg-type]
        if kind is int:
            return repr(value)
        return "".join(whole(value, 0))

    return encode


encode = _encoder()
"""A value as JSON: ASCII, no spaces, sorted keys; relations, columns and the like by their names."""


def divide(
    kind: str, fields: Mapping[str, object], payload: Mapping[str, object]
) -> tuple[dict[str, object], dict[str, object]]:
    """What goes into the leaf and what into the payload; null and empty values into neither.

    Raises:
        ValueError: There is no such kind.
    """
    public = PUBLIC.get(kind)
    if public is None:
        raise ValueError(f"no such kind of audit entry: {kind}")
    shown: dict[str, object] = {}
    hidden = {name: value for name, value in payload.items() if value or value is False or value == 0}
    for name, value in fields.items():
        if value or value is False or value == 0:  # null, "" and empty collections say nothing
            (shown if name in public else hidden)[name] = value
    for name in QUOTING:
        if value := hidden.get(name):
            hidden[name] = redacted(value)
    return shown, hidden


def redacted(value: object) -> object:
    """A value without the passwords that its texts quote."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list | tuple):
        return [redacted(item) for item in value]
    return value
