"""Lineage as an audit entry states it: public, compact, and never longer than it may be.

    {"sources": [{"column": "public.customers.email", "mask": "partial", "rule": "contact-is-partial"}, …],
     "outputs": [{"identity": [0]}, …],          each column of the result, by its place
     "rows": {"filter": [1]},                    what decides which rows there are
     "writes": [{"relation": "public.report", "columns": {"email": {"identity": [0]}}, "rows": {…}}],
     "exact": true}

Numbers are places in `sources`. A source that came through views has them under `via`; the source `*` is
everything in reach. Where more is said than may be so, `exact` is false and `widened` says why. Names of output
columns are the client's own words, so they are not here: see `names_of`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from gov.lineage.flow import WORDS, Flow, Lineage, Result, Source, Write, union

MOST_OCTETS = 12 * 1024
"""Of the lineage in a leaf, which may have 65,535 in all."""
MOST_DETAIL = 64 * 1024
"""Of the lineage by column in a payload, when the leaf has it by table."""
MOST_REASONS = 8


class Masked(NamedTuple):
    """What lies between a column and whoever reads it."""

    mask: str
    rule: str


Masks = Mapping[str, Masked]
"""By the column's whole name."""


def stated(lineages: Iterable[Lineage], masks: Masks) -> tuple[list[Any], list[Any]]:
    """The field `lineage` of a statement's entry, and what is too long for it, for the payload.

    One member for each statement of the text that does something with columns. The second list is empty
    where the first says everything.
    """
    told = [each for each in lineages if _says(each)]
    full = [_one(each, masks) for each in told]
    if _octets(full) <= MOST_OCTETS:
        return full, []
    detail = full if _octets(full) <= MOST_DETAIL else []
    why = "by table: it is too long by column"
    brief = [_one(by_table(each, why), masks) for each in told]
    if _octets(brief) <= MOST_OCTETS:
        return brief, detail
    shorter = _together(told)
    least = [_one(shorter, masks)]
    if _octets(least) <= MOST_OCTETS:
        return least, detail
    nothing = {"sources": [{"column": "*"}], "outputs": [{"transformation": [0]}], "exact": False, "widened": [why]}
    return [nothing], detail


def names_of(lineages: Iterable[Lineage]) -> list[list[str]]:
    """The names of the output columns, statement by statement: for the payload."""
    return [list(each.outputs.names) for each in lineages if _says(each)]


def _says(lineage: Lineage) -> bool:
    outputs = lineage.outputs
    return bool(lineage.writes or lineage.doubts or outputs.columns or outputs.rest is not None)


def _octets(value: object) -> int:
    return len(json.dumps(value, separators=(",", ":")))


def _one(lineage: Lineage, masks: Masks) -> dict[str, Any]:
    numbers: dict[Source, int] = {}

    def flow(value: Flow) -> dict[str, list[int]]:
        words: dict[str, list[int]] = {}
        for source in sorted(value):
            number = numbers.setdefault(source, len(numbers))
            for bit, word in WORDS.items():
                if value[source] & bit:
                    words.setdefault(word, []).append(number)
        return words

    outputs = lineage.outputs
    said: dict[str, Any] = {}
    columns = [flow(each) for each in outputs.columns]
    if outputs.rest is not None:
        said["more"] = flow(outputs.rest)
    if columns or outputs.rest is not None:
        said["outputs"] = columns
        said["rows"] = flow(outputs.rows)
    if lineage.writes:
        said["writes"] = [_write(write, flow) for write in lineage.writes]
    said["sources"] = [_source(source, masks) for source in numbers]
    said["exact"] = not lineage.doubts
    if lineage.doubts:
        said["widened"] = list(lineage.doubts[:MOST_REASONS])
    return {name: value for name, value in said.items() if value or name in ("exact", "sources")}


def _write(write: Write, flow: Callable[[Flow], dict[str, list[int]]]) -> dict[str, Any]:
    said: dict[str, Any] = {"relation": str(write.relation) if write.relation.schema else "*"}
    if write.columns:
        said["columns"] = {name: flow(each) for name, each in sorted(write.columns.items())}
    if write.rows:
        said["rows"] = flow(write.rows)
    return said


def _source(source: Source, masks: Masks) -> dict[str, Any]:
    said: dict[str, Any] = {"column": str(source)}
    if source.via:
        said["via"] = list(source.via)
    for column in (str(source), *source.via):
        if column in masks:
            return said | {"mask": masks[column].mask, "rule": masks[column].rule}
    return said


# wider, when it is too long


def by_table(lineage: Lineage, why: str) -> Lineage:
    """The same, by table: every column of a table that counts may be in every output."""
    outputs = lineage.outputs
    values = _tables(outputs.values())
    some = bool(outputs.columns) or outputs.rest is not None
    return Lineage(
        Result((), (), _tables(outputs.rows), values) if some else Result(),
        tuple(
            Write(write.relation, {"*": _tables(union(write.columns.values()))} if write.columns else {},
                  _tables(write.rows))
            for write in lineage.writes
        ),
        (why, *lineage.doubts),
    )  # fmt: skip


def _tables(flow: Flow) -> Flow:
    total: Flow = {}
    for source, kinds in flow.items():
        table = Source(source.schema, source.table, "*")
        total[table] = total.get(table, 0) | kinds
    return total


def _together(lineages: list[Lineage]) -> Lineage:
    """All statements of a text as one, where they are many."""
    wide = [by_table(each, "by text: it is too long by statement") for each in lineages]
    outputs = union(each.outputs.values() for each in wide)
    rows = union(each.outputs.rows for each in wide)
    writes: dict[str, Write] = {}
    for each in wide:
        for write in each.writes:
            before = writes.get(str(write.relation), write)
            writes[str(write.relation)] = Write(
                write.relation,
                {"*": union([*before.columns.values(), *write.columns.values()])},
                union([before.rows, write.rows]),
            )
    doubts = tuple(dict.fromkeys(doubt for each in wide for doubt in each.doubts))
    return Lineage(Result(rows=rows, rest=outputs), tuple(writes.values()), doubts)


# when there is no lineage


def from_facts(read: Iterable[str], written: Iterable[str], why: str) -> list[Any]:
    """What can be said of a text whose lineage could not be found: everything read is in everything written."""
    sources = sorted(read) or ["*"]
    every = {"transformation": [*range(len(sources))]}
    relations = sorted({column.rpartition(".")[0] for column in written})
    said: dict[str, Any] = {"sources": [{"column": column} for column in sources], "more": every}
    if relations:
        said["writes"] = [{"relation": relation, "columns": {"*": every}} for relation in relations]
    said |= {"exact": False, "widened": [why]}
    if _octets(said) > MOST_OCTETS:
        said = {"sources": [{"column": "*"}], "more": {"transformation": [0]}, "exact": False, "widened": [why]}
        if relations:
            said["writes"] = [{"relation": "*", "columns": {"*": {"transformation": [0]}}}]
    return [said]


