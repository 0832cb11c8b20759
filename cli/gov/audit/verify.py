"""Is this log what its checkpoint says, and does it go on from what somebody saw before?

Everything that can be computed is computed and compared byte for byte; what cannot be computed must be bound
by something that can. The first break found is named with its place. Knows no disk: `read` gives the content
of a path, `names` says which paths there are (left out: what is too much is not looked for, and the
journal, whose file names nobody can guess, is left aside). Stretches of the log are examined apart, by whatever
`spread` is: one after the other, or each in a process of its own. What is kept of them is small.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from gov.audit import payload, rotation, stretch
from gov.audit.ahead import Ahead
from gov.audit.checkpoint import Checkpoint, open_checkpoint
from gov.audit.entry import Record
from gov.audit.line import read_lines
from gov.audit.marks import Marks
from gov.audit.note import VerifierKey
from gov.audit.path import Read, Subtrees
from gov.audit.rotation import Link, Reign
from gov.audit.stretch import UNREADABLE, Break, Stretch, need
from gov.audit.succession import Amiss, Succession, ranges
from gov.audit.tree import EMPTY, WIDTH, Edge, Tile, parse
from gov.errors import Unverified

CHECKPOINT = "checkpoint"
KEY = "key.pub"
JOURNAL = "journal/"
STAGING = "new/"
"""Half-written files, which are never part of the log."""
ERASING = "erasing"
"""What an erasure that was stopped has still to do."""
_SEGMENT = re.compile(r"journal/\d{16}", re.ASCII)
_BROKEN = "the audit log is broken at "

Examine = Callable[[int], Stretch]
Spread = Callable[[Examine, Iterable[int]], Iterable[Stretch]]
"""Like `map`: applies the function to each number, in whatever process, and gives the results in order."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A log that holds."""

    checkpoint: Checkpoint
    keys: tuple[VerifierKey, ...]
    """From the key that was trusted to the one that signs now."""
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
    read: Read,
    key: VerifierKey,
    *,
    known: Checkpoint | None = None,
    names: Iterable[str] | None = None,
    spread: Spread = map,
    progress: Callable[[int, int], None] | None = None,
) -> Verified:
    """What was proved of the log that `read` gives, for whoever trusts `key`; `known` is an earlier checkpoint of it.

    `names` is gone through twice. `progress` is told how many of how many entries are done.

    Raises:
        Unverified: The first break, with its place and reason.
    """
    try:
        return _Verification(read, key, known, names).run(spread, progress or (lambda done, of: None))
    except Break as broken:
        raise Unverified(
            f"{_BROKEN}{broken.place}: {broken.why}", hint="keep this copy as it is and compare it with a backup"
        ) from None


class _Verification:
    """One pass over one log. Methods raise Break."""

    def __init__(
        self, read: Read, key: VerifierKey, known: Checkpoint | None, names: Iterable[str] | None
    ) -> None:
        self._read = read
        self._key = key
        self._known = known
        self._names = names
        self._size = 0
        self._edge = Edge()
        """Of the tree, as the entries have it."""
        self._succession = Succession()
        self._reign = Reign()
        self._missing = Marks()
        """Entries whose payload is not there."""
        self._erased: list[tuple[int, int]] = []
        self._payloads = 0
        self._torn = 0
        self._pending: list[Record] = []

    def run(self, spread: Spread, progress: Callable[[int, int], None]) -> Verified:
        """All checks, in the order in which they can name a break best."""
        links = self._follow_keys()
        newest = links[-1].new if links else self._key
        checkpoint = self._open_checkpoint(newest)
        self._size = checkpoint.size
        lines = self._read_journal()
        for found in spread(partial(stretch.examine, self._read, self._size), range(stretch.count(self._size))):
            self._take(found)
            progress(self._succession.size, self._size)
        self._check_partial_tiles()
        if self._edge.root() != checkpoint.root:
            raise Break(CHECKPOINT, "its root is not the root of the entries")
        self._check_keys()
        for link in links:
            self._check_link(rotation.path(link.old), link)
        if self._known is not None:
            self._check_known(self._known)
        erased = self._check_erasures()
        self._check_journal(lines)
        self._check_names()
        keys = (self._key, *(link.new for link in links))
        return Verified(checkpoint, keys, len(self._pending), self._payloads, erased, self._torn)

    # keys and checkpoint

    def _follow_keys(self) -> list[Link]:
        """From the trusted key to the newest, by the proofs that the log has."""
        key, links = self._key, list[Link]()
        try:
            for link in rotation.follow(key, self._read):
                links.append(link)
                key = link.new
        except Unverified as why:
            raise Break(rotation.path(key), why.what) from None
        return links

    def _open_checkpoint(self, key: VerifierKey) -> Checkpoint:
        try:
            return open_checkpoint(need(self._read, CHECKPOINT), key)
        except Unverified as why:
            raise Break(CHECKPOINT, why.what) from None

    def _check_keys(self) -> None:
        """The key that was trusted is one that the entries name, and the one in force has signed."""
        keys = self._reign.keys
        if keys:
            if self._key not in keys:
                raise Break(CHECKPOINT, "the key that it is verified with was never the log's")
            self._open_checkpoint(keys[-1])

    def _check_link(self, place: str, link: Link) -> None:
        keys, checkpoint = self._reign.keys, link.checkpoint
        if link.old not in keys or keys[keys.index(link.old) + 1 :][:1] != [link.new]:
            raise Break(place, "its entries do not say so")
        if checkpoint.size > self._size or self._root_of(checkpoint.size) != checkpoint.root:
            raise Break(place, f"its first {checkpoint.size} entries are not the ones of the log")

    def _check_known(self, known: Checkpoint) -> None:
        if known.size > self._size:
            raise Break(CHECKPOINT, f"truncated: it has {self._size} entries, and had {known.size} once")
        if self._root_of(known.size) != known.root:
            raise Break(CHECKPOINT, f"forked: its first {known.size} entries are not the ones known before")

    def _root_of(self, size: int) -> bytes:
        """The root that the log had at that size; its tiles are known to be right."""
        return Subtrees(self._size, self._read).root(0, size) if size else EMPTY

    # entries and payloads

    def _take(self, found: Stretch) -> None:
        """The next stretch: whether it is whole, and goes on from the ones before."""
        if found.broken is not None:
            self._joined(found)  # where it does not follow, that comes first
            raise Break(*found.broken)
        self._joined(found)
        for index, kind, fields in found.part.notable:
            try:
                if kind == rotation.KIND:
                    self._reign.change(fields)
                else:
                    self._erased += ranges(index, fields)
            except Unverified as why:
                raise Break(self._place(index), why.what) from None
            except Amiss as amiss:
                raise Break(self._place(index), amiss.why) from None
        if found.missing:
            self._missing.put(found.part.first, found.missing)
        self._payloads += found.payloads
        for node in found.full:
            self._check_tiles(self._edge.append_tile(node))
        self._edge.append(found.rest)

    def _joined(self, found: Stretch) -> None:
        try:
            self._succession.join(found.part)
        except Amiss as amiss:
            raise Break(self._place(amiss.index), amiss.why) from None

    def _place(self, index: int) -> str:
        number = index // WIDTH
        return f"{Tile(None, number, min(WIDTH, self._size - number * WIDTH)).path}, entry {index}"

    def _check_erasures(self) -> int:
        """How many payloads are gone that an entry accounts for."""
        gone = self._missing.count()
        for first, end in self._erased:
            self._missing.clear(first, end)
        index = self._missing.first()
        if index is not None:
            raise Break(payload.place(index), "it is missing, and no entry says that it was erased")
        return gone

    # the tree

    def _check_tiles(self, computed: dict[Tile, bytes]) -> None:
        for tile, data in computed.items():
            if need(self._read, tile.path) != data:
                raise Break(tile.path, _OTHER_TILE)

    def _check_partial_tiles(self) -> None:
        self._check_tiles({tile: data for tile, data in self._edge.partials() if tile.level})

    # the journal

    def _read_journal(self) -> list[tuple[str, Record]]:
        """Every line with its place; sorts out the pending ones."""
        names = sorted(name for name in self._names or () if name.startswith(JOURNAL))
        if self._names is not None and not names:
            raise Break(JOURNAL, "there is no journal file")
        lines: list[tuple[str, Record]] = []
        for name in names:
            try:
                segment = read_lines(need(self._read, name))
            except Unverified as why:
                raise Break(name, why.what) from None
            lines += [(f"{name}, line {at}", record) for at, record in enumerate(segment.records, 1)]
            self._torn += segment.torn
        self._pending = [record for _, record in lines if record.index >= self._size]
        return lines

    def _check_journal(self, lines: list[tuple[str, Record]]) -> None:
        """Lines that the tree has must be the same there; the others go on from it, one by one."""
        part, tree = self._succession.part(), Subtrees(self._size, self._read)
        for place, record in lines:
            if record.index < self._size:
                if record.hash != tree.root(record.index, record.index + 1):
                    raise Break(place, f"it is not the entry {record.index} of the tree")
                continue
            try:
                part.follow(json.loads(record.leaf), record.hash.hex())
            except Amiss as amiss:
                raise Break(place, amiss.why) from None
            except (ValueError, KeyError, TypeError, RecursionError):
                raise Break(place, UNREADABLE) from None
        try:
            self._succession.join(part)
        except Amiss as amiss:
            place = next(place for place, record in lines if record.index == amiss.index)
            raise Break(place, amiss.why) from None

    # what is too much

    def _check_names(self) -> None:
        if self._names is None:
            return
        ahead = Ahead(self._read, self._size, self._edge, self._pending)
        if rest := self._size % WIDTH:
            path = payload.path(self._size // WIDTH)
            items = need(self._read, path)
            ahead.check_payloads(path, items[payload.unpack(items, rest)[1] :], self._size // WIDTH)
        for name in self._names:
            self._check_name(name, ahead)

    def _check_name(self, name: str, ahead: Ahead) -> None:
        """A file: one that the checkpoint needs, one that is right as far as it can be, or one too much."""
        tile = parse(name)
        if tile is not None and tile.end <= self._size + len(self._pending):
            if not self._needs(tile) and need(self._read, name) != ahead.expected(tile):
                raise Break(name, _OTHER_TILE)
        elif (number := payload.number(name)) is not None and number * WIDTH < self._size + len(self._pending):
            if number * WIDTH >= self._size:
                ahead.check_payloads(name, need(self._read, name), number)
        elif name == KEY:
            self._check_key_file(need(self._read, name))
        elif (link := rotation.NAMED.fullmatch(name)) is not None:
            self._check_link_file(name, bytes.fromhex(link[1]))
        elif name not in (CHECKPOINT, ERASING) and not name.startswith(STAGING) and not _SEGMENT.fullmatch(name):
            raise Break(name, "the file does not belong to the log")

    def _needs(self, tile: Tile) -> bool:
        """Whether the checkpoint's own tree has it: then it was compared already."""
        full, rest = divmod(self._size // WIDTH ** (tile.level or 0), WIDTH)
        return tile.number < full if tile.width == WIDTH else (tile.number, tile.width) == (full, rest)

    def _check_key_file(self, content: bytes) -> None:
        keys = self._reign.keys or [self._key]
        lines = [f"{key}\n".encode() for key in keys]
        if content not in (b"".join(lines[:end]) for end in range(1, len(lines) + 1)):
            raise Break(KEY, "it is not the key that the log is verified with")

    def _check_link_file(self, name: str, identity: bytes) -> None:
        key = next((key for key in self._reign.keys if key.id == identity), None)
        if key is None:
            raise Break(name, "the file does not belong to the log")
        try:
            link = rotation.read_link(need(self._read, name), key)
        except Unverified as why:
            raise Break(name, why.what) from None
        self._check_link(name, link)


_OTHER_TILE = "it is not the tile of these entries"
