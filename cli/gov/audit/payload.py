"""Payload files: what stands beside the log and may be erased from it.

`payload/<N>` has one item for every entry of bundle N, in order: a big-endian uint32 length and that many
bytes of salt ‖ payload, whose SHA-256 stands in the leaf. Length 0: the entry has no payload, or retention
erased it; then a later `log.erased` entry says so. The file of the last bundle grows at its end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from gov.audit.tree import WIDTH, numbered

_NAME = re.compile(r"payload/((?:x\d{3}/)*\d{3})", re.ASCII)
TOO_MUCH = "it has more than the payloads of its entries"


def path(bundle: int) -> str:
    """Where the payloads of this bundle are."""
    return f"payload/{numbered(bundle)}"


def number(name: str) -> int | None:
    """The bundle whose payloads a file of that name has; None when no payload file is called so."""
    found = _NAME.fullmatch(name)
    given = int(found[1].replace("x", "").replace("/", "")) if found else -1
    return given if found and path(given) == name else None


def place(index: int) -> str:
    """Where the payload of this entry is, in words."""
    return f"{path(index // WIDTH)}, payload of entry {index}"


def pack(sealed: Iterable[bytes]) -> bytes:
    """Salted payloads as the file holds them."""
    return b"".join([len(item).to_bytes(4, "big") + item for item in sealed])


def unpack(data: bytes, count: int) -> tuple[list[bytes], int]:
    """The first `count` items, and how many bytes they take.

    Raises:
        ValueError: There are fewer, or the file ends in the middle of one.
    """
    items: list[bytes] = []
    at = 0
    for _ in range(count):
        start = at + 4
        at = start + int.from_bytes(data[at:start], "big")
        if start > len(data) or at > len(data):
            raise ValueError(f"ends in the middle of item {len(items)}")
        items.append(data[start:at])
    return items, at
