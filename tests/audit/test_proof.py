"""A proof stands alone: with the key it shows its entry, and nothing else."""

from __future__ import annotations

import random
from base64 import b64encode
from collections.abc import Callable

import pytest
from tlog_scales.signing import Vkey
from tlog_scales.tiles import leaf_hash as their_leaf_hash
from tlog_scales.tlog import Checkpoint as TheirCheckpoint
from tlog_scales.tlog import ConsistencyProof as TheirConsistency
from tlog_scales.tlog import InclusionProof as TheirInclusion

from audit import logs
from audit.logs import KEY, ORIGIN, Log
from gov.audit.checkpoint import Checkpoint, open_checkpoint, sign
from gov.audit.note import SigningKey
from gov.audit.proof import (
    prove_consistency,
    prove_inclusion,
    read_consistency,
    read_inclusion,
    verify_consistency,
    verify_inclusion,
)
from gov.audit.tree import Tile, root, split, unbundle
from gov.errors import NoSuch, Unverified

SIZE = 600
TRUSTED = (KEY.verifier,)


@pytest.fixture(scope="module", name="log")
def _log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    return logs.make(tmp_path_factory.mktemp("proofs"), SIZE, step=37)


def entry(log: Log, index: int) -> bytes:
    """An entry of the log, from its bundle."""
    tile = Tile(None, index // 256, min(256, SIZE - index // 256 * 256))
    return unbundle(log[tile.path])[index % 256]


def known(log: Log, size: int) -> Checkpoint:
    """What the log was when it had that size."""
    hashes = [split(log[Tile(0, at // 256, min(256, SIZE - at // 256 * 256)).path])[at % 256] for at in range(size)]
    return Checkpoint(ORIGIN, size, root(hashes))


def test_an_entry_is_proved_offline(log: Log) -> None:
    """By the proof, the entry's bytes and the key alone; the entry may travel with the proof."""
    for index in (0, 1, 255, 256, 511, SIZE - 1):
        bare = bytes(prove_inclusion(index, log["checkpoint"], log.get))
        whole = bytes(prove_inclusion(index, log["checkpoint"], log.get, entry(log, index)))

        assert verify_inclusion(bare, TRUSTED, entry(log, index)) == verify_inclusion(whole, TRUSTED)
        assert verify_inclusion(whole, TRUSTED).index == index
        assert verify_inclusion(whole, TRUSTED).checkpoint == open_checkpoint(log["checkpoint"], KEY.verifier)


def test_the_form_of_tlog_proof(log: Log) -> None:
    """Header, extra, index, one hash a line, an empty line, the checkpoint."""
    lines = bytes(prove_inclusion(300, log["checkpoint"], log.get, b"{}")).split(b"\n")

    assert lines[:3] == [b"c2sp.org/tlog-proof@v1", b"extra e30=", b"index 300"]
    assert lines[3 : lines.index(b"")] == [*map(b64encode, read_inclusion(b"\n".join(lines)).path)]
    assert b"\n".join(lines[lines.index(b"") + 1 :]) == log["checkpoint"]


def test_the_form_of_add_checkpoint(log: Log) -> None:
    """Old size, one hash a line, an empty line, the checkpoint."""
    lines = bytes(prove_consistency(300, log["checkpoint"], log.get)).split(b"\n")

    assert lines[0] == b"old 300"
    assert b"\n".join(lines[lines.index(b"") + 1 :]) == log["checkpoint"]
    assert bytes(prove_consistency(0, log["checkpoint"], log.get)) == b"old 0\n\n" + log["checkpoint"]


def test_growth_is_proved_offline(log: Log) -> None:
    """From every size, the same and none included."""
    now = open_checkpoint(log["checkpoint"], KEY.verifier)
    for old in (0, 1, 2, 255, 256, 257, 512, SIZE - 1, SIZE):
        proof = bytes(prove_consistency(old, log["checkpoint"], log.get))

        assert verify_consistency(proof, TRUSTED, known(log, old)) == now


def test_an_outside_tool_accepts_what_we_prove(log: Log) -> None:
    """tlog-scales, which shares no code with us, opens the checkpoint and follows the paths."""
    theirs = TheirCheckpoint.from_text(log["checkpoint"].decode())
    theirs.verify(Vkey.from_string(str(KEY.verifier)))
    for index in (0, 77, 256, SIZE - 1):
        proof = read_inclusion(bytes(prove_inclusion(index, log["checkpoint"], log.get)))
        leaf = their_leaf_hash(entry(log, index))
        TheirInclusion(proof.index, theirs.size, [*proof.path]).check(leaf, theirs.root_hash)
    for old in (1, 256, 300, SIZE):
        growth = read_consistency(bytes(prove_consistency(old, log["checkpoint"], log.get)))
        path = TheirConsistency(growth.old, theirs.size, [*growth.path])
        path.check(known(log, old).root, theirs.root_hash)


def test_changed_bytes_of_a_proof(log: Log) -> None:
    """Are found, in each of its parts, and so are those of the entry."""
    proof = bytes(prove_inclusion(300, log["checkpoint"], log.get, entry(log, 300)))
    growth = bytes(prove_consistency(300, log["checkpoint"], log.get))
    chance, before = random.Random(5), known(log, 300)
    for checked, whole in (
        (lambda data: verify_inclusion(data, TRUSTED), proof),
        (lambda data: verify_consistency(data, TRUSTED, before), growth),
        (lambda data: verify_inclusion(proof, TRUSTED, data), entry(log, 300)),
    ):
        _every_change_is_found(checked, whole, chance)


def _every_change_is_found(checked: Callable[[bytes], object], whole: bytes, chance: random.Random) -> None:
    for at in range(0, len(whole), 3):
        changed = bytearray(whole)
        changed[at] ^= 1 << chance.randrange(8)
        with pytest.raises(Unverified):
            checked(bytes(changed))
        with pytest.raises(Unverified):
            checked(whole[:at])
    with pytest.raises(Unverified):
        checked(whole + b"\n")


def test_right_name_with_wrong_key(log: Log) -> None:
    """And no key at all."""
    other = SigningKey(ORIGIN, bytes(32))
    proof = bytes(prove_inclusion(3, log["checkpoint"], log.get, entry(log, 3)))
    forged = bytes(prove_inclusion(3, sign(known(log, SIZE), other), log.get, entry(log, 3)))
    for text, keys in ((proof, [other.verifier]), (proof, []), (forged, TRUSTED)):
        with pytest.raises(Unverified, match="the proof does not hold"):
            verify_inclusion(text, keys)
    assert verify_inclusion(proof, [other.verifier, KEY.verifier]).index == 3


def test_another_entry_or_another_past(log: Log) -> None:
    """A proof is about its own entry, and growth about its own beginning."""
    proof = bytes(prove_inclusion(3, log["checkpoint"], log.get))
    growth = bytes(prove_consistency(300, log["checkpoint"], log.get))
    with pytest.raises(Unverified, match="is not number 3"):
        verify_inclusion(proof, TRUSTED, entry(log, 4))
    with pytest.raises(Unverified, match="does not carry its entry"):
        verify_inclusion(proof, TRUSTED)
    with pytest.raises(Unverified, match="carries another entry"):
        verify_inclusion(bytes(prove_inclusion(3, log["checkpoint"], log.get, entry(log, 3))), TRUSTED, b"{}")
    with pytest.raises(Unverified, match="301 are known"):
        verify_consistency(growth, TRUSTED, known(log, 301))
    with pytest.raises(Unverified, match="not the ones known before"):
        verify_consistency(growth, TRUSTED, Checkpoint(ORIGIN, 300, bytes(32)))
    with pytest.raises(Unverified, match="another log"):
        verify_consistency(growth, TRUSTED, Checkpoint("other.example/gov", 300, known(log, 300).root))


def test_what_there_is_no_proof_of(log: Log) -> None:
    """Entries that no checkpoint covers, and sizes that the log has not reached."""
    with pytest.raises(NoSuch):
        prove_inclusion(SIZE, log["checkpoint"], log.get)
    with pytest.raises(NoSuch):
        prove_consistency(SIZE + 1, log["checkpoint"], log.get)


def test_what_is_no_proof() -> None:
    """Other headers, missing lines, numbers and hashes that are none."""
    for text in (
        b"", b"c2sp.org/tlog-proof@v1\n\n", b"c2sp.org/tlog-proof@v2\nindex 0\n\n",
        b"c2sp.org/tlog-proof@v1\nindex -1\n\n",
        b"c2sp.org/tlog-proof@v1\nindex 00\n\n", b"c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\n", b"\xff\n\n",
        b"c2sp.org/tlog-proof@v1\nextra !\nindex 0\n\n", b"c2sp.org/tlog-proof@v1\nindex 0\nextra e30=\n\n",
    ):
        with pytest.raises(Unverified, match="the proof does not hold"):
            read_inclusion(text)
    with pytest.raises(Unverified, match="the proof does not hold"):
        read_consistency(b"index 3\n\n")
