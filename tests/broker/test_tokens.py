"""Access tokens, verified with keys from a real issuer: what is accepted, and everything that is not."""

from __future__ import annotations

import asyncio
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from gov.broker.tokens import REFETCH, STALE, Verifier
from gov.demo.issuer_client import exchange
from gov.demo.issuer_keys import SigningKey
from gov.errors import NotLoggedIn, Unavailable
from gov.identity.config import IdentityConfig
from gov.identity.principal import Kind, Principal
from servers import RunningIssuer, Scripted, running_issuer, scripted

Json = dict[str, Any]


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningIssuer]:
    """One issuer for all tests here."""
    with running_issuer(tmp_path_factory.mktemp("issuer")) as running:
        yield running


@pytest.fixture(scope="module")
def key(issuer: RunningIssuer) -> SigningKey:
    """The issuer's own key: an attacker with a good signature is the hardest to refuse."""
    return SigningKey.at(issuer.directory / "issuer-key.pem")


@dataclass
class Forged:
    """A token in the making: correct until something about it is changed."""

    issuer: str
    key: SigningKey
    header: Json = field(default_factory=dict)
    claims: Json = field(default_factory=dict)
    raw_header: str | None = None
    raw_claims: str | None = None

    def __post_init__(self) -> None:
        now = int(time.time())
        self.header = {"alg": "RS256", "typ": "at+jwt", "kid": self.key.kid}
        self.claims = {"iss": self.issuer, "aud": "gov", "sub": "u-alice", "iat": now, "exp": now + 900}
        self.claims |= {"preferred_username": "alice", "groups": ["engineering"]}

    def token(self) -> str:
        """The token, signed."""
        parts = [self.raw_header or json.dumps(self.header), self.raw_claims or json.dumps(self.claims)]
        signed = ".".join(_base64(part.encode()) for part in parts)
        signature = self.key.private.sign(signed.encode(), padding.PKCS1v15(), SHA256())
        return f"{signed}.{_base64(signature)}"


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def verify(token: str, *configs: IdentityConfig, verifier: Verifier | None = None) -> tuple[Principal, float]:
    """The principal and the end of the token."""
    return asyncio.run((verifier or Verifier(configs)).verify(token))


def refusal(token: str, *configs: IdentityConfig) -> str:
    """Why the token is refused."""
    with pytest.raises(NotLoggedIn) as caught:
        verify(token, *configs)
    assert caught.value.hint == "gov login"
    return caught.value.detail


def test_a_correct_token_becomes_its_principal(issuer: RunningIssuer, key: SigningKey) -> None:
    """Issuer, subject, name and groups are the token's, and it ends when the token does."""
    forged = Forged(issuer.url, key)

    who, ends = verify(forged.token(), IdentityConfig(issuer.url, "gov-cli"))

    assert who == Principal(issuer.url, "u-alice", "alice", frozenset({"engineering"}))
    assert ends == forged.claims["exp"]


def _set(part: str, **changes: Any) -> Callable[[Forged], None]:
    return lambda forged: getattr(forged, part).update(changes)


def _unset(part: str, name: str) -> Callable[[Forged], None]:
    return lambda forged: getattr(forged, part).pop(name)


def _twice(part: str, member: str) -> Callable[[Forged], None]:
    """Write one more member into the JSON: readers differ in which of two they believe."""

    def change(forged: Forged) -> None:
        setattr(forged, f"raw_{part}", json.dumps(getattr(forged, part))[:-1] + f", {member}}}")

    return change


def _later(name: str, seconds: float) -> Callable[[Forged], None]:
    return lambda forged: forged.claims.update({name: forged.claims["iat"] + seconds})


def _as_text(name: str) -> Callable[[Forged], None]:
    return lambda forged: forged.claims.update({name: str(forged.claims[name])})


LET_PASS_BY_PYJWT = {
    "of another type": (_set("header", typ="logout+jwt"), "its type is logout+jwt"),
    "of no type": (_unset("header", "typ"), "its type is null"),
    "without a key id": (_unset("header", "kid"), "it names no key"),
    "with an empty key id": (_set("header", kid=""), "it names no key"),
    "with a link to keys": (_set("header", jku="https://evil.example/jwks"), "its header brings `jku`"),
    "with a link to a certificate": (_set("header", x5u="https://evil.example/x"), "its header brings `x5u`"),
    "with a certificate": (_set("header", x5c=["AAAA"]), "its header brings `x5c`"),
    "with a key of its own": (_set("header", jwk={"kty": "oct", "k": "AA"}), "its header brings `jwk`"),
    "with a header member twice": (_twice("header", '"alg": "RS256"'), "it is not well-formed JSON"),
    "with the subject twice": (_twice("claims", '"sub": "u-bob"'), "it is not well-formed JSON"),
    "with groups twice": (_twice("claims", '"groups": ["dba"]'), "it is not well-formed JSON"),
    "with an escaped member twice": (_twice("claims", '"s\\u0075b": "u-bob"'), "it is not well-formed JSON"),
    "with NaN": (_twice("claims", '"x": NaN'), "it is not well-formed JSON"),
    "with its end as text": (_as_text("exp"), "its `exp` is no time"),
    "with its beginning as text": (_set("claims", nbf="1700000000"), "its `nbf` is no time"),
    "with an empty subject": (_set("claims", sub=""), "it names no subject"),
    "with a blank subject": (_set("claims", sub="  "), "it names no subject"),
    "with a subject that moves cursors": (_set("claims", sub="u\x1b[2J"), "it names no subject"),
    "for several audiences": (_set("claims", aud=["gov", "other"]), 'it is meant for ["gov", "other"]'),
    "that lives for years": (_later("exp", 10 * 365 * 86400), "it lives longer than a day"),
    "that ended within the leeway": (_later("exp", -1), "it has expired"),
    "that is an id token": (_set("claims", at_hash="x"), "it is no access token"),
    "that is a refresh token of Keycloak": (_set("claims", typ="Refresh"), "it is no access token"),
    "with an agent of an agent": (_set("claims", act={"sub": "a", "act": {"sub": "b"}}), "its `act`"),
    "with a nameless agent": (_set("claims", act={}), "its `act` does not name one agent"),
    "with groups as one text": (_set("claims", groups="dba"), "its `groups` is no list of groups"),
    "with a group that is no text": (_set("claims", groups=["dba", 1]), "its `groups` holds something"),
    "with groups elsewhere": (_set("claims", _claim_names={"groups": "src1"}), "it has too many groups"),
    "with a name that reads backwards": (_set("claims", preferred_username="\u202eecila"), "its name is no"),
    "with a time of sign-in as text": (_set("claims", auth_time="now"), "its `auth_time` is no time"),
}  # fmt: skip


@pytest.mark.parametrize("name", LET_PASS_BY_PYJWT)
def test_a_signed_token_is_refused_although_pyjwt_accepts_it(
    name: str, issuer: RunningIssuer, key: SigningKey
) -> None:
    """Each strict check has a token that is signed by the issuer and passes PyJWT's own strict options."""
    change, why = LET_PASS_BY_PYJWT[name]
    forged = Forged(issuer.url, key)
    change(forged)
    token = forged.token()

    accepted = jwt.decode(
        token, key.private.public_key(), algorithms=["RS256"], audience="gov", issuer=issuer.url, leeway=30,
        options={"require": ["exp", "iat", "iss", "aud", "sub"]},
    )  # fmt: skip

    assert accepted
    assert refusal(token, IdentityConfig(issuer.url, "gov-cli")).startswith(why)


PLAINLY_WRONG = {
    "expired": (_later("exp", -3600), "signature has expired"),
    "without an end": (_unset("claims", "exp"), ""),
    "without a beginning": (_unset("claims", "iat"), ""),
    "from the future": (_later("iat", 3600), ""),
    "not valid yet": (_later("nbf", 3600), ""),
    "of another issuer": (_set("claims", iss="https://evil.example"), "its issuer is not one"),
    "for another audience": (_set("claims", aud="payroll"), ""),
    "for nobody": (_unset("claims", "aud"), ""),
    "by another algorithm": (_set("header", alg="PS256"), "it is signed with PS256, not with RS256"),
    "by no algorithm": (_set("header", alg="none"), "it is signed with none, not with RS256"),
    "by a shared secret": (_set("header", alg="HS256"), "it is signed with HS256, not with RS256"),
    "by a key nobody knows": (_set("header", kid="other"), "its key is not one of the issuer's"),
    "with something critical": (_set("header", crit=["exp"]), "its header brings `crit`"),
}


@pytest.mark.parametrize("name", PLAINLY_WRONG)
def test_a_wrong_token_is_refused(name: str, issuer: RunningIssuer, key: SigningKey) -> None:
    """Time, issuer, audience, algorithm and key must all be right."""
    change, why = PLAINLY_WRONG[name]
    forged = Forged(issuer.url, key)
    change(forged)

    assert refusal(forged.token(), IdentityConfig(issuer.url, "gov-cli")).startswith(why)


@pytest.mark.parametrize("token", ["", "x", "a.b", "a.b.c.d", "a.b.c=", "é.b.c", "e30.e30.", "A" * 20_000])
def test_what_is_no_token_is_refused(token: str, issuer: RunningIssuer) -> None:
    """Nothing but three parts of base64url is looked at."""
    assert refusal(token, IdentityConfig(issuer.url, "gov-cli")).startswith("it is no")


def test_any_other_byte_breaks_the_signature(issuer: RunningIssuer, key: SigningKey) -> None:
    """A token whose claims were changed after signing is refused."""
    header, _, signature = Forged(issuer.url, key).token().split(".")
    bob = Forged(issuer.url, key)
    bob.claims["sub"] = "u-bob"

    assert (
        refusal(
            ".".join([header, bob.token().split(".")[1], signature]), IdentityConfig(issuer.url, "gov-cli")
        )
        == "signature verification failed"
    )


def test_the_signature_has_one_spelling(issuer: RunningIssuer, key: SigningKey) -> None:
    """Base64 has spare bits at its end; a token that differs in them is another token."""
    token = Forged(issuer.url, key).token()
    twin = token[:-1] + chr(ord(token[-1]) + 1)

    assert refusal(twin, IdentityConfig(issuer.url, "gov-cli"))


def test_a_service_and_an_agent_are_told_from_people(issuer: RunningIssuer, key: SigningKey) -> None:
    """The demo's agent acts for alice and is named beside her; a workload is a service."""
    config = IdentityConfig(issuer.url, "gov-cli")
    forged = Forged(issuer.url, key)
    forged.claims["client_id"] = "gov-cli"

    agent, _ = verify(exchange(issuer.url, forged.token(), "assistant", issuer.secrets["assistant"]), config)

    assert (agent.kind, agent.subject, agent.agent) == (Kind.AGENT, "u-alice", "assistant")
    assert agent.display == "assistant for alice"
    assert verify(forged.token(), IdentityConfig(issuer.url, "ci", services=True))[0].kind is Kind.SERVICE


# Where keys come from


@dataclass
class Clock:
    """A monotonic clock that a test winds."""

    now: float = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def jwk(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, kid: str, **more: str) -> Json:
    """The public half as a JWK."""
    if isinstance(key, rsa.RSAPrivateKey):
        public = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        public = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**public, "kid": kid, "use": "sig", **more}


def publish(server: Scripted, keys: list[Json], **metadata: str) -> None:
    """Have the server answer as an issuer with those keys."""
    metadata = {"issuer": server.url, "jwks_uri": f"{server.url}/keys", **metadata}
    answers = {"/.well-known/openid-configuration": metadata, "/keys": {"keys": keys}}
    server.answer = lambda asked: (200, {}, answers[asked.path])


@pytest.fixture(scope="module")
def strong() -> rsa.RSAPrivateKey:
    """A key of 2048 bits."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def signed(url: str, key: Any, kid: str, algorithm: str = "RS256") -> str:
    """A correct token of the issuer at `url`, signed by `key`."""
    now = int(time.time())
    claims = {"iss": url, "aud": "gov", "sub": "u-alice", "iat": now, "exp": now + 60}
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": kid, "typ": "at+jwt"})


def test_keys_are_fetched_once_and_an_unknown_one_is_asked_for_again(strong: rsa.RSAPrivateKey) -> None:
    """A rotated key is found, but strangers' key ids cause one request in ten seconds, however many come."""
    with scripted() as server:
        publish(server, [jwk(strong, "one")])
        clock = Clock()
        verifier = Verifier([IdentityConfig(server.url, "gov-cli")], monotonic=clock)
        verify(signed(server.url, strong, "one"), verifier=verifier)
        verify(signed(server.url, strong, "one"), verifier=verifier)
        assert server.paths().count("/keys") == 1

        publish(server, [jwk(strong, "two")])
        for _ in range(5):
            with pytest.raises(NotLoggedIn):
                verify(signed(server.url, strong, "two"), verifier=verifier)
        assert server.paths().count("/keys") == 1

        clock.now += REFETCH
        verify(signed(server.url, strong, "two"), verifier=verifier)
        assert server.paths().count("/keys") == 2


def test_known_keys_outlive_a_silent_issuer_for_an_hour(strong: rsa.RSAPrivateKey) -> None:
    """An outage of the issuer is not ours, but it must not hide the withdrawal of a key for ever."""
    with scripted() as server:
        publish(server, [jwk(strong, "one")])
        clock = Clock()
        verifier = Verifier([IdentityConfig(server.url, "gov-cli")], monotonic=clock)
        token = signed(server.url, strong, "one")
        verify(token, verifier=verifier)
        server.answer = lambda asked: (500, {}, "out of order")

        clock.now += STALE
        verify(token, verifier=verifier)
        clock.now += REFETCH
        with pytest.raises(Unavailable):
            verify(token, verifier=verifier)


def test_an_issuer_that_never_answered_is_unavailable(strong: rsa.RSAPrivateKey) -> None:
    """Without keys nobody gets in, and the person is not told that they are logged out."""
    with scripted() as server, pytest.raises(Unavailable, match="cannot be had"):
        verify(signed(server.url, strong, "one"), IdentityConfig(server.url, "gov-cli"))


def test_redirects_and_foreign_discovery_are_not_followed(strong: rsa.RSAPrivateKey) -> None:
    """An issuer cannot send the broker to another host, nor speak for another issuer."""
    with scripted() as server, scripted() as inside:
        publish(inside, [jwk(strong, "one")])
        config, token = IdentityConfig(server.url, "gov-cli"), signed(server.url, strong, "one")

        server.answer = lambda asked: (302, {"Location": inside.url + asked.path}, "")
        with pytest.raises(Unavailable) as caught:
            verify(token, config)
        assert "HTTP status 302" in caught.value.detail

        publish(server, [jwk(strong, "one")], issuer="https://id.example.com")
        with pytest.raises(Unavailable) as caught:
            verify(token, config)
        assert "names another issuer" in caught.value.detail

        publish(server, [], jwks_uri="http://id.example.com/keys")
        with pytest.raises(Unavailable) as caught:
            verify(token, config)
        assert "jwks_uri" in caught.value.detail
        assert inside.asked == []


def test_a_flood_of_keys_is_cut_off(strong: rsa.RSAPrivateKey) -> None:
    """More than a megabyte is no set of keys."""
    with scripted() as server:
        server.answer = lambda asked: (200, {}, " " * (2 * 1024 * 1024))
        with pytest.raises(Unavailable) as caught:
            verify(signed(server.url, strong, "one"), IdentityConfig(server.url, "gov-cli"))

        assert "too much" in caught.value.detail


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_keys_must_be_strong_unambiguous_and_meant_for_signing(strong: rsa.RSAPrivateKey) -> None:
    """A key of 1024 bits, two keys of one id, a key for encryption or for another algorithm: refused."""
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    curve = ec.generate_private_key(ec.SECP256R1())
    with scripted() as server:
        publish(server, [
            jwk(weak, "weak"), jwk(strong, "twin"), jwk(weak, "twin"), jwk(strong, "enc") | {"use": "enc"},
            jwk(strong, "ps", alg="PS256"), jwk(curve, "curve"), {"kty": "oct", "kid": "oct", "k": "AAAA"},
        ])  # fmt: skip
        config = IdentityConfig(server.url, "gov-cli", algorithms=("RS256", "ES256"))

        assert refusal(signed(server.url, weak, "weak"), config) == "its key has only 1024 bits"
        assert refusal(signed(server.url, strong, "twin"), config) == "its key's id is ambiguous"
        assert refusal(signed(server.url, strong, "enc"), config) == "its key is not one of the issuer's"
        assert refusal(signed(server.url, strong, "ps"), config) == "its key is meant for another algorithm"
        assert refusal(signed(server.url, strong, "oct"), config) == "its key is not usable"
        assert refusal(signed(server.url, strong, "curve"), config) == "its key is not usable"
        assert verify(signed(server.url, curve, "curve", "ES256"), config)[0].subject == "u-alice"


def test_one_issuer_may_serve_two_audiences(issuer: RunningIssuer, key: SigningKey) -> None:
    """The token's audience chooses the configuration."""
    people = IdentityConfig(issuer.url, "gov-cli")
    jobs = IdentityConfig(issuer.url, "jobs", audience="gov-jobs", services=True)
    forged = Forged(issuer.url, key)
    forged.claims["aud"] = ["gov-jobs"]

    assert verify(forged.token(), people, jobs)[0].kind is Kind.SERVICE
    assert refusal(forged.token(), people)


def test_the_key_of_the_issuer_is_private(issuer: RunningIssuer) -> None:
    """Key, client secrets and tokens of the demo's issuer are for their owner only."""
    for name in ("issuer-key.pem", "issuer-clients.json"):
        assert Path(issuer.directory / name).stat().st_mode & 0o077 == 0
