"""What the control plane writes into the trail, one function for each kind of entry.

Which field is public, personal or secret is `audit.kinds`' business; here is only what is true.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gov.approval.request import Answer, Request
from gov.audit.entry import Entry
from gov.broker.views import rfc3339
from gov.control.access import LeaseAsk
from gov.errors import GovError
from gov.identity.principal import Principal
from gov.lease.lease import Lease

WORDS = 1000
"""Characters of a reason or a purpose. People read them, and an entry of the trail has its limit."""


def who(principal: Principal) -> dict[str, object]:
    """The accountable person and the agent that acts for them."""
    return {
        "subject": principal.subject,
        "issuer": principal.issuer,
        "agent": principal.agent,
        "principal": principal.name,
    }


def broker_started(
    at: float, *, version: str, policy: str, targets: Sequence[str], origin: str, recovered: int
) -> Entry:
    """The daemon begins; `recovered` leases of a run before it were found and ended."""
    return _entry(
        "broker.started",
        at,
        version=version,
        policy=policy,
        targets=[*targets],
        origin=origin,
        recovered=recovered,
    )


def broker_stopped(at: float, *, version: str, because: str) -> Entry:
    """The daemon ends in good order."""
    return _entry("broker.stopped", at, version=version, because=because)


def policy_loaded(at: float, *, policy: str, version: int, files: Sequence[str], document: str) -> Entry:
    """A policy is in force; `document` is all of it, so that what applied then can be read later."""
    return _entry("policy.loaded", at, policy=policy, version=version, files=[*files], document=document)


def policy_refused(at: float, *, policy: str, version: int, files: Sequence[str], complaints: str) -> Entry:
    """New policy files are wrong; `policy` is the digest of the one that stays in force."""
    return _entry("policy.refused", at, policy=policy, version=version, files=[*files], complaints=complaints)


def login(principal: Principal, at: float, *, expires_at: float, client: str) -> Entry:
    """A token is seen for the first time."""
    return _entry(
        "login",
        at,
        **who(principal),
        kind=principal.kind.value,
        groups=sorted(principal.groups),
        expires_at=rfc3339(expires_at),
        client=client,
    )


def login_refused(at: float, *, client: str, because: str, times: int) -> Entry:
    """A token was not accepted, or so many more of a window were not: then these are words of the last one."""
    return _entry("login.refused", at, client=client, because=because, times=times)


def lease_created(lease: Lease, environment: str, at: float, *, break_glass: str | None = None) -> Entry:
    """A lease is about to be handed out; `break_glass` is the rule by which its masks were lifted alone."""
    return _entry(
        "lease.created",
        at,
        **who(lease.principal),
        lease=lease.id,
        target=lease.target,
        environment=environment,
        scope=lease.scope.value,
        role=lease.role,
        profile=lease.profile,
        rule=lease.rule,
        purpose=lease.purpose,
        reason=lease.reason,
        request=lease.request,
        dataset=lease.dataset,
        run=lease.run,
        unmasked=[*map(str, lease.unmasked)] or None,
        approval=lease.approval,
        break_glass=break_glass,
        groups=sorted(lease.principal.groups),
        created_at=rfc3339(lease.created_at),
        expires_at=rfc3339(lease.expires_at),
    )


def lease_refused(principal: Principal, ask: LeaseAsk, environment: str, error: GovError, at: float) -> Entry:
    """Somebody asked for a lease and got none."""
    return _entry(
        "lease.refused",
        at,
        **who(principal),
        target=ask.target,
        environment=environment,
        scope=ask.scope,
        purpose=_short(ask.purpose),
        reason=_short(ask.reason),
        reasons=[error.what, *error.detail.splitlines()],
    )


def lease_ended(lease: Lease, at: float) -> Entry:
    """A lease opens nothing any more; its role is being dropped."""
    return _entry(
        "lease.ended",
        at,
        **who(lease.principal),
        lease=lease.id,
        target=lease.target,
        scope=lease.scope.value,
        role=lease.role,
        state=lease.state.value,
        because=lease.ended_because,
    )


def schema_changed(target: str, relations: Sequence[str], version: str, at: float) -> Entry:
    """Somebody changed tables, and gov has followed."""
    return _entry("schema.changed", at, target=target, relations=[*relations], version=version)


def schema_released(principal: Principal, target: str, relations: Sequence[str], at: float) -> Entry:
    """Tables are closed for a migration that does not come through gov."""
    return _entry("schema.released", at, **who(principal), target=target, relations=[*relations])


def schema_synced(principal: Principal, target: str, relations: Sequence[str], version: str, at: float) -> Entry:
    """A catalog was read because somebody asked; `relations` had been released and are open again."""
    return _entry("schema.synced", at, **who(principal), target=target, relations=[*relations], version=version)


def columns_accepted(principal: Principal | None, target: str, columns: Sequence[str], at: float) -> Entry:
    """Columns of classified tables are clear now: somebody says so, or gov sees their table for the first time."""
    by, how = ({}, "first seen") if principal is None else (who(principal), "accepted")
    return _entry("columns.accepted", at, **by, target=target, columns=[*columns], how=how)


def role_swept(target: str, role: str, because: str, at: float, *, lease: str | None = None) -> Entry:
    """The janitor dropped a role that nobody owns."""
    return _entry("role.swept", at, target=target, role=role, lease=lease, because=because)


def request_opened(request: Request, environment: str, at: float) -> Entry:
    """A statement waits for somebody's word."""
    return _entry(
        "request.opened",
        at,
        **who(request.requester),
        **_asked(request, environment),
        reasons=[*request.reasons],
        approver_groups=sorted(request.approvers),
        count=request.count,
        session=request.session,
        lease=request.lease,
        purpose=request.purpose,
        reason=request.reason,
        requested_by=request.requester.display,
        created_at=rfc3339(request.created_at),
        expires_at=rfc3339(request.expires_at),
        text=request.statement,
        parameters=[*request.parameters],
        digest=request.digest,
        definitions=request.definitions,
        facts=[[*pair] for pair in request.facts],
    )


def request_answered(request: Request, answer: Answer, environment: str, at: float) -> Entry:
    """An approver said yes or no, or the requester went ahead alone."""
    return _entry(
        "request.answered",
        at,
        **who(answer.approver),
        **_asked(request, environment),
        yes=answer.yes,
        state=request.state.value,
        max_rows=answer.max_rows,
        break_glass=answer.alone or None,
        by=answer.approver.subject,
        by_issuer=answer.approver.issuer,
        requester=request.requester.subject,
        reason=answer.reason,
        approver=answer.approver.display,
        requested_by=request.requester.display,
    )


def _asked(request: Request, environment: str) -> dict[str, object]:
    """What was asked, as far as whoever is told of it must know."""
    return {
        "request": request.id, "target": request.target, "environment": environment, "scope": request.scope.value,
        "rule": request.rule, "rules": [*request.rules] or None, "relations": [str(each) for each in request.relations],
        "effects": sorted(each.value for each in request.effects) or None,
        "dataset": request.dataset.name if request.dataset else None,
        "unmask": [*map(str, request.unmasking.columns)] if request.unmasking else None,
    }


def request_ended(request: Request, because: str, environment: str, at: float) -> Entry:
    """A request was withdrawn or has expired."""
    return _entry(
        "request.ended",
        at,
        **who(request.requester),
        **_asked(request, environment),
        state=request.state.value,
        because=because,
        requested_by=request.requester.display,
    )


def request_spent(request: Request, session: str, at: float, *, lease: str | None = None) -> Entry:
    """The approved statement is about to run; a data set's may run again."""
    yes, alone = request.approved_by, request.break_glass
    bounds = [answer.max_rows for answer in request.answers if answer.yes and answer.max_rows is not None]
    return _entry(
        "request.spent" if request.dataset is None else "dataset.used",
        at,
        **who(request.requester),
        request=request.id,
        dataset=request.dataset.name if request.dataset else None,
        target=request.target,
        session=session,
        lease=lease or request.lease,
        approved_by=[answer.approver.subject for answer in yes],
        approvers=[answer.approver.display for answer in yes],
        break_glass=alone.alone if alone else None,
        max_rows=min(bounds, default=None),
        digest=request.digest,
    )


def receipt_issued(
    who_asks: Principal, at: float, *, predicate: Mapping[str, Any], key: str, document: str, envelope: str,
    digests: Sequence[str],
) -> Entry:
    """The broker says where files came from; `envelope` is the digest of what was signed."""
    names = ("receipt", "target", "environment", "purpose", "run", "dataset")
    return _entry(
        "receipt",
        at,
        **who(who_asks),
        **{name: predicate.get(name) for name in names},
        statements=[each["entry"] for each in predicate["statements"]],
        envelope=envelope,
        key=key,
        digests=[*digests],
        files=[{"name": each["name"], "sha256": each["sha256"]} for each in predicate["files"]],
        document=document,
    )


def kill(operator: Principal, leases: Sequence[str], sessions: Sequence[str], user: str | None, at: float) -> Entry:
    """Somebody ended leases or sessions at once."""
    return _entry("kill", at, **who(operator), leases=[*leases], sessions=[*sessions], by=operator.subject, user=user)


def log_erased(
    auditor: Principal | None, at: float, *, of: str | None = None, policy: str | None = None, reason: str = ""
) -> Entry:
    """Payloads are erased: by somebody, or because policy lets them age. Which ones is said by `store.erasure`."""
    by = who(auditor) if auditor else {}
    return _entry("log.erased", at, **by, of=of, policy=policy, reason=reason)


def key_changed(operator: Principal | None, old: str, new: str, at: float, *, reason: str = "") -> Entry:
    """The log is signed with another key from now on."""
    return _entry("key.changed", at, **(who(operator) if operator else {}), old=old, new=new, reason=reason)


def key_retired(operator: Principal, key: str, at: float, *, reason: str = "") -> Entry:
    """A key that another has followed does not sign any more."""
    return _entry("key.retired", at, **who(operator), key=key, reason=reason)


def ship_changed(to: str, format: str, at: float, *, lagging: bool, behind: int, error: str) -> Entry:
    """A destination of the trail has fallen behind, or has caught up."""
    kind = "ship.lagging" if lagging else "ship.caught_up"
    return _entry(kind, at, to=to, format=format, behind=behind, error=error)


def notify_failed(webhook: str, lost: Mapping[str, Any], at: float) -> Entry:
    """A webhook was not told of something, and will not be."""
    said = {name: lost.get(name) for name in ("entry", "event", "request", "tries", "error")}
    return _entry("notify.failed", at, webhook=webhook, **said)


def log_read(
    reader: Principal,
    what: str,
    at: float,
    *,
    filters: Mapping[str, object] | None = None,
    entries: int | None = None,
    index: int | None = None,
    path: str | None = None,
    text: str | None = None,
) -> Entry:
    """Somebody read the trail."""
    return _entry(
        "log.read",
        at,
        **who(reader),
        what=what,
        filters=dict(filters or {}),
        entries=entries,
        index=index,
        path=path,
        text=text,
    )


def _short(words: str) -> str:
    """The beginning of what may be as long as a request: refusing it for its length must be recorded too."""
    return words if len(words) <= WORDS else f"{words[:WORDS]}…"


def _entry(kind: str, at: float, /, **values: object) -> Entry:
    """An entry without the fields that say nothing."""
    return Entry(kind, at, {name: value for name, value in values.items() if value is not None})
