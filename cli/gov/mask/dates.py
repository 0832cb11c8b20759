"""`year` and `month`: a date or time cut down to its first moment, as SQL."""

from __future__ import annotations

from gov.mask.types import Type

_TIMESTAMP = "pg_catalog.timestamp"
_FIRST = "4712-01-01 00:00:00 BC"
_LAST = "294275-12-31 23:59:59"
"""Between these every year and month can be told in every type; the rest, and infinity, is redacted."""

TYPES = frozenset({"date", "timestamp without time zone", "timestamp with time zone"})


def cut(unit: str, column: str, type: Type, otherwise: str) -> str:
    """The first moment of the `unit` (`year` or `month`) that `column` lies in; in UTC where it has a zone.

    `otherwise` is SQL for what lies beyond all calendars.
    """
    zoned = type.base == "timestamp with time zone"
    # A cast between zoned and other times depends on the session, `timezone('UTC', …)` does not.
    local = f"pg_catalog.timezone('UTC', {column})" if zoned else f"CAST({column} AS {_TIMESTAMP})"
    first = f"pg_catalog.date_trunc('{unit}', {local})"
    result = f"pg_catalog.timezone('UTC', {first})" if zoned else f"CAST({first} AS {type.sql})"
    return (
        f"CASE WHEN {column} IS NULL THEN NULL"
        f" WHEN {column} OPERATOR(pg_catalog.>=) {_literal(_FIRST, type)}"
        f" AND {column} OPERATOR(pg_catalog.<=) {_literal(_LAST, type)} THEN {result} ELSE {otherwise} END"
    )


def _literal(moment: str, type: Type) -> str:
    zone = moment.replace(" BC", "+00 BC") if moment.endswith("BC") else f"{moment}+00"
    return f"CAST('{zone if type.base == 'timestamp with time zone' else moment}' AS {type.base})"
