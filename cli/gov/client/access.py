"""The access token for the next call: from the environment, from the store, or freshly renewed.

Refresh tokens rotate: each works once, and using one twice looks like theft to the issuer. So renewal
happens under a lock among all processes, looks again whether another one has just done it, and stores
the new refresh token before the new access token is used.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Final, TypeGuard

from gov.client.config import Context, Places, file_name
from gov.client.files import locked
from gov.client.provider import Provider, Refused
from gov.client.tokens import Tokens, TokenStore, token_store
from gov.errors import NotLoggedIn, Unreachable

MARGIN: Final = 30.0
"""Seconds of life below which an access token is renewed."""


class Access:
    """Access to one broker for whoever is logged in to it, or for `GOV_TOKEN`."""

    def __init__(
        self,
        context: Context,
        places: Places,
        environ: Mapping[str, str] = os.environ,
        *,
        store: TokenStore | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._context = context
        self._environ = environ
        self._clock = clock
        self._store = store or token_store(context, places)
        self._lock = places.state / "locks" / f"{file_name(context.name)}.lock"
        self._held: Tokens | None = None

    def token(self) -> str:
        """An access token that is good for a while.

        Raises:
            NotLoggedIn: there is none, or the login has ended.
            Unreachable: it must be renewed and the issuer does not answer.
        """
        if given := self._environ.get("GOV_TOKEN"):
            return given.strip()
        if self._fresh(self._held):
            return self._held.access
        # Without an issuer there was no login yet, and no keyring need be asked.
        held = self._store.load() if self._context.issuer else None
        if held is None:
            raise NotLoggedIn(f"you are not logged in to {self._context.broker}", hint=self._login)
        if not self._fresh(held):
            held = self._renewed()
        self._held = held
        return held.access

    def renews(self) -> bool:
        """Whether a new access token is got without anybody's doing when this one ends."""
        if self._environ.get("GOV_TOKEN"):
            return False
        held = self._held or (self._store.load() if self._context.issuer else None)
        return held is not None and (held.refresh is not None or client_secret(self._environ) is not None)

    def _renewed(self) -> Tokens:
        with locked(self._lock):
            held = self._store.load()
            if held is None:
                raise NotLoggedIn(f"you have just logged out of {self._context.broker}", hint=self._login)
            if self._fresh(held):  # another process was quicker
                return held
            try:
                tokens = self._ask_issuer(held)
            except Unreachable:
                if held.expires_at > self._clock():
                    return held
                raise
            self._store.save(tokens)
            return tokens

    def _ask_issuer(self, held: Tokens) -> Tokens:
        if held.refresh is None:
            return self._again_as_client()
        form = {
            "grant_type": "refresh_token",
            "refresh_token": held.refresh,
            "client_id": self._context.client_id,
        }
        try:
            renewed = Provider.discover(self._context.issuer).tokens(form, now=self._clock())
        except Refused as error:
            raise self._ended(error.what) from error
        # RFC 6749, 6: without a new refresh token the old one stays valid.
        return Tokens(renewed.access, renewed.expires_at, renewed.refresh or held.refresh)

    def _again_as_client(self) -> Tokens:
        """A service has no refresh token; it proves itself again, when its secret is at hand."""
        auth = client_secret(self._environ)
        if auth is None:
            raise self._ended("it was made without a refresh token")
        provider = Provider.discover(self._context.issuer)
        return client_credentials(provider, self._context, auth, now=self._clock())

    def _fresh(self, tokens: Tokens | None) -> TypeGuard[Tokens]:
        return tokens is not None and tokens.expires_at - self._clock() >= MARGIN

    def _ended(self, why: str) -> NotLoggedIn:
        return NotLoggedIn(f"your login to {self._context.broker} expired", hint=self._login, detail=why)

    @property
    def _login(self) -> str:
        return f"gov login {self._context.broker}"


def client_secret(environ: Mapping[str, str] = os.environ) -> tuple[str, str] | None:
    """A service's id and secret from GOV_CLIENT_ID and GOV_CLIENT_SECRET, or None."""
    name, secret = environ.get("GOV_CLIENT_ID"), environ.get("GOV_CLIENT_SECRET")
    return (name, secret) if name and secret else None


def client_credentials(
    provider: Provider, context: Context, auth: tuple[str, str], *, now: float | None = None
) -> Tokens:
    """Tokens for a service (RFC 6749, 4.4)."""
    form = {"grant_type": "client_credentials", "audience": context.audience}
    return provider.tokens(form, auth=auth, now=now)
