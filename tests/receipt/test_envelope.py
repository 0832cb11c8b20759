"""DSSE envelopes: one spelling, one signature."""

from __future__ import annotations

import json

import pytest
from securesystemslib.dsse import Envelope as TheirEnvelope
from securesystemslib.signer import SSlibKey

from gov.audit.note import SigningKey
from gov.errors import Unverified
from gov.receipt import envelope

KEY = SigningKey("example.com/gov/receipts", b"k" * 32)


def test_the_encoding_is_that_of_the_specification() -> None:
    """Lengths in decimal bytes, one space between the parts."""
    assert envelope.encoding("é".encode()) == b"DSSEv1 28 application/vnd.in-toto+json 2 \xc3\xa9"


def test_there_and_back() -> None:
    """What is written is read, and its key vouches for it."""
    signed = envelope.sign(b"{}", KEY)

    assert envelope.read(bytes(signed)) == signed
    envelope.verify(signed, KEY.verifier)


def test_third_parties_accept_it() -> None:
    """securesystemslib reads the envelope and verifies its signature with the bare public key."""
    signed = envelope.sign(b'{"a": 1}', KEY)
    theirs = TheirEnvelope.from_dict(json.loads(bytes(signed)))
    keyval = {"public": KEY.verifier.public.hex()}
    key = SSlibKey(signed.keyid, "ed25519", "ed25519", keyval)

    assert theirs.pae() == envelope.encoding(b'{"a": 1}')
    assert theirs.verify([key], 1).keys() == {signed.keyid}


@pytest.mark.parametrize("data", [
    b"", b"[]", b"{}", b"null", b'{"payload":"","payloadType":"x","signatures":[]}', b"[" * 100_000,
    bytes(envelope.sign(b"{}", KEY))[:-1], bytes(envelope.sign(b"{}", KEY)) + b"\n",
    bytes(envelope.sign(b"{}", KEY)).replace(b",", b", ", 1),
], ids=range(9))  # fmt: skip
def test_another_spelling_is_no_envelope(data: bytes) -> None:
    """Nor is what holds none."""
    with pytest.raises(Unverified):
        envelope.read(data)


def test_another_key_has_not_signed() -> None:
    """Neither another one of the same name, nor one that the envelope only names."""
    signed = envelope.sign(b"{}", KEY)
    with pytest.raises(Unverified, match="another key"):
        envelope.verify(signed, SigningKey(KEY.name, b"x" * 32).verifier)
    forged = envelope.Envelope(signed.payload, signed.keyid, bytes(64))
    with pytest.raises(Unverified, match="does not hold"):
        envelope.verify(forged, KEY.verifier)
