"""The columns of a file with what went into them: from the lineage in an audit entry to a receipt's own words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def columns(lineage: Sequence[Mapping[str, Any]], names: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
    """Each column of a result with its inputs; `lineage` and `names` as `gov.lineage.form` states them.

    A text of several statements gives the columns of all of them, one after the other.
    """
    found: list[dict[str, Any]] = []
    for number, one in enumerate(lineage):
        called = names[number] if number < len(names) else ()
        for place, flow in enumerate(one.get("outputs") or ()):
            name = called[place] if place < len(called) else f"column {place + 1}"
            found.append({"name": name, "inputs": _inputs(one, flow)})
    return found


def rows(lineage: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What decided which rows there are."""
    return [each for one in lineage for each in _inputs(one, one.get("rows") or {})]


def doubts(lineage: Sequence[Mapping[str, Any]]) -> list[str]:
    """Why more is named than may have gone in; empty when it is exact."""
    reasons = [each for one in lineage if not one.get("exact", True) for each in one.get("widened") or ["not exact"]]
    return [*dict.fromkeys(reasons)]


def _inputs(one: Mapping[str, Any], flow: Mapping[str, Sequence[int]]) -> list[dict[str, Any]]:
    sources = one.get("sources") or []
    how: dict[int, list[str]] = {}
    for word, places in sorted(flow.items()):
        for place in places:
            how.setdefault(place, []).append(word)
    return [{**sources[place], "how": words} for place, words in sorted(how.items()) if place < len(sources)]
