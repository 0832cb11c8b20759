"""Ids that people read aloud and type: a prefix and Crockford's base32 in lower case.

The alphabet leaves out i, l, o and u (https://www.crockford.com/base32.html). Randomness is an
argument: this package has none.
"""

from __future__ import annotations

from gov.terms import LeaseId, RequestId, SessionId

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
ENOUGH = 8
"""Random bytes that suffice for every id here."""


def encode(random: bytes, length: int = 12) -> str:
    """`length` characters from the lowest 5 x `length` bits of `random`, big-endian.

    Raises:
        ValueError: `random` holds fewer bits than the id does.
    """
    if len(random) * 8 < length * 5:
        raise ValueError(f"{length} characters need {-(-length * 5 // 8)} random bytes, not {len(random)}")
    number = int.from_bytes(random)
    return "".join(ALPHABET[number >> 5 * place & 31] for place in reversed(range(length)))


def lease_id(random: bytes) -> LeaseId:
    """`ls-` and 60 bits."""
    return LeaseId(f"ls-{encode(random)}")


def session_id(random: bytes) -> SessionId:
    """`ss-` and 60 bits."""
    return SessionId(f"ss-{encode(random)}")


def request_id(random: bytes) -> RequestId:
    """`rq-` and 30 bits: short, because people type it. Whoever stores it makes sure that it is new."""
    return RequestId(f"rq-{encode(random, 6)}")
