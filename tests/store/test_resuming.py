"""An export that was broken off anywhere goes on behind its last whole line."""

from __future__ import annotations

from pathlib import Path

import pytest

from gov.audit.formats import Format, Writer, head
from gov.audit.ocsf import Source
from gov.control.trail import EntryView
from gov.errors import UsageError
from gov.store.resuming import last_whole


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
    assert file.read_bytes() == content
