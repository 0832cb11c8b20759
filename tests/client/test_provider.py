"""An OIDC provider as a client sees it: what is believed of its replies, and what is not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gov.client.provider import Provider, Refused
from gov.errors import Unreachable
from servers import Scripted, scripted

TOKENS = {"access_token": "a", "token_type": "Bearer", "expires_in": 60}


@pytest.fixture
def server() -> Iterator[Scripted]:
    """An issuer that says what it is told."""
    with scripted() as running:
        yield running


def provider(server: Scripted, status: int, reply: Any, **metadata: Any) -> Provider:
    """The provider that answers everything but discovery so."""
    document = {"issuer": server.url, "token_endpoint": f"{server.url}/token", **metadata}
    server.answer = lambda asked: (200, {}, document) if asked.path.startswith("/.well-known") else (status, {}, reply)
    return Provider.discover(server.url)


def test_tokens_end_when_the_issuer_says(server: Scripted) -> None:
    """Counted from before the request was sent."""
    tokens = provider(server, 200, TOKENS).tokens({}, now=1000.0)

    assert (tokens.access, tokens.expires_at, tokens.refresh) == ("a", 1060.0, None)


@pytest.mark.parametrize(
    "change",
    [
        {"access_token": None},
        {"access_token": 1},
        {"token_type": "DPoP"},
        {"token_type": None},
        {"expires_in": "60"},
        {"refresh_token": 1},
    ],
)
def test_a_reply_that_is_no_bearer_token_is_refused(change: dict[str, Any], server: Scripted) -> None:
    """A token of another type would be sent in the wrong way."""
    with pytest.raises(Unreachable, match="no usable token"):
        provider(server, 200, {**TOKENS, **change}).tokens({})


@pytest.mark.parametrize(
    ("status", "reply"), [(200, "<html>"), (200, []), (500, "<html>"), (400, {}), (302, ""), (400, {"error": 1})]
)
def test_a_reply_that_is_no_oauth_is_unreachable(status: int, reply: Any, server: Scripted) -> None:
    """Proxies, broken servers, redirects."""
    with pytest.raises(Unreachable):
        provider(server, status, reply).tokens({})


def test_a_refusal_carries_code_and_words(server: Scripted) -> None:
    """The words are the issuer's, without what would move a cursor."""
    reply = {"error": "invalid_scope", "error_description": "no\x1b[2J such scope" + "!" * 500}

    with pytest.raises(Refused) as caught:
        provider(server, 400, reply).tokens({})
    assert caught.value.error == "invalid_scope"
    assert caught.value.what.startswith("the issuer refused: no�[2J such scope")
    assert len(caught.value.what) <= 200


@pytest.mark.parametrize("url", [None, 1, "http://id.example.com/token", "file:///token"])
def test_secrets_go_to_trustworthy_endpoints_only(url: Any, server: Scripted) -> None:
    """A missing endpoint, or one in the clear, is said to be unusable."""
    with pytest.raises(Unreachable, match="no usable token endpoint"):
        provider(server, 200, TOKENS, token_endpoint=url).tokens({})


def test_an_issuer_in_the_clear_is_not_asked() -> None:
    """The broker may say what it likes."""
    with pytest.raises(Unreachable, match="no https URL"):
        Provider.discover("http://id.example.com")


def test_revocation_is_asked_for_where_offered(server: Scripted) -> None:
    """And its absence or refusal is no error."""
    endpoint = {"revocation_endpoint": f"{server.url}/revoke"}

    assert not provider(server, 200, "").revoke("r", "gov-cli")
    assert not provider(server, 503, "", **endpoint).revoke("r", "gov-cli")
    assert provider(server, 200, "", **endpoint).revoke("r", "gov-cli")
    assert server.asked[-1].form == {"token": "r", "token_type_hint": "refresh_token", "client_id": "gov-cli"}
