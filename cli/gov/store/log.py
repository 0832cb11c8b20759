"""The log read back: entries by number, forwards, backwards, from tree and journal alike.

Reads what is on the disk, the journal too, so that an entry is there as soon as it was written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gov.audit import payload
from gov.audit.checkpoint import Checkpoint, unsigned
from gov.audit.entry import Leaf, Record, read_leaf, read_payload
from gov.audit.line import read_lines
from gov.audit.tree import WIDTH, Tile, unbundle
from gov.errors import NoSuch, Unavailable, Unverified
from gov.store.disk import Files
from gov.store.places import JOURNAL

_BUNDLES = 4
"""Bundles kept by whoever asks for entries one by one."""
_ATTEMPTS = 10
"""Times that a reader starts again because the writer moved the journal away under it."""


@dataclass(slots=True)  # never changed; freezing costs a microsecond for each of millions
class Found:
    """An entry read back, its payload not yet."""

    leaf: Leaf
    sealed: bytes
    raw: bytes
    """The leaf as it is stored."""

    @property
    def index(self) -> int:
        """Its number."""
        return self.leaf.index

    def payload(self) -> dict[str, Any] | None:
        """The payload; empty when there never was one, None when it was erased."""
        if self.sealed:
            return read_payload(self.sealed)
        return {} if self.leaf.payload is None else None

    def completes(self, statement: int) -> bool:
        """Whether this is what became of that statement."""
        return self.leaf.kind == "statement.done" and self.leaf.fields.get("statement") == statement

    def done(self) -> dict[str, Any]:
        """What became of a statement, on one level."""
        return {**self.leaf.fields, **(self.payload() or {})}


def size(read: Files) -> int:
    """Entries in the log, those of the journal among them. Raises Unavailable."""
    checkpoint, pending = _ends(read)
    return checkpoint.size + len(pending)


def integrated(read: Files) -> int:
    """Entries in the tree. Raises Unavailable."""
    return _checkpoint(read).size


def forwards(read: Files, first: int) -> Iterator[Found]:
    """Every entry from number `first` on, oldest first. Raises Unavailable."""
    checkpoint, pending = _ends(read)
    yield from _of_tree(read, first, checkpoint.size)
    for record in pending:
        if record.index >= first:
            yield Found(read_leaf(record.leaf), record.sealed, record.leaf)


def of_tree(read: Files, first: int) -> Iterator[Found]:
    """The entries of the tree from number `first` on; those of the journal are not looked at. Raises Unavailable."""
    yield from _of_tree(read, first, integrated(read))


def backwards(read: Files, after: int) -> Iterator[Found]:
    """Every entry with an index above `after`, newest first. Raises Unavailable."""
    checkpoint, pending = _ends(read)
    for record in reversed(pending):
        if record.index <= after:
            return
        yield Found(read_leaf(record.leaf), record.sealed, record.leaf)
    wanted = range(after + 1, checkpoint.size)
    for number in range((checkpoint.size + WIDTH - 1) // WIDTH - 1, (after + 1) // WIDTH - 1, -1):
        yield from reversed([*_bundle(read, number, checkpoint.size, wanted)])


class Entries:
    """Entries by number, for whoever asks for many in order: a bundle is read once for those that stand in it."""

    def __init__(self, read: Files) -> None:
        """The log as it is now; entries that are written later are not there. Raises Unavailable."""
        self._read = read
        self._checkpoint, pending = _ends(read)
        self._pending = {record.index: record for record in pending}
        self._bundles: dict[int, tuple[list[bytes], list[bytes]]] = {}

    @property
    def size(self) -> int:
        """Entries in the log."""
        return self._checkpoint.size + len(self._pending)

    def __getitem__(self, index: int) -> Found:
        """One entry.

        Raises:
            NoSuch: The log has none of that number.
            Unavailable: The log cannot be read.
        """
        if (record := self._pending.get(index)) is not None:
            return Found(read_leaf(record.leaf), record.sealed, record.leaf)
        if not 0 <= index < self._checkpoint.size:
            raise NoSuch(f"the log has no entry {index}", hint="gov audit tail")
        number, place = divmod(index, WIDTH)
        try:
            leaves, sealed = self._bundle(number)
            return Found(read_leaf(leaves[place]), sealed[place], leaves[place])
        except (ValueError, Unverified):
            raise _damaged(f"near entry {index}") from None

    def _bundle(self, number: int) -> tuple[list[bytes], list[bytes]]:
        known = self._bundles.pop(number, None) or _contents(self._read, number, self._checkpoint.size)
        self._bundles[number] = known  # the newest last
        if len(self._bundles) > _BUNDLES:
            del self._bundles[next(iter(self._bundles))]
        return known


def _of_tree(read: Files, first: int, size: int) -> Iterator[Found]:
    for number in range(first // WIDTH, (size + WIDTH - 1) // WIDTH):
        yield from _bundle(read, number, size, range(first, size))


def _bundle(read: Files, number: int, size: int, wanted: range) -> Iterator[Found]:
    first = number * WIDTH
    try:
        leaves, items = _contents(read, number, size)
        for index, leaf, sealed in zip(range(first, first + WIDTH), leaves, items, strict=False):
            if index in wanted:
                yield Found(read_leaf(leaf), sealed, leaf)
    except (ValueError, Unverified):
        raise _damaged(f"near entry {first}") from None


def _contents(read: Files, number: int, size: int) -> tuple[list[bytes], list[bytes]]:
    """The leaves of a bundle and their sealed payloads. Raises ValueError."""
    width = min(WIDTH, size - number * WIDTH)
    # A partial bundle is removed when the full one is there: then its beginning is what we look for.
    data = read(Tile(None, number, width).path) or read(Tile(None, number).path)
    payloads = read(payload.path(number))
    if data is None or payloads is None:
        raise ValueError("a file is missing")
    leaves, items = unbundle(data)[:width], payload.unpack(payloads, width)[0]
    if len(leaves) != width:
        raise ValueError("a bundle is short")
    return leaves, items


def _checkpoint(read: Files) -> Checkpoint:
    note = read("checkpoint")
    if note is None:
        raise Unavailable("there is no audit log here: it has no checkpoint", hint="gov broker status")
    return unsigned(note)


def _ends(read: Files) -> tuple[Checkpoint, list[Record]]:
    """The tree's head and the entries after it, of one moment."""
    for _ in range(_ATTEMPTS):
        checkpoint = _checkpoint(read)
        pending = _pending(read, checkpoint.size)
        if not pending or pending[0].index == checkpoint.size:
            return checkpoint, pending
    raise Unavailable("the audit journal does not go on from the tree", hint="gov audit verify")


def _pending(read: Files, size: int) -> list[Record]:
    records: list[Record] = []
    for name in read.names(JOURNAL):
        data = read(name) or b""  # integrated and removed since its name was read
        try:
            records += [found for found in read_lines(data).records if found.index >= size]
        except Unverified as why:
            raise _damaged(f"in {name}, {why.what}") from None
    return records


def _damaged(where: str) -> Unavailable:
    return Unavailable(f"the audit log is damaged {where}", hint="gov audit verify")
