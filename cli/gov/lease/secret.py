"""The secret of an ephemeral role, derived and never stored, and the verifiers of SCRAM-SHA-256.

HKDF (RFC 5869) with SHA-256 over the broker's key; SCRAM as in RFC 5802 and 7677, in the form that
PostgreSQL keeps in `pg_authid.rolpassword`:

    SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>

A server that is given the verifier never sees the secret, nor do its logs.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode, urlsafe_b64encode

ITERATIONS = 4096
"""PostgreSQL's default. Our secrets have 256 bits, so stretching them adds nothing."""

_HASH = 32


def expand(key: bytes, purpose: str, length: int = _HASH) -> bytes:
    """HKDF-SHA-256 of `key` for one purpose, without a salt; equal inputs give equal bytes."""
    pseudorandom = hmac.digest(bytes(_HASH), key, "sha256")
    block, out = b"", b""
    for number in range(1, -(-length // _HASH) + 1):
        block = hmac.digest(pseudorandom, block + purpose.encode() + bytes([number]), "sha256")
        out += block
    return out[:length]


def derive(broker_key: bytes, lease_id: str) -> str:
    """The password of the role of `lease_id` on the target: 256 bits, 43 URL-safe characters."""
    return urlsafe_b64encode(expand(broker_key, f"gov role secret v1 {lease_id}")).rstrip(b"=").decode()


def verifier(secret: str, salt: bytes, iterations: int = ITERATIONS) -> str:
    """What PostgreSQL stores of `secret`, which must be ASCII (SASLprep leaves that alone)."""
    salted = hashlib.pbkdf2_hmac("sha256", secret.encode("ascii"), salt, iterations)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    return f"SCRAM-SHA-256${iterations}:{_text(salt)}${_text(stored)}:{_text(server)}"


def _text(value: bytes) -> str:
    return b64encode(value).decode()
