"""What may be on the disk beyond a log's checkpoint, or left from before it: as tree and journal have it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gov.audit import payload
from gov.audit.entry import Record
from gov.audit.path import Read
from gov.audit.stretch import Break, need
from gov.audit.tree import HASH_SIZE, WIDTH, Edge, Tile, bundle, unbundle


class Ahead:
    """The right edge of a tree, with the entries that are in the journal only."""

    def __init__(self, read: Read, size: int, edge: Edge, pending: list[Record]) -> None:
        self._read = read
        self._size = size
        self._pending = pending
        self._tiles: dict[tuple[int, int], bytes] = {}
        """The right edge with the journal's entries, by level and number."""
        grown = edge.copy()
        self._keep(grown.partials())
        for record in pending:
            self._keep(grown.append([record.hash]).items())

    def _keep(self, tiles: Iterable[tuple[Tile, bytes]]) -> None:
        for tile, data in tiles:
            self._tiles[tile.level or 0, tile.number] = data

    def expected(self, tile: Tile) -> bytes | None:
        """What a tile or bundle must be that the checkpoint itself does not need."""
        if tile.level is None:
            entries = [*self._entries(tile.number), *(record.leaf for record in self._pending_of(tile.number))]
            return bundle(entries[: tile.width])
        full = self._tiles.get((tile.level, tile.number))
        if full is None:
            full = self._read(Tile(tile.level, tile.number).path) or b""
        return full[: tile.width * HASH_SIZE] if len(full) >= tile.width * HASH_SIZE else None

    def check_payloads(self, path: str, extra: bytes, number: int) -> None:
        """Payloads beyond the checkpoint: of pending entries, as far as an interrupted write came."""
        if not payload.pack(record.sealed for record in self._pending_of(number)).startswith(extra):
            raise Break(path, payload.TOO_MUCH)

    def _entries(self, number: int) -> list[bytes]:
        width = min(WIDTH, self._size - number * WIDTH)
        return unbundle(need(self._read, Tile(None, number, width).path)) if width > 0 else []

    def _pending_of(self, number: int) -> Iterator[Record]:
        first = max(number * WIDTH - self._size, 0)
        end = (number + 1) * WIDTH - self._size
        return iter(self._pending[first:end] if end > 0 else ())
