"""What a stopped writer left in the journal: the entries that its tree does not have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gov.audit.entry import Record, read_leaf
from gov.audit.line import read_lines
from gov.errors import Unavailable, Unverified


def unseen(files: Sequence[Path], size: int, last: bytes) -> list[Record]:
    """The entries in these journal files that follow a tree of `size` whose last leaf has the hash `last`.

    Raises:
        Unavailable: A line is damaged, or an entry is missing.
    """
    try:
        found = [record for path in files for record in _read(path) if record.index >= size]
        _check_chain(found, size, last)
    except Unverified as why:
        log = files[0].parent.parent
        raise Unavailable(
            f"the audit journal is damaged: {why.what}", hint=f"gov audit verify --dir {log}"
        ) from None
    return found


def _read(path: Path) -> Sequence[Record]:
    try:
        return read_lines(path.read_bytes()).records
    except Unverified as why:
        raise Unverified(f"{path.parent.name}/{path.name}: {why.what}", hint=why.hint) from None


def _check_chain(records: Sequence[Record], size: int, last: bytes) -> None:
    for index, found in enumerate(records, size):
        if found.index != index or read_leaf(found.leaf).previous != last:
            raise Unverified(f"entry {index} is missing or replaced", hint="gov audit verify")
        last = found.hash
