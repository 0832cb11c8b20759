"""The signed envelope of a receipt: DSSE 1.0 (secure-systems-lab/dsse) with Ed25519.

    {"payload":"<base64>","payloadType":"application/vnd.in-toto+json","signatures":[{"keyid":"…","sig":"<base64>"}]}

in this one spelling (sorted members, no spaces, a newline at the end), so that a byte that differs is another
envelope. What is signed is the pre-authentication encoding

    "DSSEv1" SP LEN(type) SP type SP LEN(payload) SP payload

with lengths in decimal bytes. `keyid` is the verifier key in the form of C2SP signed-note; whether to believe it
is the reader's concern.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gov.audit.note import SigningKey, VerifierKey
from gov.errors import Unverified

PAYLOAD_TYPE = "application/vnd.in-toto+json"
LIMIT = 16 * 1024 * 1024
"""Bytes of an envelope that are looked at."""
_HINT = "gov receipt issue FILE, to have it written again"


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload and one signature over it. Nothing in it is true before `verify`."""

    payload: bytes
    keyid: str
    signature: bytes

    def __bytes__(self) -> bytes:
        said = {
            "payload": b64encode(self.payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"keyid": self.keyid, "sig": b64encode(self.signature).decode()}],
        }
        return json.dumps(said, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def encoding(payload: bytes) -> bytes:
    """The pre-authentication encoding of a payload: what is signed."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def sign(payload: bytes, key: SigningKey) -> Envelope:
    """The envelope of `payload`, signed by `key`."""
    signature = Ed25519PrivateKey.from_private_bytes(key.seed).sign(encoding(payload))
    return Envelope(payload, str(key.verifier), signature)


def read(data: bytes) -> Envelope:
    """The envelope that these bytes are, in its one spelling.

    Raises:
        Unverified: They are none.
    """
    try:
        said = json.loads(data[: LIMIT + 1])
        (signature,) = said["signatures"]
        envelope = Envelope(b64decode(said["payload"]), str(signature["keyid"]), b64decode(signature["sig"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        raise Unverified("the receipt is no signed envelope", hint=_HINT) from None
    if bytes(envelope) != data:
        raise Unverified("the receipt is not written as receipts are", hint=_HINT)
    return envelope


def verify(envelope: Envelope, key: VerifierKey) -> None:
    """Do nothing when `key` has signed the envelope.

    Raises:
        Unverified: It has not.
    """
    if envelope.keyid != str(key):
        raise Unverified("the receipt was signed by another key than the log names", hint=_HINT)
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(envelope.signature, encoding(envelope.payload))
    except (InvalidSignature, ValueError):
        raise Unverified("the receipt's signature does not hold", hint=_HINT) from None
