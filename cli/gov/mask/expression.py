"""Masks as SQL: an IMMUTABLE expression of the column's own type, for PostgreSQL to compute in a masked view.

`docs/masks.md` shows each mask by example and says what it still reveals. NULL stays NULL. A type that cannot
keep a mask gets the next stronger one (any, redact, null), never a weaker. Everything is qualified, so that no
`search_path` can put another function in its place.
"""

from __future__ import annotations

from gov.errors import ConfigError
from gov.mask import dates, documents, numbers, shapes, tokens
from gov.mask.types import Type, type_of
from gov.policy.masks import KEYED, Mask, parse

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
"""Type to what redacting it gives. Arrays become empty; all other types NULL."""

REDACTED = "[redacted]"


def expression(mask: str, column_sql: str, type: str, *, virtual: bool = False) -> str:
    """SQL of type `type` that masks `column_sql`, an already quoted reference.

    `mask` is spelled as `policy.masks.Mask` is, `type` is what `format_type` says, modifiers included. A `virtual`
    column is not even computed: that can fail, and the error quotes what it is computed from.

    Raises:
        ConfigError: There is no such mask, or `type` is not the name of a type.
    """
    try:
        meant = parse(mask)
    except ValueError as why:
        raise ConfigError(str(why), hint="gov policy check FILE") from None
    kind = type_of(type)
    if meant.name == "null":
        return _null(kind)
    if virtual:
        return f"CAST('{constant}' AS {kind.sql})" if (constant := _constant(kind)) is not None else _null(kind)
    kept = _kept(meant, column_sql, kind)
    # The cast stands outside: a CASE forgets the length of varchar(20).
    return f"CAST({kept} AS {kind.sql})" if kept is not None else _redact(column_sql, kind)


def _kept(mask: Mask, column: str, type: Type) -> str | None:
    """The mask itself, or None where the type cannot keep it."""
    otherwise = f"CAST('{_CONSTANTS.get(type.base, '')}' AS {type.sql})"
    if mask.name == "partial" and type.length is not None:
        # An explicit cast to varchar(n) cuts off without an error, so a longer mask cannot overflow.
        return shapes.partial(f"CAST({column} AS pg_catalog.text)")
    if mask.name in ("year", "month") and type.base in dates.TYPES:
        return dates.cut(mask.name, column, type, otherwise)
    if mask.step is not None and type.base in numbers.TYPES and numbers.masks_something(mask.step, type):
        return numbers.stepped(mask.name, mask.step, column, type, otherwise)
    if mask.paths and type.base in documents.TYPES:
        return documents.masked(mask.paths, column, type)
    if mask.name in KEYED and (token := tokens.token(mask.name, mask.purpose, column, type)) is not None:
        return f"CASE WHEN {column} IS NOT NULL THEN {token} END"
    return None


def _null(type: Type) -> str:
    return f"CAST(NULL AS {type.sql})"


def _redact(column: str, type: Type) -> str:
    constant = _constant(type)
    if constant is None:
        return _null(type)
    return f"CAST(CASE WHEN {column} IS NOT NULL THEN CAST('{constant}' AS {type.sql}) END AS {type.sql})"


def _constant(type: Type) -> str | None:
    if type.array:
        return "{}"
    if type.length is not None:
        return REDACTED if type.length >= len(REDACTED) else "*" * min(type.length, 3)
    return _CONSTANTS.get(type.base)
