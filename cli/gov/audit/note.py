"""Signed notes of C2SP signed-note, with Ed25519 keys.

    <text, ending in a newline>
    <empty line>
    — <key name> <base64 of 4 bytes key id ‖ 64 bytes signature over the text>

A verifier key is written `<name>+<key id, 8 hex digits>+<base64 of 0x01 ‖ 32 bytes public key>`, and the
key id is the first four bytes of SHA-256(name ‖ newline ‖ 0x01 ‖ public key). Signing keys are written as
Go's sumdb/note does: `PRIVATE+KEY+<name>+<key id>+<base64 of 0x01 ‖ 32 bytes seed>`.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gov.errors import ConfigError, Unverified

_ED25519 = b"\x01"
_SIGNED_BY = "\N{EM DASH} "
_LIMIT = 65_536
"""Bytes of a note that are looked at: 16 post-quantum signatures would fit."""
_HINT = "compare with the key that `gov broker status` shows on the broker's own machine"


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """What it takes to check a signature: a name and a public key."""

    name: str
    public: bytes

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{b64encode(_ED25519 + self.public).decode()}"

    @property
    def id(self) -> bytes:
        """Four bytes that tell keys of one name apart; no proof of anything."""
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]


@dataclass(frozen=True, slots=True, repr=False)
class SigningKey:
    """What it takes to sign: a name and a 32-byte seed."""

    name: str
    seed: bytes

    def __str__(self) -> str:
        return f"PRIVATE+KEY+{self.name}+{self.verifier.id.hex()}+{b64encode(_ED25519 + self.seed).decode()}"

    def __repr__(self) -> str:
        return f"SigningKey({self.name!r}, …)"

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        return VerifierKey(self.name, self._private().public_key().public_bytes_raw())

    def _private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)


def verifier_key(text: str) -> VerifierKey:
    """The key that `name+id+key` names.

    Raises:
        ConfigError: It is not such a key, or its id is not the one of its name and key.
    """
    name, identity, public = _parts(text.strip(), "verifier key")
    key = VerifierKey(name, public)
    if key.id.hex() != identity:
        raise ConfigError("the verifier key is damaged: its id does not fit its name and key", hint=_HINT)
    return key


def signing_key(text: str) -> SigningKey:
    """The key that `PRIVATE+KEY+name+id+key` names.

    Raises:
        ConfigError: It is not such a key, or its id is not the one of its name and key.
    """
    hint = "restore the signing key from a backup; a new key makes every known checkpoint worthless"
    if not text.startswith("PRIVATE+KEY+"):
        raise ConfigError("not a signing key: it does not begin with PRIVATE+KEY+", hint=hint)
    name, identity, seed = _parts(text.strip().removeprefix("PRIVATE+KEY+"), "signing key")
    key = SigningKey(name, seed)
    if key.verifier.id.hex() != identity:
        raise ConfigError("the signing key is damaged: its id does not fit its name and key", hint=hint)
    return key


def _parts(text: str, what: str) -> tuple[str, str, bytes]:
    try:
        name, identity, encoded = text.split("+", 2)
        key = b64decode(encoded, validate=True)
    except ValueError:
        raise ConfigError(f"not a {what}: expected name+id+key", hint=_HINT) from None
    if not valid_name(name) or len(key) != 33 or key[:1] != _ED25519 or b64encode(key).decode() != encoded:
        raise ConfigError(f"not a {what}: expected the name, id and key of an Ed25519 key", hint=_HINT)
    return name, identity, key[1:]


def valid_name(name: str) -> bool:
    """Whether a key or log may be called so: not empty, no plus, no spaces, nothing unprintable."""
    return bool(name) and "+" not in name and name.isprintable() and not any(map(str.isspace, name))


def sign(text: str, *keys: SigningKey) -> bytes:
    """The note: `text`, which ends in a newline, signed by each of `keys`."""
    if not text.endswith("\n"):
        raise ValueError("the text of a note ends in a newline")
    lines = []
    for key in keys:
        signature = b64encode(key.verifier.id + key._private().sign(text.encode())).decode()
        lines.append(f"{_SIGNED_BY}{key.name} {signature}\n")
    return f"{text}\n{''.join(lines)}".encode()


def open_note(note: bytes, key: VerifierKey) -> str:
    """The text of a note that `key` signed. Signatures by other keys count for nothing.

    Raises:
        Unverified: The note is malformed, `key` did not sign it, or its signature does not hold.
    """
    text, signatures = _split(note)
    found = False
    for line in signatures:
        name, identity, signature = _signature(line)
        if (name, identity) != (key.name, key.id):
            continue
        try:
            Ed25519PublicKey.from_public_bytes(key.public).verify(signature, text.encode())
        except (InvalidSignature, ValueError):
            raise Unverified(f"the signature by {key.name} does not hold", hint=_HINT) from None
        found = True
    if not found:
        raise Unverified(f"not signed by {key.name} with the key {key.id.hex()}", hint=_HINT)
    return text


def signers(note: bytes) -> list[tuple[str, bytes]]:
    """Name and key id of each signature line of a note, whether it holds or not.

    Raises:
        Unverified: the note is malformed.
    """
    return [_signature(line)[:2] for line in _split(note)[1]]


def _split(note: bytes) -> tuple[str, list[str]]:
    try:
        whole = note.decode()
    except UnicodeDecodeError:
        raise Unverified("the signed note is not UTF-8", hint=_HINT) from None
    if len(note) > _LIMIT or any(ord(c) < 0x20 and c != "\n" for c in whole):
        raise Unverified("the signed note is too long or holds control characters", hint=_HINT)
    text, separator, signatures = whole.rpartition("\n\n")
    if not separator or not signatures.endswith("\n"):
        raise Unverified("the signed note has no signature lines", hint=_HINT)
    return text + "\n", signatures[:-1].split("\n")


def _signature(line: str) -> tuple[str, bytes, bytes]:
    name, _, encoded = line.removeprefix(_SIGNED_BY).partition(" ")
    try:
        data = b64decode(encoded, validate=True)
    except ValueError:
        data = b""
    # The one spelling of these bytes: base64 has spare bits, and a note that differs is another note.
    canonical = b64encode(data).decode() == encoded
    if not line.startswith(_SIGNED_BY) or not valid_name(name) or len(data) < 5 or not canonical:
        raise Unverified("the signed note has a malformed signature line", hint=_HINT)
    return name, data[:4], data[4:]
