"""Masks as SQL: an IMMUTABLE expression of the column's own type, for PostgreSQL to compute in a masked view.

What each still reveals:

* `null`: nothing.
* `redact`: whether there is a value. The value becomes `[redacted]` or a constant that suits the type.
* `partial`: the shape. `j***@e***.com`, `***-**-6789`, last four digits of a card, last two of a phone.

NULL stays NULL. A type that cannot keep a mask gets the next stronger one (partial, redact, null), never a
weaker. Everything is qualified, so that no `search_path` can put another function in its place.
"""

from __future__ import annotations

import re

from gov.errors import ConfigError

_TEXT = re.compile(r"(?:character varying|character|text|bpchar)(?:\((\d+)\))?")
_CITEXT = re.compile(r"""(?:(?:[a-z_][a-z0-9_]*|"(?:[^"\0]|"")+")\.)?citext""")

_CONSTANTS = {
    "smallint": "0", "integer": "0", "bigint": "0", "numeric": "0", "real": "0", "double precision": "0",
    "boolean": "false",
    "date": "1970-01-01",
    "timestamp without time zone": "1970-01-01 00:00:00",
    "timestamp with time zone": "1970-01-01 00:00:00+00",
    "time without time zone": "00:00:00", "time with time zone": "00:00:00+00", "interval": "0",
    "uuid": "00000000-0000-0000-0000-000000000000",
    "json": "{}", "jsonb": "{}",
    "bytea": "",
    "inet": "0.0.0.0/32", "cidr": "0.0.0.0/32", "macaddr": "00:00:00:00:00:00",
}  # fmt: skip
"""Type without its modifiers to what redacting it gives. Arrays become empty; all other types NULL."""

_IDENTIFIER = r"""(?:[a-z_][a-z0-9_]*|"(?:[^"\0]|"")+")"""
_TYPE = re.compile(
    rf"(?:{_IDENTIFIER}\.)?{_IDENTIFIER}(?: [a-z]+)*"
    r"(?:\([A-Za-z0-9, -]*\))?(?: with(?:out)? time zone)?(?:\[\])*"
)
"""What `format_type` writes. Anything else is not put into SQL."""

REDACTED = "[redacted]"


def expression(mask: str, column_sql: str, type: str) -> str:
    """SQL of type `type` that masks `column_sql`, an already quoted reference.

    `type` is what `format_type` says, modifiers included.

    Raises:
        ConfigError: There is no such mask, or `type` is not the name of a type.
    """
    if not _TYPE.fullmatch(type):
        raise ConfigError(f"`{type}` is not the name of a type", hint="gov broker check TARGET")
    match mask:
        case "null":
            return _null(type)
        case "redact":
            return _redact(column_sql, type)
        case "partial":
            return _partial(column_sql, type)
        case _:
            raise ConfigError(f"there is no mask `{mask}`", hint="gov policy check FILE")


def _null(type: str) -> str:
    return f"CAST(NULL AS {type})"


def _redact(column: str, type: str) -> str:
    constant = _constant(type)
    if constant is None:
        return _null(type)
    # The cast stands outside too: a CASE forgets the length of varchar(20).
    return f"CAST(CASE WHEN {column} IS NOT NULL THEN CAST('{constant}' AS {type}) END AS {type})"


def _constant(type: str) -> str | None:
    if type.endswith("[]"):
        return "{}"
    if (length := _text_length(type)) is not None:
        return REDACTED if length >= len(REDACTED) else "*" * min(length, 3)
    return _CONSTANTS.get(re.sub(r"\([0-9,-]+\)", "", type))


def _text_length(type: str) -> int | None:
    """How many characters a textual type takes, None for other types."""
    if _CITEXT.fullmatch(type):
        return 1 << 30
    match = _TEXT.fullmatch(type)
    if match is None:
        return None
    if match[1]:
        return int(match[1])
    return 1 if type == "character" else 1 << 30


_PARTIAL = """CASE
  WHEN {v} IS NULL THEN NULL
  WHEN {v} OPERATOR(pg_catalog.~) '^[^@[:space:]]+@[^@[:space:]]+[.][A-Za-z]{{2,10}}$'
    THEN pg_catalog.left({v}, 1) OPERATOR(pg_catalog.||) '***@'
      OPERATOR(pg_catalog.||) pg_catalog.left(pg_catalog.split_part({v}, '@', 2), 1)
      OPERATOR(pg_catalog.||) '***.' OPERATOR(pg_catalog.||) pg_catalog.regexp_replace({v}, '^.*[.]', '')
  WHEN {v} OPERATOR(pg_catalog.~) '^[0-9]{{3}}-[0-9]{{2}}-[0-9]{{4}}$'
    THEN '***-**-' OPERATOR(pg_catalog.||) pg_catalog.right({v}, 4)
  WHEN {v} OPERATOR(pg_catalog.~) '^([0-9][ -]?){{13,19}}$'
    THEN pg_catalog.regexp_replace({v}, '[0-9](?=([ -]?[0-9]){{4}})', '*', 'g')
  WHEN {v} OPERATOR(pg_catalog.~) '^[+]?[(]?([0-9][ ().-]{{0,2}}){{7,15}}$'
    THEN pg_catalog.regexp_replace({v}, '[0-9](?=([ ().-]*[0-9]){{2}})', '*', 'g')
  WHEN pg_catalog.length({v}) OPERATOR(pg_catalog.>=) 5
    THEN pg_catalog.left({v}, 1) OPERATOR(pg_catalog.||) '***'
  ELSE '***' END"""
"""By shape, in this order: email, social security number, card, phone, other text from five characters.

Shorter text is hidden whole: the first letter of `M` or `yes` is all there is to know.
"""


def _partial(column: str, type: str) -> str:
    if _text_length(type) is None:
        return _redact(column, type)
    value = f"CAST({column} AS pg_catalog.text)"
    # An explicit cast to varchar(n) cuts off without an error, so a longer mask cannot overflow.
    return f"CAST({_PARTIAL.format(v=value)} AS {type})"
