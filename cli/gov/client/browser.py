"""Logging in with the browser of this machine: authorization code with PKCE on a loopback address.

RFC 8252 section 7.3 (loopback redirect), RFC 7636 (PKCE, S256), RFC 9207 (`iss` in the answer).
"""

from __future__ import annotations

import secrets
import threading
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

from gov.client.provider import Provider
from gov.client.tokens import Tokens
from gov.errors import NotLoggedIn

PATIENCE: Final = 300.0
"""Seconds that a person has to sign in."""
_PAGE: Final = b"<!doctype html><title>gov</title><p>You can close this window and return to the terminal.</p>"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One login attempt: the secrets that tie the answer to the question."""

    state: str
    verifier: str

    @classmethod
    def new(cls) -> Attempt:
        """Fresh secrets of 256 bits."""
        return cls(secrets.token_urlsafe(32), secrets.token_urlsafe(32))

    @property
    def challenge(self) -> str:
        """The S256 challenge of the verifier."""
        return urlsafe_b64encode(sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()


def sign_in(
    provider: Provider,
    *,
    client_id: str,
    scopes: str,
    audience: str,
    show: Callable[[str], None],
    patience: float = PATIENCE,
) -> Tokens:
    """The tokens, once the person has signed in at the page that `show` opens.

    Raises:
        NotLoggedIn: refused, too late, or an answer that does not belong to our question.
    """
    attempt = Attempt.new()
    with _Listener() as listener:
        listener.start()  # before the browser: one in the terminal returns only when it is left
        redirect = f"http://127.0.0.1:{listener.server_port}/callback"
        query = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": redirect,
            "scope": scopes,
            "audience": audience,
            "state": attempt.state,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        page = provider.endpoint("authorization_endpoint")
        show(f"{page}{'&' if urlsplit(page).query else '?'}{urlencode(query)}")
        answer = listener.answer(patience)
    form = {
        "grant_type": "authorization_code",
        "code": _code(answer, attempt, provider.issuer),
        "redirect_uri": redirect,
        "client_id": client_id,
        "code_verifier": attempt.verifier,
    }
    return provider.tokens(form)


def _code(answer: dict[str, str] | None, attempt: Attempt, issuer: str) -> str:
    """The authorization code in the answer, if the answer is one to our question."""
    if answer is None:
        raise NotLoggedIn("nobody signed in in time", hint="gov login --browser")
    if not secrets.compare_digest(answer.get("state", ""), attempt.state) or answer.get("iss", issuer) != issuer:
        raise NotLoggedIn("the browser came back with somebody else's answer", hint="gov login --browser")
    if "error" in answer or not answer.get("code"):
        raise NotLoggedIn("the login was refused in the browser", hint="gov login", detail=answer.get("error", ""))
    return answer["code"]


class _Listener(HTTPServer):
    """Waits on a loopback port for the one redirect that matters."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Callback)
        self.query: dict[str, str] | None = None
        self.answered = threading.Event()

    def start(self) -> None:
        """Answer from now on."""
        serve = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        serve.start()

    def answer(self, patience: float) -> dict[str, str] | None:
        """The parameters of the redirect, None when none came in `patience` seconds."""
        self.answered.wait(patience)
        return self.query

    def __exit__(self, *reason: Any) -> None:
        self.shutdown()
        super().__exit__(*reason)


class _Callback(BaseHTTPRequestHandler):
    server: _Listener
    timeout = 5  # a browser that opens a connection ahead of need must not block the one that counts

    def do_GET(self) -> None:
        """Take the first redirect; everything else is not found."""
        parts = urlsplit(self.path)
        if parts.path != "/callback" or self.server.query is not None:
            self.send_error(404)
            return
        self.server.query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(_PAGE)
        self.server.answered.set()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the query holds a code."""
