"""Journal lines read as they were written; a torn one is told from a damaged one."""

from __future__ import annotations

import pytest

from gov.audit.entry import FIRST, Entry, Record, record
from gov.audit.line import read_lines, write_line
from gov.errors import Unverified

FULL = record(Entry("statement", 1.0, {"command": "SELECT"}, {"text": "select 1"}), 0, FIRST, b"0123456789abcdef")
BARE = record(Entry("broker.started", 2.0, {"version": "1"}), 1, FULL.hash, b"0123456789abcdef")
LINES = write_line(FULL) + write_line(BARE)


def test_lines_read_as_they_were_written() -> None:
    """With and without a payload."""
    assert read_lines(LINES).records == (FULL, BARE)
    assert read_lines(b"").records == ()


@pytest.mark.parametrize("last", [FULL, BARE])
def test_a_line_cut_short_anywhere_counts_for_nothing(last: Record) -> None:
    """The write that was interrupted was never acknowledged."""
    line = write_line(last)

    for cut in range(1, len(line)):
        segment = read_lines(LINES + line[:cut])
        assert segment.records == (FULL, BARE)
        assert segment.torn == cut


@pytest.mark.parametrize("zeros", [1, 8, 5000])
def test_zeros_where_the_machine_stopped_count_for_nothing(zeros: int) -> None:
    """Room that was made and never filled: in the place of a last line, or of its end."""
    line = write_line(FULL)

    for cut in (0, 5, len(line) // 2, len(line) - 1):
        segment = read_lines(LINES + line[:cut] + bytes(zeros))
        assert segment.records == (FULL, BARE)
        assert segment.torn == cut + zeros
    with pytest.raises(Unverified, match="damaged"):
        read_lines(LINES + bytes(zeros) + line)


def test_any_other_byte_is_damage() -> None:
    """Every bit of whole lines, the line ends too: none can be taken for a line cut short."""
    for at in range(len(LINES) * 8):
        changed = bytearray(LINES)
        changed[at // 8] ^= 1 << at % 8
        with pytest.raises(Unverified, match="damaged"):
            read_lines(bytes(changed))


@pytest.mark.parametrize(
    "data",
    [b"\n", b"garbage\n", b"0000000f\n" + LINES, LINES + b"\n", LINES.replace(b"\t", b" "), LINES.upper(), b"garbage"],
)
def test_garbage_is_damage(data: bytes) -> None:
    """It raises our error and no other."""
    with pytest.raises(Unverified, match="damaged"):
        read_lines(data)
