"""Entries for other programs: OCSF events, JSON Lines, CSV. One line each, in the order of the log.

What became of a statement comes with it where it is known by then; otherwise it follows as an entry of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, Final

from gov.audit import telling
from gov.audit.ocsf import Source, event
from gov.audit.tabular import line
from gov.audit.telling import Told


class Format(StrEnum):
    """How entries are written."""

    OCSF = "ocsf"
    JSONL = "jsonl"
    CSV = "csv"


COLUMNS: Final = (
    "entry", "time", "kind", "who", "subject", "issuer", "agent", "target", "environment", "scope", "session", "lease",
    "request", "purpose", "run", "client", "verdict", "rule", "effects", "reads", "writes", "columns_read",
    "columns_written", "masks", "clear_sensitive", "approved_by", "rows", "bytes", "duration_ms", "sqlstate", "outcome",
    "statement", "parameters", "error", "reason",
)
"""Of the CSV; add at the end, never rename."""


class Writer:
    """Turns entries into lines. Remembers the statements whose end has not come yet."""

    def __init__(self, format: Format, source: Source) -> None:
        self._write = _WRITERS[format]
        self._source = source
        self._whole = format is Format.JSONL
        self._ended: set[int] = set()
        """Statements that were written with their end, which is not written again."""

    def lines(self, entries: Iterable[Told]) -> Iterator[str]:
        """A line for each entry that is not told already."""
        for each in entries:
            if self._whole or not self._is_told(each):
                yield self._write(each, self._source)

    def _is_told(self, each: Told) -> bool:
        if each.kind == "statement" and "done" in each.fields:
            self._ended.add(each.index)
        if each.kind != "statement.done" or (statement := each.fields.get("statement")) not in self._ended:
            return False
        self._ended.discard(statement)
        return True


def head(format: Format) -> str:
    """What stands before the first line."""
    return line(COLUMNS) if format is Format.CSV else ""


def plain(each: Told, source: Source) -> dict[str, Any]:
    """The entry as it is, with an id that it has nowhere else."""
    fields = {name: value for name, value in each.fields.items() if name != "done"}
    return {
        "id": f"{source.origin}/{each.index}", "index": each.index, "at": each.at, "kind": each.kind,
        "fields": fields, "payload": None if each.payload is None else dict(each.payload),
    }  # fmt: skip


def _jsonl(each: Told, source: Source) -> str:
    return json.dumps(plain(each, source), separators=(",", ":")) + "\n"


def _ocsf(each: Told, source: Source) -> str:
    return json.dumps(event(each, source), separators=(",", ":")) + "\n"


def _csv(each: Told, source: Source) -> str:
    done = each.fields.get("done")
    payload: Mapping[str, Any] = each.payload or {}
    said = {**payload, **(done if isinstance(done, Mapping) else {}), **each.fields}
    said |= {"entry": each.index, "time": each.at, "kind": each.kind, "who": telling.who(each)}
    said["statement"] = telling.ERASED if each.payload is None else payload.get("text", each.fields.get("statement"))
    return line(said.get(name) for name in COLUMNS)


_WRITERS: Final[Mapping[Format, Callable[[Told, Source], str]]] = {
    Format.OCSF: _ocsf, Format.JSONL: _jsonl, Format.CSV: _csv,
}  # fmt: skip
