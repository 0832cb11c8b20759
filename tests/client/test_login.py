"""The whole login: meeting a broker over its own TLS, the real issuer, the broker's own check of the token."""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from keyring.backends.fail import Keyring as NoKeyring

from gov.audit.checkpoint import Checkpoint, sign
from gov.audit.entry import Entry
from gov.audit.note import SigningKey
from gov.audit.rotation import follow
from gov.broker.authority import own, today
from gov.broker.tokens import Verifier
from gov.client import tokens as tokens_module
from gov.client.access import Access
from gov.client.checkpoints import Witness
from gov.client.config import Contexts, Places
from gov.client.device import Challenge
from gov.client.login import (
    Forgotten,
    by_device,
    by_secret,
    device_login,
    fingerprint,
    log_in,
    log_out,
    meet,
)
from gov.client.transport import Untrusted
from gov.control.model import CHECKPOINT_HEADER
from gov.demo.issuer_client import approve_device, refuse_device
from gov.errors import ConfigError, NotLoggedIn, Unavailable, Unverified, UsageError
from gov.identity.config import IdentityConfig
from gov.store.disk import Files
from gov.store.handover import hand_over, sign_with
from gov.store.journal import Journal
from servers import Asked, RunningIssuer, Scripted, running_issuer, scripted

KEY = SigningKey("gov.example", b"k" * 32)
OTHER = SigningKey("gov.example", b"o" * 32)


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningIssuer]:
    """One issuer for all tests here."""
    with running_issuer(tmp_path_factory.mktemp("issuer")) as running:
        yield running


@dataclass
class StandIn:
    """A broker of two endpoints, with its own CA and a real verifier of tokens."""

    server: Scripted
    ca_file: Path
    issuer: str
    key: SigningKey = KEY
    former: tuple[SigningKey, ...] = ()
    """Keys that sign as well."""
    links: dict[str, str] = field(default_factory=dict)
    """By which it says that its key follows others."""

    @property
    def url(self) -> str:
        """Its address."""
        return self.server.url

    def answer(self, asked: Asked) -> tuple[int, dict[str, str], Any]:
        """Info for everybody, whoami for whom the verifier accepts."""
        note = sign(Checkpoint("gov.example", 3, bytes(32)), *self.former, self.key)
        headers = {CHECKPOINT_HEADER: b64encode(note).decode()}
        if asked.path == "/v1/info":
            return 200, headers, {
                "version": "1", "issuer": self.issuer, "client_id": "gov-cli", "audience": "gov",
                "gateway_host": "127.0.0.1", "gateway_port": 1, "ca": self.ca_file.read_text(),
                "audit_key": str(self.key.verifier), "audit_links": self.links,
            }  # fmt: skip
        verifier = Verifier([IdentityConfig(self.issuer, "gov-cli")])
        try:
            who, ends = asyncio.run(verifier.verify(asked.headers.get("authorization", "")[7:]))
        except NotLoggedIn as error:
            return 401, headers, {"code": error.code, "what": error.what, "hint": error.hint}
        return 200, headers, {
            "name": who.name, "subject": who.subject, "issuer": who.issuer, "groups": sorted(who.groups),
            "kind": who.kind, "agent": who.agent, "display": who.display, "expires_at": str(ends),
        }  # fmt: skip


@pytest.fixture
def broker(issuer: RunningIssuer, tmp_path: Path) -> Iterator[StandIn]:
    """A stand-in for the broker."""
    (tmp_path / "broker").mkdir()
    authority = own(tmp_path / "broker", ["127.0.0.1"], today())
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text(authority.root)
    with scripted(authority.context()) as server:
        standing = StandIn(server, ca_file, issuer.url)
        server.answer = standing.answer
        yield standing


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """Directories of one person."""
    return Places.below(tmp_path / "person")


def confirm(issuer: RunningIssuer, account: str) -> Any:
    """A person who confirms what is shown, at the issuer's page."""

    def show(challenge: Challenge) -> None:
        approve_device(issuer.url, challenge.user_code, account)

    return show


def test_a_device_login_is_remembered(broker: StandIn, issuer: RunningIssuer, places: Places) -> None:
    """Context, pinned root and key, and tokens that the next command finds."""
    login = device_login(broker.url, places=places, show=confirm(issuer, "bob"), ca_file=broker.ca_file)
    broker.ca_file.unlink()

    assert (login.whoami.name, login.whoami.groups, login.renews) == ("bob", ["dba"], True)
    context = Contexts(places).current({})
    assert context == login.context
    assert context.audit_key == str(KEY.verifier)
    assert context.store == "file"
    assert Access(context, places, {}).token()
    modes = [file.stat().st_mode & 0o777 for file in (places.state / "tokens").iterdir()]
    assert modes == [0o600]


def test_a_refused_login_leaves_nothing(broker: StandIn, issuer: RunningIssuer, places: Places) -> None:
    """Neither context nor tokens."""

    def refuse(challenge: Challenge) -> None:
        refuse_device(issuer.url, challenge.user_code)

    with pytest.raises(NotLoggedIn, match="refused in the browser"):
        device_login(broker.url, places=places, show=refuse, ca_file=broker.ca_file)
    assert Contexts(places).all() == {}
    assert not (places.state / "tokens").exists()


def test_a_stranger_is_not_trusted_without_a_person(broker: StandIn, places: Places) -> None:
    """A script must bring the root; nothing but the handshake reached the stranger."""
    with pytest.raises(Untrusted) as caught:
        meet(broker.url, places, environ={})

    assert "--ca-file" in caught.value.hint
    assert broker.server.asked == []


def test_a_person_compares_the_roots_fingerprint(broker: StandIn, places: Places) -> None:
    """They see the SHA-256 of the root that the broker's certificate is really signed by."""
    seen: list[tuple[str, str]] = []

    def trust(url: str, shown: str) -> bool:
        seen.append((url, shown))
        return True

    context = meet(broker.url, places, trust=trust, environ={})

    assert seen == [(broker.url, fingerprint(broker.ca_file.read_text()))]
    assert context.ca_file is not None
    assert Path(context.ca_file).read_text() == broker.ca_file.read_text()
    assert "authorization" not in broker.server.asked[0].headers


def test_a_person_may_say_no(broker: StandIn, places: Places) -> None:
    """Then nothing is kept."""
    with pytest.raises(Untrusted):
        meet(broker.url, places, trust=lambda url, shown: False, environ={})

    assert not (places.config / "ca").exists()


def test_a_root_that_did_not_sign_the_certificate_is_no_help(broker: StandIn, places: Places, tmp_path: Path) -> None:
    """Somebody in the middle shows the true root but cannot sign by it."""
    (tmp_path / "true").mkdir()
    true = own(tmp_path / "true", ["127.0.0.1"], today())
    broker.ca_file.write_text(true.root)

    with pytest.raises(Untrusted):
        meet(broker.url, places, trust=lambda url, shown: True, environ={})


@pytest.mark.parametrize("content", [None, "", "no certificate", "-----BEGIN CERTIFICATE-----\nAA==\n"])
def test_a_ca_file_must_be_one(content: str | None, broker: StandIn, places: Places, tmp_path: Path) -> None:
    """Missing or empty files are said to be so."""
    file = tmp_path / "given.pem"
    if content is not None:
        file.write_text(content)

    with pytest.raises(ConfigError):
        meet(broker.url, places, ca_file=file, environ={})


def test_a_new_key_of_the_log_is_refused_until_a_person_says_so(
    broker: StandIn, issuer: RunningIssuer, places: Places
) -> None:
    """A broker that was set up anew, or one that hides what it did: only people can tell."""
    device_login(broker.url, places=places, show=confirm(issuer, "alice"), ca_file=broker.ca_file)
    broker.key = OTHER

    with pytest.raises(Unverified, match="another key") as caught:
        meet(broker.url, places, environ={})
    assert "--new-log" in caught.value.hint
    context = meet(broker.url, places, new_log=True, environ={})
    login = log_in(context, places, by_device(confirm(issuer, "alice")), store="file")
    assert login.context.audit_key == str(OTHER.verifier)


def test_a_key_that_was_given_up_brings_no_other_at_the_next_login(
    broker: StandIn, issuer: RunningIssuer, places: Places, tmp_path: Path
) -> None:
    """Whoever gets hold of it can sign a successor: who has followed from it goes out from the key believed now."""
    login = device_login(broker.url, places=places, show=confirm(issuer, "alice"), ca_file=broker.ca_file)
    thief = SigningKey("gov.example", b"t" * 32)
    stolen, legitimate = (_handed_over(tmp_path / name, to) for name, to in (("stolen", thief), ("ours", OTHER)))

    broker.key, broker.links = thief, stolen
    assert meet(broker.url, places, environ={}).audit_key == str(thief.verifier)  # nobody can tell before
    Witness(login.context, places).follow(follow(KEY.verifier, read_of(legitimate)))

    with pytest.raises(Unverified, match="another key"):
        meet(broker.url, places, environ={})
    broker.key, broker.links = OTHER, legitimate
    assert meet(broker.url, places, environ={}).audit_key == str(OTHER.verifier)
    broker.key = KEY  # back to the one that was given up
    with pytest.raises(Unverified, match="another key"):
        meet(broker.url, places, environ={})


@pytest.mark.parametrize("still", [True, False])
def test_a_login_after_a_change_of_keys_remembers_the_key_before(
    broker: StandIn, issuer: RunningIssuer, places: Places, tmp_path: Path, still: bool
) -> None:
    """Receipts and proofs from before it verify as ever, whether the old key still signs or not."""
    show = confirm(issuer, "alice")
    device_login(broker.url, places=places, show=show, ca_file=broker.ca_file)
    broker.key, broker.links = OTHER, _handed_over(tmp_path / "log", OTHER)
    broker.former = (KEY,) if still else ()

    login = device_login(broker.url, places=places, show=show, ca_file=broker.ca_file)

    witness = Witness(login.context, places)
    witness.compare(witness.newest(), b64encode(sign(Checkpoint("gov.example", 5, bytes(32)), OTHER)).decode())
    assert witness.keys == (KEY.verifier, OTHER.verifier)


def read_of(links: dict[str, str]) -> Callable[[str], bytes | None]:
    """What `follow` reads."""
    return {name: text.encode() for name, text in links.items()}.get


def _handed_over(directory: Path, new: SigningKey) -> dict[str, str]:
    """The proof that a log of `KEY` gives way to `new`, as a broker shows it."""
    with Journal(directory, KEY, "gov.example") as journal:
        sign_with(journal, KEY, new)
        index = journal.append(Entry("key.changed", 0.0, {"old": str(KEY.verifier), "new": str(new.verifier)}))
        journal.integrate()
        hand_over(journal, index, KEY, new)
    files = Files(directory)
    return {name: (files(name) or b"").decode() for name in files.names("key")}


def test_a_service_logs_in_with_its_secret(broker: StandIn, issuer: RunningIssuer, places: Places) -> None:
    """From the environment; without it the hint says which variables."""
    context = meet(broker.url, places, ca_file=broker.ca_file, environ={})
    proof = {"GOV_CLIENT_ID": "etl", "GOV_CLIENT_SECRET": issuer.secrets["etl"]}

    login = log_in(context, places, by_secret(proof), store="file")

    assert (login.whoami.kind, login.whoami.groups, login.renews) == ("service", ["services"], False)
    with pytest.raises(UsageError) as caught:
        log_in(context, places, by_secret({}), store="file")
    assert "GOV_CLIENT_SECRET" in caught.value.hint


def test_a_missing_keyring_is_found_before_anybody_goes_to_a_browser(
    broker: StandIn, issuer: RunningIssuer, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The choice that is left is in the hint."""

    monkeypatch.setattr(tokens_module, "_system_keyring", NoKeyring)
    context = meet(broker.url, places, ca_file=broker.ca_file, environ={})
    shown: list[Challenge] = []

    with pytest.raises(ConfigError, match="no keyring") as caught:
        log_in(context, places, by_device(shown.append), store="keyring")
    assert "--store file" in caught.value.hint
    assert shown == []


def test_a_login_moves_into_an_encrypted_file(
    broker: StandIn, issuer: RunningIssuer, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The passphrase opens it, and no copy is left in the file of before."""
    monkeypatch.setenv("GOV_PASSPHRASE", "correct horse")
    context = meet(broker.url, places, ca_file=broker.ca_file, environ={})
    log_in(context, places, by_device(confirm(issuer, "alice")), store="file")
    context = meet(broker.url, places, environ={})

    log_in(context, places, by_device(confirm(issuer, "alice")), store="encrypted")

    assert [path.suffix for path in (places.state / "tokens").iterdir()] == [".sealed"]
    context = Contexts(places).current({})
    assert Access(context, places, {}).token()
    monkeypatch.setenv("GOV_PASSPHRASE", "forgotten")
    assert log_out(context, places) == "here"  # forgetting takes no passphrase, and says what it could not do
    assert list((places.state / "tokens").iterdir()) == []


def test_logging_out_tells_the_issuer(broker: StandIn, issuer: RunningIssuer, places: Places) -> None:
    """A copy of the refresh token is worth nothing afterwards; a second logout has nothing to do."""
    login = device_login(broker.url, places=places, show=confirm(issuer, "alice"), ca_file=broker.ca_file)
    copied = tokens_module.FileStore(login.context, places).load()

    assert log_out(login.context, places) is Forgotten.EVERYWHERE
    assert log_out(login.context, places) is Forgotten.NOTHING
    with pytest.raises(NotLoggedIn):
        Access(login.context, places, {}).token()
    assert copied is not None
    tokens_module.FileStore(login.context, places).save(tokens_module.Tokens(copied.access, 0.0, copied.refresh))
    with pytest.raises(NotLoggedIn, match="expired"):
        Access(login.context, places, {}).token()


def test_logging_out_works_without_the_issuer(broker: StandIn, issuer: RunningIssuer, places: Places) -> None:
    """What is on this machine goes in any case."""
    login = device_login(broker.url, places=places, show=confirm(issuer, "alice"), ca_file=broker.ca_file)
    elsewhere = replace(login.context, issuer="http://127.0.0.1:9")

    assert log_out(elsewhere, places) is Forgotten.HERE
    assert log_out(elsewhere, places) is Forgotten.NOTHING


def test_what_answers_but_is_no_broker(places: Places) -> None:
    """A web server somewhere is said to be none."""
    with scripted() as server:
        server.answer = lambda asked: (200, {}, "<html>")
        with pytest.raises(Unavailable, match="in a form this gov does not know"):
            meet(server.url, places, environ={})


def test_a_fingerprint_is_over_the_certificate_itself(broker: StandIn) -> None:
    """As `openssl x509 -fingerprint -sha256` prints it."""
    pem = broker.ca_file.read_text()
    digest = sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest().upper()

    assert fingerprint(pem).replace(":", "") == digest
