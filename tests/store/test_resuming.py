"""An export that was broken off anywhere goes on behind its last whole line."""

from __future__ import annotations

from pathlib import Path

import pytest

from gov.audit.formats import Format, Writer, head
from gov.audit.ocsf import Source
from gov.commands.lineage_lines import LineageWriter
from gov.control.trail import EntryView
from gov.errors import UsageError
from gov.store.resuming import last_event, last_whole


def written(format: Format) -> list[bytes]:
    """A head and three lines, of statements with line ends and quotes in them."""
    entries = [
        EntryView(index=index, at="2026-01-31T12:00:00.000Z", kind="statement", fields={"target": "prod"},
                  payload={"text": f'select "{index}"\r\n, \'a""\n"b\'\n'})
        for index in (3, 4, 7)
    ]
    lines = Writer(format, Source("log", "1")).lines(entries)
    return [head(format).encode(), *(line.encode() for line in lines)]


@pytest.mark.parametrize("format", Format)
def test_cut_anywhere(tmp_path: Path, format: Format) -> None:
    """What is left are whole lines, and the entry of the last of them."""
    parts = written(format)
    whole = b"".join(parts)
    ends = [len(b"".join(parts[:count])) for count in range(len(parts) + 1)]
    entries = dict(zip(ends[1:], (None, 3, 4, 7), strict=True))
    for cut in range(len(whole) + 1):
        file = tmp_path / "export"
        file.write_bytes(whole[:cut])
        kept = max(end for end in ends if end <= cut)
        assert (last_whole(file, format), file.stat().st_size) == (entries.get(kept), kept), cut


@pytest.mark.parametrize("content", [b"hello", b"hello\n", b"{}\n", b"[1]\n", b'{"index": "x"}\n'])
def test_another_file_is_not_gone_on_with(tmp_path: Path, content: bytes) -> None:
    """And keeps its content."""
    file = tmp_path / "notes"
    file.write_bytes(content)
    for format in Format:
        with pytest.raises(UsageError, match="is no export"):
            last_whole(file, format)
    with pytest.raises(UsageError, match="is no export"):
        last_event(file)
    assert file.read_bytes() == content


def test_lineage_cut_anywhere(tmp_path: Path) -> None:
    """Each event is there once in the end: those of statements that were running at the cut among them."""
    said = [{"exact": True, "sources": [{"column": "public.t.a"}], "outputs": [{"identity": [0]}]}]
    ends = {3: 4, 5: 9, 6: 8, 7: 10}
    log = {
        index: EntryView(index=index, at=f"2026-01-31T12:00:{index:02}.000Z", kind="statement", payload={},
                         fields={"target": "prod", "verdict": "allow", "lineage": said})
        for index in ends
    } | {
        end: EntryView(index=end, at=f"2026-01-31T12:00:{end:02}.000Z", kind="statement.done", payload={},
                       fields={"statement": index, "outcome": "done", "rows": 1, "duration_ms": 5})
        for index, end in ends.items()
    }  # fmt: skip
    known = {
        index: log[index].model_copy(update={"fields": {**log[index].fields, "done": log[end].fields}})
        for index, end in ends.items()
    }  # fmt: skip
    whole = "".join(LineageWriter("log").lines(log[index] for index in sorted(log))).encode()
    lines = whole.splitlines(keepends=True)
    assert len(lines) == 8
    places = {len(b"".join(lines[:count])) + more for count in range(8) for more in (0, 1, 9, 40, 300)}
    for cut in (*sorted(places), len(whole)):
        file = tmp_path / "events.jsonl"
        file.write_bytes(whole[:cut])
        after, started = last_event(file)
        writer = LineageWriter("log")
        writer.go_on(known[each] for each in sorted(started))
        with file.open("a") as stream:
            stream.writelines(writer.lines({**log, **known}[index] for index in sorted(log) if index > (after or 0)))
        assert sorted(file.read_bytes().splitlines(keepends=True)) == sorted(lines), cut
