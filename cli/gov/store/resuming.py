"""Where an export that was broken off goes on: behind the last line of its file that is whole."""

from __future__ import annotations

import csv
import json
import os
from functools import partial
from pathlib import Path

from gov.audit.formats import COLUMNS, Format
from gov.errors import UsageError

_CHUNK = 1 << 20


def last_whole(path: Path, format: Format) -> int | None:
    """The entry in the last whole line of the file, which is cut off behind it; None when there is none.

    Raises:
        UsageError: The file is no export in this format.
    """
    told = last_told(path, format)
    return told[0] if told else None


def last_told(path: Path, format: Format) -> tuple[int, str] | None:
    """The same, with the time that the line says: by that a file of another log is told.

    Raises:
        UsageError: The file is no export in this format.
    """
    before, end = _end(path, quoted=format is Format.CSV)
    with path.open("rb") as file:
        begins = file.read(len(_BEGINS[format]))
        file.seek(before)
        line = file.read(end - before).decode(errors="replace")
    try:
        if not _BEGINS[format].startswith(begins):
            raise ValueError("another file")
        entry = _entry(line, format) if end else None
    except (ValueError, KeyError, TypeError, StopIteration):
        raise _other(path, format) from None
    os.truncate(path, end)
    return entry


def last_event(path: Path) -> tuple[int | None, set[int]]:
    """Of a file of OpenLineage events: the entry of its last START, and those of statements without an end.

    It is cut off behind its last whole line.

    Raises:
        UsageError: The file is no export of lineage.
    """
    last, open_, end = None, set[int](), 0
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            try:
                event = json.loads(line)
                tags = event["run"]["facets"]["tags"]["tags"]
                entry = next(int(each["value"]) for each in tags if each["key"] == "entry")
            except (ValueError, KeyError, TypeError, StopIteration):
                raise _other(path, "openlineage") from None
            end += len(line)
            if event["eventType"] == "START":
                last = entry
                open_.add(entry)
            else:
                open_.discard(entry)
        file.seek(0)
        if not _EVENT.startswith(file.read(len(_EVENT))):
            raise _other(path, "openlineage")
    os.truncate(path, end)
    return last, open_


def _other(path: Path, format: str) -> UsageError:
    return UsageError(
        f"{path} is no export in the format {format}", hint=f"gov audit export --format {format} -o ANOTHER"
    )


_EVENT = b'{"eventType":"'
_BEGINS = {Format.CSV: b"entry,time,", Format.JSONL: b'{"id":"', Format.OCSF: b'{"activity_id":'}
"""How a file begins, however little of it there is."""


def _entry(line: str, format: Format) -> tuple[int, str] | None:
    if format is Format.CSV:
        cells = next(csv.reader([line]))
        if len(cells) != len(COLUMNS):
            raise ValueError("another table")
        return None if tuple(cells) == COLUMNS else (int(cells[0]), cells[1])
    read = json.loads(line)
    if format is Format.JSONL:
        return int(read["index"]), str(read["at"])
    return int(read["metadata"]["sequence"]), str(read["metadata"]["original_time"])


def _end(path: Path, *, quoted: bool) -> tuple[int, int]:
    """Where the last whole line begins and ends. In CSV a line end within quotes is none."""
    before = end = at = 0
    inside = False
    with path.open("rb") as file:
        for chunk in iter(partial(file.read, _CHUNK), b""):
            for line in chunk.splitlines(keepends=True):
                at += len(line)
                inside ^= quoted and line.count(b'"') % 2 == 1
                if line.endswith(b"\n") and not inside:
                    before, end = end, at
    return before, end

