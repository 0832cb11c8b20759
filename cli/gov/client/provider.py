"""An OIDC provider as a client sees it: discovery, and requests to its token endpoint.

OpenID Connect Discovery 1.0; RFC 6749 section 5 for replies, RFC 7009 for revocation.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final, Self

import httpx

from gov.client.tokens import Tokens
from gov.client.transport import Transport, trust
from gov.errors import GovError, NotLoggedIn, Unreachable
from gov.identity.config import trustworthy

DISCOVERY: Final = "/.well-known/openid-configuration"


class Refused(NotLoggedIn):
    """The provider's own refusal, with RFC 6749's error code."""

    def __init__(self, error: str, description: str, *, hint: str) -> None:
        what = f"the issuer refused: {description or error}"
        super().__init__(_printable(what), hint=hint, detail=_printable(error))
        self.error = error


class Provider:
    """One provider whose discovery document names the issuer it was asked for."""

    def __init__(self, issuer: str, metadata: Mapping[str, Any], transport: Transport) -> None:
        """See `discover`."""
        self.issuer = issuer
        self._metadata = metadata
        self._transport = transport

    @classmethod
    def discover(cls, issuer: str) -> Self:
        """The provider of `issuer`.

        Raises:
            Unreachable: it does not answer, or claims to be another issuer.
        """
        if not trustworthy(issuer):
            raise Unreachable(f"the issuer {issuer!r} is no https URL", hint="ask whoever runs the broker")
        transport = Transport(
            issuer.rstrip("/"),
            trust(None),
            peer=f"the issuer {issuer}",
            hint="try again, or ask whoever runs the identity provider",
            root_hint="export SSL_CERT_FILE=FILE with the root that signs the identity provider's certificate",
        )
        metadata = _document(transport.send("GET", DISCOVERY))
        if metadata.get("issuer") != issuer:  # Discovery 4.3: MUST be exactly the one asked for
            raise Unreachable(
                f"the issuer {issuer} says it is {_printable(str(metadata.get('issuer')))}",
                hint="ask whoever runs the broker which issuer is meant",
            )
        return cls(issuer, metadata, transport)

    def offers(self, name: str) -> bool:
        """Whether the provider has that endpoint."""
        return isinstance(self._metadata.get(name), str)

    def endpoint(self, name: str) -> str:
        """The URL of an endpoint such as `token_endpoint`.

        Raises:
            Unreachable: there is none, or secrets would travel to it in the clear.
        """
        url = self._metadata.get(name)
        if not isinstance(url, str) or not trustworthy(url):
            raise Unreachable(
                f"the issuer {self.issuer} has no usable {name.replace('_', ' ')}",
                hint="gov login --browser, or ask whoever runs the identity provider",
            )
        return url

    def post(self, endpoint: str, form: Mapping[str, str], *, auth: tuple[str, str] | None = None) -> dict[str, Any]:
        """The JSON that the endpoint answers a form with.

        Raises:
            Refused: an OAuth error.
            Unreachable: no answer, or none that makes sense.
        """
        reply = self._transport.send(
            "POST", self.endpoint(endpoint), form=form, auth=auth, headers={"Accept": "application/json"}
        )
        document = _document(reply, any_status=True)
        if reply.is_success:
            return document
        error = document.get("error")
        if not isinstance(error, str):
            raise _nonsense(reply)
        raise Refused(error, str(document.get("error_description") or ""), hint="gov login")

    def tokens(
        self, form: Mapping[str, str], *, auth: tuple[str, str] | None = None, now: float | None = None
    ) -> Tokens:
        """What the token endpoint gives for a grant. `now` is the time just before, for tests."""
        asked_at = time.time() if now is None else now
        document = self.post("token_endpoint", form, auth=auth)
        access, refresh = document.get("access_token"), document.get("refresh_token")
        lifetime = document.get("expires_in", 300)
        if (
            not isinstance(access, str)
            or str(document.get("token_type", "")).lower() != "bearer"
            or not isinstance(lifetime, int | float)
            or not isinstance(refresh, str | None)
        ):
            raise Unreachable(f"the issuer {self.issuer} gives no usable token", hint="gov login")
        return Tokens(access, asked_at + lifetime, refresh)

    def revoke(self, refresh: str, client_id: str) -> bool:
        """Have the refresh token forgotten; False when the provider offers no revocation or refuses."""
        if not self.offers("revocation_endpoint"):
            return False
        form = {"token": refresh, "token_type_hint": "refresh_token", "client_id": client_id}
        reply = self._transport.send("POST", self.endpoint("revocation_endpoint"), form=form)
        return reply.is_success  # RFC 7009 2.2: 200, with nothing that must be read


def _document(reply: httpx.Response, *, any_status: bool = False) -> dict[str, Any]:
    """The JSON object in a reply."""
    if not (reply.is_success or any_status):
        raise _nonsense(reply)
    try:
        document = reply.json()
    except ValueError as error:
        raise _nonsense(reply) from error
    if not isinstance(document, dict):
        raise _nonsense(reply)
    return document


def _nonsense(reply: httpx.Response) -> GovError:
    return Unreachable(
        f"{reply.url.host} answers with HTTP status {reply.status_code} and nothing to go on",
        hint="try again, or ask whoever runs the identity provider",
    )


def _printable(text: str) -> str:
    """What a stranger wrote, fit for a terminal."""
    return "".join(c if c.isprintable() else "�" for c in text)[:200]
