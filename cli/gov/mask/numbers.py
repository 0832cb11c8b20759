"""`round` and `range`: a number brought to a multiple of a step, as SQL.

Everything is computed in `numeric`, where nothing overflows, and what would not fit into the column's own
type is brought to the multiple nearer to zero instead: an error would name the value.
"""

from __future__ import annotations

from decimal import Decimal

from gov.mask.types import Type

_LARGEST = {
    "smallint": Decimal(2**15 - 1), "integer": Decimal(2**31 - 1), "bigint": Decimal(2**63 - 1),
    "real": Decimal("3.4028e38"), "double precision": Decimal("1.797e308"),
    "numeric": Decimal("1e131071"),
}
"""Below what a type can hold at all: a multiple beyond the largest value would be an error for the whole query."""
_WHOLE = frozenset({"smallint", "integer", "bigint"})

TYPES = frozenset(_LARGEST)


def masks_something(step: Decimal, type: Type) -> bool:
    """Whether no value of `type` would come through `step` as it is but the multiples themselves."""
    unit = _unit(type)
    return unit is None or (step >= 2 * unit and step % unit == 0)


def stepped(name: str, step: Decimal, column: str, type: Type, otherwise: str) -> str:
    """`column` as the nearest multiple of `step` (`round`) or the one below (`range`).

    `otherwise` is SQL for what is no finite number.
    """
    value = f"CAST({column} AS pg_catalog.numeric)"
    by, largest = _number(step), _largest(type)
    rest = f"pg_catalog.mod({value}, {by})"
    inward = f"({value} OPERATOR(pg_catalog.-) {rest})"
    if name == "range":
        away = f"{rest} OPERATOR(pg_catalog.<) {_number(Decimal(0))}"
        result = f"({inward} OPERATOR(pg_catalog.-) {by})"
    else:
        away = f"({_number(Decimal(2))} OPERATOR(pg_catalog.*) pg_catalog.abs({rest})) OPERATOR(pg_catalog.>=) {by}"
        result = f"({inward} OPERATOR(pg_catalog.+) (pg_catalog.sign({value}) OPERATOR(pg_catalog.*) {by}))"
    multiple = f"CASE WHEN {away} AND {_within(result, largest)} THEN {result} ELSE {inward} END"
    shown = f"CAST(pg_catalog.round({multiple}, {_decimals(step)}) AS {type.sql})"
    if type.base in _WHOLE:
        return f"CASE WHEN {column} IS NOT NULL THEN {shown} END"
    return f"CASE WHEN {column} IS NULL THEN NULL WHEN {_within(value, largest)} THEN {shown} ELSE {otherwise} END"


def _unit(type: Type) -> Decimal | None:
    """The distance between two neighbours, None where there is none to speak of."""
    if type.base in _WHOLE:
        return Decimal(1)
    if type.base == "numeric" and type.modifiers:
        return Decimal(1).scaleb(-_scale(type))
    return None


def _scale(type: Type) -> int:
    return type.modifiers[1] if len(type.modifiers) > 1 else 0


def _largest(type: Type) -> Decimal:
    if type.base == "numeric" and type.modifiers:
        return Decimal(f"{'9' * type.modifiers[0]}E{-_scale(type)}")
    return _LARGEST[type.base]


def _within(number: str, largest: Decimal) -> str:
    return f"pg_catalog.abs({number}) OPERATOR(pg_catalog.<=) {_number(largest)}"


def _number(number: Decimal) -> str:
    return f"CAST('{number}' AS pg_catalog.numeric)"


def _decimals(step: Decimal) -> int:
    """Decimals to show: those of the step, so that the value's own are not told."""
    exponent = step.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
