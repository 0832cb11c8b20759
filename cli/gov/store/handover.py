"""From one signing key to the next, on the disk: both sign, an entry says so, and the proof of it is kept.

    1. both keys sign every checkpoint from now on
    2. an entry `key.changed` is under a checkpoint that both have signed
    3. `key/<id of the old one>.tlog-proof` proves that to whoever has the old key
    4. `key.pub` names the new one

After a stop in between, it is done again from 2: said twice, the entry counts once.
"""

from __future__ import annotations

from gov.audit import rotation
from gov.audit.note import SigningKey
from gov.audit.path import bundle_entries
from gov.audit.proof import prove_inclusion
from gov.audit.tree import WIDTH
from gov.errors import Unverified
from gov.store.disk import Files
from gov.store.journal import Journal
from gov.store.tiles import KEY, Tiles


def sign_with(journal: Journal, *keys: SigningKey) -> None:
    """Let these keys sign the checkpoints that come, the last of them being the one in force."""

    def change(tiles: Tiles) -> None:
        tiles.keys = keys

    journal.change(change)


def hand_over(journal: Journal, index: int, old: SigningKey, new: SigningKey) -> None:
    """Keep the proof of the entry `index`, which says that `new` follows `old`, and name the new key.

    Raises:
        Unavailable: the disk failed.
    """

    def change(tiles: Tiles) -> None:
        read, number = Files(journal.directory), index // WIDTH
        entry = bundle_entries(number, tiles.size, read)[index % WIDTH]
        proof = bytes(prove_inclusion(index, tiles.checkpoint, read, entry))
        tiles.place({rotation.path(old.verifier): proof})
        named = (read(KEY) or b"").splitlines(keepends=True)
        line = f"{new.verifier}\n".encode()
        if line not in named:
            tiles.place({KEY: b"".join([*named, line])})

    journal.change(change)


def is_handed_over(journal: Journal, old: SigningKey, new: SigningKey) -> bool:
    """Whether whoever has the old key can follow to the new one: the proof is there and holds, and it is named."""
    read = Files(journal.directory)
    try:
        link = rotation.read_link(read(rotation.path(old.verifier)) or b"", old.verifier)
    except (OSError, Unverified):
        return False
    named = (read(KEY) or b"").splitlines()
    return link.new == new.verifier and named[-1:] == [str(new.verifier).encode()]
