"""Merkle paths of RFC 6962 section 2.1: what shows that an entry is in a tree, and that a tree goes on from another.

Made from the tiles of a log, checked without it. The checks are those of RFC 9162 sections 2.1.3.2 and
2.1.4.2, written as walks from the leaf to the root: `index` and `last` are the places of the node at hand
and of the rightmost one at its height.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from gov.audit.tree import EMPTY, HASH_SIZE, WIDTH, Tile, node_hash, split, unbundle

Read = Callable[[str], bytes | None]
"""The content of a path below the log, None when there is none."""


def inclusion(index: int, size: int, read: Read) -> list[bytes]:
    """The hashes beside the way from leaf `index` up to the root of the first `size` entries, lowest first.

    Raises:
        ValueError: there is no such entry, or a tile is missing.
    """
    if not 0 <= index < size:
        raise ValueError(f"a log of {size} entries has no entry {index}")
    tree, first, end = Subtrees(size, read), 0, size
    path: list[bytes] = []
    while end - first > 1:
        middle = first + _left(end - first)
        if index < middle:
            path.append(tree.root(middle, end))
            end = middle
        else:
            path.append(tree.root(first, middle))
            first = middle
    return path[::-1]


def consistency(old: int, size: int, read: Read) -> list[bytes]:
    """The hashes that lead from the root of the first `old` entries to that of the first `size`, lowest first.

    Raises:
        ValueError: the log was never that much smaller, or a tile is missing.
    """
    if not 0 <= old <= size:
        raise ValueError(f"a log of {size} entries does not go on from {old}")
    if old in (0, size):
        return []
    tree, first, end = Subtrees(size, read), 0, size
    path: list[bytes] = []
    while end != old:
        middle = first + _left(end - first)
        if old <= middle:
            path.append(tree.root(middle, end))
            end = middle
        else:
            path.append(tree.root(first, middle))
            first = middle
    # What is left ends where the old tree did. If it is the whole of it, its root is known already.
    return ([tree.root(first, end)] if first else []) + path[::-1]


def root_of_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root of a tree of `size` entries that has this leaf hash at `index`, if `path` is the way to it.

    Raises:
        ValueError: a path between them has another length.
    """
    if not 0 <= index < size:
        raise ValueError(f"a log of {size} entries has no entry {index}")
    node = leaf
    for sibling, left in _siblings(index, size - 1, path):
        node = node_hash(sibling, node) if left else node_hash(node, sibling)
    return node


def roots_of_consistency(old: int, size: int, root: bytes, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """The roots of the first `old` entries and of all `size`, if `path` leads from the one to the other.

    `root` is the root of the old tree as it is known; it is part of the way when it is that of one perfect subtree.

    Raises:
        ValueError: a path between them has another length.
    """
    if not 0 <= old <= size:
        raise ValueError(f"a log of {size} entries does not go on from {old}")
    if old in (0, size):
        if path:
            raise ValueError("the path is too long")
        return (EMPTY if not old else root), root
    nodes = [root, *path] if old & (old - 1) == 0 else [*path]
    if not nodes:
        raise ValueError("the path is too short")
    index, last = old - 1, size - 1
    while index % 2:
        index, last = index // 2, last // 2
    before = after = nodes[0]
    for sibling, left in _siblings(index, last, nodes[1:]):
        if left:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
        else:
            after = node_hash(after, sibling)
    return before, after


def _siblings(index: int, last: int, path: Sequence[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each node of `path`, and whether it stands on the left on the way up from `index` in a level that ends at `last`.

    Raises:
        ValueError: the way has another length.
    """
    for sibling in path:
        if not last:
            raise ValueError("the path is too long")
        left = index % 2 == 1 or index == last
        yield sibling, left
        while left and index and not index % 2:
            index, last = index // 2, last // 2
        index, last = index // 2, last // 2
    if last:
        raise ValueError("the path is too short")


def _left(size: int) -> int:
    """The largest power of two smaller than `size`: how many of its leaves are on the left."""
    return 1 << (size - 1).bit_length() - 1


class Subtrees:
    """The roots over parts of a tree of `size` entries, from its tiles; each tile is read once."""

    def __init__(self, size: int, read: Read) -> None:
        self._size = size
        self._read = read
        self._tiles: dict[tuple[int, int], bytes] = {}

    def root(self, first: int, end: int) -> bytes:
        """The root over the entries first ≤ index < end, which some tree of RFC 6962 has as a subtree.

        Raises:
            ValueError: a tile is missing, or shorter than it must be.
        """
        count, level = end - first, 0
        while count % WIDTH == 0 and first % WIDTH == 0:
            first, count, level = first // WIDTH, count // WIDTH, level + 1
        if count == 1:
            return self._hash(level, first)
        middle = (first + _left(count)) * WIDTH**level
        return node_hash(self.root(first * WIDTH**level, middle), self.root(middle, end))

    def _hash(self, level: int, index: int) -> bytes:
        number, place = divmod(index, WIDTH)
        if (level, number) not in self._tiles:
            width = min(WIDTH, self._size // WIDTH**level - number * WIDTH)
            self._tiles[level, number] = tile_hashes(Tile(level, number, width), self._read)
        return self._tiles[level, number][place * HASH_SIZE : (place + 1) * HASH_SIZE]


def tile_hashes(tile: Tile, read: Read) -> bytes:
    """What a tile of hashes holds. A partial one goes when the full one is there: then the beginning of that.

    Raises:
        ValueError: neither is there, or it is shorter than it must be.
    """
    data = read(tile.path) or read(Tile(tile.level, tile.number).path)
    if data is None or len(data) < tile.width * HASH_SIZE:
        raise ValueError(f"{tile.path} is missing")
    split(data)
    return data[: tile.width * HASH_SIZE]


def bundle_entries(number: int, size: int, read: Read) -> list[bytes]:
    """The entries of a bundle that a log of `size` entries has. As with tiles, a partial one may be gone.

    Raises:
        ValueError: it is missing, or shorter than it must be.
    """
    tile = Tile(None, number, min(WIDTH, size - number * WIDTH))
    data = read(tile.path) or read(Tile(None, number).path)
    entries = unbundle(data) if data is not None else []
    if len(entries) < tile.width:
        raise ValueError(f"{tile.path} is missing")
    return entries[: tile.width]
