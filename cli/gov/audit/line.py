"""The journal's lines: entries that are not in tiles yet.

    <length, 8 hex digits> TAB <leaf hash, hex> TAB <salt, hex> TAB <leaf> TAB <payload> LF

The length counts the whole line. JSON escapes tabs and newlines, so each stands here for itself only; salt
and payload are empty when the entry has no payload. Each leaf names the hash of the one before it: lines are
a chain that hangs on the last entry of the tree.

A write that was cut short leaves a last line without its LF and shorter than it says: that line was never
acknowledged and counts for nothing. Nor do zeros behind it or in its place, which a file system leaves where
the machine stopped before it had written what it had made room for. Anything else that does not read is damage.
"""

from __future__ import annotations

from dataclasses import dataclass

from gov.audit.entry import SALT_SIZE, Record, digest, read_leaf
from gov.audit.tree import leaf_hash
from gov.errors import Unverified

_LENGTH = 8
_HINT = "gov audit verify --dir"


@dataclass(frozen=True, slots=True)
class Segment:
    """The lines of one journal file."""

    records: tuple[Record, ...]
    torn: int = 0
    """Bytes of a last line that was cut short."""


def write_line(record: Record) -> bytes:
    """The line of `record`."""
    salt, payload = record.sealed[:SALT_SIZE].hex().encode(), record.sealed[SALT_SIZE:]
    rest = b"\t".join((b"", record.hash.hex().encode(), salt, record.leaf, payload)) + b"\n"
    return b"%08x" % (len(rest) + _LENGTH) + rest


def read_lines(data: bytes) -> Segment:
    """The records in a journal file.

    Raises:
        Unverified: A line does not read, and it is not a last one cut short.
    """
    whole, newline, tail = data.rpartition(b"\n")
    lines = whole.split(b"\n") if newline else []
    records = tuple(_read(line + b"\n", at) for at, line in enumerate(lines))
    if tail and not _is_torn(tail):
        raise Unverified(f"line {len(lines) + 1} is damaged", hint=_HINT)
    return Segment(records, len(tail))


def _read(line: bytes, at: int) -> Record:
    fields = line[:-1].split(b"\t")
    try:
        _, _, salt, leaf, payload = fields
        sealed = bytes.fromhex(salt.decode()) + payload
        found = Record(read_leaf(leaf).index, leaf, leaf_hash(leaf), sealed)
        # Written again it must be the same, letter by letter: hex has two cases, and spaces are ignored.
        intact = write_line(found) == line and read_leaf(leaf).payload == (digest(sealed) if sealed else None)
    except (ValueError, Unverified):
        intact = False
    if not intact:
        raise Unverified(f"line {at + 1} is damaged", hint=_HINT)
    return found


def _is_torn(tail: bytes) -> bool:
    """Whether these bytes can be the beginning of a line whose end was never written, or is zeros."""
    written = tail.rstrip(b"\0")
    stated = written[:_LENGTH]
    if any(digit not in b"0123456789abcdef" for digit in stated):
        return False
    return len(stated) < _LENGTH or len(written) < int(stated, 16)
