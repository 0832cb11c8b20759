"""From one signing key to the next: who trusts a key follows to its successor, and only by proof.

The key `old` gives way to `new` in an entry `key.changed`, under a checkpoint that both have signed. That checkpoint
is kept with the proof that it has the entry: `key/<id of old>.tlog-proof`, which carries the entry. Whoever has the
old key follows from there without any trust in the new one, however long after.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gov.audit.checkpoint import Checkpoint
from gov.audit.entry import read_leaf
from gov.audit.note import VerifierKey, verifier_key
from gov.audit.path import Read
from gov.audit.proof import verify_inclusion
from gov.errors import ConfigError, Unverified

KIND = "key.changed"
NAMED = re.compile(r"key/([0-9a-f]{8})\.tlog-proof", re.ASCII)
"""How the log calls the proof of what came after the key with that id."""
_HINT = "compare with the key that `gov broker status` shows on the broker's own machine"
_LONGEST = 1000
"""Changes that are followed: more would be a way to keep a client busy."""


@dataclass(frozen=True, slots=True)
class Link:
    """A proved change of keys."""

    old: VerifierKey
    new: VerifierKey
    index: int
    """Of the entry that says so."""
    checkpoint: Checkpoint
    """Signed by `old`, with that entry under it."""


def path(old: VerifierKey) -> str:
    """Where the log has the proof of what came after this key."""
    return f"key/{old.id.hex()}.tlog-proof"


def read_link(proof: bytes, old: VerifierKey) -> Link:
    """The change that a proof shows to whoever trusts `old`.

    Raises:
        Unverified: it shows no change of that key.
    """
    included = verify_inclusion(proof, [old])
    leaf = read_leaf(included.entry)
    if leaf.kind != KIND:
        raise Unverified(f"the proof is of another entry: {leaf.kind}", hint=_HINT)
    before, after = changed(leaf.fields)
    if before != old:
        raise Unverified("the proof is of the change of another key", hint=_HINT)
    return Link(old, after, included.index, included.checkpoint)


def changed(fields: Mapping[str, Any]) -> tuple[VerifierKey, VerifierKey]:
    """The two keys that an entry of this kind names.

    Raises:
        Unverified: they are none, of different logs, or the same.
    """
    try:
        old, new = verifier_key(str(fields["old"])), verifier_key(str(fields["new"]))
    except (KeyError, ConfigError):
        raise Unverified("it does not say from which key to which", hint=_HINT) from None
    if old.name != new.name or old == new:
        raise Unverified("it does not say from which key to which", hint=_HINT)
    return old, new


def follow(key: VerifierKey, read: Read) -> list[Link]:
    """Every proved change from `key` on, to the newest.

    Raises:
        Unverified: a link does not hold, or the keys go round in a circle.
    """
    links: list[Link] = []
    seen = {key}
    while (proof := read(path(key))) is not None:
        link = read_link(proof, key)
        if link.new in seen or len(links) == _LONGEST:
            raise Unverified("the signing keys of the log go round in a circle", hint=_HINT)
        links.append(link)
        key = link.new
        seen.add(key)
    return links


class Reign:
    """The keys of a log in their order, as its entries tell it."""

    def __init__(self) -> None:
        self.keys: list[VerifierKey] = []
        """From the first to the one in force; empty where the key never changed."""

    def change(self, fields: Mapping[str, Any]) -> None:
        """Take a `key.changed` in. Said twice, after a stop in between, it counts once.

        Raises:
            Unverified: it does not begin at the key in force.
        """
        old, new = changed(fields)
        if self.keys[-2:] == [old, new]:
            return
        if self.keys and self.keys[-1] != old:
            raise Unverified("it does not change the key that was in force", hint=_HINT)
        if new in self.keys:
            raise Unverified("it brings back a key that was given up", hint=_HINT)
        self.keys += [new] if self.keys else [old, new]
