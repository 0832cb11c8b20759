"""The checks of a JWT that a signature does not make: what it says, and how it says it.

`parse` reads the compact form strictly, `check_header` is asked before a key is looked up, and
`check_claims` after the signature held. Each refuses what lenient readers let pass: duplicate members
(two readers, two meanings), keys that a token brings along, times that are no numbers, tokens that
live for years, tokens meant for several audiences. RFC 7519, RFC 8725, RFC 9068.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

from gov.errors import NotLoggedIn
from gov.identity.config import IdentityConfig

LONGEST: Final = 16 * 1024
"""Bytes of a token that is looked at."""
LIFETIME: Final = 24 * 3600.0
"""Seconds an access token may live."""
LEEWAY: Final = 30.0
"""Seconds that the issuer's clock may be ahead of ours. A token that has ended has ended."""

_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_TYPES: Final = frozenset({"at+jwt", "application/at+jwt", "jwt"})
# The token must not say which key to trust, nor how else to read it (RFC 8725, 3.10; RFC 7515, 4.1.11).
_FOREIGN: Final = ("jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "enc")
# Claims of id tokens and, as `typ`, of Keycloak's other tokens: right signature, wrong purpose.
_ID_TOKEN: Final = ("at_hash", "c_hash", "s_hash", "nonce")
_OTHER_TYPES: Final = ("ID", "Refresh", "Offline", "Logout")


@dataclass(frozen=True, slots=True)
class Unverified:
    """What a token says, before anybody has vouched for it."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]


def parse(token: str) -> Unverified:
    """The header and claims of a compact JWT.

    Raises:
        NotLoggedIn: it is not one in its one spelling, or a JSON member occurs twice.
    """
    if len(token) > LONGEST or not _COMPACT.fullmatch(token):
        raise refused("it is no signed token")
    header, claims, signature = token.split(".")
    _decoded(signature)
    return Unverified(_object(header), _object(claims))


def check_header(header: Mapping[str, Any], algorithms: tuple[str, ...]) -> str:
    """The id of the key that the header names.

    Raises:
        NotLoggedIn: another algorithm or type, no key id, or a key of the token's own.
    """
    if header.get("alg") not in algorithms:
        raise refused(f"it is signed with {_shown(header.get('alg'))}, not with {' or '.join(algorithms)}")
    typ = header.get("typ")
    if not isinstance(typ, str) or typ.lower() not in _TYPES:
        raise refused(f"its type is {_shown(typ)}, not that of an access token")
    for name in _FOREIGN:
        if name in header:
            raise refused(f"its header brings `{name}`")
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid:
        raise refused("it names no key")
    return kid


def check_claims(claims: Mapping[str, Any], config: IdentityConfig, now: float) -> float:
    """When the token ends, in seconds since the epoch, if its claims are in order at `now`.

    Raises:
        NotLoggedIn: another issuer or audience, not valid now, lives too long, or is no access token.
    """
    if claims.get("iss") != config.issuer:
        raise refused(f"it comes from another issuer: {_shown(claims.get('iss'))}")
    if claims.get("aud") not in (config.audience, [config.audience]):
        raise refused(f"it is meant for {_shown(claims.get('aud'))}, not for {config.audience} alone")
    _check_subject(claims.get("sub"))
    if claims.get("typ") in _OTHER_TYPES or any(name in claims for name in _ID_TOKEN):
        raise refused("it is no access token")
    return _check_times(claims, now)


def _check_times(claims: Mapping[str, Any], now: float) -> float:
    expires, issued = _time(claims, "exp"), _time(claims, "iat")
    if expires <= now:
        raise refused("it has expired")
    if issued > now + LEEWAY or ("nbf" in claims and _time(claims, "nbf") > now + LEEWAY):
        raise refused("it is not valid yet; the clocks of issuer and broker may differ")
    if expires - issued > LIFETIME:
        raise refused("it lives longer than a day")
    return expires


def _check_subject(subject: object) -> None:
    if not isinstance(subject, str) or not subject.strip() or not subject.isprintable() or len(subject) > 255:
        raise refused("it names no subject")


def refused(why: str) -> NotLoggedIn:
    """The refusal of a token."""
    return NotLoggedIn("the broker does not accept this access token", hint="gov login", detail=why)


def _time(claims: Mapping[str, Any], name: str) -> float:
    """A NumericDate (RFC 7519, 2): a JSON number, not a string, not a boolean."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11:
        raise refused(f"its `{name}` is no time")
    return float(value)


def _object(part: str) -> Mapping[str, Any]:
    try:
        value = json.loads(
            _decoded(part).decode("utf-8"),
            object_pairs_hook=_no_duplicates,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
    except (ValueError, RecursionError) as error:
        raise refused("it is not well-formed JSON") from error
    if not isinstance(value, dict):
        raise refused("it is not a JSON object")
    return value


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a member occurs twice")
    return value


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise ValueError("out of range")
    return value


def _decoded(part: str) -> bytes:
    """The bytes of base64url without padding, in the one spelling that encoding gives back."""
    try:
        data = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError as error:
        raise refused("it is not base64url") from error
    if urlsafe_b64encode(data).rstrip(b"=").decode() != part:
        raise refused("it is not base64url")
    return data


def _shown(value: object) -> str:
    """What a stranger claims, short and fit for a terminal."""
    text = value if isinstance(value, str) else json.dumps(value)
    return "".join(c if c.isprintable() else "�" for c in text)[:100] or "nothing"
