"""From PostgreSQL's text form of values to Arrow arrays that lose nothing.

| PostgreSQL | Arrow |
|---|---|
| boolean; smallint, integer, bigint; oid | bool; int16, int32, int64; uint32 |
| real, double precision | float32, float64 |
| numeric(p, s) with 0 ≤ s ≤ p ≤ 76 | decimal128(p, s), from 39 digits on decimal256 |
| numeric without a precision, or another one | string: no one precision holds every value |
| date; time; timestamp; timestamptz | date32; time64[us]; timestamp[us]; timestamp[us, UTC] |
| bytea | binary |
| a list of any of these | list; of one dimension |
| all else: text, varchar, uuid, json, jsonb, interval, inet, enums, … | string, PostgreSQL's own text |

Every field is nullable and carries the PostgreSQL type in its metadata (`pg_type`). A value that the Arrow type
cannot hold ('infinity' as a date, NaN as a decimal) is an error that names the column, never another value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gov.errors import GovError, UsageError
from gov.ui.values import ELEMENTS

Values = Sequence[str | None]
Convert = Callable[[Values], Any]
"""From the texts of one column to a `pyarrow.Array`. Raises `pyarrow.ArrowInvalid` or ValueError."""
NO_MODIFIER = -1
_DECIMAL, _DECIMALS = 38, 76
"""Digits that fit into 128 and 256 bits."""
_NAMES = {
    16: "boolean", 17: "bytea", 18: '"char"', 19: "name", 20: "bigint", 21: "smallint", 23: "integer", 25: "text",
    26: "oid", 114: "json", 650: "cidr", 700: "real", 701: "double precision", 790: "money", 829: "macaddr",
    869: "inet", 1042: "character", 1043: "character varying", 1082: "date", 1083: "time", 1114: "timestamp",
    1184: "timestamp with time zone", 1186: "interval", 1266: "time with time zone", 1560: "bit", 1562: "bit varying",
    1700: "numeric", 2950: "uuid", 3802: "jsonb",
}


@dataclass(frozen=True, slots=True)
class Shape:
    """How the values of one column become Arrow."""

    type: Any
    """A `pyarrow.DataType`."""
    convert: Convert
    name: str
    """What PostgreSQL calls the type."""


def library() -> Any:
    """pyarrow, with what is used of it.

    Raises:
        UsageError: It is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise UsageError(
            "parquet and arrow files need pyarrow, which is not installed", hint="pip install 'gov-broker[arrow]'"
        ) from None
    return pyarrow


def shape(oid: int, modifier: int = NO_MODIFIER) -> Shape:
    """The shape of a column of the type `oid` (of `pg_type.dat`) with that type modifier."""
    if (element := ELEMENTS.get(oid)) is not None:
        one = shape(element, modifier)
        return Shape(library().list_(one.type), lambda values: _lists(values, one), f"{one.name}[]")
    arrow = library()
    made = _plain(arrow, oid)
    if oid == _NUMERIC and (digits := precision(modifier)) is not None:
        made = (arrow.decimal256 if digits[0] > _DECIMAL else arrow.decimal128)(*digits)
        return Shape(made, _cast(made), f"numeric({digits[0]},{digits[1]})")
    name = _NAMES.get(oid, f"oid {oid}")
    return Shape(made or arrow.string(), _OWN.get(oid) or _cast(made or arrow.string()), name)


def precision(modifier: int) -> tuple[int, int] | None:
    """Digits and scale of a numeric's modifier, where Arrow has such a type."""
    if modifier < _HEADER:
        return None
    digits, scale = (modifier - _HEADER) >> 16 & 0xFFFF, (modifier - _HEADER) & 0x7FF
    scale = (scale ^ 0x400) - 0x400  # eleven bits with a sign (numerictypmodin)
    return (digits, scale) if 0 <= scale <= digits <= _DECIMALS else None


def refused(column: str, kind: str, error: Exception) -> GovError:
    """The error for a value that the type of its column cannot hold."""
    return GovError(
        f"the column {column} holds a value that {kind} cannot: {_reason(error)}",
        hint=f"write it as text, with {column}::text in the query",
    )


def _reason(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".")


def _plain(arrow: Any, oid: int) -> Any:
    made: Callable[[], Any] | None = {
        16: arrow.bool_, 17: arrow.binary, 20: arrow.int64, 21: arrow.int16, 23: arrow.int32, 26: arrow.uint32,
        700: arrow.float32, 701: arrow.float64, 1082: arrow.date32,
    }.get(oid)
    if made is not None:
        return made()
    return {1083: arrow.time64("us"), 1114: arrow.timestamp("us"), 1184: arrow.timestamp("us", "UTC")}.get(oid)


def _cast(kind: Any) -> Convert:
    arrow = library()
    return lambda values: arrow.array(values, arrow.string()).cast(kind)


def _booleans(values: Values) -> Any:
    return library().array([None if value is None else value == "t" for value in values], library().bool_())


def _bytes(values: Values) -> Any:
    return library().array([None if value is None else _octets(value) for value in values], library().binary())


_ESCAPED = re.compile(r"\\(\\|[0-3][0-7]{2})")


def _octets(text: str) -> bytes:
    """bytea in its hex form, or in the older escape form (manual, 8.4)."""
    if text.startswith("\\x"):
        return bytes.fromhex(text[2:])
    whole = _ESCAPED.sub(lambda found: "\\" if found[1] == "\\" else chr(int(found[1], 8)), text)
    return whole.encode("latin-1")


def _times(values: Values) -> Any:
    arrow = library()
    moments = [None if value is None else f"1970-01-01 {value}" for value in values]
    return arrow.array(moments, arrow.string()).cast(arrow.timestamp("us")).cast(arrow.time64("us"))


def _lists(values: Values, one: Shape) -> Any:
    """Arrays of one dimension; their elements are converted all at once."""
    arrow = library()
    lists = [None if value is None else elements(value) for value in values]
    flat = [element for each in lists if each is not None for element in each]
    offsets: list[int | None] = [0]
    end = 0
    for each in lists:
        end += len(each or ())
        offsets.append(end)
    missing = arrow.array([each is None for each in lists], arrow.bool_())
    return arrow.ListArray.from_arrays(arrow.array(offsets, arrow.int32()), one.convert(flat), mask=missing)


_ELEMENT = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^{},"]+))\s*(?:,|$)', re.DOTALL)


def elements(text: str) -> list[str | None]:
    """The elements of an array literal (manual, 8.15.6).

    Raises:
        ValueError: It has several dimensions, or bounds of its own.
    """
    if not text.startswith("{") or text.startswith("{{"):
        raise ValueError("an array of several dimensions, or with bounds of its own")
    body = text[1:-1]
    if not body:
        return []
    return [
        re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL) if not bare else None if bare == "NULL" else bare
        for quoted, bare in _ELEMENT.findall(body)
    ]


_NUMERIC = 1700
_HEADER = 4
"""What PostgreSQL adds to the modifier of a numeric (VARHDRSZ)."""
_OWN: dict[int, Convert] = {16: _booleans, 17: _bytes, 1083: _times}
"""Types whose text Arrow does not read by itself."""
