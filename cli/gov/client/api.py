"""The broker as commands see it: one method for each endpoint of `gov.control`.

Every reply's checkpoint of the audit log is compared with the newest one seen before, so that each
client is a witness. A refusal becomes the error that the broker meant, silence becomes `Unreachable`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from gov.audit.rotation import follow
from gov.client.access import Access
from gov.client.checkpoints import Seen, Witness
from gov.client.config import Context, Contexts, Places
from gov.client.growth import extends
from gov.client.transport import TOTAL, Transport, trust
from gov.control.access import (
    Info,
    Kill,
    Killed,
    LeaseAsk,
    LeaseGrant,
    LeaseView,
    Reach,
    SessionView,
    TargetView,
    Whoami,
)
from gov.control.model import CHECKPOINT_HEADER, Problem
from gov.control.operating import AcceptAsk, Accepted, PolicyView, ReleaseAsk, Status, TargetStatus
from gov.control.requests import ApproveAsk, DataSetAsk, DataSetView, DenyAsk, RequestView, Submit, Submitted, UnmaskAsk
from gov.control.statements import ExplainAsk, Explained, Why
from gov.control.tracing import Trace
from gov.control.trail import Answer, Entries, EntryView, EraseAsk, Erased, LogKeys, ReceiptAsk, ReceiptView, RotateAsk
from gov.errors import Denied, GovError, NoSuch, NotLoggedIn, Unavailable, Unreachable, error_of
from gov.identity.config import loopback

M = TypeVar("M")

DEFINING: Final = 60.0
"""Seconds for what makes definitions on a target: it waits for locks, and many profiles take their time."""
_FILE: Final = "/v1/audit/file"
_CATALOG: Final = TypeAdapter(dict[str, object])
_LEASES: Final = TypeAdapter(list[LeaseView])
_SESSIONS: Final = TypeAdapter(list[SessionView])
_REQUESTS: Final = TypeAdapter(list[RequestView])
_TARGETS: Final = TypeAdapter(list[TargetView])


class Broker:
    """One broker, spoken to as one principal. Synchronous; safe to use from several threads."""

    def __init__(
        self,
        context: Context,
        *,
        token: Callable[[], str] | None = None,
        witness: Witness | None = None,
        renews: bool = False,
        given: bool = False,
    ) -> None:
        """`token` gives the access token for a call; None is for what needs no login. See `current`.

        `given` says that the token is `GOV_TOKEN`, which no login changes.
        """
        self._given = given
        self.renews = renews
        """Whether the login goes on by itself when the access token ends."""
        self.context = context
        self._token = token
        self._witness = witness
        self._has_followed = False
        self._transport = Transport(
            context.broker,
            trust(context.ca_file),
            peer=f"the broker {context.broker}",
            hint=_when_silent(context.broker),
            root_hint=f"gov login {context.broker} --ca-file FILE",
        )

    @classmethod
    def current(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """The configured broker, as whoever is logged in there (or as `GOV_TOKEN`).

        Raises:
            NotLoggedIn: nobody is.
        """
        places = Places.of(environ)
        context = Contexts(places).current(environ)
        access = Access(context, places, environ)
        access.token()  # not logged in shows before anything is sent
        return cls(
            context, token=access.token, witness=Witness(context, places), renews=access.renews(),
            given=bool(environ.get("GOV_TOKEN")),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    # who and what

    def info(self) -> Info:
        """What a client must know before it can log in. Needs no login."""
        return self._one(Info, "GET", "/v1/info", login=False)

    def whoami(self) -> Whoami:
        """The principal that the broker makes of the token."""
        return self._one(Whoami, "GET", "/v1/whoami")

    def status(self) -> Status:
        """How the broker is."""
        return self._one(Status, "GET", "/v1/status")

    def targets(self) -> list[TargetView]:
        """The targets one may ask for."""
        return self._read(_TARGETS, self._send("GET", "/v1/targets"))

    def sync(self, target: str) -> TargetStatus:
        """Have the broker take up a target's catalog now. For operators."""
        return self._one(TargetStatus, "POST", f"/v1/targets/{_segment(target)}/sync", patience=DEFINING)

    def release(self, target: str, tables: Sequence[str]) -> TargetStatus:
        """Close tables (`schema.table`) for a migration, until `sync`. For operators."""
        ask = ReleaseAsk(tables=[*tables])
        return self._one(TargetStatus, "POST", f"/v1/targets/{_segment(target)}/release", body=ask, patience=DEFINING)

    def accept(self, target: str, table: str | None) -> list[str]:
        """Say that the closed columns of a table, or of all, are clear; which they were. For policy admins."""
        ask = AcceptAsk(table=table)
        path = f"/v1/targets/{_segment(target)}/accept"
        return self._one(Accepted, "POST", path, body=ask, patience=DEFINING).columns

    def reach(self, target: str, scope: str, lease: str = "") -> Reach:
        """What a lease of that scope reaches, or that lease: relations, columns, and which of them are masked."""
        query = {"scope": scope, **({"lease": lease} if lease else {})}
        return self._one(Reach, "GET", f"/v1/targets/{_segment(target)}/reach", query=query)

    def catalog(self, target: str) -> dict[str, object]:
        """What the broker knows of a target's tables and functions; `policy.snapshot` reads it."""
        return self._read(_CATALOG, self._send("GET", f"/v1/targets/{_segment(target)}/catalog"))

    def policy(self) -> PolicyView:
        """The policy in force. For auditors, operators and policy admins."""
        return self._one(PolicyView, "GET", "/v1/policy")

    # leases and sessions

    def lease(self, ask: LeaseAsk) -> LeaseGrant:
        """A new lease, with its secret."""
        return self._one(LeaseGrant, "POST", "/v1/leases", body=ask)

    def leases(self, *, all: bool = False) -> list[LeaseView]:
        """One's own open leases; `all`: everybody's, for operators."""
        return self._read(_LEASES, self._send("GET", "/v1/leases", query=_flag(all)))

    def end_lease(self, lease: str) -> Killed:
        """End a lease and its sessions."""
        return self._one(Killed, "DELETE", f"/v1/leases/{_segment(lease)}")

    def sessions(self, *, all: bool = False) -> list[SessionView]:
        """One's own open sessions; `all`: everybody's, for operators."""
        return self._read(_SESSIONS, self._send("GET", "/v1/sessions", query=_flag(all)))

    def end_session(self, session: str) -> Killed:
        """End one session."""
        return self._one(Killed, "DELETE", f"/v1/sessions/{_segment(session)}")

    def kill(self, kill: Kill) -> Killed:
        """End a session, a lease, or everything of a user."""
        return self._one(Killed, "POST", "/v1/kill", body=kill)

    # approvals

    def requests(self, *, all: bool = False) -> list[RequestView]:
        """Pending requests that concern one; `all`: settled ones too."""
        return self._read(_REQUESTS, self._send("GET", "/v1/requests", query=_flag(all)))

    def request(self, request: str) -> RequestView:
        """One request."""
        return self._one(RequestView, "GET", f"/v1/requests/{_segment(request)}")

    def submit(self, submit: Submit) -> Submitted:
        """Have a statement judged, and a request opened if it must be approved."""
        return self._one(Submitted, "POST", "/v1/requests", body=submit)

    def unmask(self, ask: UnmaskAsk) -> Submitted:
        """Ask for a lease in which masks are lifted; a request is open then."""
        return self._one(Submitted, "POST", "/v1/unmask", body=ask)

    def approve(self, request: str, ask: ApproveAsk) -> RequestView:
        """Say yes."""
        return self._one(RequestView, "POST", f"/v1/requests/{_segment(request)}/approve", body=ask)

    def deny(self, request: str, ask: DenyAsk) -> RequestView:
        """Say no, with the reason."""
        return self._one(RequestView, "POST", f"/v1/requests/{_segment(request)}/deny", body=ask)

    def withdraw(self, request: str) -> RequestView:
        """Take back one's own request."""
        return self._one(RequestView, "POST", f"/v1/requests/{_segment(request)}/withdraw")

    def explain(self, ask: ExplainAsk) -> Explained:
        """The decision about a statement, which is not run."""
        return self._one(Explained, "POST", "/v1/explain", body=ask)

    def ask_dataset(self, ask: DataSetAsk) -> DataSetView:
        """Ask for a data set."""
        return self._one(DataSetView, "POST", "/v1/datasets", body=ask, patience=DEFINING)

    def datasets(self, *, all: bool = False) -> list[DataSetView]:
        """Data sets that concern one; `all`: those that are over too."""
        return self._one(list[DataSetView], "GET", "/v1/datasets", query=_flag(all))

    def dataset(self, name: str) -> DataSetView:
        """One data set, the newest of that name."""
        return self._one(DataSetView, "GET", f"/v1/datasets/{_segment(name)}")

    def issue_receipt(self, ask: ReceiptAsk) -> ReceiptView:
        """A receipt for files that came from one's own statements."""
        return self._one(ReceiptView, "POST", "/v1/receipts", body=ask, patience=DEFINING)

    def find_receipt(self, sha256: str) -> ReceiptView:
        """The newest receipt for a file with that digest."""
        return self._one(ReceiptView, "GET", "/v1/receipts", query={"sha256": sha256}, patience=DEFINING)

    def why(self) -> Why:
        """One's own last refusal, and what would help."""
        return self._one(Why, "GET", "/v1/why")

    # the trail

    def entries(self, **filters: object) -> Entries:
        """Audit entries. Filters are those of `store.search` (`column`, `principal`, `since`, `limit`, …)."""
        query = {name: str(value) for name, value in filters.items() if value is not None}
        return self._one(Entries, "GET", "/v1/audit/entries", query=query)

    def entry(self, index: int) -> EntryView:
        """One audit entry."""
        return self._one(EntryView, "GET", f"/v1/audit/entries/{index}")

    def trace(self, about: str, name: str, **options: object) -> Trace:
        """What lies before and behind a column, table, user, run or file (by its digest)."""
        query = {each: str(value) for each, value in options.items() if value}
        return self._one(Trace, "GET", "/v1/trace", query={"about": about, "name": name, **query})

    def proof(self, index: int) -> bytes:
        """The `.tlog-proof` of one entry, which it carries; `audit.proof.verify_inclusion` reads it."""
        return self._send("GET", f"/v1/audit/entries/{index}/proof").content

    def growth(self, old: int) -> bytes:
        """That the log goes on from its first `old` entries; `audit.proof.verify_consistency` reads it."""
        return self._send("GET", "/v1/audit/consistency", query={"old": str(old)}).content

    def ask(self, question: str, **given: object) -> Answer:
        """The answer to a named question of `audit.questions`."""
        query = {name: str(value) for name, value in given.items() if value is not None}
        return self._one(Answer, "GET", f"/v1/audit/ask/{_segment(question)}", query=query, patience=DEFINING)

    @property
    def log_key(self) -> str:
        """The key of the log that is believed now: the pinned one, or the one that was proved to follow it."""
        if self._witness is not None and self._witness.pinned:
            return str(self._witness.keys[-1])
        return self.info().audit_key

    def erase(self, ask: EraseAsk) -> Erased:
        """Erase payloads of the log. For auditors."""
        return self._one(Erased, "POST", "/v1/audit/erase", body=ask, patience=DEFINING)

    def rotate_key(self, ask: RotateAsk) -> LogKeys:
        """A new signing key for the log, or the end of the one before it. For operators."""
        return self._one(LogKeys, "POST", "/v1/audit/key", body=ask)

    def audit_file(self, path: str) -> bytes | None:
        """A file of the log (a tile, a bundle of entries, …); None when there is none."""
        try:
            return self._send("GET", _FILE, query={"path": path}).content
        except NoSuch:
            return None

    def checkpoint(self) -> bytes:
        """The newest checkpoint of the log: a signed note."""
        return self._send("GET", "/v1/audit/checkpoint").content

    # how a call is made

    def _one(
        self,
        model: type[M],
        method: str,
        path: str,
        *,
        body: BaseModel | None = None,
        query: Mapping[str, str] | None = None,
        login: bool = True,
        patience: float = TOTAL,
    ) -> M:
        reply = self._send(method, path, body=body, query=query, login=login, patience=patience)
        return self._read(TypeAdapter(model), reply)

    def _send(
        self,
        method: str,
        path: str,
        *,
        body: BaseModel | None = None,
        query: Mapping[str, str] | None = None,
        login: bool = True,
        patience: float = TOTAL,
    ) -> httpx.Response:
        headers = {"Accept": "application/json"}
        if login:
            headers["Authorization"] = f"Bearer {self._required_token()}"
        before = self._seen() if login else None
        json = body.model_dump(mode="json") if body else None
        reply = self._transport.send(method, path, headers=headers, json=json, query=query, patience=patience)
        note = reply.headers.get(CHECKPOINT_HEADER)
        # What is not from the broker itself (a proxy's error page) carries no checkpoint.
        if self._witness and login and (reply.is_success or note):
            self._prove(self._witness, self._compared(self._witness, before, note), headers)
        if not reply.is_success:
            refused = _refusal(reply, self.context)
            if isinstance(refused, NotLoggedIn) and self._given:
                refused.hint = "set GOV_TOKEN anew, or unset it to use the login"
            raise refused
        return reply

    def _seen(self) -> Seen | None:
        """The newest checkpoint known before a call; at the very first one the key is pinned."""
        if self._witness is None:
            return None
        if not self._witness.pinned:
            self._witness.pin(self.info().audit_key)
        return self._witness.newest()

    def _compared(self, witness: Witness, before: Seen | None, header: str | None) -> Seen:
        """The reply's checkpoint. If the log has another key since, the believed one must prove it."""
        if witness.is_strange(header) and not self._has_followed:
            self._has_followed = True  # once for each broker object: a strange signature may be anybody's
            texts = self.info().audit_links
            links = follow(witness.keys[-1], {name: text.encode() for name, text in texts.items()}.get)
            if links:
                witness.follow(links)
        return witness.compare(before, header)

    def _prove(self, witness: Witness, now: Seen, headers: Mapping[str, str]) -> None:
        """Now and then, have it proved that the log goes on from what it was."""
        moment = time.time()
        earlier = witness.unproved(moment)
        # Another process may have proved more while our reply was under way.
        if earlier is None or earlier.checkpoint.size > now.checkpoint.size:
            return
        try:
            extends(earlier.checkpoint, now.checkpoint, lambda path: self._log_file(path, headers))
        except (Unreachable, Unavailable):
            return  # no proof either way: the next call tries again
        witness.proved(now, moment)

    def _log_file(self, path: str, headers: Mapping[str, str]) -> bytes | None:
        """A file of the log, without a look at the reply's own checkpoint."""
        reply = self._transport.send("GET", _FILE, headers=headers, query={"path": path})
        if reply.status_code == HTTPStatus.NOT_FOUND:
            return None
        if not reply.is_success:
            raise Unavailable("the broker does not show its log", hint="gov status")
        return reply.content

    def _required_token(self) -> str:
        if self._token is None:
            raise NotLoggedIn("this needs a login", hint=f"gov login {self.context.broker}")
        return self._token()

    def _read(self, adapter: TypeAdapter[M], reply: httpx.Response) -> M:
        try:
            return adapter.validate_json(reply.content)
        except ValidationError as error:
            raise Unavailable(
                f"the broker {self.context.broker} answers in a form this gov does not know",
                hint="pip install --upgrade gov-broker",
                detail=str(error),
            ) from error


def _refusal(reply: httpx.Response, context: Context) -> GovError:
    """The error that a reply of status 3xx, 4xx or 5xx stands for."""
    try:
        problem = Problem.model_validate_json(reply.content)
    except ValidationError:
        return _bare_refusal(reply.status_code, context)
    return error_of(problem.code, problem.what, hint=problem.hint, detail=problem.detail)


def _bare_refusal(status: int, context: Context) -> GovError:
    """The error for a reply without a `Problem`, as a proxy in between would send."""
    match status:
        case HTTPStatus.UNAUTHORIZED:
            return NotLoggedIn("the broker does not accept this login", hint=f"gov login {context.broker}")
        case HTTPStatus.FORBIDDEN:
            return Denied("the broker refuses this", hint="gov targets")
        case HTTPStatus.NOT_FOUND:
            return NoSuch("the broker knows nothing by that name", hint="gov status")
        case _:
            return Unavailable(
                f"the broker {context.broker} answered with HTTP status {status}", hint="gov broker status"
            )


def _when_silent(broker: str) -> str:
    """The command that helps when the broker does not answer."""
    if loopback(broker):
        return "gov demo up, or gov broker serve --config broker.yaml"
    return "gov login https://BROKER, if it has another address now"


def _flag(all: bool) -> dict[str, str]:
    return {"all": "true"} if all else {}


def _segment(text: str) -> str:
    """`text` as one segment of a path."""
    return quote(text, safe="")
