"""Which files of a log prove some of its entries to whoever has only these, and the checkpoint."""

from __future__ import annotations

from collections.abc import Iterable

from gov.audit.tree import WIDTH, Tile


def edge(size: int) -> list[Tile]:
    """The partial tiles at the right edge of a tree of that size: its root is computed from them."""
    found, hashes, level = [], size, 0
    while hashes:
        if width := hashes % WIDTH:
            found.append(Tile(level, hashes // WIDTH, width))
        hashes, level = hashes // WIDTH, level + 1
    return found


def proving(indexes: Iterable[int], size: int) -> list[Tile]:
    """The tiles from these entries up to the root, each once: the edge, and every full tile above an entry."""
    found = dict.fromkeys(edge(size))
    for number in dict.fromkeys(index // WIDTH for index in indexes):
        level, hashes = 0, size
        while number < hashes // WIDTH:
            found[Tile(level, number)] = None
            level, hashes, number = level + 1, hashes // WIDTH, number // WIDTH
    return [*found]
