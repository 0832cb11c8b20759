"""The issuer's signing key, and the tokens it signs: RFC 9068 access tokens and OIDC id tokens."""

from __future__ import annotations

import json
import os
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

ALGORITHM = "RS256"


@dataclass(frozen=True, slots=True, repr=False)
class SigningKey:
    """The issuer's RSA key."""

    private: RSAPrivateKey

    @classmethod
    def at(cls, path: Path) -> Self:
        """The key in the file `path`, made there (mode 0600) when there is none."""
        try:
            key = load_pem_private_key(path.read_bytes(), password=None)
        except FileNotFoundError:
            key = generate_private_key(public_exponent=65537, key_size=2048)
            pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(pem)
        if not isinstance(key, RSAPrivateKey):
            raise TypeError(f"{path} holds no RSA key")
        return cls(key)

    @property
    def kid(self) -> str:
        """The key's id: its RFC 7638 thumbprint."""
        required = {name: self._jwk[name] for name in ("e", "kty", "n")}
        digest = sha256(json.dumps(required, separators=(",", ":"), sort_keys=True).encode()).digest()
        return urlsafe_b64encode(digest).rstrip(b"=").decode()

    @property
    def jwks(self) -> dict[str, Any]:
        """The public key as a JWK set."""
        return {"keys": [{**self._jwk, "kid": self.kid, "use": "sig", "alg": ALGORITHM}]}

    def sign(self, claims: Mapping[str, Any], *, typ: str) -> str:
        """A JWT of `claims`."""
        headers = {"typ": typ, "kid": self.kid}
        return jwt.encode(dict(claims), self.private, algorithm=ALGORITHM, headers=headers)

    def verified(self, token: str, *, issuer: str, audience: str) -> dict[str, Any] | None:
        """The claims of an access token of our own, None when it is not one or has ended."""
        required = ["exp", "sub", "client_id"]
        try:
            found = jwt.decode_complete(
                token,
                self.private.public_key(),
                algorithms=[ALGORITHM],
                audience=audience,
                issuer=issuer,
                options={"require": required},
            )
        except jwt.InvalidTokenError:
            return None
        claims: dict[str, Any] = found["payload"]
        return claims if found["header"].get("typ") == "at+jwt" else None

    @property
    def _jwk(self) -> dict[str, Any]:
        public = jwt.algorithms.RSAAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return {name: public[name] for name in ("kty", "n", "e")}


def times(now: float, lifetime: float) -> dict[str, Any]:
    """The claims that every token has."""
    return {"iat": int(now), "exp": int(now + lifetime), "jti": secrets.token_urlsafe(12)}
