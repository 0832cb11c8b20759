"""A receipt with its proof, made by hand over a small log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from audit import reference
from gov.audit import checkpoint
from gov.audit.checkpoint import Checkpoint
from gov.audit.entry import FIRST, Entry, record
from gov.audit.note import SigningKey
from gov.audit.proof import InclusionProof
from gov.receipt import envelope, statement
from gov.receipt.statement import Subject

ORIGIN = "example.com/gov"
LOG = SigningKey(ORIGIN, b"l" * 32)
BROKER = SigningKey(f"{ORIGIN}/receipts", b"b" * 32)
FILE = b"id,email\n1,j***@e***.com\n"
DIGEST = sha256(FILE).hexdigest()
PREDICATE: Mapping[str, Any] = {
    "receipt": "rc-000000000001", "salt": "00" * 16, "actor": {"subject": "u-alice", "name": "alice"},
    "log": {"origin": ORIGIN, "size": 3}, "files": [{"name": "out.csv", "sha256": DIGEST, "rows": 1}],
    "statements": [{"entry": 1, "command": "SELECT"}], "run": "", "dataset": None,
}


@dataclass(frozen=True)
class Made:
    """The bytes of both files."""

    receipt: bytes
    proof: bytes


def made(
    *, signer: SigningKey = BROKER, named: SigningKey = BROKER, log: SigningKey = LOG, kind: str = "receipt",
    predicate: Mapping[str, Any] = PREDICATE, envelope_of: bytes | None = None, receipt: str = "rc-000000000001",
) -> Made:
    """A receipt signed by `signer`, in a log of eight entries that names the key `named`."""
    payload = statement.write([Subject("out.csv", DIGEST)], predicate)
    signed = envelope.sign(payload, signer)
    fields = {"receipt": receipt, "envelope": sha256(envelope_of or payload).hexdigest(), "key": str(named.verifier)}
    said = [Entry("log.erased", 0.0, {"first": number}) for number in range(8)]
    said[5] = Entry(kind, 0.0, fields if kind == "receipt" else {"first": 5})
    leaves: list[bytes] = []
    previous = FIRST
    for number, entry in enumerate(said):
        kept = record(entry, number, previous, bytes(16))
        leaves.append(kept.leaf)
        previous = kept.hash
    note = checkpoint.sign(Checkpoint(log.name, 8, reference.mth(leaves)), log)
    return Made(bytes(signed), bytes(InclusionProof(5, tuple(reference.path(5, leaves)), note, leaves[5])))
