"""A receipt holds or it does not; any byte decides."""

from __future__ import annotations

import json
from base64 import b64decode
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from gov.audit.note import SigningKey
from gov.errors import Unverified
from gov.receipt.verify import covers, verify
from receipt.made import BROKER, DIGEST, FILE, LOG, PREDICATE, Made, made

TRUE = made()
KEYS = [LOG.verifier]


def holds(receipt: bytes, proof: bytes, file: bytes = FILE) -> bool:
    """Whether gov takes them."""
    try:
        covers(verify(receipt, proof, KEYS), [sha256(file).hexdigest()])
    except Unverified:
        return False
    return True


def test_a_receipt_holds() -> None:
    """And says of what log, at which place, about which file."""
    verified = verify(TRUE.receipt, TRUE.proof, [SigningKey("other", b"o" * 32).verifier, *KEYS])

    covers(verified, [DIGEST])
    assert (verified.included.index, verified.included.checkpoint.size) == (5, 8)
    assert verified.predicate["actor"]["name"] == "alice"


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_any_changed_byte_is_refused(data: st.DataObject) -> None:
    """Of the file, the receipt or the proof; a byte that is missing or too many too."""
    parts = [FILE, TRUE.receipt, TRUE.proof]
    which = data.draw(st.integers(0, 2))
    victim = bytearray(parts[which])
    place = data.draw(st.integers(0, len(victim) - 1))
    match data.draw(st.sampled_from(["flip", "drop", "insert", "cut"])):
        case "flip":
            victim[place] ^= data.draw(st.integers(1, 255))
        case "drop":
            del victim[place]
        case "insert":
            victim.insert(place, data.draw(st.integers(0, 255)))
        case _:
            del victim[place:]
    parts[which] = bytes(victim)

    assert parts[which] == [FILE, TRUE.receipt, TRUE.proof][which] or not holds(parts[1], parts[2], parts[0])


def test_every_bit_of_the_receipt_and_the_proof_counts() -> None:
    """The same without chance, for one bit of each byte."""
    for number, whole in enumerate((TRUE.receipt, TRUE.proof)):
        for place in range(len(whole)):
            changed = bytearray(whole)
            changed[place] ^= 1 << place % 8
            pair = [TRUE.receipt, TRUE.proof]
            pair[number] = bytes(changed)
            assert not holds(*pair), (number, place)


CASES: dict[str, tuple[Made, str]] = {
    "an envelope signed by another key": (made(signer=SigningKey(BROKER.name, b"x" * 32)), "another key"),
    "a log of another key": (made(log=SigningKey(LOG.name, b"x" * 32)), "not signed by"),
    "a log of another name": (made(log=SigningKey("evil.example/gov", b"l" * 32)), "not signed by"),
    "an entry of another kind": (made(kind="log.erased"), "another kind of entry"),
    "an entry of another receipt": (made(envelope_of=b"another"), "another receipt"),
    "another name in the log": (made(receipt="rc-000000000002"), "another name"),
    "a receipt of another log": (made(predicate={**PREDICATE, "log": {"origin": "evil"}}), "of another log"),
    "statements that came later": (
        made(predicate={**PREDICATE, "statements": [{"entry": 5}]}), "not in the log before it"),
    "no statements": (made(predicate={**PREDICATE, "statements": []}), "not in the log before it"),
    "a receipt with another one's proof": (Made(TRUE.receipt, made(predicate={**PREDICATE, "run": "x"}).proof),
                                           "another receipt"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_does_not_belong_together(name: str) -> None:
    """Each reason is said."""
    forged, said = CASES[name]
    with pytest.raises(Unverified, match=said):
        verify(forged.receipt, forged.proof, KEYS)


def test_another_file() -> None:
    """The receipt of one file vouches for no other."""
    with pytest.raises(Unverified, match="not the one of the receipt"):
        covers(verify(TRUE.receipt, TRUE.proof, KEYS), [DIGEST, sha256(b"other").hexdigest()])


def verified_by_a_stranger(file: bytes, receipt: bytes, proof: bytes, public: bytes) -> dict[str, Any]:
    """A verifier from `docs/receipts.md` alone: SHA-256, Ed25519, JSON and base64."""
    head, _, note = proof.partition(b"\n\n")
    lines = head.decode().split("\n")
    entry, index = b64decode(lines[1].split(" ")[1]), int(lines[2].split(" ")[1])
    path = [b64decode(line) for line in lines[3:]]
    text, _, signature = note.partition(b"\n\n")
    Ed25519PublicKey.from_public_bytes(public).verify(b64decode(signature.split()[2])[4:], text + b"\n")
    origin, size, root = text.decode().split("\n")
    node, at, last = sha256(b"\0" + entry).digest(), index, int(size) - 1
    for other in path:  # RFC 9162, section 2.1.3.2
        if at & 1 or at == last:
            node = sha256(b"\1" + other + node).digest()
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            node = sha256(b"\1" + node + other).digest()
        at, last = at >> 1, last >> 1
    assert (node, last) == (b64decode(root), 0)

    leaf, envelope = json.loads(entry), json.loads(receipt)
    payload, kind = b64decode(envelope["payload"]), envelope["payloadType"].encode()
    assert (leaf["kind"], leaf["index"]) == ("receipt", index)
    assert leaf["fields"]["envelope"] == sha256(payload).hexdigest()
    key = b64decode(leaf["fields"]["key"].split("+", 2)[2])[1:]
    signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    Ed25519PublicKey.from_public_bytes(key).verify(b64decode(envelope["signatures"][0]["sig"]), signed)

    said: dict[str, Any] = json.loads(payload)
    assert said["predicate"]["log"]["origin"] == origin
    assert sha256(file).hexdigest() in [each["digest"]["sha256"] for each in said["subject"]]
    return said


def test_a_strangers_verifier_agrees() -> None:
    """With hashlib and an Ed25519 library, from the documented format."""
    said = verified_by_a_stranger(FILE, TRUE.receipt, TRUE.proof, LOG.verifier.public)
    assert said["predicate"]["receipt"] == "rc-000000000001"
