"""Entries as lines: each once, statements with their ends where these are known."""

from __future__ import annotations

import csv
import json
from io import StringIO

from gov.audit.formats import COLUMNS, Format, Writer, head
from gov.audit.ocsf import Source
from gov.control.trail import EntryView

SOURCE = Source("log", "1")


def entry(index: int, kind: str, fields: dict[str, object], payload: dict[str, object] | None = None) -> EntryView:
    """An entry as the API shows it."""
    return EntryView(index=index, at="2026-01-31T12:00:00.000Z", kind=kind, fields=fields, payload=payload)


STORY = [
    entry(
        0, "statement", {"verdict": "allow", "done": {"rows": 2, "outcome": "done"}},
        {"text": "=1+1", "principal": "al"},
    ),
    entry(1, "statement", {"verdict": "allow"}, {"text": "select 2"}),
    entry(2, "statement.done", {"statement": 0, "rows": 2, "outcome": "done"}, {}),
    entry(3, "statement.done", {"statement": 1, "rows": 9, "outcome": "done"}, {}),
]


def test_an_end_is_told_once() -> None:
    """With its statement, or by itself when it came later; over several pages too."""
    writer = Writer(Format.OCSF, SOURCE)
    events = [json.loads(line) for part in (STORY[:1], STORY[1:]) for line in writer.lines(part)]

    assert [(each["metadata"]["sequence"], each["unmapped"].get("rows")) for each in events] == [
        (0, 2), (1, None), (3, 9)]  # fmt: skip


def test_json_lines_are_the_entries_themselves() -> None:
    """All of them, as they are in the log."""
    lines = [json.loads(line) for line in Writer(Format.JSONL, SOURCE).lines(STORY)]

    assert [each["id"] for each in lines] == ["log/0", "log/1", "log/2", "log/3"]
    assert lines[0]["fields"] == {"verdict": "allow"}
    assert lines[0]["payload"] == {"text": "=1+1", "principal": "al"}


def test_csv_has_one_row_for_each_statement() -> None:
    """And nothing that a spreadsheet would run."""
    text = head(Format.CSV) + "".join(Writer(Format.CSV, SOURCE).lines(STORY))
    rows = [*csv.DictReader(StringIO(text, newline=""))]

    assert tuple(rows[0]) == COLUMNS
    assert [(row["entry"], row["rows"], row["statement"]) for row in rows] == [
        ("0", "2", "'=1+1"), ("1", "", "select 2"), ("3", "9", "1")]  # fmt: skip
