"""What a receipt is measured by: the log's key as it is known here, and the log as it was seen or copied."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from gov.audit.checkpoint import Checkpoint, open_checkpoint
from gov.audit.note import VerifierKey
from gov.audit.proof import read_inclusion
from gov.client.checkpoints import Witness
from gov.client.config import Contexts, Places
from gov.client.growth import extends
from gov.commands.proving import trust
from gov.errors import NoSuch, Unverified, UsageError
from gov.receipt.verify import Verified, verify
from gov.store.disk import Files


def vouched(receipt: bytes, proof: bytes, key: str, directory: Path | None) -> Verified:
    """The receipt, verified with the given key or the pinned one; needs no broker.

    Raises:
        Unverified: It does not hold, or the log is not the one it was.
        UsageError: No key is known for its log.
    """
    origin = read_inclusion(proof).note.partition(b"\n")[0].decode(errors="replace")
    keys, seen = _believed(origin) if not key else (_given(key), None)
    verified = verify(receipt, proof, keys)
    _goes_on(verified.included.checkpoint, seen, keys, directory)
    return verified


def _given(key: str) -> Sequence[VerifierKey]:
    return [trust(key, "").key]


def _believed(origin: str) -> tuple[Sequence[VerifierKey], Checkpoint | None]:
    """Every key of that log that was ever believed here, and the newest checkpoint seen of it.

    A key that was handed over still vouches for what it signed: a receipt outlives a change of keys.
    """
    places = Places.of()
    for context in Contexts(places).all().values():
        witness = Witness(context, places)
        if witness.pinned and witness.keys[-1].name == origin:
            seen = witness.newest()
            return witness.keys, seen.checkpoint if seen else None
    raise UsageError(f"no key is known for the log {origin}", hint="gov login, or --checkpoint-key VKEY")


def _goes_on(
    checkpoint: Checkpoint, seen: Checkpoint | None, keys: Sequence[VerifierKey], directory: Path | None
) -> None:
    """The log that was seen does not contradict the proof's, and the copy of it that is given goes on from it."""
    if seen is not None and seen.size == checkpoint.size:
        extends(checkpoint, seen, lambda path: None)
    if directory is None:
        return
    files = Files(directory)
    if (note := files("checkpoint")) is None:
        raise NoSuch(f"no log in {directory}", hint="--dir COPY")
    extends(checkpoint, _opened(note, keys), files)


def _opened(note: bytes, keys: Sequence[VerifierKey]) -> Checkpoint:
    refusal = Unverified("the copy has no checkpoint of a key that is believed", hint="gov audit verify --dir COPY")
    for key in keys:
        with suppress(Unverified):
            return open_checkpoint(note, key)
    raise refusal
