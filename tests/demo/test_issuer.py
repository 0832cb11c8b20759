"""The demo's issuer over real sockets: the flows, and how each of them refuses."""

from __future__ import annotations

import json
import stat
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import jwt
import pytest

from gov.demo.accounts import PEOPLE
from gov.demo.issuer import ACCESS_TOKEN, DEVICE, EXCHANGE
from gov.demo.issuer_client import approve_device, exchange, refuse_device
from gov.demo.issuer_state import CODE_LIFETIME, OAuthError, State
from gov.errors import NoSuch, NotLoggedIn
from servers import RunningIssuer, running_issuer

SCOPE = "openid profile groups offline_access"
CALLBACK = "http://127.0.0.1:5000/callback"
VERIFIER = "v" * 43
CHALLENGE = urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningIssuer]:
    """One issuer for all tests here."""
    with running_issuer(tmp_path_factory.mktemp("issuer")) as running:
        yield running


@pytest.fixture
def http(issuer: RunningIssuer) -> Iterator[httpx.Client]:
    """A client of it that follows nothing."""
    with httpx.Client(base_url=issuer.url, trust_env=False) as client:
        yield client


class Clock:
    """A clock that a test winds."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def start(http: httpx.Client) -> Any:
    """A new device login."""
    return http.post("/device_authorization", data={"client_id": "gov-cli", "scope": SCOPE}).json()


def poll(http: httpx.Client, device_code: str) -> httpx.Response:
    """Ask for its tokens."""
    return http.post(
        "/token", data={"grant_type": DEVICE, "device_code": device_code, "client_id": "gov-cli"}
    )


def signed_in(http: httpx.Client, issuer: RunningIssuer, account: str = "alice") -> Any:
    """The tokens of somebody who has just signed in."""
    login = start(http)
    approve_device(issuer.url, login["user_code"], account)
    return poll(http, login["device_code"]).json()


def refresh(http: httpx.Client, token: str) -> httpx.Response:
    """Use a refresh token."""
    form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": "gov-cli"}
    return http.post("/token", data=form)


def claims(token: str) -> Any:
    """What a token says; its signature is tests/broker/test_tokens.py's business."""
    return jwt.decode(token, options={"verify_signature": False})


def test_discovery_names_endpoints_that_exist(http: httpx.Client, issuer: RunningIssuer) -> None:
    """Every URL in the document is this issuer's, and none is missing."""
    metadata = http.get("/.well-known/openid-configuration").json()

    assert metadata["issuer"] == issuer.url
    for name, url in metadata.items():
        if name.endswith(("_endpoint", "_uri")):
            assert url.startswith(issuer.url + "/")
            assert http.request("GET" if name == "jwks_uri" else "POST", url).status_code != 404


@pytest.mark.parametrize("account", PEOPLE)
def test_device_login_gives_the_persons_claims(
    account: str, http: httpx.Client, issuer: RunningIssuer
) -> None:
    """Access token and id token say who it is; groups, audience and time of sign-in are there."""
    tokens = signed_in(http, issuer, account)
    said = claims(tokens["access_token"])

    assert (said["iss"], said["aud"], said["preferred_username"]) == (issuer.url, "gov", account)
    assert said["groups"] == list(PEOPLE[account].groups)
    assert said["exp"] - said["iat"] == 900
    assert 0 <= said["iat"] - said["auth_time"] <= 60
    assert jwt.get_unverified_header(tokens["access_token"])["typ"] == "at+jwt"
    assert claims(tokens["id_token"])["aud"] == "gov-cli"


def test_polling_early_is_slowed_down_for_good(http: httpx.Client, issuer: RunningIssuer) -> None:
    """The second poll comes too soon, and approval does not make up for the haste."""
    login = start(http)

    assert poll(http, login["device_code"]).json() == {"error": "authorization_pending"}
    assert poll(http, login["device_code"]).json() == {"error": "slow_down"}
    approve_device(issuer.url, login["user_code"], "alice")
    assert poll(http, login["device_code"]).json() == {"error": "slow_down"}


def test_a_refused_login_stays_refused(http: httpx.Client, issuer: RunningIssuer) -> None:
    """The person says no; nobody can say yes afterwards."""
    login = start(http)
    refuse_device(issuer.url, login["user_code"])

    with pytest.raises(NoSuch):
        approve_device(issuer.url, login["user_code"], "alice")
    assert poll(http, login["device_code"]).json() == {"error": "access_denied"}


def test_a_device_code_gives_tokens_once_and_expires(tmp_path: Path) -> None:
    """After its time the code is expired, and a used one is none at all."""
    clock = Clock()
    state = State(tmp_path, clock)
    code, _ = state.begin_device("gov-cli", SCOPE)

    with pytest.raises(OAuthError, match="invalid_grant"):
        state.poll(code, "another-client")
    clock.now += CODE_LIFETIME
    with pytest.raises(OAuthError, match="expired_token"):
        state.poll(code, "gov-cli")


def test_the_device_page_shows_the_code_and_who_may_sign_in(http: httpx.Client) -> None:
    """A person can compare the code; the page cannot be framed and runs no script."""
    login = start(http)
    page = http.get("/device", params={"user_code": login["user_code"].lower().replace("-", " ")})

    assert login["user_code"] in page.text
    assert all(account.full_name in page.text for account in PEOPLE.values())
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert http.get("/device", params={"user_code": '<b>"'}).status_code == 404
    assert "<b>" not in http.get("/device", params={"user_code": "<b>"}).text


def test_pages_of_others_cannot_click_for_people(http: httpx.Client) -> None:
    """A form sent by a foreign page, or under a foreign name, is refused."""
    login = start(http)
    form = {"user_code": login["user_code"], "account": "bob"}

    assert http.post("/device", data=form, headers={"Origin": "https://evil.example"}).status_code == 404
    assert http.post("/device", data=form, headers={"Host": "evil.example"}).status_code == 400
    assert poll(http, login["device_code"]).json() == {"error": "authorization_pending"}


def test_refresh_tokens_rotate_and_a_second_use_ends_the_login(
    http: httpx.Client, issuer: RunningIssuer
) -> None:
    """Whoever of owner and thief comes second ends it for both."""
    first = signed_in(http, issuer)
    second = refresh(http, first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert claims(second["access_token"])["auth_time"] == claims(first["access_token"])["auth_time"]

    assert refresh(http, first["refresh_token"]).json()["error"] == "invalid_grant"
    assert refresh(http, second["refresh_token"]).json()["error"] == "invalid_grant"


def test_revocation_ends_the_login(http: httpx.Client, issuer: RunningIssuer) -> None:
    """A revoked refresh token gives nothing; revoking what does not exist is no error."""
    tokens = signed_in(http, issuer)
    form = {"token": tokens["refresh_token"], "client_id": "gov-cli"}

    assert http.post("/revoke", data=form).status_code == 200
    assert http.post("/revoke", data=form).status_code == 200
    assert refresh(http, tokens["refresh_token"]).status_code == 400


def test_logins_keys_and_secrets_survive_a_restart(tmp_path: Path) -> None:
    """The same key signs, the refresh token works, and everything on disk is its owner's alone."""
    with running_issuer(tmp_path) as before, httpx.Client(base_url=before.url, trust_env=False) as http:
        token = signed_in(http, before)["refresh_token"]
        keys, secrets = http.get("/jwks").json(), before.secrets
    again = running_issuer(tmp_path, port=urlsplit(before.url).port or 0)
    with again as after, httpx.Client(base_url=before.url, trust_env=False) as http:
        assert http.get("/jwks").json() == keys
        assert after.secrets == secrets
        assert refresh(http, token).status_code == 200
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert token not in (tmp_path / "issuer-tokens.json").read_text()


def test_a_service_proves_itself_with_its_secret(http: httpx.Client, issuer: RunningIssuer) -> None:
    """By header or by form, and never with another's."""
    secret = issuer.secrets["etl"]
    form = {"grant_type": "client_credentials"}

    tokens = http.post("/token", data=form, auth=("etl", secret)).json()
    assert claims(tokens["access_token"])["groups"] == ["services"]
    assert "refresh_token" not in tokens
    assert http.post("/token", data={**form, "client_id": "etl", "client_secret": secret}).is_success
    for name, guess in (("etl", issuer.secrets["assistant"]), ("etl", ""), ("nobody", ""), ("", "")):
        assert http.post("/token", data=form, auth=(name, guess)).json() == {"error": "invalid_client"}


def test_an_agent_exchanges_a_persons_token_for_one_that_names_both(
    http: httpx.Client, issuer: RunningIssuer
) -> None:
    """The new token is alice's, says who acts, and ends no later than hers; it cannot be exchanged again."""
    hers = signed_in(http, issuer)["access_token"]
    theirs = exchange(issuer.url, hers, "assistant", issuer.secrets["assistant"])
    said = claims(theirs)

    assert (said["sub"], said["act"], said["groups"]) == ("u-alice", {"sub": "assistant"}, ["engineering"])
    assert said["exp"] <= claims(hers)["exp"]
    with pytest.raises(NotLoggedIn):
        exchange(issuer.url, theirs, "assistant", issuer.secrets["assistant"])
    with pytest.raises(NotLoggedIn):
        exchange(issuer.url, hers, "etl", issuer.secrets["etl"])


def test_an_id_token_or_a_services_token_is_no_subject(http: httpx.Client, issuer: RunningIssuer) -> None:
    """Only a person's access token may be exchanged."""
    auth = ("assistant", issuer.secrets["assistant"])
    service = http.post("/token", data={"grant_type": "client_credentials"}, auth=auth).json()["access_token"]
    form = {"grant_type": EXCHANGE, "subject_token_type": ACCESS_TOKEN}

    for subject in (signed_in(http, issuer)["id_token"], service, "x"):
        reply = http.post("/token", data={**form, "subject_token": subject}, auth=auth)
        assert reply.json()["error"] == "invalid_request"


def authorize(http: httpx.Client, **changes: str) -> httpx.Response:
    """Sign alice in at the browser's page."""
    form = {"client_id": "gov-cli", "response_type": "code", "redirect_uri": CALLBACK, "scope": SCOPE}
    form |= {"state": "s", "code_challenge": CHALLENGE, "code_challenge_method": "S256", "account": "alice"}
    return http.post("/authorize", data=form | changes)


def redeem(http: httpx.Client, reply: httpx.Response, **changes: str) -> httpx.Response:
    """Turn the code of an authorization reply into tokens."""
    answer = dict(parse_qsl(urlsplit(reply.headers["location"]).query))
    form = {"grant_type": "authorization_code", "code": answer["code"], "redirect_uri": CALLBACK}
    return http.post("/token", data={**form, "client_id": "gov-cli", "code_verifier": VERIFIER, **changes})


def test_the_browser_login_is_bound_to_its_verifier(http: httpx.Client) -> None:
    """A stolen code is worth nothing without the PKCE verifier, and it works once."""
    reply = authorize(http)

    assert reply.status_code == 303
    assert redeem(http, reply, code_verifier="w" * 43).json()["error"] == "invalid_grant"
    assert redeem(http, reply).json()["error"] == "invalid_grant"
    fresh = authorize(http)
    assert claims(redeem(http, fresh).json()["access_token"])["preferred_username"] == "alice"
    assert redeem(http, fresh).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "change",
    [
        {"redirect_uri": "https://evil.example/callback"},
        {"redirect_uri": "http://127.0.0.1@evil.example/callback"},
        {"redirect_uri": "http://localhost.evil.example/callback"},
        {"client_id": "other"},
        {"code_challenge_method": "plain"},
        {"code_challenge": ""},
        {"response_type": "token"},
    ],
)
def test_the_browser_is_sent_nowhere_else(change: dict[str, str], http: httpx.Client) -> None:
    """Another redirect address, another client or no PKCE: no code is made."""
    reply = authorize(http, **change)

    assert reply.status_code == 400
    assert "location" not in reply.headers


def test_odd_requests_are_answered_as_the_rfc_says(http: httpx.Client) -> None:
    """Unknown grants, unknown clients, repeated parameters and floods get an OAuth error, not a traceback."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    assert http.post("/token", data={"grant_type": "magic"}).json() == {"error": "unsupported_grant_type"}
    assert http.post("/token").json() == {"error": "unsupported_grant_type"}
    assert http.post("/device_authorization", data={"client_id": "x"}).json() == {"error": "invalid_client"}
    assert http.post("/token", content="a=1&a=2", headers=form).json()["error"] == "invalid_request"
    assert http.post("/token", content="a=" + "x" * 100_000, headers=form).status_code == 413
    assert json.loads(poll(http, "unknown").text)["error"] == "invalid_grant"
