r"""Parameters that came in PostgreSQL's binary format, as people read them.

The log keeps what was sent: `\x` and the bytes, and the type that the client gave. What cannot be told from these
is shown as it is.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_DIGITS: Final = 4
"""Decimal digits in one of numeric's."""


def shown(parameters: Sequence[Any], types: object) -> list[Any]:
    """The parameters of an entry, those in binary decoded where their type is known."""
    known = [*types] if isinstance(types, list | tuple) else []
    known += [0] * (len(parameters) - len(known))
    return [_one(value, of) for value, of in zip(parameters, known, strict=False)]


def _one(value: Any, of: object) -> Any:
    decode = _TYPES.get(of) if isinstance(of, int) else None
    if decode is None or not isinstance(value, str) or not value.startswith("\\x"):
        return value
    try:
        return decode(bytes.fromhex(value[2:]))
    except (ValueError, struct.error, OverflowError):
        return value


def _packed(form: str) -> Callable[[bytes], str]:
    return lambda raw: str(struct.unpack(form, raw)[0])


def _float(form: str) -> Callable[[bytes], str]:
    def decode(raw: bytes) -> str:
        value = struct.unpack(form, raw)[0]
        if math.isnan(value) or math.isinf(value):
            return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
        return f"{value:.9g}" if form == "!f" else repr(value)

    return decode


def _bool(raw: bytes) -> str:
    return {b"\0": "false", b"\1": "true"}.get(raw) or "\\x" + raw.hex()


def _text(raw: bytes) -> str:
    return raw.decode()


def _jsonb(raw: bytes) -> str:
    if raw[:1] != b"\1":
        raise ValueError("another version")
    return raw[1:].decode()


def _date(raw: bytes) -> str:
    (days,) = struct.unpack("!i", raw)
    return str(date(2000, 1, 1) + timedelta(days=days))


def _timestamp(raw: bytes) -> str:
    (micros,) = struct.unpack("!q", raw)
    moment = str((_EPOCH + timedelta(microseconds=micros)).replace(tzinfo=None))
    return moment.rstrip("0") if "." in moment else moment


def _numeric(raw: bytes) -> str:
    count, weight, sign, scale = struct.unpack("!HhHH", raw[:8])
    digits = struct.unpack(f"!{count}H", raw[8:])
    if sign == 0xC000:
        return "NaN"
    if sign not in (0, 0x4000) or any(digit > 9999 for digit in digits):
        raise ValueError("no numeric")
    text = "".join(f"{digit:04d}" for digit in digits)
    point = (weight + 1) * _DIGITS
    text = text.ljust(max(point, 0), "0")
    text = "0" * -point + text if point < 0 else text
    point = max(point, 0)
    whole, fraction = text[:point].lstrip("0") or "0", text[point:].ljust(scale, "0")[:scale]
    return ("-" if sign else "") + whole + (f".{fraction}" if fraction else "")


_TYPES: Final[Mapping[int, Callable[[bytes], str]]] = {
    16: _bool, 20: _packed("!q"), 21: _packed("!h"), 23: _packed("!i"), 26: _packed("!I"),
    **dict.fromkeys((18, 19, 25, 114, 142, 1042, 1043, 705), _text), 3802: _jsonb,
    700: _float("!f"), 701: _float("!d"), 1082: _date, 1114: _timestamp, 1184: lambda raw: _timestamp(raw) + "+00",
    1700: _numeric, 2950: lambda raw: str(UUID(bytes=raw)),
}  # fmt: skip
"""By the OID of pg_type; a type of somebody's own has no fixed one."""
