"""The access token for the next call, renewed in time and by one process only."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gov.client import device
from gov.client.access import MARGIN, Access, client_secret
from gov.client.config import Context, Places
from gov.client.provider import Provider
from gov.client.tokens import FileStore, Tokens
from gov.demo.issuer_client import approve_device
from gov.errors import NotLoggedIn, Unreachable
from servers import RunningIssuer, running_issuer, scripted

SCOPES = "openid offline_access"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningIssuer]:
    """One issuer for all tests here."""
    with running_issuer(tmp_path_factory.mktemp("issuer")) as running:
        yield running


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """Directories of one person."""
    return Places.below(tmp_path)


def context_at(issuer: str) -> Context:
    """A context whose login was at that issuer."""
    return Context("b", "https://gov.example", issuer=issuer, client_id="gov-cli", store="file")


def sign_in(issuer: RunningIssuer, places: Places) -> Context:
    """Log alice in, and let her access token be about to end."""
    context = context_at(issuer.url)
    provider = Provider.discover(issuer.url)
    challenge = device.begin(provider, client_id="gov-cli", scopes=SCOPES, audience="gov")
    approve_device(issuer.url, challenge.user_code, "alice")
    tokens = device.wait(provider, challenge, client_id="gov-cli")
    FileStore(context, places).save(Tokens(tokens.access, time.time() + MARGIN - 1, tokens.refresh))
    return context


def test_the_environment_goes_first(places: Places) -> None:
    """A job's token needs no login and is not renewed."""
    access = Access(context_at("https://id.example"), places, {"GOV_TOKEN": " given\n"})

    assert access.token() == "given"


def test_without_a_login_the_hint_names_the_broker(places: Places) -> None:
    """Exit status 3."""
    with pytest.raises(NotLoggedIn) as caught:
        Access(context_at("https://id.example"), places, {}).token()

    assert caught.value.hint == "gov login https://gov.example"


def test_a_fresh_token_asks_nobody(places: Places) -> None:
    """The issuer need not be there."""
    context = context_at("http://127.0.0.1:9")
    FileStore(context, places).save(Tokens("fresh", time.time() + MARGIN + 60, "r"))

    assert Access(context, places, {}).token() == "fresh"


def test_a_token_about_to_end_is_renewed_and_the_new_refresh_token_stored(
    issuer: RunningIssuer, places: Places
) -> None:
    """Twice in a row works, so the rotated refresh token was kept each time."""
    context = sign_in(issuer, places)
    store = FileStore(context, places)
    before = store.load()

    first = Access(context, places, {}).token()
    between = store.load()
    later = Access(context, places, {}, clock=lambda: time.time() + 900).token()
    after = store.load()

    assert before is not None
    assert between is not None
    assert after is not None
    assert len({before.access, first, later}) == 3
    assert len({before.refresh, between.refresh, after.refresh}) == 3
    assert (between.access, after.access) == (first, later)


RENEW = """
import sys
from pathlib import Path
from gov.client.access import Access
from gov.client.config import Context, Places
context = Context("b", "https://gov.example", issuer=sys.argv[1], client_id="gov-cli", store="file")
access = Access(context, Places.below(Path(sys.argv[2])), {})
print("ready", flush=True)
sys.stdin.readline()
print(access.token())
"""


def test_processes_that_renew_at_once_use_the_refresh_token_once(issuer: RunningIssuer, places: Places) -> None:
    """A second use would look like theft and end the login; here all get the same new token."""
    context = sign_in(issuer, places)
    command = [sys.executable, "-c", RENEW, issuer.url, str(places.config)]
    workers = [
        subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(3)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    tokens = {worker.communicate(timeout=60)[0].strip() for worker in workers}

    assert len(tokens) == 1
    later = Access(context, places, {}, clock=lambda: time.time() + 900)
    assert later.token() not in tokens


def test_a_stolen_refresh_token_ends_the_login(issuer: RunningIssuer, places: Places) -> None:
    """The thief was first; the owner is told to log in again, and the thief's token is dead too."""
    context = sign_in(issuer, places)
    held = FileStore(context, places).load()
    assert held is not None
    thief = Provider.discover(issuer.url)
    form = {"grant_type": "refresh_token", "client_id": "gov-cli"}
    stolen = thief.tokens({**form, "refresh_token": held.refresh or ""})

    with pytest.raises(NotLoggedIn, match=r"your login to https://gov\.example expired") as caught:
        Access(context, places, {}).token()
    assert caught.value.hint == "gov login https://gov.example"
    assert "used twice" in caught.value.detail
    with pytest.raises(NotLoggedIn):
        thief.tokens({**form, "refresh_token": stolen.refresh or ""})


def test_a_silent_issuer_hurts_only_when_the_token_has_ended(places: Places) -> None:
    """What is left of the old token is used."""
    context = context_at("http://127.0.0.1:9")
    FileStore(context, places).save(Tokens("old", time.time() + MARGIN / 2, "r"))

    assert Access(context, places, {}).token() == "old"
    with pytest.raises(Unreachable):
        Access(context, places, {}, clock=lambda: time.time() + MARGIN).token()


def test_an_issuer_that_does_not_rotate_keeps_its_refresh_token(places: Places) -> None:
    """RFC 6749, 6: no new one means that the old one stays."""
    with scripted() as server:
        metadata = {"issuer": server.url, "token_endpoint": f"{server.url}/token"}
        answers = {"/.well-known/openid-configuration": metadata}
        reply = {"access_token": "new", "token_type": "bearer", "expires_in": 60}
        server.answer = lambda asked: (200, {}, answers.get(asked.path, reply))
        context = context_at(server.url)
        FileStore(context, places).save(Tokens("old", 0.0, "r"))

        assert Access(context, places, {}).token() == "new"
        held = FileStore(context, places).load()

    assert held is not None
    assert held.refresh == "r"
    assert server.asked[-1].form["refresh_token"] == "r"


def test_a_service_renews_with_its_secret(issuer: RunningIssuer, places: Places) -> None:
    """Without the secret at hand its login has ended."""
    context = context_at(issuer.url)
    FileStore(context, places).save(Tokens("old", 0.0))
    proof = {"GOV_CLIENT_ID": "etl", "GOV_CLIENT_SECRET": issuer.secrets["etl"]}

    with pytest.raises(NotLoggedIn, match="expired"):
        Access(context, places, {}).token()
    assert Access(context, places, proof).token() != "old"
    assert client_secret({"GOV_CLIENT_ID": "etl"}) is None


@pytest.mark.parametrize(("environ", "refresh", "renews"), [
    ({}, "r", True), ({}, None, False), ({"GOV_TOKEN": "t"}, "r", False),
    ({"GOV_CLIENT_ID": "etl", "GOV_CLIENT_SECRET": "s"}, None, True),
])
def test_what_goes_on_by_itself(places: Places, environ: dict[str, str], refresh: str | None, renews: bool) -> None:
    """A login with a refresh token or a service's secret does; a given token does not."""
    context = context_at("https://id.example")
    FileStore(context, places).save(Tokens("a", time.time() + 600, refresh))

    assert Access(context, places, environ).renews() is renews
