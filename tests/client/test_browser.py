"""Login with the browser of this machine, played by an HTTP client, against the real issuer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from urllib.parse import parse_qsl, urlsplit

import httpx
import jwt
import pytest

from gov.client.browser import sign_in
from gov.client.provider import Provider
from gov.client.tokens import Tokens
from gov.errors import NotLoggedIn
from servers import RunningIssuer, running_issuer

Browser = Callable[[str], None]


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningIssuer]:
    """One issuer for all tests here."""
    with running_issuer(tmp_path_factory.mktemp("issuer")) as running:
        yield running


def login(issuer: RunningIssuer, browser: Browser, patience: float = 60.0) -> Tokens:
    """Log in with that browser."""
    return sign_in(
        Provider.discover(issuer.url),
        client_id="gov-cli",
        scopes="openid offline_access",
        audience="gov",
        show=lambda url: threading.Thread(target=browser, args=(url,), daemon=True).start(),
        patience=patience,
    )


def parameters(url: str) -> dict[str, str]:
    """The query of a URL."""
    return dict(parse_qsl(urlsplit(url).query))


def clicking(**form: str) -> Browser:
    """A browser whose person presses one button and whose redirect is followed."""

    def browser(url: str) -> None:
        with httpx.Client(trust_env=False, follow_redirects=True) as client:
            assert client.get(url).is_success
            client.post(url.partition("?")[0], data={**parameters(url), **form})

    return browser


def coming_back(**answer: str) -> Browser:
    """A browser that comes back with what an attacker made up."""

    def browser(url: str) -> None:
        asked = parameters(url)
        filled = {name: value.replace("STATE", asked["state"]) for name, value in answer.items()}
        httpx.get(asked["redirect_uri"], params=filled, trust_env=False)

    return browser


def test_a_click_logs_in(issuer: RunningIssuer) -> None:
    """Code, PKCE, tokens: as whoever clicked."""
    tokens = login(issuer, clicking(account="bob"))

    claims = jwt.decode(tokens.access, options={"verify_signature": False})
    assert claims["preferred_username"] == "bob"
    assert tokens.refresh


@pytest.mark.parametrize(
    ("browser", "what"),
    [
        (clicking(deny="yes"), "refused in the browser"),
        (coming_back(state="STATE"), "refused in the browser"),
        (coming_back(state="guess", code="x"), "somebody else's answer"),
        (coming_back(code="x"), "somebody else's answer"),
        (coming_back(state="STATE", code="x", iss="https://evil.example"), "somebody else's answer"),
        (coming_back(state="STATE", code="x"), "the issuer refused"),
    ],
)
def test_other_answers_log_nobody_in(browser: Browser, what: str, issuer: RunningIssuer) -> None:
    """A refusal, a guessed state, another issuer's answer (RFC 9207), a code that is none."""
    with pytest.raises(NotLoggedIn, match=what):
        login(issuer, browser)


def test_nobody_waits_for_ever(issuer: RunningIssuer) -> None:
    """And a request for another path is not an answer."""

    def elsewhere(url: str) -> None:
        base = parameters(url)["redirect_uri"].rpartition("/")[0]
        httpx.get(f"{base}/favicon.ico", trust_env=False)

    with pytest.raises(NotLoggedIn, match="in time"):
        login(issuer, elsewhere, patience=0.5)
