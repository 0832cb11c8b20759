"""Lineage as an audit entry states it, in lines: what each column is of, what masks it, what decides about rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

_WORDS = {
    "transformation": "computed", "aggregation": "aggregated", "filter": "filters", "join": "joins",
    "group_by": "groups", "sort": "sorts", "window": "in its window", "conditional": "decides",
}  # fmt: skip
DIRECT = frozenset({"identity", "transformation", "aggregation"})
"""How a value reaches another; all else only decides about it."""


def how(kinds: Iterable[str], mask: str, rule: str) -> str:
    """` (masked: partial by contact-is-partial, computed)`; empty for a value that arrives as it was."""
    words = [_WORDS.get(kind, kind) for kind in kinds if kind != "identity"]
    if mask:
        words.insert(0, f"masked: {mask}" + (f" by {rule}" if rule else ""))
    return f" ({', '.join(words)})" if words else ""


def decides(kind: str, sources: Sequence[str]) -> str:
    """`rows: public.orders.status filters`, with the first few of many."""
    shown = ", ".join(sources[:5]) + (f" and {len(sources) - 5} more" if len(sources) > 5 else "")
    return f"rows: {shown} {_WORDS.get(kind, kind) if len(sources) == 1 else _plural(kind)}"


def told(lineage: Iterable[Any], names: Sequence[Sequence[str]]) -> Iterator[str]:
    """The field `lineage` of an entry, line by line; `names` of output columns for each of its members."""
    for number, each in enumerate(lineage):
        sources = each.get("sources") or []
        known = names[number] if number < len(names) else ()
        for place, flow in enumerate(each.get("outputs", ())):
            name = known[place] if place < len(known) else f"column {place + 1}"
            yield f"{name} ← {_of(flow, sources)}"
        if more := each.get("more"):
            yield f"{'further columns' if each.get('outputs') else 'the result'} ← {_of(more, sources)}"
        yield from _rows(each.get("rows") or {}, sources)
        for write in each.get("writes", ()):
            relation = write.get("relation", "*")
            columns = write.get("columns") or {}
            for name, flow in columns.items():
                yield f"writes {relation}.{name} ← {_of(flow, sources)}"
            if not columns:
                yield f"removes rows of {relation}"
            yield from _rows(write.get("rows") or {}, sources)
        for why in each.get("widened", ()):
            yield f"not exact: {why}"


def _of(flow: Mapping[str, Sequence[int]], sources: Sequence[Mapping[str, Any]]) -> str:
    """Every source of one column, with how it gets there and the mask between."""
    kinds: dict[int, list[str]] = {}
    for kind, places in flow.items():
        for place in places:
            kinds.setdefault(place, []).append(kind)
    found = []
    for place, words in kinds.items():
        source = sources[place]
        via = "".join(f" through {view}" for view in source.get("via", ()))
        found.append(f"{source['column']}{via}{how(words, str(source.get('mask', '')), str(source.get('rule', '')))}")
    return ", ".join(found) or "no column"


def _rows(flow: Mapping[str, Sequence[int]], sources: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for kind, places in flow.items():
        yield decides(kind, [str(sources[place]["column"]) for place in places])


def _plural(kind: str) -> str:
    return {"conditional": "decide", "window": "in windows"}.get(kind, _WORDS.get(kind, kind).removesuffix("s"))
