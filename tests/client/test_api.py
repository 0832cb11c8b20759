"""The broker as commands see it: replies become models, refusals errors, silence `Unreachable`."""

from __future__ import annotations

import socket
import threading
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from gov.audit.checkpoint import Checkpoint, sign
from gov.audit.note import SigningKey
from gov.audit.tree import Edge
from gov.broker.authority import own, today
from gov.client import api, checkpoints, transport
from gov.client.api import Broker
from gov.client.checkpoints import Witness
from gov.client.config import Context, Contexts, Places
from gov.client.tokens import FileStore, Tokens
from gov.control.access import Kill, LeaseAsk
from gov.control.model import CHECKPOINT_HEADER
from gov.control.requests import ApproveAsk
from gov.errors import GovError, NoSuch, NotLoggedIn, Unavailable, Unreachable, Unverified, every_error
from servers import Asked, Scripted, scripted

KEY = SigningKey("gov.example", b"k" * 32)
WHOAMI = {
    "name": "alice",
    "subject": "u-alice",
    "issuer": "https://id.example",
    "groups": ["engineering"],
    "kind": "user",
    "display": "alice",
    "expires_at": "2026-01-31T12:00:00Z",
}


def stamp(size: int) -> dict[str, str]:
    """The checkpoint header of a log of that size."""
    note = sign(Checkpoint("gov.example", size, bytes([size]) * 32), KEY)
    return {CHECKPOINT_HEADER: b64encode(note).decode()}


@pytest.fixture
def server() -> Iterator[Scripted]:
    """A broker that says what it is told."""
    with scripted() as running:
        yield running


def broker_at(url: str, **more: Any) -> Broker:
    """A client of it with a token and without a memory."""
    return Broker(Context("b", url), token=lambda: "t0ken", **more)


def test_calls_carry_the_token_and_give_models(server: Scripted) -> None:
    """Paths, methods, queries and bodies are the contract's."""
    server.answer = lambda asked: (200, {}, {"leases": ["ls-1"], "sessions": []} if "leases" in asked.path else WHOAMI)
    with broker_at(server.url) as broker:
        assert broker.whoami().groups == ["engineering"]
        assert broker.end_lease("ls/../1?x").leases == ["ls-1"]
        server.answer = lambda asked: (200, {}, [])
        assert broker.requests(all=True) == []
        server.answer = lambda asked: (200, {}, {"entries": [], "size": 3})
        assert broker.entries(column="public.customers.email", until=None, limit=5).size == 3
        server.answer = lambda asked: (200, {}, {"leases": [], "sessions": ["ss-1"]})
        assert broker.kill(Kill(user="alice")).sessions == ["ss-1"]

    assert [(asked.method, asked.path) for asked in server.asked] == [
        ("GET", "/v1/whoami"),
        ("DELETE", "/v1/leases/ls%2F..%2F1%3Fx"),
        ("GET", "/v1/requests?all=true"),
        ("GET", "/v1/audit/entries?column=public.customers.email&limit=5"),
        ("POST", "/v1/kill"),
    ]
    assert {asked.headers["authorization"] for asked in server.asked} == {"Bearer t0ken"}
    assert '"user":"alice"' in server.asked[-1].body


@pytest.mark.parametrize("kind", every_error())
def test_a_problem_becomes_the_error_it_was(kind: type[GovError], server: Scripted) -> None:
    """What, hint, detail, exit status: as the broker raised it."""
    problem = {"code": kind.code, "what": "no", "hint": "gov targets", "detail": "rule x"}
    server.answer = lambda asked: (403, {}, problem)

    with broker_at(server.url) as broker, pytest.raises(kind) as caught:
        broker.lease(LeaseAsk(target="prod"))
    assert type(caught.value) is kind
    assert (caught.value.what, caught.value.hint, caught.value.detail) == ("no", "gov targets", "rule x")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, "", NotLoggedIn),
        (404, "<html>", NoSuch),
        (502, "<html>bad gateway</html>", Unavailable),
        (302, "", Unavailable),
        (200, "<html>welcome to the hotel</html>", Unavailable),
        (200, {"name": "alice"}, Unavailable),
    ],
)
def test_what_is_not_from_a_broker_is_an_error_too(
    status: int, body: Any, kind: type[GovError], server: Scripted
) -> None:
    """Proxies and captive portals answer in their own way; redirects are not followed with the token."""
    server.answer = lambda asked: (status, {"Location": "https://evil.example"}, body)

    with broker_at(server.url) as broker, pytest.raises(kind):
        broker.whoami()
    assert len(server.asked) == 1


def test_a_file_of_the_log_is_bytes_or_nothing(server: Scripted) -> None:
    """A missing tile is an answer, not an error."""
    server.answer = lambda asked: (200, {}, "tile") if "000" in asked.path else (404, {}, "")

    with broker_at(server.url) as broker:
        assert broker.audit_file("tile/0/000") == b"tile"
        assert broker.audit_file("tile/0/001") is None
    assert server.asked[0].path == "/v1/audit/file?path=tile%2F0%2F000"


def test_a_broker_that_is_down_is_unreachable() -> None:
    """Exit status 7, and the command that starts one."""
    with broker_at("http://127.0.0.1:9") as broker, pytest.raises(Unreachable) as caught:
        broker.status()

    assert "gov demo up" in caught.value.hint


def test_a_broker_that_trickles_is_given_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then resets every read timeout, but not the limit of the whole call."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with broker_at(f"http://127.0.0.1:{port}") as broker, pytest.raises(Unreachable, match="in time"):
            broker._send("GET", "/v1/whoami", patience=0.2)

    assert transport.TOTAL < 10


def test_replies_are_witnessed(server: Scripted, tmp_path: Path) -> None:
    """A shorter log is refused even when the reply is a refusal; a proxy's error page is no alarm."""
    context = Context("b", server.url, audit_key=str(KEY.verifier))
    places = Places.below(tmp_path)
    with Broker(context, token=lambda: "t", witness=Witness(context, places)) as broker:
        server.answer = lambda asked: (200, stamp(8), WHOAMI)
        broker.whoami()
        server.answer = lambda asked: (502, {}, "bad gateway")
        with pytest.raises(Unavailable):
            broker.whoami()
        server.answer = lambda asked: (200, {}, WHOAMI)
        with pytest.raises(Unverified, match="no checkpoint"):
            broker.whoami()
        server.answer = lambda asked: (403, stamp(7), "")
        with pytest.raises(Unverified, match="had 8 entries"):
            broker.whoami()


def test_now_and_then_the_log_must_prove_that_it_goes_on(
    server: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fork that is longer than the log seen before is found out by its hashes."""
    leaves = [bytes([number]) * 32 for number in range(9)]
    edge = Edge()
    tiles: dict[str, bytes] = {}

    def grown(more: list[bytes]) -> dict[str, str]:
        tiles.update({tile.path: data for tile, data in edge.append(more).items()})
        note = sign(Checkpoint("gov.example", edge.size, edge.root()), KEY)
        return {CHECKPOINT_HEADER: b64encode(note).decode()}

    def saying(headers: dict[str, str]) -> None:
        server.answer = lambda asked: (
            (200, {}, tiles[parse_qs(urlsplit(asked.path).query)["path"][0]].decode())
            if "file" in asked.path
            else (200, headers, WHOAMI)
        )

    monkeypatch.setattr(checkpoints, "PROVE_EVERY", 0.0)
    context, places = Context("b", server.url, audit_key=str(KEY.verifier)), Places.below(tmp_path)
    with Broker(context, token=lambda: "t", witness=Witness(context, places)) as broker:
        for more in (leaves[:3], leaves[3:4], leaves[4:8]):
            saying(grown(more))
            broker.whoami()
        assert server.paths().count("/v1/audit/file?path=tile%2F0%2F000.p%2F8") == 1
        edge = Edge()
        saying(grown([leaves[8], *leaves[1:9]]))
        with pytest.raises(Unverified, match="first 8 entries"):
            broker.whoami()


def test_the_current_broker_is_the_one_logged_in_to(server: Scripted, tmp_path: Path) -> None:
    """With its stored token; and with GOV_TOKEN alone, pinning the log's key at first sight."""
    info = {"version": "1", "issuer": "i", "client_id": "c", "audience": "gov", "gateway_host": "h"}
    info |= {"gateway_port": "1", "ca": "", "audit_key": str(KEY.verifier)}

    def answer(asked: Asked) -> tuple[int, dict[str, str], Any]:
        return 200, stamp(3), info if asked.path == "/v1/info" else WHOAMI

    server.answer = answer
    places = Places.below(tmp_path / "alice")
    context = Context("b", server.url, issuer="https://id.example", audit_key=str(KEY.verifier), store="file")
    Contexts(places).save(context)
    FileStore(context, places).save(Tokens("hers", 4e9))

    with Broker.current({"GOV_CONFIG_DIR": str(tmp_path / "alice")}) as broker:
        broker.whoami()
    assert server.asked[-1].headers["authorization"] == "Bearer hers"

    job = {"GOV_CONFIG_DIR": str(tmp_path / "job"), "GOV_BROKER": server.url, "GOV_TOKEN": "its"}
    with Broker.current(job) as broker:
        broker.whoami()
        broker.whoami()
    assert server.paths()[1:] == ["/v1/info", "/v1/whoami", "/v1/whoami"]
    assert server.asked[-1].headers["authorization"] == "Bearer its"

    with pytest.raises(NotLoggedIn):
        Broker.current({"GOV_CONFIG_DIR": str(tmp_path / "eve"), "GOV_BROKER": server.url})


def test_calls_without_a_login_say_so(server: Scripted) -> None:
    """Only `info` is for everybody."""
    with Broker(Context("b", server.url)) as broker, pytest.raises(NotLoggedIn) as caught:
        broker.approve("rq-1", ApproveAsk())

    assert caught.value.hint == f"gov login {server.url}"
    assert server.asked == []


def test_only_the_right_root_is_trusted(tmp_path: Path) -> None:
    """The certificate must be signed by the context's root, which need not be one of the system's."""
    authorities, roots = {}, {}
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
        authorities[name] = own(tmp_path / name, ["127.0.0.1"], today())
        roots[name] = str(tmp_path / f"{name}.pem")
        Path(roots[name]).write_text(authorities[name].root)

    with scripted(authorities["ours"].context()) as server:
        server.answer = lambda asked: (200, {}, WHOAMI)
        with Broker(Context("b", server.url, ca_file=roots["ours"]), token=lambda: "t") as broker:
            assert broker.whoami().name == "alice"
        for wrong in (roots["theirs"], None):
            with (
                Broker(Context("b", server.url, ca_file=wrong), token=lambda: "t") as broker,
                pytest.raises(transport.Untrusted, match="nobody trusted") as caught,
            ):
                broker.whoami()
            assert "--ca-file" in caught.value.hint
    assert len(server.asked) == 1


def test_definitions_take_their_own_time(server: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sync waits for locks on the target and builds views for every profile: nine seconds are not its bound."""
    released = threading.Event()

    def answer(asked: Asked) -> tuple[int, dict[str, str], object]:
        if asked.path.endswith("/sync"):
            released.wait(20)
        return 200, {}, WHOAMI

    server.answer = answer
    monkeypatch.setattr(api, "DEFINING", 0.2)
    with broker_at(server.url) as broker:
        try:
            with pytest.raises(Unreachable, match="does not answer in time"):
                broker.sync("prod")
        finally:
            released.set()
