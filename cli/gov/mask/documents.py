"""`json`: what is at the named paths of a document is masked, the rest is kept, as SQL.

A path goes through objects only. Where it meets something else on its way (a list, a text) that is masked
whole, since nobody said how to go on: a document of an unforeseen form never shows what it should not.
"""

from __future__ import annotations

from collections.abc import Sequence

from gov.mask.shapes import partial
from gov.mask.types import Type

TYPES = frozenset({"json", "jsonb"})

_MOST = 15_000
"""Characters of a `json` value that is read into: no number in it can be too long for `jsonb`, which takes 16,383
decimals, three digits of an exponent included."""

_ODD = r"""(\\u|(^|[][{}:,[:space:]-])[0-9]+([.][0-9]+)?[eE][+-]?[0-9]{4,})"""
"""What `json` may hold and `jsonb` not: the conversion would fail, and its message quote the document."""


def masked(paths: Sequence[tuple[str, str]], column: str, type: Type) -> str:
    """`column` with what is at each of `paths` masked as it says."""
    if type.base == "jsonb":
        return f"CASE WHEN {column} IS NULL THEN NULL ELSE {_document(paths, column)} END"
    text = f"CAST({column} AS pg_catalog.text)"
    document = _document(paths, f"CAST({column} AS pg_catalog.jsonb)")
    return (
        f"CASE WHEN {column} IS NULL THEN NULL"
        f" WHEN pg_catalog.length({text}) OPERATOR(pg_catalog.>) {_MOST}"
        f" OR {text} OPERATOR(pg_catalog.~) {quoted(_ODD)} THEN CAST('{{}}' AS pg_catalog.json)"
        f" ELSE CAST({document} AS pg_catalog.json) END"
    )


def _document(paths: Sequence[tuple[str, str]], base: str) -> str:
    """Every condition looks at `base`, not at the half masked document, so that the text stays short."""
    result = base
    for path, mask in paths:
        steps = path.split(".")
        value = _value(base, steps, mask)
        result = f"pg_catalog.jsonb_set({result}, {_where(base, steps)}, {value}, false)"
    return f"CASE WHEN {_kind(base, [])} OPERATOR(pg_catalog.=) 'object' THEN {result} ELSE {_redacted(base)} END"


def _where(base: str, steps: Sequence[str]) -> str:
    """The path of what is replaced: the named one, or what stands in its way."""
    stops = "".join(
        f" WHEN {_in_the_way(base, steps[:length])} THEN {_array(steps[:length])}" for length in range(1, len(steps))
    )
    return f"CASE{stops} ELSE {_array(steps)} END" if stops else _array(steps)


def _value(base: str, steps: Sequence[str], mask: str) -> str:
    """What comes there. Never NULL, which would turn the whole document into one."""
    stops = "".join(
        f" WHEN {_in_the_way(base, steps[:length])} THEN {_redacted(_at(base, steps[:length]))}"
        for length in range(1, len(steps))
    )
    null = "CAST('null' AS pg_catalog.jsonb)"
    here = null if mask == "null" else _redacted(_at(base, steps))
    if mask == "partial":
        text = f"({base} OPERATOR(pg_catalog.#>>) {_array(steps)})"
        # to_jsonb is only STABLE, so the text goes in and out of an object.
        shape = f"(pg_catalog.jsonb_object(ARRAY['v', {partial(text)}]) OPERATOR(pg_catalog.->) 'v')"
        here = f"CASE WHEN {_kind(base, steps)} OPERATOR(pg_catalog.=) 'string' THEN {shape} ELSE {here} END"
    chosen = f"CASE{stops} ELSE {here} END" if stops else here
    return f"COALESCE({chosen}, {null})"


def _in_the_way(base: str, steps: Sequence[str]) -> str:
    """Whether there is something at `steps` that is neither an object nor null."""
    return f"{_kind(base, steps)} OPERATOR(pg_catalog.<>) ALL (ARRAY['object', 'null'])"


def _redacted(value: str) -> str:
    """A constant of the same kind."""
    return (
        f"CASE pg_catalog.jsonb_typeof({value}) WHEN 'string' THEN CAST('\"[redacted]\"' AS pg_catalog.jsonb)"
        " WHEN 'number' THEN CAST('0' AS pg_catalog.jsonb) WHEN 'boolean' THEN CAST('false' AS pg_catalog.jsonb)"
        " WHEN 'array' THEN CAST('[]' AS pg_catalog.jsonb) WHEN 'object' THEN CAST('{}' AS pg_catalog.jsonb)"
        " ELSE CAST('null' AS pg_catalog.jsonb) END"
    )


def _kind(base: str, steps: Sequence[str]) -> str:
    return f"pg_catalog.jsonb_typeof({_at(base, steps)})"


def _at(base: str, steps: Sequence[str]) -> str:
    return f"({base} OPERATOR(pg_catalog.#>) {_array(steps)})" if steps else base


def _array(steps: Sequence[str]) -> str:
    return f"CAST(ARRAY[{', '.join(map(quoted, steps))}] AS pg_catalog.text[])"


def quoted(text: str) -> str:
    """`text` as an SQL literal, whatever `standard_conforming_strings` is."""
    plain = "'" + text.replace("'", "''") + "'"
    return "E" + plain.replace("\\", "\\\\") if "\\" in text else plain
