"""Secrets of roles, and verifiers."""

from __future__ import annotations

import re

import scramp
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from gov.lease import secret


@given(st.binary(min_size=16, max_size=64), st.text(max_size=40), st.integers(1, 100))
def test_expand_is_hkdf(key: bytes, purpose: str, length: int) -> None:
    """RFC 5869, as another implementation computes it."""
    judge = HKDF(SHA256(), length, salt=None, info=purpose.encode())

    assert secret.expand(key, purpose, length) == judge.derive(key)


def test_secrets_differ_by_lease_and_by_key() -> None:
    """Knowing one secret says nothing about another."""
    found = {secret.derive(key, lease) for key in (b"a" * 32, b"b" * 32) for lease in ("ls-1", "ls-2")}

    assert len(found) == 4
    assert all(re.fullmatch(r"[\w-]{43}", text) for text in found)


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1), st.binary(min_size=16, max_size=16))
def test_a_verifier_is_what_scram_expects(password: str, salt: bytes) -> None:
    """Stored and server key are those of another implementation."""
    mechanism = scramp.ScramMechanism("SCRAM-SHA-256")
    _, stored, server, iterations = mechanism.make_auth_info(password, 4096, salt)

    assert secret.verifier(password, salt) == secret_of(iterations, salt, stored, server)


def secret_of(iterations: int, salt: bytes, stored: bytes, server: bytes) -> str:
    """The form of `pg_authid.rolpassword`."""
    from base64 import b64encode as b64

    return f"SCRAM-SHA-256${iterations}:{b64(salt).decode()}${b64(stored).decode()}:{b64(server).decode()}"
