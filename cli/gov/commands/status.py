"""`gov status`: the login, what it has open, what it waits for, and how the broker is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gov.client.api import Broker
from gov.commands.asking import JsonFlag
from gov.commands.whoami import described
from gov.control.access import LeaseView, SessionView, Whoami
from gov.control.operating import Status
from gov.control.requests import RequestView
from gov.ui import tables, times
from gov.ui.escape import escape
from gov.ui.output import print_json
from gov.ui.tables import Heading

_LEASES = (
    Heading("LEASE", "bold"),
    Heading("TARGET"),
    Heading("SCOPE"),
    Heading("ENDS"),
    Heading("REASON", gives=True),
)
_SESSIONS = (Heading("SESSION", "bold"), Heading("TARGET"), Heading("STATE"), Heading("CLIENT", gives=True))
_REQUESTS = (
    Heading("REQUEST", "bold"),
    Heading("TARGET"),
    Heading("EXPIRES"),
    Heading("STATEMENT", gives=True),
)


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything that `gov status` shows."""

    broker: str
    whoami: Whoami
    leases: list[LeaseView]
    sessions: list[SessionView]
    requests: list[RequestView]
    """One's own that are pending."""
    status: Status
    renews: bool
    """Whether the login goes on by itself when its token ends."""

    @classmethod
    def ask(cls, broker: Broker) -> Standing:
        """The standing now."""
        return cls(
            broker.context.broker,
            broker.whoami(),
            broker.leases(),
            broker.sessions(),
            [request for request in broker.requests() if request.mine and request.state == "pending"],
            broker.status(),
            broker.renews,
        )


def run(json: JsonFlag = False) -> None:
    """Show the login, its leases, sessions and pending requests, and how the broker is."""
    with Broker.current() as broker:
        now = Standing.ask(broker)
    if json:
        print_json(_as_json(now))
        return
    for label, text in _lines(now):
        print(f"{label:<9} {escape(text)}")
    if now.leases:
        print()
        tables.show(_LEASES, map(_lease, now.leases), empty="")
    if now.sessions:
        print()
        tables.show(_SESSIONS, map(_session, now.sessions), empty="")
    if now.requests:
        print()
        tables.show(_REQUESTS, map(_request, now.requests), empty="")


def _lines(now: Standing) -> Iterator[tuple[str, str]]:
    who, house = now.whoami, now.status
    yield "broker", f"{now.broker}, gov {house.version}, up for {times.span(-times.left(house.started_at))}"
    yield "account", f"{who.display} ({described(who)}) by {who.issuer}"
    ends = times.relative(who.expires_at)
    yield "login", f"renewed by itself, next {ends}" if now.renews else f"ends {ends}"
    for target in house.targets:
        yield "target", f"{target.name} is {target.status}" + (f": {target.detail}" if target.detail else "")
    if house.journal != "ok":
        yield "trail", "cannot be written, so nothing runs"
    if house.policy_error:
        yield "policy", f"the last good one is in force; the newest was refused: {house.policy_error}"
    yield (
        "open",
        f"{_counted(len(now.leases), 'lease')}, {_counted(len(now.sessions), 'session')},"
        f" {_counted(len(now.requests), 'request')} pending",
    )


def _counted(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def _as_json(now: Standing) -> dict[str, object]:
    return {
        "broker": now.broker,
        "account": now.whoami.model_dump(mode="json"),
        "leases": [lease.model_dump(mode="json") for lease in now.leases],
        "sessions": [session.model_dump(mode="json") for session in now.sessions],
        "requests": [request.model_dump(mode="json") for request in now.requests],
        "status": now.status.model_dump(mode="json"),
    }


def _lease(lease: LeaseView) -> tuple[str, ...]:
    return lease.id, lease.target, lease.scope, times.relative(lease.expires_at), lease.reason


def _session(session: SessionView) -> tuple[str, ...]:
    return session.id, session.target, session.state, session.client


def _request(request: RequestView) -> tuple[str, ...]:
    return request.id, request.target, times.relative(request.expires_at), " ".join(request.statement.split())
