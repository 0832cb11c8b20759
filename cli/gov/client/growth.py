"""Does a log go on from what it was? Proved from a few tiles of hashes, without trusting whoever sends them.

The right edge of the new tree must hash to the new root, and every full tile that is used must be under
it. From those tiles the root of the earlier tree follows; it must be the one seen then. For a log of
fewer than sixteen million entries that takes at most six tiles (C2SP tlog-tiles).
"""

from __future__ import annotations

from collections.abc import Callable

from gov.audit.checkpoint import Checkpoint
from gov.audit.tree import EMPTY, HASH_SIZE, WIDTH, Tile, root, split
from gov.errors import Unverified

Read = Callable[[str], bytes | None]
"""The content of a path below the log, None when there is none."""


def extends(old: Checkpoint, new: Checkpoint, read: Read) -> None:
    """Nothing, if the first entries of `new` are those of `old`.

    Raises:
        Unverified: they are not, or the tiles that would show it are missing or others than promised.
    """
    if old == new:
        return
    tree = _Tree(new.size, read)
    if tree.root_of(new.size) != new.root:
        raise _broken("its hashes are not those of its checkpoint")
    if tree.root_of(old.size) != old.root:
        raise _broken(f"its first {old.size} entries are not the ones seen before")


class _Tree:
    """The tree of `size` entries, as far as its tiles are read."""

    def __init__(self, size: int, read: Read) -> None:
        self._size = size
        self._read = read
        self._tiles: dict[tuple[int, int], list[bytes]] = {}

    def root_of(self, size: int) -> bytes:
        """The root of the first `size` entries.

        For the whole tree this rests on its right edge alone; that makes the edge known to be true when
        the root is. For fewer entries every tile is shown to be under that edge.
        """
        rest: list[bytes] = []
        level, count = 0, size
        while count:
            full, partial = divmod(count, WIDTH)
            if partial:
                hashes = self._tile(level, full) if size == self._size else self._shown(level, full)
                rest = [root([*hashes[:partial], *rest])]
            elif rest:
                rest = [root(rest)]
            level, count = level + 1, full
        return rest[0] if rest else EMPTY

    def _shown(self, level: int, number: int) -> list[bytes]:
        """A tile that is known to be under the right edge, or part of it."""
        hashes = self._tile(level, number)
        if len(hashes) == WIDTH:
            above = self._shown(level + 1, number // WIDTH)
            if above[number % WIDTH] != root(hashes):
                raise _broken(f"{Tile(level, number).path} does not belong to its tree")
        return hashes

    def _tile(self, level: int, number: int) -> list[bytes]:
        """A tile as it is sent."""
        known = self._tiles.get((level, number))
        if known is None:
            width = min(WIDTH, self._size // WIDTH**level - number * WIDTH)
            known = self._tiles[level, number] = self._fetched(Tile(level, number, width))
        return known

    def _fetched(self, tile: Tile) -> list[bytes]:
        # A partial tile goes when the full one is there; then its hashes are the first of that one.
        data = self._read(tile.path) or self._read(Tile(tile.level, tile.number).path)
        if data is None or len(data) < tile.width * HASH_SIZE:
            raise _broken(f"{tile.path} is missing")
        return split(data[: tile.width * HASH_SIZE])


def _broken(why: str) -> Unverified:
    return Unverified(f"the audit log does not go on from what it was: {why}", hint="gov audit verify")
