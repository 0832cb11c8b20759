"""Device login: how often we ask, and when we stop. RFC 8628, section 3.5."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from gov.client import transport
from gov.client.device import GRANT, Challenge, begin, wait
from gov.client.provider import Provider
from gov.demo.issuer_client import approve_device, refuse_device
from gov.errors import NotLoggedIn, Unreachable
from servers import Asked, RunningIssuer, Scripted, running_issuer, scripted

TOKENS = {"access_token": "a", "token_type": "Bearer", "expires_in": 60, "refresh_token": "r"}
ANSWER = {
    "device_code": "secret-code",
    "user_code": "BCDF-GHJK",
    "verification_uri": "https://id.example/device",
    "verification_uri_complete": "https://id.example/device?user_code=BCDF-GHJK",
    "expires_in": 60,
    "interval": 5,
}


class World:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.slept.append(round(seconds, 6))
        self.now += seconds

    def clock(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def server() -> Iterator[Scripted]:
    """An issuer that says what it is told."""
    with scripted() as running:
        yield running


def saying(server: Scripted, *replies: tuple[int, Any], device: Any = ANSWER) -> Provider:
    """The provider that answers token requests with `replies` in turn."""
    rest = iter(replies)
    metadata = {
        "issuer": server.url,
        "token_endpoint": f"{server.url}/token",
        "device_authorization_endpoint": f"{server.url}/device_authorization",
    }

    def answer(asked: Asked) -> tuple[int, dict[str, str], Any]:
        if asked.path.startswith("/.well-known"):
            return 200, {}, metadata
        if asked.path == "/device_authorization":
            return 200, {}, device
        status, body = next(rest)
        return status, {}, body

    server.answer = answer
    return Provider.discover(server.url)


def error(name: str) -> tuple[int, Any]:
    """An OAuth error."""
    return 400, {"error": name}


def challenge_from(provider: Provider) -> Challenge:
    """A new challenge."""
    return begin(provider, client_id="gov-cli", scopes="openid", audience="gov")


def test_polling_is_a_little_slower_than_told_and_slows_down_for_good(server: Scripted) -> None:
    """The interval of five seconds grows by five with each slow_down and never shrinks."""
    world = World()
    provider = saying(
        server,
        error("authorization_pending"),
        error("slow_down"),
        error("authorization_pending"),
        error("slow_down"),
        (200, TOKENS),
    )

    tokens = wait(provider, challenge_from(provider), client_id="gov-cli", sleep=world.sleep, clock=world.clock)

    assert world.slept == [5.5, 5.5, 11.0, 11.0, 16.5]
    assert (tokens.access, tokens.refresh) == ("a", "r")
    assert server.asked[-1].form == {"grant_type": GRANT, "device_code": "secret-code", "client_id": "gov-cli"}


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("expired_token", "the code expired before it was confirmed"),
        ("access_denied", "the login was refused in the browser"),
        ("invalid_grant", "the issuer refused: invalid_grant"),
        ("something_new", "the issuer refused: something_new"),
    ],
)
def test_any_other_error_is_final(name: str, what: str, server: Scripted) -> None:
    """One more poll would be one too many."""
    world = World()
    provider = saying(server, error(name), (200, TOKENS))

    with pytest.raises(NotLoggedIn) as caught:
        wait(provider, challenge_from(provider), client_id="gov-cli", sleep=world.sleep, clock=world.clock)
    assert caught.value.what == what
    assert server.paths().count("/token") == 1


def test_we_stop_when_the_code_has_expired(server: Scripted) -> None:
    """Even if the issuer would let us poll for ever."""
    world = World()
    provider = saying(server, *[error("authorization_pending")] * 100)

    with pytest.raises(NotLoggedIn, match="expired"):
        wait(provider, challenge_from(provider), client_id="gov-cli", sleep=world.sleep, clock=world.clock)
    assert server.paths().count("/token") == 11


def test_an_issuer_too_slow_to_answer_is_asked_less_often(server: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    """A timeout doubles the interval."""
    world = World()
    provider = saying(server, error("authorization_pending"), (200, TOKENS))
    challenge = challenge_from(provider)
    ask = provider.tokens
    silent = iter([True, True, False, False])

    def sometimes(form: dict[str, str]) -> Any:
        if next(silent):
            raise transport.Late("no answer", hint="wait")
        return ask(form)

    monkeypatch.setattr(provider, "tokens", sometimes)
    wait(provider, challenge, client_id="gov-cli", sleep=world.sleep, clock=world.clock)

    assert world.slept == [5.5, 11.0, 22.0, 22.0]


def test_an_issuer_that_vanishes_is_unreachable(server: Scripted) -> None:
    """Exit status 7, not an endless loop."""
    provider = saying(server, (502, "<html>bad gateway</html>"))
    world = World()

    with pytest.raises(Unreachable, match="HTTP status 502"):
        wait(provider, challenge_from(provider), client_id="gov-cli", sleep=world.sleep, clock=world.clock)


@pytest.mark.parametrize(
    "change",
    [
        {"user_code": "BCDF\x1b[2J"},
        {"verification_uri": "https://id.example/\u202edevice"},
        {"verification_uri": "http://id.example/device"},
        {"verification_uri_complete": "javascript:alert(1)"},
        {"device_code": None},
        {"expires_in": "soon"},
        {"interval": []},
    ],
)
def test_what_a_person_must_not_be_shown_is_refused(change: dict[str, Any], server: Scripted) -> None:
    """Control characters, links without https, and replies that lack what the RFC requires."""
    provider = saying(server, device={**ANSWER, **change})

    with pytest.raises(Unreachable, match="unusable"):
        challenge_from(provider)


def test_the_interval_defaults_to_five_seconds(server: Scripted) -> None:
    """And the complete link may be missing."""
    bare = {name: ANSWER[name] for name in ("device_code", "user_code", "verification_uri", "expires_in")}
    challenge = challenge_from(saying(server, device=bare))

    assert challenge.interval == 5.0
    assert challenge.verification_uri_complete is None
    assert "secret-code" not in repr(challenge)


def test_discovery_must_name_the_issuer_it_was_asked_for(server: Scripted) -> None:
    """Another issuer's document would have us log in elsewhere."""
    server.answer = lambda asked: (200, {}, {"issuer": "https://evil.example"})

    with pytest.raises(Unreachable, match=r"says it is https://evil\.example"):
        Provider.discover(server.url)


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningIssuer]:
    """The demo's real issuer."""
    with running_issuer(tmp_path_factory.mktemp("issuer")) as running:
        yield running


def test_the_real_issuer_signs_alice_in(issuer: RunningIssuer) -> None:
    """Discovery, challenge, confirmation on its page, tokens that end in a quarter of an hour."""
    provider = Provider.discover(issuer.url)
    challenge = begin(provider, client_id="gov-cli", scopes="openid offline_access", audience="gov")
    approve_device(issuer.url, challenge.user_code, "alice")

    tokens = wait(provider, challenge, client_id="gov-cli")

    assert 800 < tokens.expires_at - time.time() < 910
    assert tokens.refresh


def test_the_real_issuer_says_no(issuer: RunningIssuer) -> None:
    """The person refuses on the page."""
    provider = Provider.discover(issuer.url)
    challenge = begin(provider, client_id="gov-cli", scopes="openid", audience="gov")
    refuse_device(issuer.url, challenge.user_code)

    with pytest.raises(NotLoggedIn, match="refused in the browser"):
        wait(provider, challenge, client_id="gov-cli")
