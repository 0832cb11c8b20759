"""A broker in one process: the control API from memory, over real HTTP, and TLS in front of a real database.

It knows no policy. Tests set what it shall answer, and look at what it was asked.
"""

from __future__ import annotations

import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gov.audit import checkpoint
from gov.audit.note import SigningKey
from gov.broker.authority import Authority, own
from gov.control.access import (
    ColumnView,
    Info,
    LeaseGrant,
    LeaseView,
    Reach,
    RelationView,
    ScopeOffer,
    SessionView,
    TargetView,
    Whoami,
)
from gov.control.model import CHECKPOINT_HEADER, Model, Problem
from gov.control.requests import AnswerView, RequestView, Submitted
from gov.control.statements import Explained, Why
from gov.control.trail import Entries, EntryView, ReceiptView
from gov.errors import AlreadySettled, Denied, GovError, NoSuch

STATUS = {"denied": 403, "no-such": 404, "already-settled": 409, "not-logged-in": 401}


@dataclass(frozen=True)
class Ran:
    """What a command left."""

    status: int
    out: str
    err: str


Gov = Callable[..., Ran]
"""Runs `gov WORDS` in this process."""


def moment(seconds: float = 0) -> str:
    """Now, or so many seconds later, as the API says it."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def pending(id: str = "rq-aaaaaa", **changes: Any) -> RequestView:
    """A request of alice's that waits for a dba."""
    fields: dict[str, Any] = {
        "id": id, "state": "pending", "statement": "drop table orders", "requester": "alice",
        "target": "prod", "environment": "production", "scope": "write", "rule": "destructive-needs-dba",
        "reason": "tidy up", "reasons": ["drop is destructive"], "approvers": ["dba"],
        "created_at": moment(-5), "expires_at": moment(900), "session": "ss-1",
        "facts": [("table", "public.orders, 100,000 rows")],
    }
    return RequestView(**{**fields, **changes})


REACH = Reach(search_path=["public"], functions=["public.held"], relations=[
    RelationView(namespace="public", name="people", kind="table", columns=[
        ColumnView(name="id", type="integer"), ColumnView(name="email", type="text", mask="partial")])])


@dataclass
class FakeBroker:
    """What the API knows. `dsn` is the database that leases lead to, `port` the TLS front of it."""

    dsn: str = ""
    host: str = "127.0.0.1"
    port: int = 1
    ca: str = ""
    requests: dict[str, RequestView] = field(default_factory=dict)
    leases: list[LeaseView] = field(default_factory=list)
    sessions: list[SessionView] = field(default_factory=list)
    entries: list[EntryView] = field(default_factory=list)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """(path, body) of everything that was posted."""
    submitted: Submitted = field(default_factory=lambda: Submitted(verdict="allow", reasons=["in scope"]))
    reach: Reach = field(default_factory=lambda: REACH)
    why: Why = field(default_factory=lambda: Why(refusal=None))
    unreceipted: GovError | None = None
    """Raised when a receipt is asked for, when set."""
    refusal: GovError | None = None
    """Raised by every call, when set."""

    def targets(self) -> list[TargetView]:
        """One target with two scopes."""
        read = ScopeOffer(scope="read", max_ttl=28800, reason="optional", purpose="optional", rule="r")
        write = ScopeOffer(scope="write", max_ttl=3600, reason="required", purpose="optional", rule="w")
        return [TargetView(name="prod", environment="production", database="shop", status="up",
                           scopes=[read, write])]

    def lease(self, ask: dict[str, Any]) -> LeaseGrant:
        """A lease as the database's own superuser."""
        view = LeaseView(
            id=f"ls-{len(self.leases)}", principal="alice", target=ask["target"], scope=ask["scope"],
            state="active", purpose=ask["purpose"], reason=ask["reason"], rule="r",
            created_at=moment(), expires_at=moment(min(ask["ttl"] or 3600, 28800)))
        self.leases.append(view)
        known = psycopg.conninfo.conninfo_to_dict(self.dsn)
        return LeaseGrant(
            lease=view, host=self.host, port=self.port, user=str(known.get("user", "u")),
            password=str(known.get("password", "p: '\\")), database=str(known.get("dbname", "shop")),
            ca=self.ca, environment="production", masked=["public.people.email"])

    def answer(self, id: str, yes: bool, body: dict[str, Any]) -> RequestView:
        """Bob answers."""
        view = self.request(id)
        alone = body.pop("break_glass", False)
        if view.mine and not (alone and view.may_break_glass):
            raise Denied("that is your own request", hint="ask a dba")
        if view.state != "pending":
            raise AlreadySettled(f"{id} is {view.state}", hint="gov requests")
        rule = view.alone[0] if alone else ""
        said = AnswerView(approver="bob", yes=yes, at=moment(), break_glass=rule, **body)
        self.requests[id] = view.model_copy(
            update={"state": "approved" if yes else "denied", "answers": [said], "break_glass": rule})
        return self.requests[id]

    def request(self, id: str) -> RequestView:
        """The request, or no such."""
        if id not in self.requests:
            raise NoSuch(f"no request {id}", hint="gov requests")
        return self.requests[id]

    def reply(self, method: str, path: str, body: dict[str, Any]) -> Any:
        """What the API says to one call."""
        if self.refusal:
            raise self.refusal
        match method, *path.removeprefix("/v1/").split("/"):
            case "GET", "targets":
                return self.targets()
            case "GET", "targets", _, "reach":
                return self.reach
            case "GET", "leases":
                return self.leases
            case "POST", "leases":
                return self.lease(body)
            case "DELETE", "leases", id:
                if id not in {view.id for view in self.leases}:
                    raise NoSuch(f"no lease is called `{id}`", hint="gov leases")
                self.leases = [view for view in self.leases if view.id != id]
                return {"leases": [id], "sessions": []}
            case "GET", "sessions":
                return self.sessions
            case "POST", "kill":
                return {"leases": ["ls-0"], "sessions": ["ss-1"]}
            case "GET", "requests":
                return list(self.requests.values())
            case "GET", "requests", id:
                return self.request(id)
            case "POST", "requests":
                return self.submitted
            case "POST", "requests", id, "approve":
                return self.answer(id, True, body)
            case "POST", "requests", id, "deny":
                return self.answer(id, False, body)
            case "GET", "whoami":
                return ALICE
            case "GET", "audit", "entries":
                return Entries(entries=self.entries, size=len(self.entries))
            case "GET", "why":
                return self.why
            case "POST", "explain":
                return EXPLAINED
            case "GET", "receipts":
                raise NoSuch("no receipt is known for this file", hint="gov receipt issue FILE")
            case "POST", "receipts":
                if self.unreceipted:
                    raise self.unreceipted
                return ReceiptView(receipt="rc-1", envelope="envelope\n", proof="proof\n", entry=7)
        raise NoSuch(path, hint="")


ALICE = Whoami(name="alice", subject="u-alice", issuer="http://127.0.0.1:1", groups=["engineering"],
               kind="user", display="alice", expires_at="2030-01-01T00:00:00Z")
KEY = SigningKey("fake", bytes(32))
INFO = Info(version="0", issuer="http://127.0.0.1:1", client_id="gov-cli", audience="gov",
            gateway_host="127.0.0.1", gateway_port=1, ca="", audit_key=str(KEY.verifier))
LOG = checkpoint.sign(checkpoint.Checkpoint("fake", 0), KEY)
EXPLAINED = Explained(
    verdict="hold", rule="destructive-needs-dba", rules=["destructive-needs-dba"],
    reasons=["drop is destructive"], approvers=["dba"], effects=["drop"], reads=[],
    writes=["public.orders"], columns_read=[], columns_written=[], functions=[], unknown=[], masks=[])


def _application(broker: FakeBroker) -> Starlette:
    async def everything(request: Request) -> Response:
        if request.url.path == "/v1/info":
            return JSONResponse(INFO.model_dump())
        if request.headers.get("authorization") != "Bearer alice":
            stranger = Problem(code="not-logged-in", what="who are you", hint="gov login")
            return JSONResponse(stranger.model_dump(), 401)
        body = await request.json() if await request.body() else {}
        if request.method != "GET":
            broker.asked.append((request.url.path, body))
        try:
            said = broker.reply(request.method, request.url.path, body)
        except GovError as error:
            problem = Problem(code=error.code, what=error.what, hint=error.hint, detail=error.detail)
            return JSONResponse(problem.model_dump(), STATUS.get(error.code, 500))
        return JSONResponse(_plain(said), headers={CHECKPOINT_HEADER: b64encode(LOG).decode()})

    return Starlette(routes=[Route("/{path:path}", everything, methods=["GET", "POST", "DELETE"])])


def _plain(said: Any) -> Any:
    if isinstance(said, Model):
        return said.model_dump(mode="json")
    return [_plain(item) for item in said] if isinstance(said, list) else said


@contextmanager
def serving(broker: FakeBroker) -> Iterator[str]:
    """The broker's URL, while it listens."""
    server = uvicorn.Server(uvicorn.Config(_application(broker), log_level="error", lifespan="off"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)


SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"


@contextmanager
def tls_front(host: str, port: int, directory: Path) -> Iterator[tuple[int, str]]:
    """A port that speaks TLS to clients of the database at `host:port`, and the root it is signed by."""
    directory.mkdir(exist_ok=True)
    authority = own(directory, ("127.0.0.1",), datetime.now(UTC))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(target=_accept, args=(listener, authority, (host, port)), daemon=True)
        accepting.start()
        try:
            yield listener.getsockname()[1], authority.root
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join(5)


def _accept(listener: socket.socket, authority: Authority, upstream: tuple[str, int]) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_relay, args=(client, authority, upstream), daemon=True).start()


def _relay(client: socket.socket, authority: Authority, upstream: tuple[str, int]) -> None:
    first = client.recv(8, socket.MSG_WAITALL)
    with socket.create_connection(upstream) as server:
        if first != SSL_REQUEST:  # a cancel request of an old libpq
            server.sendall(first)
            server.sendall(client.recv(8, socket.MSG_WAITALL))
            return
        client.sendall(b"S")
        try:
            plain = authority.context().wrap_socket(client, server_side=True)
        except ssl.SSLError:  # the client does not trust us
            return
        with plain:
            back = threading.Thread(target=_pump, args=(server, plain), daemon=True)
            back.start()
            _pump(plain, server)
            back.join(5)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except (OSError, ssl.SSLError, ValueError):
        pass
