"""What a receipt is measured by: the log's key as it is known here, and the log as it was seen or copied."""

from __future__ import annotations

from pathlib import Path

from gov.audit.checkpoint import Checkpoint, open_checkpoint
from gov.audit.note import verifier_key
from gov.audit.proof import read_inclusion
from gov.client.config import Contexts, Places
from gov.commands.proving import Trust, trust
from gov.errors import NoSuch, UsageError
from gov.receipt.verify import Verified, verify
from gov.store.disk import Files


def vouched(receipt: bytes, proof: bytes, key: str, directory: Path | None) -> Verified:
    """The receipt, verified with the given key or the pinned one; needs no broker.

    Raises:
        Unverified: It does not hold, or the log is not the one it was.
        UsageError: No key is known for its log.
    """
    origin = read_inclusion(proof).note.partition(b"\n")[0].decode(errors="replace")
    if not key and not _is_pinned(origin):
        raise UsageError(f"no key is known for the log {origin}", hint="gov login, or --checkpoint-key VKEY")
    measure = trust(key, origin)
    verified = verify(receipt, proof, [measure.key])
    _goes_on(verified.included.checkpoint, measure, directory)
    return verified


def _is_pinned(origin: str) -> bool:
    """Whether a login here has pinned the key of that log."""
    contexts = Contexts(Places.of()).all().values()
    return any(context.audit_key and verifier_key(context.audit_key).name == origin for context in contexts)


def _goes_on(checkpoint: Checkpoint, measure: Trust, directory: Path | None) -> None:
    """The log that was seen, and the copy of it that is given, are longer than the proof's and go on from it."""
    from gov.client.growth import extends

    if (seen := measure.known) is not None and seen.size == checkpoint.size:
        extends(checkpoint, seen, lambda path: None)
    if directory is None:
        return
    files = Files(directory)
    if (note := files("checkpoint")) is None:
        raise NoSuch(f"no log in {directory}", hint="--dir COPY")
    extends(checkpoint, open_checkpoint(note, measure.key), files)
