"""SCRAM-SHA-256 and -PLUS as PostgreSQL speaks it (RFC 5802, RFC 7677; PostgreSQL manual, "SASL Authentication").

Both sides, as values: nonces and keys are arguments. Our own because libpq sends an empty user name
in the first message, which general libraries refuse.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass

from gov.errors import GovError, NotLoggedIn, ProtocolError

PLAIN = "SCRAM-SHA-256"
PLUS = "SCRAM-SHA-256-PLUS"


def _mac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")


def _xor(left: bytes, right: bytes) -> bytes:
    return (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).to_bytes(len(left), "big")


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _unb64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise _malformed("base64") from None


def _malformed(part: str) -> ProtocolError:
    return ProtocolError(f"a SCRAM message is malformed: {part}", hint="check the client library")


@dataclass(frozen=True, slots=True)
class Verifier:
    """What a server keeps instead of a password: the `rolpassword` of pg_authid, taken apart."""

    iterations: int
    salt: bytes
    stored_key: bytes
    server_key: bytes

    @classmethod
    def read(cls, text: str) -> Verifier:
        """From `SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>`."""
        try:
            _, first, second = text.split("$")
            iterations, salt = first.split(":")
            stored, server = second.split(":")
            return cls(int(iterations), _unb64(salt), _unb64(stored), _unb64(server))
        except ValueError:
            raise _malformed("verifier") from None


@dataclass(frozen=True, slots=True)
class ClientKeys:
    """What a client can keep instead of a password, for one salt and iteration count."""

    client_key: bytes
    server_key: bytes


def client_keys(password: str, salt: bytes, iterations: int) -> ClientKeys:
    """The keys of `password`: one PBKDF2, about 1.5 ms at 4,096 iterations, so worth keeping."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    return ClientKeys(_mac(salted, b"Client Key"), _mac(salted, b"Server Key"))


class ServerExchange:
    """The server's side of one exchange: first → challenge, final → signature.

    `binding` is the tls-server-end-point data (RFC 5929) where -PLUS is offered, else None.
    """

    def __init__(self, verifier: Verifier, nonce: str, mechanism: str, binding: bytes | None) -> None:
        self._verifier = verifier
        self._nonce = nonce
        self._mechanism = mechanism
        self._binding = binding
        self._gs2 = ""
        self._bare = ""
        self._challenge = ""

    def challenge(self, first: str) -> str:
        """The server-first-message. Raises ProtocolError for malformed or downgraded messages."""
        flag, comma, rest = first.partition(",")
        authzid, comma2, bare = rest.partition(",")
        if not (comma and comma2) or authzid:
            raise _malformed("gs2 header")
        self._check_flag(flag)
        attributes = _attributes(bare)
        if "m" in attributes or not attributes.get("r"):
            raise _malformed("client-first")
        self._gs2, self._bare = f"{flag},,", bare
        self._nonce = attributes["r"] + self._nonce
        v = self._verifier
        self._challenge = f"r={self._nonce},s={_b64(v.salt)},i={v.iterations}"
        return self._challenge

    def _check_flag(self, flag: str) -> None:
        if self._mechanism == PLUS:
            if flag != "p=tls-server-end-point":
                raise _malformed("channel binding type")
        elif flag == "y" and self._binding is not None:
            # The client thinks that we do not offer -PLUS: somebody in between took it out of the list.
            raise ProtocolError("channel binding was stripped on the way", hint="check who sits in between")
        elif flag not in ("n", "y"):
            raise _malformed("gs2 flag")

    def verify(self, final: str) -> str | None:
        """The server-final-message; None when the proof is wrong."""
        without, comma, proof = final.rpartition(",p=")
        attributes = _attributes(without)
        if not comma or attributes.get("r") != self._nonce:
            raise _malformed("client-final")
        expected = self._gs2.encode() + (self._binding or b"" if self._mechanism == PLUS else b"")
        if not hmac.compare_digest(_unb64(attributes.get("c", "")), expected):
            raise ProtocolError("channel binding does not match", hint="check who sits between client and gateway")
        heard = f"{self._bare},{self._challenge},{without}".encode()
        given = _unb64(proof)
        if len(given) != 32:
            raise _malformed("proof")
        key = _xor(_mac(self._verifier.stored_key, heard), given)
        if not hmac.compare_digest(hashlib.sha256(key).digest(), self._verifier.stored_key):
            return None
        return "v=" + _b64(_mac(self._verifier.server_key, heard))


def _attributes(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if not equals or len(name) != 1:
            raise _malformed("attribute")
        found.setdefault(name, value)
    return found


class ClientExchange:
    """The client's side of one exchange without channel binding."""

    def __init__(self, nonce: str) -> None:
        self._nonce = nonce
        self._signature = b""

    @property
    def first(self) -> str:
        """The client-first-message; PostgreSQL takes the user from the startup message."""
        return f"n,,n=,r={self._nonce}"

    def salt(self, challenge: str) -> tuple[bytes, int]:
        """Salt and iterations of a server-first-message."""
        attributes = _attributes(challenge)
        try:
            iterations = int(attributes["i"])
            if not attributes["r"].startswith(self._nonce) or not 1 <= iterations <= 10_000_000:
                raise _malformed("server-first")
            return _unb64(attributes["s"]), iterations
        except (KeyError, ValueError):
            raise _malformed("server-first") from None

    def final(self, challenge: str, keys: ClientKeys) -> str:
        """The client-final-message."""
        without = f"c={_b64(b'n,,')},r={_attributes(challenge)['r']}"
        heard = f"n=,r={self._nonce},{challenge},{without}".encode()
        stored = hashlib.sha256(keys.client_key).digest()
        self._signature = _mac(keys.server_key, heard)
        return f"{without},p={_b64(_xor(keys.client_key, _mac(stored, heard)))}"

    def check(self, final: str) -> None:
        """Raises NotLoggedIn when the server does not know the password either."""
        if not hmac.compare_digest(_unb64(_attributes(final).get("v", "")), self._signature):
            raise wrong_server()


def wrong_server() -> GovError:
    """The server could not prove itself."""
    return NotLoggedIn("the database could not prove that it knows the role", hint="gov broker check TARGET")
