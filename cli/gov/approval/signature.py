"""Signatures of Standard Webhooks 1.0.

The specification is https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md.
What is signed is `ID.TIMESTAMP.BODY`, by HMAC-SHA256 with a key of 24 to 64 bytes that both sides keep as
`whsec_` and its base64. The header has one `v1,` signature for each key, so that keys can change without a gap.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from collections.abc import Sequence

PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64
"""Bytes of a key."""


def keys(text: str) -> tuple[bytes, ...]:
    """The keys in `text`, one a line, the one in use first; lines that begin with `#` are comments.

    Raises:
        ValueError: There is none, or one is not `whsec_` and the base64 of 24 to 64 bytes.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    found = tuple(map(_key, lines))
    if not found:
        raise ValueError("it holds no key")
    return found


def _key(line: str) -> bytes:
    try:
        key = b64decode(line.removeprefix(PREFIX), validate=True)
    except ValueError:
        key = b""
    if not line.startswith(PREFIX) or not SHORTEST <= len(key) <= LONGEST:
        raise ValueError("a line is not whsec_ and the base64 of 24 to 64 bytes")
    return key


def headers(id: str, at: int, body: bytes, signing: Sequence[bytes]) -> dict[str, str]:
    """The three headers of a message; `at` is when it is sent, seconds since the epoch. No key, no signature."""
    said = {"webhook-id": id, "webhook-timestamp": str(at)}
    if signing:
        said["webhook-signature"] = " ".join(_signature(id, at, body, key) for key in signing)
    return said


def _signature(id: str, at: int, body: bytes, key: bytes) -> str:
    signed = hmac.digest(key, f"{id}.{at}.".encode() + body, "sha256")
    return f"v1,{b64encode(signed).decode()}"
