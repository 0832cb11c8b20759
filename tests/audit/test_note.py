"""Signed notes and keys are those of C2SP signed-note and Go's sumdb/note."""

from __future__ import annotations

from base64 import b64decode, b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gov.audit.note import SigningKey, VerifierKey, open_note, sign, signing_key, valid_name, verifier_key
from gov.errors import ConfigError, Unverified

# The key and note of the package documentation of golang.org/x/mod/sumdb/note.
GO_SIGNER = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_VERIFIER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_NOTE = (
    GO_TEXT
    + "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
).encode()

KEY = SigningKey("gov.example.com/audit", bytes(range(32)))
OTHER = SigningKey("gov.example.com/audit", bytes(range(1, 33)))


def test_go_keys_and_notes() -> None:
    """Signatures are deterministic: the note is the same letter by letter."""
    key = signing_key(GO_SIGNER)

    assert str(key.verifier) == GO_VERIFIER
    assert sign(GO_TEXT, key) == GO_NOTE
    assert open_note(GO_NOTE, verifier_key(GO_VERIFIER)) == GO_TEXT
    assert str(key) == GO_SIGNER


@given(st.text(min_size=1).filter(valid_name), st.binary(min_size=32, max_size=32))
def test_keys_are_read_as_they_are_written(name: str, seed: bytes) -> None:
    """Both halves, and a key does not show its secret by accident."""
    key = SigningKey(name, seed)

    assert signing_key(str(key)) == key
    assert verifier_key(str(key.verifier)) == key.verifier
    assert repr(key) == f"SigningKey({name!r}, …)"


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]) | st.just("\n")))
def test_a_note_gives_back_its_text(text: str) -> None:
    """Empty lines and things that look like signatures included."""
    assert open_note(sign(text + "\n", KEY), KEY.verifier) == text + "\n"


def test_every_flipped_bit_is_noticed() -> None:
    """In the text, in the name, in the signature, in its base64, in the line ends."""
    note = sign("gov.example.com/audit\n3\n…\n", KEY)

    for at in range(len(note) * 8):
        changed = bytearray(note)
        changed[at // 8] ^= 1 << at % 8
        with pytest.raises(Unverified):
            open_note(bytes(changed), KEY.verifier)


def test_signatures_of_others_neither_help_nor_hurt() -> None:
    """A witness's line is passed over; without ours the note is nobody's."""
    note, foreign = sign("text\n", KEY), sign("text\n", OTHER).splitlines()[-1] + b"\n"

    assert open_note(note + foreign, KEY.verifier) == "text\n"
    with pytest.raises(Unverified, match="not signed by"):
        open_note(sign("text\n", OTHER), KEY.verifier)


def test_a_right_name_with_a_wrong_key_does_not_pass() -> None:
    """Even when the forger copies the key id, which is no secret."""
    forged = sign("text\n", OTHER)
    line = forged.splitlines()[-1].decode().split(" ")[2]
    relabelled = b64encode(KEY.verifier.id + b64decode(line)[4:]).decode()

    with pytest.raises(Unverified, match="does not hold"):
        open_note(forged.replace(line.encode(), relabelled.encode()), KEY.verifier)


def test_one_bad_signature_of_ours_spoils_a_good_one() -> None:
    """Both lines claim our key; one of them lies."""
    note = sign("text\n", KEY)
    bad = sign("other\n", KEY).splitlines()[-1] + b"\n"

    with pytest.raises(Unverified, match="does not hold"):
        open_note(note + bad, KEY.verifier)


@pytest.mark.parametrize(
    "text",
    [
        "", "name", "name+00000000", "name+00000000+", "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        GO_VERIFIER.replace("c74f20a3", "c74f20a4"), GO_VERIFIER.replace("Peter", "Paul"),
        GO_VERIFIER.replace("+AR", "+BR"), GO_VERIFIER + "AAAA", GO_VERIFIER.replace("W", "w"), GO_SIGNER,
    ],
)
def test_what_is_no_verifier_key(text: str) -> None:
    """Another type, a wrong id, a damaged key: a mistake of whoever configured it."""
    with pytest.raises(ConfigError):
        verifier_key(text)


@pytest.mark.parametrize("text", ["", GO_VERIFIER, GO_SIGNER.replace("c74f20a3", "c74f20a4"), GO_SIGNER[:-4]])
def test_what_is_no_signing_key(text: str) -> None:
    """The same for the private half."""
    with pytest.raises(ConfigError):
        signing_key(text)


@pytest.mark.parametrize(
    "note", [b"", b"\n", b"text\n", b"text\n\n", b"\xff\n\n\xe2\x80\x94 a AAAAAAAA\n", b"a\tb\n\n"]
)
def test_what_is_no_note(note: bytes) -> None:
    """Garbage raises our error and no other."""
    with pytest.raises(Unverified):
        open_note(note, KEY.verifier)


def test_a_key_of_all_zeros_verifies_nothing() -> None:
    """A point that is no public key is not an exception of somebody's library."""
    with pytest.raises(Unverified):
        open_note(sign("text\n", KEY), VerifierKey(KEY.name, bytes(32)))
