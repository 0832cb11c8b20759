"""A small OpenID Connect provider on loopback: the demo's, with the flows, keys and claims of a real one.

    python -m gov.demo.issuer --dir D --port P [--ready-file F]

RFC 8628 device authorization, authorization code with PKCE, refresh with rotation, client credentials,
RFC 8693 token exchange, RFC 7009 revocation, discovery and JWKS. Accounts are `demo.accounts`; nobody has
a password, so it must never listen beyond this machine.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import socket
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlencode

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from gov.client.files import write_private
from gov.demo import issuer_pages as pages
from gov.demo.accounts import AUDIENCE, PEOPLE, PUBLIC_CLIENT, SERVICES, Client
from gov.demo.issuer_keys import ALGORITHM, SigningKey, times
from gov.demo.issuer_state import Grant, OAuthError, State
from gov.demo.issuer_web import (
    HOST,
    Form,
    answering_json,
    authorization_complaint,
    form_of,
    html,
    oauth_error,
)

ACCESS_LIFETIME: Final = 900.0
DEVICE: Final = "urn:ietf:params:oauth:grant-type:device_code"
EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 (a type, not a token)
SCOPES: Final = ("openid", "profile", "email", "groups", "offline_access")


class Issuer:
    """The provider's endpoints over its state."""

    def __init__(self, url: str, key: SigningKey, state: State) -> None:
        self.url = url
        self._key = key
        self._state = state

    def app(self) -> Starlette:
        """The ASGI application."""
        get, post = ["GET"], ["POST"]
        routes = [
            Route("/.well-known/openid-configuration", self.discovery, methods=get),
            Route("/jwks", self.jwks, methods=get),
            Route("/device_authorization", answering_json(self.device_authorization), methods=post),
            Route("/device", self.device_page, methods=get),
            Route("/device", self.device_answer, methods=post),
            Route("/authorize", self.authorize_page, methods=get),
            Route("/authorize", self.authorize_answer, methods=post),
            Route("/token", answering_json(self.token), methods=post),
            Route("/revoke", answering_json(self.revoke), methods=post),
        ]
        # A page elsewhere that makes its own name point to loopback must not get in.
        hosts = Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])
        return Starlette(routes=routes, middleware=[hosts], exception_handlers={OAuthError: oauth_error})

    # metadata

    async def discovery(self, request: Request) -> Response:
        """OpenID Connect Discovery 1.0."""
        return JSONResponse({
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "device_authorization_endpoint": f"{self.url}/device_authorization",
            "token_endpoint": f"{self.url}/token",
            "revocation_endpoint": f"{self.url}/revoke",
            "jwks_uri": f"{self.url}/jwks",
            "response_types_supported": ["code"],
            "grant_types_supported": [
                "authorization_code", "refresh_token", "client_credentials", DEVICE, EXCHANGE,
            ],
            "subject_types_supported": ["public"],
            "scopes_supported": list(SCOPES),
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
            "authorization_response_iss_parameter_supported": True,
        })  # fmt: skip

    async def jwks(self, request: Request) -> Response:
        """The public key (RFC 7517)."""
        return JSONResponse(self._key.jwks)

    # device login (RFC 8628)

    async def device_authorization(self, form: Form, request: Request) -> dict[str, Any]:
        """A device code for us, a user code for the person."""
        if form.get("client_id") != PUBLIC_CLIENT:
            raise OAuthError("invalid_client", status=401)
        code, login = self._state.begin_device(PUBLIC_CLIENT, _scope(form))
        page = f"{self.url}/device"
        return {
            "device_code": code,
            "user_code": login.user_code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?{urlencode({'user_code': login.user_code})}",
            "expires_in": round(login.expires_at - self._state.clock()),
            "interval": login.interval,
        }

    async def device_page(self, request: Request) -> Response:
        """Asks for the code, or with a code, who you are."""
        code = request.query_params.get("user_code")
        if not code:
            return html(pages.enter_code())
        login = self._state.device_of(code)
        if login is None:
            return html(pages.enter_code("That code is unknown, expired or already used."), 404)
        return html(pages.choose_for_device(login.user_code, login.client_id))

    async def device_answer(self, request: Request) -> Response:
        """Takes the person's answer."""
        form = await form_of(request)
        login = self._state.device_of(form.get("user_code", ""))
        if not self._own_page(request) or login is None:
            return html(pages.enter_code("That code is unknown, expired or already used."), 404)
        if form.get("deny"):
            login.answer = "denied"
            return html(pages.page("Refused", "<p>Nobody was signed in."))
        if form.get("account") not in PEOPLE:
            return html(pages.choose_for_device(login.user_code, login.client_id), 400)
        login.grant = Grant(form["account"], login.client_id, login.scope, self._state.clock())
        login.answer = "approved"
        return html(pages.page("Signed in", "<p>You can close this window and return to the terminal."))

    # login by authorization code (RFC 6749 4.1, RFC 7636, RFC 8252)

    async def authorize_page(self, request: Request) -> Response:
        """Asks who you are."""
        parameters = dict(request.query_params)
        if complaint := authorization_complaint(parameters):
            return html(pages.page("That is no sign-in", f"<p>{complaint}"), 400)
        return html(pages.choose_for_browser(PUBLIC_CLIENT, parameters))

    async def authorize_answer(self, request: Request) -> Response:
        """Sends the person back with a code, or with their refusal."""
        form = await form_of(request)
        if authorization_complaint(form) or not self._own_page(request):
            return html(pages.page("That is no sign-in", ""), 400)
        answer = {"state": form.get("state", ""), "iss": self.url}
        if form.get("deny") or form.get("account") not in PEOPLE:
            answer["error"] = "access_denied"
        else:
            grant = Grant(
                form["account"], PUBLIC_CLIENT, _scope(form), self._state.clock(), form.get("nonce")
            )
            answer["code"] = self._state.issue_code(grant, form["redirect_uri"], form["code_challenge"])
        return RedirectResponse(f"{form['redirect_uri']}?{urlencode(answer)}", status_code=303)

    def _own_page(self, request: Request) -> bool:
        """Whether a page of ours sent the form, or no page at all: others must not click for people."""
        return request.headers.get("origin", self.url) == self.url

    # tokens

    async def token(self, form: Form, request: Request) -> dict[str, Any]:
        """The token endpoint, by grant type."""
        match form.get("grant_type"):
            case "authorization_code":
                return self._by_code(form)
            case "refresh_token":
                grant, refresh = self._state.rotate(form.get("refresh_token", ""), form.get("client_id", ""))
                return self._tokens(grant, refresh)
            case "client_credentials":
                return self._for_service(self._client(form, request))
            case _ if form.get("grant_type") == DEVICE:
                return self._fresh(self._state.poll(form.get("device_code", ""), form.get("client_id", "")))
            case _ if form.get("grant_type") == EXCHANGE:
                return self._exchange(form, self._client(form, request))
            case _:
                raise OAuthError("unsupported_grant_type")

    async def revoke(self, form: Form, request: Request) -> dict[str, Any]:
        """Forget a login (RFC 7009)."""
        self._state.revoke(form.get("token", ""), form.get("client_id", ""))
        return {}

    def _by_code(self, form: Form) -> dict[str, Any]:
        grant, redirect_uri, challenge = self._state.take_code(form.get("code", ""))
        digest = sha256(form.get("code_verifier", "").encode()).digest()
        proof = urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            grant.client_id != form.get("client_id")
            or redirect_uri != form.get("redirect_uri")
            or not secrets.compare_digest(proof, challenge)
        ):
            raise OAuthError("invalid_grant", "the code belongs to another login")
        return self._fresh(grant)

    def _fresh(self, grant: Grant) -> dict[str, Any]:
        """Tokens for somebody who has just signed in."""
        wants = "offline_access" in grant.scope.split()
        return self._tokens(grant, self._state.issue_refresh(grant) if wants else None)

    def _tokens(self, grant: Grant, refresh: str | None) -> dict[str, Any]:
        reply = self._reply(self._access(_person(grant), grant.client_id, grant.scope), grant.scope)
        if refresh:
            reply["refresh_token"] = refresh
        if "openid" in grant.scope.split():
            claims = {**_person(grant), **self._envelope(grant.client_id)}
            claims |= {"nonce": grant.nonce} if grant.nonce else {}
            reply["id_token"] = self._key.sign(claims, typ="JWT")
        return reply

    def _for_service(self, client: Client) -> dict[str, Any]:
        claims = {"sub": client.name, "groups": list(client.groups), "gty": "client_credentials"}
        return self._reply(self._access(claims, client.name, ""), "")

    def _exchange(self, form: Form, client: Client) -> dict[str, Any]:
        """A token of the same person that says who acts for them."""
        if not client.acts_for_others:
            raise OAuthError("unauthorized_client")
        if form.get("subject_token_type") != ACCESS_TOKEN:
            raise OAuthError("invalid_request", "only access tokens can be exchanged")
        subject = self._key.verified(form.get("subject_token", ""), issuer=self.url, audience=AUDIENCE)
        if subject is None or "act" in subject or subject["sub"] == subject["client_id"]:
            raise OAuthError("invalid_request", "the subject token is not a person's own")
        kept = {n: v for n, v in subject.items() if n not in {"iss", "aud", "iat", "exp", "jti", "client_id"}}
        claims = {**kept, "act": {"sub": client.name}}
        left = float(subject["exp"]) - self._state.clock()
        reply = self._reply(self._access(claims, client.name, str(subject.get("scope", "")), left), "")
        return {**reply, "expires_in": int(left), "issued_token_type": ACCESS_TOKEN}

    def _access(
        self, claims: Mapping[str, Any], client_id: str, scope: str, lifetime: float = ACCESS_LIFETIME
    ) -> str:
        envelope = self._envelope(AUDIENCE, lifetime)
        return self._key.sign({**claims, **envelope, "client_id": client_id, "scope": scope}, typ="at+jwt")

    def _envelope(self, audience: str, lifetime: float = ACCESS_LIFETIME) -> dict[str, Any]:
        return {"iss": self.url, "aud": audience, **times(self._state.clock(), lifetime)}

    @staticmethod
    def _reply(access: str, scope: str) -> dict[str, Any]:
        reply = {"access_token": access, "token_type": "Bearer", "expires_in": int(ACCESS_LIFETIME)}
        return {**reply, "scope": scope} if scope else reply

    def _client(self, form: Form, request: Request) -> Client:
        """The service that proves itself with its secret (RFC 6749, 2.3.1)."""
        name, secret = form.get("client_id", ""), form.get("client_secret", "")
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                given = b64decode(encoded, validate=True).decode()
            except ValueError:
                given = ""
            name, secret = (unquote(part) for part in given.partition(":")[::2])
        known = self._state.secrets.get(name, "")
        if not known or not secrets.compare_digest(known.encode(), secret.encode()):
            raise OAuthError("invalid_client", status=401)
        return SERVICES[name]


def _person(grant: Grant) -> dict[str, Any]:
    """The claims about a person."""
    account = PEOPLE[grant.account]
    return {
        "sub": account.subject,
        "preferred_username": account.name,
        "name": account.full_name,
        "email": account.email,
        "email_verified": True,
        "groups": list(account.groups),
        "auth_time": int(grant.auth_time),
    }


def _scope(form: Form) -> str:
    return " ".join(word for word in form.get("scope", "").split() if word in SCOPES)


def serve(directory: Path, port: int, ready_file: Path | None, interval: int = 1) -> None:
    """Serve until terminated; `ready_file` gets `{"issuer", "pid"}` once it listens. Port 0 is a free one."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    listener = socket.create_server((HOST, port), backlog=128)
    url = f"http://{HOST}:{listener.getsockname()[1]}"
    state = State(directory, time.time, interval)
    state.load(list(SERVICES))
    app = Issuer(url, SigningKey.at(directory / "issuer-key.pem"), state).app()
    if ready_file is not None:
        write_private(ready_file, json.dumps({"issuer": url, "pid": os.getpid()}))
    config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, lifespan="off")
    uvicorn.Server(config).run(sockets=[listener])


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(
        prog="python -m gov.demo.issuer", description="The demo's OIDC provider."
    )
    parser.add_argument("--dir", type=Path, required=True, help="where keys and tokens are kept")
    parser.add_argument("--port", type=int, default=0, help="loopback port; 0 takes a free one")
    parser.add_argument("--ready-file", type=Path, help="written once it listens")
    parser.add_argument("--interval", type=int, default=1, help="seconds between polls of a device login")
    given = parser.parse_args()
    serve(given.dir, given.port, given.ready_file, given.interval)


if __name__ == "__main__":
    main()
