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
        raise UsageError(
            f"{path} is no export in the format {format}", hint=f"gov audit export --format {format} -o ANOTHER"
        ) from None
    os.truncate(path, end)
    return entry


_BEGINS = {Format.CSV: b"entry,time,", Format.JSONL: b'{"id":"', Format.OCSF: b'{"activity_id":'}
"""How a file begins, however little of it there is."""


def _entry(line: str, format: Format) -> int | None:
    if format is Format.CSV:
        cells = next(csv.reader([line]))
        if len(cells) != len(COLUMNS):
            raise ValueError("another table")
        return None if tuple(cells) == COLUMNS else int(cells[0])
    read = json.loads(line)
    return int(read["index"] if format is Format.JSONL else read["metadata"]["sequence"])


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

