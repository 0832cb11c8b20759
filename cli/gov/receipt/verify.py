"""Does a receipt hold? Decided from the file's digest, the receipt, its proof and the log's key alone.

The order is the argument:

- the proof shows an entry in a log whose checkpoint the key has signed;
- that entry is of a receipt, and names the key that signs receipts and the digest of this receipt's payload;
- that key has signed the envelope;
- the payload is a receipt of that log, about statements before it, and the file is one that it names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from gov.audit.entry import Leaf, read_leaf
from gov.audit.note import VerifierKey, verifier_key
from gov.audit.proof import Included, verify_inclusion
from gov.errors import ConfigError, Unverified
from gov.receipt import envelope, statement
from gov.receipt.statement import Statement

KIND = "receipt"
"""Of its entry in the log."""
_HINT = "gov receipt issue FILE, to have it written again"


@dataclass(frozen=True, slots=True)
class Verified:
    """A receipt that holds."""

    statement: Statement
    included: Included
    """Its entry, and the checkpoint that covers it."""
    leaf: Leaf

    @property
    def predicate(self) -> Mapping[str, Any]:
        """What it says."""
        return self.statement.predicate


def verify(receipt: bytes, proof: bytes, keys: Collection[VerifierKey]) -> Verified:
    """The receipt in these bytes, if it and its `.tlog-proof` hold under any of the log's keys.

    Raises:
        Unverified: Something in them is not as the broker wrote it, or of another log.
    """
    included = verify_inclusion(proof, keys)
    leaf = read_leaf(included.entry)
    if leaf.kind != KIND or leaf.index != included.index:
        raise _broken("the proof is of another kind of entry")
    held = envelope.read(receipt)
    if leaf.fields.get("envelope") != sha256(held.payload).hexdigest():
        raise _broken("the proof is of another receipt")
    envelope.verify(held, _key(leaf))
    said = statement.read(held.payload)
    _fits(said.predicate, leaf, included)
    return Verified(said, included, leaf)


def covers(verified: Verified, digests: Iterable[str]) -> None:
    """Do nothing when the receipt names every one of these digests (SHA-256, hex) of files.

    Raises:
        Unverified: It is about other files, or their bytes were changed.
    """
    named = {each.sha256 for each in verified.statement.subjects}
    for digest in digests:
        if digest not in named:
            raise Unverified(
                f"the file is not the one of the receipt: its SHA-256 is {digest}",
                hint="gov receipt show, for the files that the receipt names",
            )


def complete(verified: Verified, digests: Iterable[str]) -> None:
    """Do nothing when these are the digests of all files that the receipt names, each as often as it does.

    Raises:
        Unverified: One is missing, or stands in the place of another as well.
    """
    there = Counter(digests)
    for each in verified.statement.subjects:
        if not there[each.sha256]:
            raise Unverified(f"{each.name} is missing, or holds what another file of the receipt holds",
                             hint="gov receipt show, for the files that the receipt names")
        there[each.sha256] -= 1
    if twice := [digest for digest, more in there.items() if more]:
        raise Unverified(f"there are more files with the SHA-256 {twice[0]} than the receipt names",
                         hint="gov receipt show, for the files that the receipt names")


def _key(leaf: Leaf) -> VerifierKey:
    try:
        return verifier_key(str(leaf.fields.get("key", "")))
    except ConfigError:
        raise _broken("its entry in the log names no key") from None


def _fits(predicate: Mapping[str, Any], leaf: Leaf, included: Included) -> None:
    """The receipt is of this log, and what it tells of stands there before it."""
    log = predicate.get("log")
    entries = [each.get("entry") for each in predicate.get("statements") or () if isinstance(each, dict)]
    if not isinstance(log, dict) or log.get("origin") != included.checkpoint.origin:
        raise _broken("it is of another log")
    if predicate.get("receipt") != leaf.fields.get("receipt"):
        raise _broken("its entry in the log has another name")
    if not entries or not all(type(entry) is int and 0 <= entry < leaf.index for entry in entries):
        raise _broken("it tells of statements that are not in the log before it")


def _broken(why: str) -> Unverified:
    return Unverified(f"the receipt does not hold: {why}", hint=_HINT)
