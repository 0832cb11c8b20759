"""A verifier written from docs/spec/audit-log.md alone: it shares no line with gov."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64decode
from collections.abc import Iterator, Mapping

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def sha(data: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(data).digest()


def merkle(leaves: list[bytes]) -> bytes:
    """The root, by the recursive definition."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha(b"")
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return sha(b"\x01" + merkle(leaves[:k]) + merkle(leaves[k:]))


def path(number: int) -> str:
    """1234067 as x001/x234/067."""
    digits = f"{number:d}"
    digits = digits.zfill((len(digits) + 2) // 3 * 3)
    groups = re.findall("...", digits)
    return "/".join([*("x" + group for group in groups[:-1]), groups[-1]])


def named(level: str, number: int, width: int) -> str:
    """The path of a tile."""
    return f"tile/{level}/{path(number)}" + (f".p/{width}" if width < 256 else "")


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    """Length-prefixed pieces."""
    while data:
        end = size + int.from_bytes(data[:size], "big")
        assert len(data) >= end
        yield data[size:end]
        data = data[end:]


def head(note: bytes, vkey: str) -> tuple[int, bytes]:
    """Size and root, signed by the key."""
    name, key_id, key = vkey.split("+", 2)
    public = b64decode(key)[1:]
    assert key_id == sha(name.encode() + b"\n\x01" + public)[:4].hex()
    text, signatures = note.decode().rsplit("\n\n", 1)
    (line,) = [line for line in signatures.splitlines() if line.startswith(f"— {name} ")]
    signature = b64decode(line.split(" ")[2])
    assert signature[:4].hex() == key_id
    Ed25519PublicKey.from_public_bytes(public).verify(signature[4:], f"{text}\n".encode())
    origin, size, root = text.split("\n")
    assert origin == name
    return int(size), b64decode(root)


def prove(files: Mapping[str, bytes], vkey: str) -> list[dict[str, object]]:
    """Every entry with its payload under `payload`, tree and journal; raises where the log does not hold."""
    size, root = head(files["checkpoint"], vkey)
    entries: list[dict[str, object]] = []
    leaves: list[bytes] = []
    for number in range((size + 255) // 256):
        width = min(256, size - number * 256)
        bundle = list(pieces(files[named("entries", number, width)], 2))
        items = list(pieces(files[f"payload/{path(number)}"], 4))[:width]
        assert len(bundle) == len(items) == width
        for data, sealed in zip(bundle, items, strict=True):
            follow(entries, leaves, data, sealed)
    level, hashes = 0, leaves
    while hashes:
        for number in range((len(hashes) + 255) // 256):
            tile = hashes[number * 256 : number * 256 + 256]
            assert files[named(str(level), number, len(tile))] == b"".join(tile)
        hashes = [merkle(hashes[at : at + 256]) for at in range(0, len(hashes) - 255, 256)]
        level += 1
    assert merkle(leaves) == root
    for name in sorted(name for name in files if name.startswith("journal/")):
        for line in files[name].splitlines():
            length, hashed, salt, data, payload = line.split(b"\t")
            assert int(length, 16) == len(line) + 1
            sealed = bytes.fromhex(salt.decode()) + payload
            if json.loads(data)["index"] >= len(leaves):
                follow(entries, leaves, data, sealed)
            assert leaves[json.loads(data)["index"]].hex() == hashed.decode()
    return entries


def follow(entries: list[dict[str, object]], leaves: list[bytes], data: bytes, sealed: bytes) -> None:
    """The next entry."""
    entry = json.loads(data)
    assert entry["v"] == 1
    assert entry["index"] == len(leaves)
    assert entry["previous"] == (leaves[-1].hex() if leaves else "0" * 64)
    assert entry.get("payload") == (sha(sealed).hex() if sealed else None)
    leaves.append(sha(b"\x00" + data))
    entries.append(entry | {"payload": json.loads(sealed[16:]) if sealed else None})
