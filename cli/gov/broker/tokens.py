"""Verifies access tokens: the issuers' keys over the network, signatures with PyJWT, the rest in `identity`.

Keys are fetched at most every ten seconds and kept for ten minutes. When an issuer falls silent its last
keys serve for an hour more, so that its outage is not ours; a key nobody has seen is never waited for
in vain twice. Nothing follows a redirect, and nothing goes over plain http but to this machine.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from gov.errors import GovError, Unavailable
from gov.identity.claims import principal
from gov.identity.config import IdentityConfig, loopback, trustworthy
from gov.identity.principal import Principal
from gov.identity.token import LEEWAY, check_claims, check_header, parse, refused

FRESH: Final = 600.0
"""Seconds for which keys are used without asking again."""
STALE: Final = 3600.0
"""Seconds for which they are used when the issuer does not answer."""
REFETCH: Final = 10.0
"""Seconds between two requests for the keys of one issuer, whoever asks."""
SMALLEST_RSA: Final = 2048
_PATIENCE: Final = 5.0
_LARGEST: Final = 1024 * 1024


class Verifier:
    """Says whom an access token speaks for, or refuses it."""

    def __init__(
        self,
        identities: Sequence[IdentityConfig],
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._identities = tuple(identities)
        self._clock = clock
        self._keys = {config.issuer: KeySet(config.issuer, monotonic) for config in identities}

    async def verify(self, token: str) -> tuple[Principal, float]:
        """The principal of `token`, and when it ends in seconds since the epoch.

        Raises:
            NotLoggedIn: the token is refused; `detail` says why.
            Unavailable: its issuer's keys cannot be had.
        """
        said = parse(token)
        config = self._config(said.claims)
        kid = check_header(said.header, config.algorithms)
        key = await self._keys[config.issuer].key(kid, said.header["alg"])
        _check_signature(token, key, config)
        expires_at = check_claims(said.claims, config, self._clock())
        return principal(said.claims, config), expires_at

    def _config(self, claims: Mapping[str, Any]) -> IdentityConfig:
        """The configured identity that the token claims to be of: one issuer may serve several audiences."""
        same = [config for config in self._identities if config.issuer == claims.get("iss")]
        if not same:
            raise refused("its issuer is not one that this broker believes")
        return next((c for c in same if claims.get("aud") in (c.audience, [c.audience])), same[0])


@dataclass(slots=True)
class KeySet:
    """The public keys of one issuer, fetched when needed."""

    issuer: str
    monotonic: Callable[[], float]
    _keys: list[Mapping[str, Any]] = field(default_factory=list)
    _fetched_at: float = float("-inf")
    _tried_at: float = float("-inf")
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def key(self, kid: str, algorithm: str) -> jwt.PyJWK:
        """The key of that id, fit for `algorithm`.

        Raises:
            NotLoggedIn: the issuer has no such key, or it is too weak.
            Unavailable: the issuer does not answer.
        """
        if self._age > FRESH or not self._known(kid):
            async with self._lock:
                if self._age > FRESH or not self._known(kid):  # somebody else may have fetched them meanwhile
                    await self._refetch()
        return _usable(self._matching(kid), algorithm)

    async def _refetch(self) -> None:
        now = self.monotonic()
        if now - self._tried_at >= REFETCH:
            self._tried_at = now
            try:
                self._keys = await _fetch(self.issuer)
                self._fetched_at = self.monotonic()
            except GovError:
                if self._age > STALE:
                    raise
        elif self._age > STALE:
            raise _silent(self.issuer, "it was asked a moment ago")

    @property
    def _age(self) -> float:
        return self.monotonic() - self._fetched_at

    def _known(self, kid: str) -> bool:
        return any(key.get("kid") == kid for key in self._keys)

    def _matching(self, kid: str) -> Mapping[str, Any]:
        found = [key for key in self._keys if key.get("kid") == kid and key.get("use", "sig") == "sig"]
        if len(found) != 1:
            raise refused("its key is not one of the issuer's" if not found else "its key's id is ambiguous")
        return found[0]


def _usable(jwk: Mapping[str, Any], algorithm: str) -> jwt.PyJWK:
    """The key that `jwk` describes, if it is meant for `algorithm` and strong enough."""
    if jwk.get("alg", algorithm) != algorithm:
        raise refused("its key is meant for another algorithm")
    try:
        key = jwt.PyJWK(dict(jwk), algorithm=algorithm)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
        raise refused("its key is not usable") from error
    if isinstance(key.key, RSAPublicKey) and key.key.key_size < SMALLEST_RSA:
        raise refused(f"its key has only {key.key.key_size} bits")
    return key


def _check_signature(token: str, key: jwt.PyJWK, config: IdentityConfig) -> None:
    try:
        jwt.decode(
            token,
            key.key,
            algorithms=[key.algorithm_name],
            audience=config.audience,
            issuer=config.issuer,
            leeway=LEEWAY,
            options={"require": ["iss", "aud", "sub", "iat", "exp"]},
        )
    except jwt.PyJWTError as error:
        raise refused(str(error).lower().rstrip(".")) from error


async def _fetch(issuer: str) -> list[Mapping[str, Any]]:
    """The keys that the issuer's discovery document points to."""
    async with httpx.AsyncClient(
        timeout=_PATIENCE, follow_redirects=False, trust_env=not loopback(issuer)
    ) as client:
        try:
            async with asyncio.timeout(2 * _PATIENCE):
                metadata = await _json(client, f"{issuer.rstrip('/')}/.well-known/openid-configuration")
                keys = await _json(client, _jwks_uri(issuer, metadata))
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, TimeoutError) as error:
            raise _silent(issuer, str(error) or "no answer in time") from error
    found = keys.get("keys")
    if not isinstance(found, list):
        raise _silent(issuer, "no list of keys")
    return [key for key in found if isinstance(key, dict)]


def _jwks_uri(issuer: str, metadata: Mapping[str, Any]) -> str:
    if metadata.get("issuer") != issuer:
        raise ValueError("its discovery document names another issuer")
    uri = metadata.get("jwks_uri")
    # An issuer out in the world must not send us to something on this machine.
    if not isinstance(uri, str) or not trustworthy(uri) or (loopback(uri) and not loopback(issuer)):
        raise ValueError("its jwks_uri is not to be trusted")
    return uri


async def _json(client: httpx.AsyncClient, url: str) -> Mapping[str, Any]:
    """The JSON object at `url`, of at most a megabyte."""
    body = b""
    async with client.stream("GET", url, headers={"Accept": "application/json"}) as reply:
        if reply.status_code != httpx.codes.OK:
            raise ValueError(f"HTTP status {reply.status_code} from {url}")
        async for chunk in reply.aiter_bytes():
            body += chunk
            if len(body) > _LARGEST:
                raise ValueError(f"too much from {url}")
    document = json.loads(body)
    if not isinstance(document, dict):
        raise ValueError(f"no JSON object at {url}")
    return document


def _silent(issuer: str, why: str) -> Unavailable:
    return Unavailable(
        f"the keys of the issuer {issuer} cannot be had", hint="try again in a few seconds", detail=why
    )
