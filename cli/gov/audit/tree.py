"""The Merkle tree of RFC 6962 (= RFC 9162 section 2.1) in the tiles of C2SP tlog-tiles.

A leaf hashes as SHA-256(0x00 ‖ entry), a node as SHA-256(0x01 ‖ left ‖ right): without the two
prefixes a node could be passed off as an entry. The tree of no entries hashes as SHA-256 of nothing.

A tile holds up to 256 consecutive hashes of one height. Level 0 has the leaves; each hash of level
L + 1 is the root over one full tile of level L, so that a tile stands for eight levels of the tree.

    tile/<L>/<N>[.p/<W>]        hashes of level L, 32 bytes each
    tile/entries/<N>[.p/<W>]    the entries under level-0 tile N, each after its big-endian uint16 length

<N> is written in groups of three digits, all but the last marked with an x: 1234067 is
`x001/x234/067`. `.p/<W>` marks a partial tile, W hashes wide, at the right edge of the tree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

WIDTH = 256
"""Hashes in a full tile, entries in a full bundle."""
HASH_SIZE = 32
ENTRY_LIMIT = 65_535
"""The longest entry that a uint16 length can announce."""
EMPTY = sha256(b"").digest()
"""The root of the tree of size 0."""


def leaf_hash(entry: bytes) -> bytes:
    """The hash of one entry."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two neighbouring subtrees."""
    return sha256(b"\x01" + left + right).digest()


def root(hashes: Sequence[bytes]) -> bytes:
    """The root over neighbouring subtrees, all but the last of one perfect size.

    Pairing level by level and carrying an odd one up builds the same tree as RFC 6962's split at the
    largest power of two.
    """
    nodes = list(hashes)
    if not nodes:
        return EMPTY
    while len(nodes) > 1:
        odd = nodes[len(nodes) & ~1 :]
        nodes = [node_hash(nodes[i], nodes[i + 1]) for i in range(0, len(nodes) - 1, 2)] + odd
    return nodes[0]


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """Where a tile or an entry bundle stands. `level` is None for a bundle of entries."""

    level: int | None
    number: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """The path under the log's directory or URL."""
        level = "entries" if self.level is None else str(self.level)
        partial = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{level}/{numbered(self.number)}{partial}"

    @property
    def end(self) -> int:
        """How many entries a tree has at least, if it has this tile."""
        return (self.number * WIDTH + self.width) * int(WIDTH ** (self.level or 0))


def numbered(number: int) -> str:
    """A tile's number as path elements of three digits."""
    groups = f"{number % 1000:03d}"
    while number := number // 1000:
        groups = f"x{number % 1000:03d}/{groups}"
    return groups


_PATH = re.compile(r"tile/(entries|0|[1-9]\d?)/((?:x\d{3}/)*\d{3})(?:\.p/([1-9]\d{0,2}))?", re.ASCII)


def parse(path: str) -> Tile | None:
    """The tile that a path names; None when no tile is written so."""
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    level = None if match[1] == "entries" else int(match[1])
    tile = Tile(level, int(match[2].replace("x", "").replace("/", "")), int(match[3] or WIDTH))
    return tile if tile.path == path else None


def tiles(size: int) -> Iterator[Tile]:
    """Every hash tile that a tree of `size` entries must have, level by level."""
    level, hashes = 0, size
    while hashes:
        for number in range(hashes // WIDTH):
            yield Tile(level, number)
        if rest := hashes % WIDTH:
            yield Tile(level, hashes // WIDTH, rest)
        level, hashes = level + 1, hashes // WIDTH


def bundles(size: int) -> Iterator[Tile]:
    """Every entry bundle that a tree of `size` entries must have."""
    for number in range(0, size, WIDTH):
        yield Tile(None, number // WIDTH, min(WIDTH, size - number))


def bundle(entries: Iterable[bytes]) -> bytes:
    """Entries as an entry bundle holds them."""
    return b"".join([len(entry).to_bytes(2, "big") + entry for entry in entries])


def unbundle(data: bytes) -> list[bytes]:
    """The entries of a bundle.

    Raises:
        ValueError: The bundle ends in the middle of an entry.
    """
    entries, at = [], 0
    while at < len(data):
        start = at + 2
        at = start + int.from_bytes(data[at:start], "big")
        if start > len(data) or at > len(data):
            raise ValueError("the bundle ends in the middle of an entry")
        entries.append(data[start:at])
    return entries


@dataclass(slots=True)
class Edge:
    """The right edge of a tree: all that is needed to append to it and to know its root.

    `levels[L]` has the hashes of the partial tile at level L: at most 255, none when it is empty.
    """

    size: int = 0
    levels: list[list[bytes]] = field(default_factory=list)

    def copy(self) -> Edge:
        """An edge that grows apart from this one."""
        return Edge(self.size, [list(level) for level in self.levels])

    def append(self, hashes: Iterable[bytes]) -> dict[Tile, bytes]:
        """Grow by these leaf hashes; the tiles that became full, and the partial ones that changed."""
        written: dict[Tile, bytes] = {}
        touched = 0
        for leaf in hashes:
            self.size += 1
            touched = max(touched, self._push(leaf, written))
        written |= {tile: data for tile, data in self.partials() if (tile.level or 0) <= touched}
        return written

    def append_tile(self, node: bytes) -> dict[Tile, bytes]:
        """Grow by a full tile of leaves with this root, where the last one was full; the tiles that became full."""
        written: dict[Tile, bytes] = {}
        self.size += WIDTH
        self._push(node, written, 1)
        return written

    def partials(self) -> Iterator[tuple[Tile, bytes]]:
        """The partial tile of each level that has one."""
        for level, hashes in enumerate(self.levels):
            if hashes:
                yield Tile(level, self.size // WIDTH ** (level + 1), len(hashes)), b"".join(hashes)

    def _push(self, node: bytes, written: dict[Tile, bytes], level: int = 0) -> int:
        """Put one hash in; the highest level it reached."""
        while True:
            while level >= len(self.levels):
                self.levels.append([])
            self.levels[level].append(node)
            if len(self.levels[level]) < WIDTH:
                return level
            full, self.levels[level] = self.levels[level], []
            written[Tile(level, self.size // WIDTH ** (level + 1) - 1)] = b"".join(full)
            node, level = root(full), level + 1

    def root(self) -> bytes:
        """The root of the whole tree."""
        rest: list[bytes] = []
        for level in self.levels:
            if level or rest:
                rest = [root([*level, *rest])]
        return rest[0] if rest else EMPTY


def split(tile: bytes) -> list[bytes]:
    """The hashes of a tile.

    Raises:
        ValueError: The tile is not a whole number of hashes.
    """
    if len(tile) % HASH_SIZE:
        raise ValueError("the tile ends in the middle of a hash")
    return [tile[at : at + HASH_SIZE] for at in range(0, len(tile), HASH_SIZE)]
