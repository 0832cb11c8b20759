"""Proofs that need neither the log nor a broker, only the key that it is signed with.

That an entry is in the log, as C2SP tlog-proof writes it (`.tlog-proof`):

    c2sp.org/tlog-proof@v1
    extra <base64: the entry; may be left out>
    index <decimal>
    <base64 of each hash of the inclusion path, lowest first>
    <empty line>
    <checkpoint>

That the log goes on from what it was, as C2SP tlog-witness has it in the body of `add-checkpoint`:

    old <decimal>
    <base64 of each hash of the consistency path, lowest first>
    <empty line>
    <checkpoint>
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from gov.audit import path as paths
from gov.audit.checkpoint import Checkpoint, open_any, unsigned
from gov.audit.note import VerifierKey
from gov.audit.path import Read
from gov.audit.tree import HASH_SIZE, leaf_hash
from gov.errors import NoSuch, Unverified

HEADER = "c2sp.org/tlog-proof@v1"
LONGEST_PATH = 63
"""Hashes: more than any log of fewer than 2⁶³ entries needs."""
_LIMIT = 262_144
"""Bytes of a proof that are looked at: the longest entry in base64, the path, and a checkpoint."""
_BROKEN = "the proof does not hold: "
_SPELLING = "it is not written as proofs are"
_HINT = "ask for it again: gov audit prove INDEX"


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """That an entry is in the log of a checkpoint. Nothing in it is true before `verify_inclusion`."""

    index: int
    path: tuple[bytes, ...]
    note: bytes
    """The signed checkpoint."""
    extra: bytes | None = None
    """The entry, where it travels with its proof."""

    def __bytes__(self) -> bytes:
        extra = [f"extra {b64encode(self.extra).decode()}"] if self.extra is not None else []
        return _written([HEADER, *extra, f"index {self.index}"], self.path, self.note)


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """That the log of a checkpoint begins with the first `old` entries. Not true before `verify_consistency`."""

    old: int
    path: tuple[bytes, ...]
    note: bytes
    """The signed checkpoint of the larger log."""

    def __bytes__(self) -> bytes:
        return _written([f"old {self.old}"], self.path, self.note)


@dataclass(frozen=True, slots=True)
class Included:
    """An entry that is in the log."""

    index: int
    entry: bytes
    checkpoint: Checkpoint


def prove_inclusion(index: int, note: bytes, read: Read, entry: bytes | None = None) -> InclusionProof:
    """The proof that the log of this checkpoint has an entry `index`, from the tiles that `read` gives.

    `entry` is what travels with it; it is not looked at.

    Raises:
        NoSuch: the checkpoint does not reach so far.
        ValueError: a tile is missing.
    """
    size = unsigned(note).size
    if not 0 <= index < size:
        raise NoSuch(f"the log has no entry {index} under a checkpoint", hint="gov audit tail")
    return InclusionProof(index, tuple(paths.inclusion(index, size, read)), note, entry)


def prove_consistency(old: int, note: bytes, read: Read) -> ConsistencyProof:
    """The proof that the log of this checkpoint goes on from its first `old` entries.

    Raises:
        NoSuch: it has not got so many.
        ValueError: a tile is missing.
    """
    size = unsigned(note).size
    if not 0 <= old <= size:
        raise NoSuch(f"the log never had {old} entries: it has {size}", hint="gov audit prove --from SIZE")
    return ConsistencyProof(old, tuple(paths.consistency(old, size, read)), note)


def read_inclusion(text: bytes) -> InclusionProof:
    """The proof that these bytes are, in its one spelling.

    Raises:
        Unverified: they are none.
    """
    lines, hashes, note = _parted(text)
    if lines[:1] != [HEADER] or len(lines) not in (2, 3):
        raise _broken(f"it does not begin with {HEADER}")
    extra = _base64(_after("extra", lines[1])) if len(lines) == 3 else None
    proof = InclusionProof(_decimal(_after("index", lines[-1])), hashes, note, extra)
    if bytes(proof) != text:
        raise _broken(_SPELLING)
    return proof


def read_consistency(text: bytes) -> ConsistencyProof:
    """The proof that these bytes are, in its one spelling.

    Raises:
        Unverified: they are none.
    """
    lines, hashes, note = _parted(text)
    if len(lines) != 1:
        raise _broken("it does not begin with `old`")
    proof = ConsistencyProof(_decimal(_after("old", lines[0])), hashes, note)
    if bytes(proof) != text:
        raise _broken(_SPELLING)
    return proof


def verify_inclusion(proof: bytes, keys: Collection[VerifierKey], entry: bytes | None = None) -> Included:
    """What a `.tlog-proof` proves of `entry`, or of the one that it carries itself, with any of these keys.

    Raises:
        Unverified: the entry is not in a log that one of the keys has signed, or no proof shows it.
    """
    stated = read_inclusion(proof)
    if entry is None:
        entry = stated.extra
    if entry is None:
        raise _broken("it does not carry its entry, and none was given")
    if stated.extra not in (None, entry):
        raise _broken("it carries another entry")
    checkpoint = _opened(stated.note, keys)
    try:
        root = paths.root_of_inclusion(leaf_hash(entry), stated.index, checkpoint.size, stated.path)
    except ValueError as why:
        raise _broken(str(why)) from None
    if root != checkpoint.root:
        raise _broken(f"the entry is not number {stated.index} of the log that was signed")
    return Included(stated.index, entry, checkpoint)


def verify_consistency(proof: bytes, keys: Collection[VerifierKey], known: Checkpoint) -> Checkpoint:
    """The checkpoint of a log that goes on from the one `known`, as the body of `add-checkpoint` proves it.

    Raises:
        Unverified: it does not, none of the keys has signed it, or the proof goes out from another size.
    """
    stated = read_consistency(proof)
    checkpoint = _opened(stated.note, keys)
    if checkpoint.origin != known.origin:
        raise _broken(f"it is about another log: {checkpoint.origin}")
    if stated.old != known.size:
        raise _broken(f"it goes out from {stated.old} entries, and {known.size} are known")
    try:
        before, after = paths.roots_of_consistency(stated.old, checkpoint.size, known.root, stated.path)
    except ValueError as why:
        raise _broken(str(why)) from None
    if before != known.root or (after != checkpoint.root and stated.old):
        raise _broken(f"its first {known.size} entries are not the ones known before")
    return checkpoint


def _opened(note: bytes, keys: Collection[VerifierKey]) -> Checkpoint:
    try:
        return open_any(note, keys)
    except Unverified as why:
        raise _broken(why.what) from None


def _written(lines: Sequence[str], path: Sequence[bytes], note: bytes) -> bytes:
    hashes = [b64encode(each).decode() for each in path]
    return "\n".join([*lines, *hashes, "", ""]).encode() + note


def _parted(text: bytes) -> tuple[list[str], tuple[bytes, ...], bytes]:
    """The lines before the path, the path, and the signed checkpoint."""
    head, gap, note = text[:_LIMIT].partition(b"\n\n")
    if len(text) > _LIMIT or not gap or not head.isascii():
        raise _broken("it is not a proof, or not whole")
    lines = head.decode().split("\n")
    first = next((at for at, line in enumerate(lines) if at and " " not in line), len(lines))
    path = tuple(map(_base64, lines[first:]))
    if len(path) > LONGEST_PATH or any(len(each) != HASH_SIZE for each in path):
        raise _broken("a line of its path is no hash")
    return lines[:first], path, note


def _after(word: str, line: str) -> str:
    if not line.startswith(f"{word} "):
        raise _broken(f"it has no line `{word}` where one must be")
    return line.removeprefix(f"{word} ")


def _decimal(text: str) -> int:
    if not text.isdecimal() or len(text) > 19:
        raise _broken("a number in it is no number")
    return int(text)


def _base64(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise _broken("a line of it is no base64") from None


def _broken(why: str) -> Unverified:
    return Unverified(f"{_BROKEN}{why}", hint=_HINT)
