"""Entries as OpenLineage events, one a line: a START for each statement that moved data, and its end."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from gov.audit.telling import approvers, ran
from gov.lineage.openlineage import Ran, events

if TYPE_CHECKING:
    from gov.control.trail import EntryView


class LineageWriter:
    """Remembers the statements whose end has not come yet."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._open: dict[int, EntryView] = {}

    def go_on(self, started: Iterable[EntryView]) -> None:
        """Statements whose START was told before, and whose end is to come."""
        self._open |= {each.index: each for each in started}

    def lines(self, entries: Iterable[EntryView]) -> Iterator[str]:
        """The events of these entries, which follow those before."""
        for each in entries:
            for event in self._events(each):
                yield json.dumps(event, separators=(",", ":")) + "\n"

    def _events(self, each: EntryView) -> Iterator[dict[str, Any]]:
        if each.kind == "statement" and each.fields.get("lineage") and ran(each):
            if not isinstance(each.fields.get("done"), Mapping):
                self._open[each.index] = each
            yield from events(self._ran(each, each.fields.get("done")))
        elif each.kind == "statement.done" and (statement := self._open.pop(_number(each), None)) is not None:
            yield from [*events(self._ran(statement, {**each.fields, **(each.payload or {})}))][1:]

    def _ran(self, each: EntryView, done: object) -> Ran:
        fields: dict[str, Any] = each.fields
        payload: dict[str, Any] = each.payload or {}
        end: Mapping[str, Any] = done if isinstance(done, Mapping) else {}
        tags = {name: str(fields[name]) for name in ("lease", "session", "purpose", "dataset", "break_glass")
                if fields.get(name)}
        return Ran(
            log=self._origin, entry=each.index, target=str(fields.get("target", "")),
            at=datetime.fromisoformat(each.at), command=str(fields.get("command", "")), lineage=fields["lineage"],
            names=payload.get("outputs") or [], outcome=str(end.get("outcome", "")),
            seconds=float(end.get("duration_ms") or 0) / 1000, rows=end.get("rows"),
            text=str(payload.get("text", "")), who=str(payload.get("principal") or fields.get("subject") or ""),
            agent=str(fields.get("agent") or ""), approved_by=tuple(approvers(each)), run=str(fields.get("run") or ""),
            tags=tags,
        )  # fmt: skip


def _number(done: EntryView) -> int:
    found = done.fields.get("statement")
    return found if isinstance(found, int) else -1
