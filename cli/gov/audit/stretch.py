"""A stretch of a log: some bundles with their tiles and payloads, checked apart from all others.

This is where a verifier's time goes. Values are compared as they stand wherever a comparison is enough, each
byte is hashed once, and what is left over for the rest of the log is small: one hash for each 256 entries.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from hashlib import sha256

from gov.audit import payload
from gov.audit.marks import packed
from gov.audit.path import Read
from gov.audit.succession import Amiss, Part
from gov.audit.tree import HASH_SIZE, WIDTH, Tile, root, unbundle

BUNDLES = 64
"""In one stretch."""


@dataclass(slots=True)
class Stretch:
    """What was found; it travels between processes."""

    part: Part
    full: list[bytes] = field(default_factory=list)
    """The root over each full tile."""
    rest: list[bytes] = field(default_factory=list)
    """The leaf hashes of a partial tile."""
    missing: bytes = b""
    """Marks of the entries whose payload is not there; empty if all are."""
    payloads: int = 0
    """How many are there, and true."""
    broken: tuple[str, str] | None = None
    """The place and the reason of the first break; nothing after it was looked at."""

    def __len__(self) -> int:
        return len(self.part.statements)


def count(size: int) -> int:
    """How many stretches a log of that size has."""
    return -(-size // (BUNDLES * WIDTH))


def examine(read: Read, size: int, number: int) -> Stretch:
    """Check the stretch of that number, in a log of `size` entries."""
    first = number * BUNDLES
    end = min(first + BUNDLES, -(-size // WIDTH))
    found, missing = Stretch(Part(first * WIDTH)), bytearray()
    try:
        for bundle in range(first, end):
            _bundle(read, Tile(None, bundle, min(WIDTH, size - bundle * WIDTH)), found, missing)
    except Break as broken:
        found.broken = broken.place, broken.why
    if any(missing):
        found.missing = packed(missing)
    return found


class Break(Exception):
    """A place and what is wrong there."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(place, why)
        self.place, self.why = place, why


def need(read: Read, path: str) -> bytes:
    """The content of a file that must be there. Raises Break."""
    data = read(path)
    if data is None:
        raise Break(path, "the file is missing")
    return data


def _bundle(read: Read, tile: Tile, found: Stretch, missing: bytearray) -> None:
    hashes = _hashes(read, Tile(0, tile.number, tile.width))
    try:
        entries = unbundle(need(read, tile.path))
    except ValueError as why:
        raise Break(tile.path, str(why)) from None
    if len(entries) != tile.width:
        raise Break(tile.path, f"it has {len(entries)} entries, and should have {tile.width}")
    items = _items(read, tile)
    leaves = [sha256(b"\0" + entry).digest() for entry in entries]
    for place, (entry, leaf, item) in enumerate(zip(entries, leaves, items, strict=True)):
        if leaf != hashes[place * HASH_SIZE : (place + 1) * HASH_SIZE]:
            raise Break(f"{tile.path}, entry {tile.number * WIDTH + place}", _ANOTHER)
        try:
            stated = _decode(entry.decode("ascii"))
            found.part.follow(stated, leaf.hex())
            there = _payload(tile, place, stated.get("payload"), item)
        except Amiss as amiss:
            raise Break(f"{tile.path}, entry {amiss.index}", amiss.why) from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise Break(f"{tile.path}, entry {tile.number * WIDTH + place}", UNREADABLE) from None
        missing.append(there is None)
        found.payloads += there is True
    if tile.width == WIDTH:
        found.full.append(root(leaves))
    else:
        found.rest = leaves


def _payload(tile: Tile, place: int, stated: str | None, item: bytes) -> bool | None:
    """Whether the entry has a payload; None when it had one that is not there any more."""
    if stated is None:
        if item:
            raise Break(_of(tile, place), "the entry was written without one")
        return False
    if not item:
        return None
    if sha256(item).hexdigest() != stated:
        raise Break(_of(tile, place), "it is not the one that the entry was written with")
    return True


def _of(tile: Tile, place: int) -> str:
    return payload.place(tile.number * WIDTH + place)


def _hashes(read: Read, tile: Tile) -> bytes:
    data = need(read, tile.path)
    if len(data) != tile.width * HASH_SIZE:
        raise Break(tile.path, f"it has {len(data)} bytes, and should have {tile.width * HASH_SIZE}")
    return data


def _items(read: Read, tile: Tile) -> list[bytes]:
    path = payload.path(tile.number)
    data = need(read, path)
    try:
        items, end = payload.unpack(data, tile.width)
    except ValueError as why:
        raise Break(path, str(why)) from None
    if end != len(data) and tile.width == WIDTH:
        raise Break(path, payload.TOO_MUCH)  # a partial one may go on, with payloads of the journal's entries
    return items


_decode = json.JSONDecoder().decode
UNREADABLE = "not an audit entry that this version of gov reads"
_ANOTHER = "it is not the entry whose hash the tree has"
