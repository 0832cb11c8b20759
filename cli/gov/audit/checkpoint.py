"""The signed head of the log: C2SP tlog-checkpoint.

The text of a checkpoint is three lines, and more that we neither write nor accept:

    <origin: the name of the log, equal to the name of its key>
    <size: how many entries it has, decimal>
    <root: base64 of the Merkle tree hash over them>
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Collection
from dataclasses import dataclass

from gov.audit.note import SigningKey, VerifierKey, open_note
from gov.audit.note import sign as sign_note
from gov.audit.tree import EMPTY, HASH_SIZE
from gov.errors import Unverified

_HINT = "gov audit verify"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log was at some moment; everything before it is bound by the root."""

    origin: str
    size: int
    root: bytes = EMPTY

    @property
    def text(self) -> str:
        """The lines that are signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"


def sign(checkpoint: Checkpoint, *keys: SigningKey) -> bytes:
    """The signed note of `checkpoint`."""
    return sign_note(checkpoint.text, *keys)


def open_checkpoint(note: bytes, key: VerifierKey) -> Checkpoint:
    """The checkpoint in a signed note.

    Raises:
        Unverified: The signature does not hold, or the text is not a checkpoint of the key's log.
    """
    checkpoint = parse(open_note(note, key))
    if checkpoint.origin != key.name:
        raise Unverified(f"the checkpoint is of another log: {checkpoint.origin}", hint=_HINT)
    return checkpoint


def open_any(note: bytes, keys: Collection[VerifierKey]) -> Checkpoint:
    """The checkpoint in a note that one of these keys signed.

    Raises:
        Unverified: none of them has; why the last one did not.
    """
    refusal = Unverified("there is no key to check it with", hint=_HINT)
    for key in keys:
        try:
            return open_checkpoint(note, key)
        except Unverified as why:
            refusal = why
    raise refusal


def unsigned(note: bytes) -> Checkpoint:
    """What a note states, whoever signed it.

    Raises:
        Unverified: it is no checkpoint.
    """
    return parse(note.decode(errors="replace").rpartition("\n\n")[0] + "\n")


def parse(text: str) -> Checkpoint:
    """The checkpoint that a note's text states; its signature is somebody else's concern.

    Raises:
        Unverified: The text is not a checkpoint in its one spelling.
    """
    lines = text.split("\n")
    try:
        origin, size, encoded = lines[:3]
        checkpoint = Checkpoint(origin, int(size), b64decode(encoded, validate=True))
    except ValueError:
        raise Unverified("the checkpoint is malformed", hint=_HINT) from None
    if checkpoint.text != text or checkpoint.size < 0 or len(checkpoint.root) != HASH_SIZE or not origin:
        raise Unverified("the checkpoint is malformed", hint=_HINT)
    return checkpoint
