"""Is this log what its checkpoint says, and does it go on from what somebody saw before?

Everything that can be computed is computed and compared byte for byte; what cannot be computed must be bound
by something that can. The first break found is named with its place. Knows no disk: `read` gives the content
of a path, `names` says which paths there are (left out: what is too much is not looked for, and the
journal, whose file names nobody can guess, is left aside).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property

from gov.audit import payload
from gov.audit.checkpoint import Checkpoint, open_checkpoint
from gov.audit.entry import FIRST, Leaf, Record, digest, read_leaf
from gov.audit.kinds import KINDS
from gov.audit.line import read_lines
from gov.audit.note import VerifierKey
from gov.audit.tree import (
    HASH_SIZE,
    WIDTH,
    Tile,
    bundle,
    bundles,
    leaf_hash,
    parse,
    root,
    split,
    tiles,
    unbundle,
)
from gov.errors import Unverified

Read = Callable[[str], bytes | None]

CHECKPOINT = "checkpoint"
KEY = "key.pub"
JOURNAL = "journal/"
STAGING = "new/"
"""Half-written files, which are never part of the log."""
_SEGMENT = re.compile(r"journal/\d{16}", re.ASCII)
_BROKEN = "the audit log is broken at "


@dataclass(frozen=True, slots=True)
class Verified:
    """A log that holds."""

    checkpoint: Checkpoint
    pending: int
    """In the journal, chained to the last entry, not under the checkpoint yet."""
    payloads: int
    """Present and true to their hash."""
    erased: int
    """Payloads that a `log.erased` entry accounts for."""
    torn: int
    """Bytes of a last journal line that was cut short, by a crash or by somebody."""

    @property
    def size(self) -> int:
        """Entries under the checkpoint."""
        return self.checkpoint.size

    @property
    def root(self) -> bytes:
        """The root of the checkpoint."""
        return self.checkpoint.root


def verify(
    read: Read, key: VerifierKey, *, known: Checkpoint | None = None, names: Collection[str] | None = None
) -> Verified:
    """What was proved of the log that `read` gives, signed by `key`; `known` is an earlier checkpoint of it.

    Raises:
        Unverified: The first break, with its place and reason.
    """
    return _Verification(read, key, known, names).run()


def _broken(place: str, why: str) -> Unverified:
    return Unverified(
        f"{_BROKEN}{place}: {why}",
        hint="keep this copy as it is and compare it with a backup",
    )


class _Verification:
    """One pass over one log."""

    def __init__(
        self, read: Read, key: VerifierKey, known: Checkpoint | None, names: Collection[str] | None
    ) -> None:
        self._read = read
        self._key = key
        self._known = known
        self._names = names
        self._size = 0
        self._levels: list[list[bytes]] = [[]]
        """Every hash that stands or would stand in a tile, by level; those of the journal's entries last."""
        self._statements = bytearray()
        """By index, whether the entry is a statement."""
        self._missing: list[int] = []
        self._erased: list[range] = []
        self._payloads = 0
        self._torn = 0
        self._pending: list[Record] = []

    def run(self) -> Verified:
        """All checks, in the order in which they can name a break best."""
        checkpoint = self._open_checkpoint()
        self._size = checkpoint.size
        seen = self._read_journal()
        for tile in bundles(self._size):
            self._bundle(tile)
        self._check_tiles()
        if self._root() != checkpoint.root:
            raise _broken(CHECKPOINT, "its root is not the root of the entries")
        self._check_known()
        self._check_erasures()
        self._check_journal(seen)
        self._check_names()
        return Verified(
            checkpoint, len(self._pending), self._payloads, len(self._missing), self._torn
        )

    def _need(self, path: str) -> bytes:
        data = self._read(path)
        if data is None:
            raise _broken(path, "the file is missing")
        return data

    def _open_checkpoint(self) -> Checkpoint:
        try:
            return open_checkpoint(self._need(CHECKPOINT), self._key)
        except Unverified as why:
            raise why if why.what.startswith(_BROKEN) else _broken(CHECKPOINT, why.what) from None

    # entries and payloads

    def _bundle(self, tile: Tile) -> None:
        hashes = self._hash_tile(Tile(0, tile.number, tile.width))
        try:
            entries = unbundle(self._need(tile.path))
        except ValueError as why:
            raise _broken(tile.path, str(why)) from None
        if len(entries) != tile.width:
            raise _broken(tile.path, f"it has {len(entries)} entries, and should have {tile.width}")
        items = self._items(tile)
        for entry, hashed, item in zip(entries, hashes, items, strict=True):
            index = len(self._hashes)
            place = f"{tile.path}, entry {index}"
            if leaf_hash(entry) != hashed:
                raise _broken(place, "it is not the entry whose hash the tree has")
            leaf = self._leaf(place, entry)
            self._payload(f"{payload.path(tile.number)}, payload of entry {index}", leaf, item)
            self._grow(hashed)

    def _grow(self, hashed: bytes) -> None:
        """One leaf more; a tile that it fills has its root in the level above."""
        for level, hashes in enumerate(self._levels):
            hashes.append(hashed)
            if len(hashes) % WIDTH:
                return
            if level + 1 == len(self._levels):
                self._levels.append([])
            hashed = root(hashes[-WIDTH:])

    @property
    def _hashes(self) -> list[bytes]:
        """Of every leaf seen so far."""
        return self._levels[0]

    def _hash_tile(self, tile: Tile) -> list[bytes]:
        data = self._need(tile.path)
        if len(data) != tile.width * HASH_SIZE:
            raise _broken(tile.path, f"it has {len(data)} bytes, and should have {tile.width * HASH_SIZE}")
        return split(data)

    def _items(self, tile: Tile) -> list[bytes]:
        path = payload.path(tile.number)
        data = self._need(path)
        try:
            items, end = payload.unpack(data, tile.width)
        except ValueError as why:
            raise _broken(path, str(why)) from None
        if self._names is not None:
            self._check_ahead(path, data[end:], tile.number, tile.width)
        return items

    def _leaf(self, place: str, data: bytes) -> Leaf:
        """The next leaf, which follows all that were seen."""
        try:
            leaf = read_leaf(data)
        except Unverified as why:
            raise _broken(place, why.what) from None
        if leaf.index != len(self._hashes):
            raise _broken(place, f"it says that it is entry {leaf.index}")
        if leaf.previous != (self._hashes[-1] if self._hashes else FIRST):
            raise _broken(place, "it does not follow the entry before it")
        if leaf.kind not in KINDS:
            raise _broken(place, f"its kind is unknown: {leaf.kind}")
        if leaf.kind == "statement.done":
            self._check_completes(place, leaf)
        elif leaf.kind == "log.erased":
            self._note_erasure(place, leaf)
        self._statements.append(leaf.kind == "statement")
        return leaf

    def _check_completes(self, place: str, leaf: Leaf) -> None:
        statement = leaf.fields.get("statement")
        there = isinstance(statement, int) and statement in range(leaf.index)
        if not there or not self._statements[int(statement or 0)]:
            raise _broken(place, f"it completes a statement that is not there: entry {statement}")

    def _payload(self, place: str, leaf: Leaf, item: bytes) -> None:
        if leaf.payload is None and item:
            raise _broken(place, "the entry was written without one")
        if leaf.payload is not None and not item:
            self._missing.append(leaf.index)
        elif leaf.payload is not None:
            if digest(item) != leaf.payload:
                raise _broken(place, "it is not the one that the entry was written with")
            self._payloads += 1

    def _note_erasure(self, place: str, leaf: Leaf) -> None:
        first, end = leaf.fields.get("first"), leaf.fields.get("end")
        if not isinstance(first, int) or not isinstance(end, int) or not 0 <= first <= end <= leaf.index:
            raise _broken(place, "it does not say which payloads were erased")
        self._erased.append(range(first, end))

    def _check_erasures(self) -> None:
        for index in self._missing:
            if not any(index in erased for erased in self._erased):
                place = f"{payload.path(index // WIDTH)}, payload of entry {index}"
                raise _broken(place, "it is missing, and no entry says that it was erased")

    # the tree

    def _check_tiles(self) -> None:
        for tile in tiles(self._size):
            if tile.level and self._need(tile.path) != self._expected(tile):
                raise _broken(tile.path, "it is not the tile of these entries")

    def _expected(self, tile: Tile) -> bytes:
        """What a tile or bundle must be, as all leaves of the tree and the journal have it."""
        first = tile.number * WIDTH
        if tile.level is not None:
            return b"".join(self._levels[tile.level][first : first + tile.width])
        width = min(WIDTH, self._size - first)
        known = unbundle(self._need(Tile(None, tile.number, width).path)) if width > 0 else []
        ahead = self._pending[max(first - self._size, 0) :]
        return bundle([*known, *(record.leaf for record in ahead)][: tile.width])

    def _root(self) -> bytes:
        """The root of all leaves seen so far."""
        rest: list[bytes] = []
        for hashes in self._levels:
            partial = hashes[len(hashes) // WIDTH * WIDTH :]
            if partial or rest:
                rest = [root([*partial, *rest])]
        return rest[0] if rest else root(())

    def _check_known(self) -> None:
        known = self._known
        if known is None:
            return
        if known.size > self._size:
            raise _broken(CHECKPOINT, f"truncated: it has {self._size} entries, and had {known.size} once")
        if root(self._hashes[: known.size]) != known.root:
            raise _broken(CHECKPOINT, f"forked: its first {known.size} entries are not the ones known before")

    # the journal

    def _read_journal(self) -> list[tuple[str, Record]]:
        """Every line with its place; sorts out the pending ones."""
        names = sorted(name for name in self._names or () if name.startswith(JOURNAL))
        if self._names is not None and not names:
            raise _broken(JOURNAL, "there is no journal file")
        lines: list[tuple[str, Record]] = []
        for name in names:
            try:
                segment = read_lines(self._need(name))
            except Unverified as why:
                raise why if why.what.startswith(_BROKEN) else _broken(name, why.what) from None
            lines += [(f"{name}, line {at}", record) for at, record in enumerate(segment.records, 1)]
            self._torn += segment.torn
        self._pending = [record for _, record in lines if record.index >= self._size]
        return lines

    def _check_journal(self, lines: list[tuple[str, Record]]) -> None:
        """Lines that the tree has must be the same there; the others go on from it, one by one."""
        for place, record in lines:
            if record.index >= self._size:
                self._leaf(place, record.leaf)
                self._grow(record.hash)
            elif record.hash != self._hashes[record.index]:
                raise _broken(place, f"it is not the entry {record.index} of the tree")

    # what is too much

    def _check_ahead(self, path: str, extra: bytes, number: int, width: int = 0) -> None:
        """Payloads beyond the checkpoint: of pending entries, as far as an interrupted write came."""
        first, end = number * WIDTH + width, (number + 1) * WIDTH
        pending = self._pending[first - self._size : end - self._size] if first < end else []
        if not payload.pack(record.sealed for record in pending).startswith(extra):
            raise _broken(path, "it has more than the payloads of its entries")

    def _check_names(self) -> None:
        if self._names is None:
            return
        needed = {tile.path for tile in (*tiles(self._size), *bundles(self._size))}
        payloads = {payload.path(tile.number) for tile in bundles(self._size)}
        for name in sorted(set(self._names) - needed - payloads - {CHECKPOINT}):
            self._check_name(name)

    def _check_name(self, name: str) -> None:
        """A file that the checkpoint does not need: right as far as it can be, or too much."""
        tile = parse(name)
        if tile is not None and tile.end <= len(self._hashes):
            # An older partial tile, or one that was written before its checkpoint.
            if self._need(name) != self._expected(tile):
                raise _broken(name, "it is not the tile of these entries")
        elif name == KEY:
            if self._need(name) != f"{self._key}\n".encode():
                raise _broken(name, "it is not the key that the log is verified with")
        elif (number := self._ahead.get(name)) is not None:
            self._check_ahead(name, self._need(name), number)
        elif not name.startswith(STAGING) and not _SEGMENT.fullmatch(name):
            raise _broken(name, "the file does not belong to the log")

    @cached_property
    def _ahead(self) -> dict[str, int]:
        """Payload files of bundles that only the journal has entries of."""
        first, end = (self._size + WIDTH - 1) // WIDTH, (len(self._hashes) + WIDTH - 1) // WIDTH
        return {payload.path(number): number for number in range(first, end)}
