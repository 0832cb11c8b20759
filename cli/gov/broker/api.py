"""The control API: one handler for each path of `gov.control`. They ask the desks and show.

Everybody sees and ends what is theirs. Who may see and end what is others' is policy's `roles`.
"""

from __future__ import annotations

import asyncio
from itertools import chain

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response

from gov import __version__
from gov.approval.request import Request
from gov.broker import (
    admission,
    answers,
    datasets,
    entries,
    erasing,
    policies,
    proofs,
    reading,
    refusals,
    rotating,
    serving,
    submission,
    tracing,
    unmasking,
    views,
)
from gov.broker.allowing import budgets_left
from gov.broker.house import House
from gov.broker.http import Call, Front, replies, reply
from gov.broker.reach import reach
from gov.control.access import Info, Kill, Killed, LeaseAsk, SessionView, TargetView
from gov.control.operating import AcceptAsk, Accepted, ReleaseAsk, Status, TargetStatus
from gov.control.requests import ApproveAsk, DataSetAsk, DenyAsk, RequestView, Submit, UnmaskAsk
from gov.control.statements import ExplainAsk
from gov.control.trail import ReceiptAsk
from gov.errors import Denied, NoSuch, UsageError
from gov.identity.principal import Principal
from gov.lease.lease import Lease, LeaseState
from gov.policy.access import offers
from gov.policy.roles import may_accept_policy, may_operate
from gov.terms import Relation, RequestId, SessionId, TargetName


def application(house: House) -> Starlette:
    """The API of `house` as an ASGI application."""
    front = Front(house)
    routes = [
        front.open_route("/v1/info", info),
        front.route("GET", "/v1/whoami", whoami),
        front.route("GET", "/v1/targets", targets),
        front.route("POST", "/v1/targets/{id}/sync", sync),
        front.route("POST", "/v1/targets/{id}/release", release),
        front.route("POST", "/v1/targets/{id}/accept", accept),
        front.route("GET", "/v1/targets/{id}/reach", reach),
        front.route("GET", "/v1/targets/{id}/catalog", policies.catalog),
        front.route("GET", "/v1/policy", policies.policy),
        front.route("GET", "/v1/leases", leases),
        front.route("POST", "/v1/leases", lease),
        front.route("DELETE", "/v1/leases/{id}", end_lease),
        front.route("GET", "/v1/sessions", sessions),
        front.route("DELETE", "/v1/sessions/{id}", end_session),
        front.route("POST", "/v1/kill", kill),
        front.route("GET", "/v1/requests", requests),
        front.route("POST", "/v1/requests", submit),
        front.route("GET", "/v1/requests/{id}", request),
        front.route("POST", "/v1/requests/{id}/approve", approve),
        front.route("POST", "/v1/requests/{id}/deny", deny),
        front.route("POST", "/v1/requests/{id}/withdraw", withdraw),
        front.route("POST", "/v1/unmask", unmask),
        front.route("POST", "/v1/explain", explain),
        front.route("GET", "/v1/datasets", list_datasets),
        front.route("POST", "/v1/datasets", ask_dataset),
        front.route("GET", "/v1/datasets/{id}", show_dataset),
        front.route("GET", "/v1/receipts", find_receipt),
        front.route("POST", "/v1/receipts", issue_receipt),
        front.route("GET", "/v1/why", refusals.why),
        front.route("GET", "/v1/audit/entries", reading.page),
        front.route("GET", "/v1/audit/entries/{id}", reading.one),
        front.route("GET", "/v1/audit/entries/{id}/proof", proofs.inclusion),
        front.route("POST", "/v1/audit/erase", erasing.by_hand),
        front.route("POST", "/v1/audit/key", rotating.rotate),
        front.route("GET", "/v1/audit/consistency", proofs.consistency),
        front.route("GET", "/v1/audit/ask/{id}", answers.answer),
        front.route("GET", "/v1/audit/file", reading.file),
        front.route("GET", "/v1/audit/checkpoint", reading.checkpoint),
        front.route("GET", "/v1/trace", tracing.trace),
        front.route("GET", "/v1/status", status),
        serving.route(front, house),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: front.no_route})


# Who and what


async def info(house: House) -> Response:
    """What a client must know before it can log in."""
    identity, gateway = house.config.identities[0], house.config.public.gateway
    return reply(
        Info(
            version=__version__,
            issuer=identity.issuer,
            client_id=identity.client_id,
            audience=identity.audience,
            gateway_host=gateway.host,
            gateway_port=gateway.port,
            ca=house.tls.root,
            audit_key=house.audit_key,
            audit_links=await asyncio.to_thread(rotating.links, house),
        )
    )


async def whoami(call: Call) -> Response:
    """The principal that the broker made of the token."""
    return reply(views.whoami(call.who, call.expires_at, await asyncio.to_thread(budgets_left, call.house, call.who)))


async def targets(call: Call) -> Response:
    """The targets on which the caller may have a lease."""
    found = []
    for name, target in call.house.targets.items():
        environment = call.house.environment(name)
        granted = offers(call.house.policy, call.who, name, environment)
        if granted:
            found.append(
                TargetView(
                    name=name,
                    environment=environment,
                    database=target.database,
                    status="down" if name in call.house.down else "up",
                    scopes=[views.offer(each) for each in granted],
                )
            )
    return replies(found)


async def sync(call: Call) -> Response:
    """Read a target's catalog now and bring views and leases up to it. For operators."""
    house, name = call.house, TargetName(call.id)
    house.target(name)
    if not may_operate(house.policy, call.who):
        raise Denied("only operators sync a target", hint=_ASK_OPERATOR)
    await house.schemas.sync(call.who, name)
    return reply(_target_status(house, name, house.leases.unfinished()))


async def release(call: Call) -> Response:
    """Close tables for a migration that does not come through gov, until a sync. For operators."""
    house, name, ask = call.house, TargetName(call.id), await call.body(ReleaseAsk)
    house.target(name)
    if not may_operate(house.policy, call.who):
        raise Denied("only operators release a table", hint=_ASK_OPERATOR)
    if not ask.tables:
        raise UsageError("no table to release", hint="gov broker release TARGET SCHEMA.TABLE")
    await house.schemas.release(call.who, name, {_relation(each) for each in ask.tables})
    return reply(_target_status(house, name, house.leases.unfinished()))


async def accept(call: Call) -> Response:
    """Closed columns are clear from now on. For whoever may accept policy."""
    house, name, ask = call.house, TargetName(call.id), await call.body(AcceptAsk)
    house.target(name)
    if not may_accept_policy(house.policy, call.who):
        raise Denied(
            "only who may accept policy says that a column is clear",
            hint="ask whoever has the role `policy_admin` in the policy",
        )
    opened = await house.schemas.accept(call.who, name, _relation(ask.table) if ask.table else None)
    return reply(Accepted(columns=[*map(str, opened)]))


def _relation(text: str) -> Relation:
    schema, dot, name = text.partition(".")
    if not dot or not schema or not name:
        raise UsageError(f"`{text}` is no table", hint="write SCHEMA.TABLE, like public.customers")
    return Relation(schema, name)


async def status(call: Call) -> Response:
    """How the broker is."""
    house = call.house
    unfinished = house.leases.unfinished()
    return reply(
        Status(
            version=__version__,
            started_at=views.rfc3339(house.started_at),
            policy_digest=house.policy.digest,
            policy_loaded_at=views.rfc3339(house.policy_loaded_at),
            policy_error=house.policy_error,
            log_size=house.trail.size,
            journal="failing" if house.trail.failing else "ok",
            journal_detail=house.trail.failing,
            journal_noticed=house.trail.noticed,
            targets=[_target_status(house, name, unfinished) for name in house.targets],
            requests_pending=house.desk.pending,
            indexed=house.indexing.size,
            index_error=house.indexing.error,
            ships=house.shipping.statuses(),
            webhooks=house.notifying.statuses(),
        )
    )


def _target_status(house: House, name: TargetName, unfinished: list[Lease]) -> TargetStatus:
    mine = [each for each in unfinished if each.target == name]
    troubles = house.leases.revoker.troubles
    swept = house.leases.janitor.round(name)
    closing = house.target(name).closing
    return TargetStatus(
        name=name,
        status="down" if name in house.down else "up",
        detail=house.down.get(name, ""),
        leases=sum(each.state is LeaseState.ACTIVE for each in mine),
        sessions=sum(house.sessions.count(each.id) for each in mine),
        stuck=sum(each.state is LeaseState.STUCK or each.id in troubles for each in mine),
        swept_at=views.rfc3339(swept.done_at) if swept.done_at else None,
        sweep_failures=swept.failures,
        sweep_error=swept.error,
        stuck_roles=dict(swept.stuck),
        closed={str(each): closing.why(each) for each in sorted(closing.all)},
    )


# Leases and sessions


async def lease(call: Call) -> Response:
    """A new lease with its secret."""
    return reply(await call.house.leases.issue(call.who, await call.body(LeaseAsk)), 201)


async def leases(call: Call) -> Response:
    """The caller's open leases; with `all` everybody's, for operators."""
    _only_operators(call)
    house = call.house
    return replies(
        [
            views.lease(each, house.sessions.count(each.id), house.leases.revoker.troubles.get(each.id))
            for each in house.leases.unfinished()
            if call.all or each.principal.same_person(call.who)
        ]
    )


async def sessions(call: Call) -> Response:
    """The caller's open sessions; with `all` everybody's, for operators."""
    _only_operators(call)
    return replies([each for each in call.house.sessions.views() if call.all or _theirs(call.house, each, call.who)])


async def end_lease(call: Call) -> Response:
    """End one lease."""
    return reply(await _killed(call, await _end_lease(call, call.id)))


async def end_session(call: Call) -> Response:
    """End one session."""
    return reply(await _killed(call, _end_session(call, call.id)))


async def kill(call: Call) -> Response:
    """End a session, a lease, or everything of a user."""
    ask = await call.body(Kill)
    if (ask.id is None) == (ask.user is None):
        raise UsageError("either an id or a user", hint="gov kill ID, or gov kill --user NAME")
    if ask.user is not None:
        return reply(await _killed(call, await _end_user(call, ask.user), ask.user))
    name = ask.id or ""
    if name.startswith("ss-"):
        return reply(await _killed(call, _end_session(call, name)))
    if not name.startswith("ls-"):
        raise NoSuch(f"no lease or session is called `{name}`", hint="gov status shows yours")
    return reply(await _killed(call, await _end_lease(call, name)))


async def _end_lease(call: Call, lease_id: str) -> Killed:
    found = call.house.leases.get(lease_id)
    if not _approved_it(call, found):
        _only_own(call, found.principal, f"the lease {lease_id}")
    ended = await call.house.leases.end(found.id, _ended_by(call))
    return Killed(leases=[found.id], sessions=[*ended])


def _approved_it(call: Call, lease: Lease) -> bool:
    """Whether the caller said yes to what the lease unmasks, and so may take it back."""
    if lease.approval is None:
        return False
    answers = call.house.desk.get(lease.approval).answers
    return any(answer.yes and answer.approver.same_person(call.who) for answer in answers)


def _end_session(call: Call, session_id: str) -> Killed:
    found = next((each for each in call.house.sessions.views() if each.id == session_id), None)
    if found is None:
        raise NoSuch(f"no session is called `{session_id}`", hint="gov sessions")
    _only_own(call, call.house.leases.get(found.lease).principal, f"the session {session_id}")
    call.house.sessions.end(SessionId(session_id), _ended_by(call))
    return Killed(leases=[], sessions=[session_id])


async def _end_user(call: Call, user: str) -> Killed:
    """Everything of a user: leases, their sessions, and requests that are still open."""
    if user != call.who.name and not may_operate(call.house.policy, call.who):
        raise Denied("only operators may end what is somebody else's", hint=_ASK_OPERATOR)
    theirs = [each for each in call.house.leases.live() if user in (each.principal.name, each.principal.subject)]
    ended = await asyncio.gather(*(call.house.leases.end(each.id, _ended_by(call)) for each in theirs))
    await call.house.desk.withdraw_of(user, _ended_by(call))
    return Killed(leases=[each.id for each in theirs], sessions=[*chain.from_iterable(ended)])


async def _killed(call: Call, done: Killed, user: str | None = None) -> Killed:
    """`done`, once it is in the trail. It has been done either way: ending never waits for the log."""
    entry = entries.kill(call.who, done.leases, done.sessions, user, call.house.clock())
    await call.house.trail.durable(call.house.trail.record(entry))
    return done


def _ended_by(call: Call) -> str:
    return f"ended by {call.who.display}"


def _theirs(house: House, view: SessionView, who: Principal) -> bool:
    return house.leases.get(view.lease).principal.same_person(who)


_ASK_OPERATOR = "ask whoever has the role `operator` in the policy"


def _only_operators(call: Call) -> None:
    if call.all and not may_operate(call.house.policy, call.who):
        raise Denied("only operators see what is somebody else's", hint=_ASK_OPERATOR)


def _only_own(call: Call, owner: Principal, what: str) -> None:
    if not owner.same_person(call.who) and not may_operate(call.house.policy, call.who):
        raise Denied(f"{what} is {owner.display}'s", hint=_ASK_OPERATOR)


# Approvals


async def requests(call: Call) -> Response:
    """Open requests that concern the caller; with `all` settled ones too."""
    return replies([_shown(call, each) for each in call.house.desk.visible_to(call.who, settled=call.all)])


async def request(call: Call) -> Response:
    """One request."""
    return reply(_shown(call, _visible(call)))


async def submit(call: Call) -> Response:
    """Judge a statement, and open a request when it must be approved."""
    return reply(await submission.submit(call.house, call.who, await call.body(Submit)))


async def approve(call: Call) -> Response:
    """Say yes; to one's own request where policy lets one break the glass."""
    ask, asked = await call.body(ApproveAsk), _visible(call)
    if ask.max_rows is not None and ask.max_rows < 0:
        raise UsageError("a bound on rows is 0 or more", hint="--max-rows N")
    admission.check_length("--reason", ask.reason)
    if ask.break_glass and not ask.reason.strip():
        hint = f"gov approve {asked.id} --break-glass --reason TEXT"
        raise UsageError("whoever breaks the glass owes a reason", hint=hint)
    answered = await call.house.desk.answer(
        asked.id, call.who, yes=True, reason=ask.reason, max_rows=ask.max_rows, alone=ask.break_glass)
    return reply(_shown(call, answered))


async def deny(call: Call) -> Response:
    """Say no, with the reason."""
    ask, asked = await call.body(DenyAsk), _visible(call)
    admission.check_length("--reason", ask.reason)
    if not ask.reason.strip():
        raise UsageError("a reason is owed to the requester", hint=f"gov deny {asked.id} --reason TEXT")
    return reply(_shown(call, await call.house.desk.answer(asked.id, call.who, yes=False, reason=ask.reason)))


async def withdraw(call: Call) -> Response:
    """Take one's own request back."""
    asked = _visible(call)
    _only_own(call, asked.requester, f"the request {asked.id}")
    return reply(_shown(call, await call.house.desk.withdraw(asked.id, f"withdrawn by {call.who.display}")))


async def unmask(call: Call) -> Response:
    """Open a request for a lease in which masks are lifted."""
    return reply(await unmasking.ask(call.house, call.who, await call.body(UnmaskAsk)))


async def explain(call: Call) -> Response:
    """The decision about a statement that is not run."""
    return reply(await submission.explain(call.house, call.who, await call.body(ExplainAsk)))


# Data sets and receipts


async def ask_dataset(call: Call) -> Response:
    """Open the request for a data set."""
    asked = await datasets.ask(call.house, call.who, await call.body(DataSetAsk))
    return reply(datasets.view(call.house, asked, call.who), 201)


async def list_datasets(call: Call) -> Response:
    """Data sets that concern the caller; with `all` also those that are over."""
    return replies([datasets.view(call.house, each, call.who)
                    for each in datasets.seen(call.house, call.who, settled=call.all)])


async def show_dataset(call: Call) -> Response:
    """One data set."""
    return reply(datasets.view(call.house, datasets.shown(call.house, call.who, call.id), call.who))


async def issue_receipt(call: Call) -> Response:
    """A receipt for files that came from the caller's own statements."""
    return reply(await call.house.receipts.issue(call.who, await call.body(ReceiptAsk)), 201)


async def find_receipt(call: Call) -> Response:
    """The newest receipt for a file with that digest; for whom it was issued to, and for auditors."""
    found = await call.house.receipts.find(call.who, call.request.query_params.get("sha256", ""))
    call.house.trail.record(entries.log_read(call.who, "receipt", call.house.clock(), index=found.entry))
    return reply(found)


def _visible(call: Call) -> Request:
    found = call.house.desk.get(RequestId(call.id))
    if not call.house.desk.may_see(found, call.who):
        raise Denied(
            f"{found.id} is somebody else's request, and not yours to answer",
            hint=f"{found.id} may be answered by: {', '.join(sorted(found.approvers))}",
        )
    return found


def _shown(call: Call, each: Request) -> RequestView:
    return views.request(
        each,
        environment=call.house.environment(each.target) if each.target in call.house.targets else "",
        mine=each.requester.same_person(call.who),
        may_answer=call.house.desk.may_answer(each, call.who),
        may_break_glass=bool(each.alone) and call.house.desk.may_break_glass(each, call.who),
    )
