"""Logging in on another device: the OAuth 2.0 Device Authorization Grant, RFC 8628.

The issuer gives a code for the person and a code for us. While the person confirms theirs in a browser
we poll with ours, never faster than told.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from gov.client.provider import Provider, Refused
from gov.client.tokens import Tokens
from gov.client.transport import Late
from gov.errors import NotLoggedIn, Unreachable
from gov.identity.config import trustworthy

GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
SLOW_DOWN: Final = 5.0
"""Seconds added to the interval, for good, at each `slow_down` (RFC 8628, 3.5)."""
SLOWER: Final = 1.1
"""We poll at a tenth more than the interval: clocks differ, and too early costs five seconds."""
_INTERVAL: Final = 5.0  # RFC 8628, 3.2: the default


@dataclass(frozen=True, slots=True)
class Challenge:
    """What the person must do, and until when."""

    user_code: str
    verification_uri: str
    verification_uri_complete: str | None
    expires_in: float
    """Seconds from when it was issued."""
    interval: float
    device_code: str = field(repr=False)


def begin(provider: Provider, *, client_id: str, scopes: str, audience: str) -> Challenge:
    """A new challenge from the issuer.

    Raises:
        Refused: the issuer does not let this client do so.
        Unreachable: no answer, or one that must not be shown to a person.
    """
    form = {"client_id": client_id, "scope": scopes, "audience": audience}
    document = provider.post("device_authorization_endpoint", form)
    challenge = _challenge(provider, document)
    links = [challenge.verification_uri, challenge.verification_uri_complete]
    for text in (challenge.user_code, *filter(None, links)):
        if not text.isprintable():
            raise _unusable(provider)
    if not all(trustworthy(link) for link in links if link is not None):
        raise _unusable(provider)
    return challenge


def wait(
    provider: Provider,
    challenge: Challenge,
    *,
    client_id: str,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Tokens:
    """The tokens, once the person has confirmed.

    Raises:
        NotLoggedIn: they refused, or took too long, or the issuer says anything else.
        Unreachable: the issuer vanished.
    """
    form = {"grant_type": GRANT, "device_code": challenge.device_code, "client_id": client_id}
    interval = challenge.interval
    end = clock() + challenge.expires_in
    while clock() < end:
        sleep(interval * SLOWER)
        try:
            return provider.tokens(form)
        except Refused as error:
            interval += _more(error)
        except Late:
            interval *= 2  # RFC 8628, 3.5: back off after a connection timeout
    raise _too_late()


def _more(error: Refused) -> float:
    """Seconds to add to the interval; raises when the issuer's answer is final."""
    match error.error:
        case "authorization_pending":
            return 0.0
        case "slow_down":
            return SLOW_DOWN
        case "expired_token":
            raise _too_late() from error
        case "access_denied":
            raise NotLoggedIn("the login was refused in the browser", hint="gov login") from error
        case _:
            raise error


def _challenge(provider: Provider, document: dict[str, Any]) -> Challenge:
    try:
        complete = document.get("verification_uri_complete")
        return Challenge(
            user_code=_text(document["user_code"]),
            verification_uri=_text(document["verification_uri"]),
            verification_uri_complete=None if complete is None else _text(complete),
            expires_in=float(document["expires_in"]),
            interval=max(1.0, float(document.get("interval", _INTERVAL))),
            device_code=_text(document["device_code"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _unusable(provider) from error


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("not a text")
    return value


def _unusable(provider: Provider) -> Unreachable:
    return Unreachable(
        f"the issuer {provider.issuer} answers the device request with something unusable",
        hint="gov login --browser, or ask whoever runs the identity provider",
    )


def _too_late() -> NotLoggedIn:
    return NotLoggedIn("the code expired before it was confirmed", hint="gov login")
