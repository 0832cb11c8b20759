"""Which DECLARE a FETCH belongs to: what its rows are of stands there, so it is said in the entry of each FETCH too.

For the trail alone: nothing is decided by it. Where a name cannot be told from the text, a FETCH is taken to be
of every cursor that the session has declared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from gov.lineage.form import MOST_OCTETS, from_facts

MOST = 256
"""Cursors that are remembered; the oldest is forgotten first."""
_NAME = r"""(?P<name>"(?:[^"]|"")+"|[A-Za-z_][A-Za-z0-9_$]*)"""
_SPACE = r"(?:\s|--[^\n]*\n|/\*(?:[^*/]|\*(?!/)|/(?!\*))*\*/)*+"
"""What may stand before a statement; a comment within a comment is not looked into."""
_DECLARE = re.compile(rf"{_SPACE}DECLARE\s+{_NAME}\s", re.ASCII | re.IGNORECASE)
_FETCH = re.compile(
    rf"{_SPACE}(?:FETCH|MOVE)\s+(?:[A-Za-z]+\s+|[+-]?\d+\s+){{0,3}}?(?:(?:FROM|IN)\s+)?{_NAME}\s*;?\s*",
    re.ASCII | re.IGNORECASE,
)
_FETCHES = re.compile(r"\b(?:FETCH|MOVE)\s", re.ASCII | re.IGNORECASE)
_UNNAMED = ";"
"""Begins what stands for a name that could not be told."""
_SHARED = ("reads", "columns_read", "masks", "clear_sensitive")
"""What a FETCH reads, as its DECLARE says."""
_WHOLE = ("lineage", "outputs")
"""Told as one DECLARE says it."""
_WHICH = "which cursor it fetches from cannot be told"

Fields = Mapping[str, object]


class Cursors:
    """What one session has declared."""

    def __init__(self) -> None:
        self._declared: dict[str, tuple[int, Fields]] = {}

    def declared(self, text: str, index: int, fields: Fields) -> None:
        """The statement of entry `index` was recorded with these fields: it may declare a cursor."""
        if "DECLARE" not in text.upper():
            return
        found = _DECLARE.match(text)
        name = _folded(found["name"]) if found and text.rstrip().rstrip(";").count(";") == 0 else f"{_UNNAMED}{index}"
        self._declared.pop(name, None)
        self._declared[name] = index, fields
        if len(self._declared) > MOST:
            del self._declared[next(iter(self._declared))]

    def of(self, text: str) -> dict[str, object]:
        """What the entry of this statement says of the cursors that it fetches from; nothing where there are none."""
        if _FETCHES.search(text) is None:
            return {}
        found = _FETCH.fullmatch(text)
        one = self._declared.get(_folded(found["name"])) if found else None
        unnamed = [each for name, each in self._declared.items() if name.startswith(_UNNAMED)]
        meant = [one, *unnamed] if one else [*self._declared.values()]
        if not meant:
            return {}
        said: dict[str, object] = {"cursors": [index for index, _ in meant]}
        for name in _SHARED:
            if union := _union(fields.get(name) for _, fields in meant):
                said[name] = union
        if one and not unnamed:
            return said | {name: one[1][name] for name in _WHOLE if name in one[1]}
        return said | _of_any([fields for _, fields in meant])


def _of_any(meant: Sequence[Fields]) -> dict[str, object]:
    """The lineage of a FETCH from one of several: that of each, and none for certain."""
    told: list[dict[str, Any]] = []
    names: list[object] = []
    for fields in meant:
        lineage = cast("list[dict[str, Any]]", fields.get("lineage") or [])
        told += [{**each, "exact": False, "widened": [*each.get("widened", ()), _WHICH]} for each in lineage]
        names += cast("list[object]", fields.get("outputs") or [[]] * len(lineage))
    if len(json.dumps(told, separators=(",", ":"))) > MOST_OCTETS:
        columns = cast("list[str]", _union(fields.get("columns_read") for fields in meant))
        return {"lineage": from_facts(columns, (), _WHICH)}
    return {"lineage": told, "outputs": names} if told else {}


def _folded(name: str) -> str:
    """A name as PostgreSQL knows it."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()


def _union(lists: Iterable[object]) -> list[object]:
    found: list[object] = []
    for each in lists:
        if isinstance(each, list | tuple):
            found += [item for item in each if item not in found]
    return found
