"""Whether somebody gets a lease, before anything is made for it: policy, what is owed, what it shall spend."""

from __future__ import annotations

import re

from gov.approval.request import Request, RequestState
from gov.broker.entries import WORDS
from gov.broker.house import House
from gov.control.access import LeaseAsk
from gov.errors import AlreadySettled, Denied, NotApproved, UsageError
from gov.identity.principal import Principal
from gov.policy.access import access
from gov.policy.decision import Access, NoAccess
from gov.terms import RequestId, Scope, TargetName

_RUN = re.compile(r"[A-Za-z0-9._:/@+=-]{1,128}")
HOUR = 3600.0
"""Seconds that a lease lasts when nobody says how long."""


def granted(house: House, who: Principal, name: TargetName, scope: Scope) -> Access:
    """The access that policy gives.

    Raises:
        Denied: it gives none; the first reason, with the others as detail.
    """
    answer = access(house.policy, who, name, house.environment(name), scope)
    if isinstance(answer, NoAccess):
        first, *others = answer.reasons
        raise Denied(first, hint=answer.hint, detail="\n".join(others))
    return answer


def check_words(allowed: Access, *, reason: str, purpose: str) -> None:
    """Do nothing when everything was given that the rule asks for, and in few words.

    Raises:
        UsageError: a reason or a purpose is missing or too long.
    """
    check_length("--reason", reason)
    check_length("--purpose", purpose)
    for owed, given, flag in (
        (allowed.reason_required, reason, "--reason"),
        (allowed.purpose_required, purpose, "--purpose"),
    ):
        if owed and not given.strip():
            raise UsageError(f"the rule {allowed.rule} asks for a {flag.removeprefix('--')}", hint=f"add {flag} TEXT")


def check_length(flag: str, words: str) -> None:
    """Do nothing while `words` are few enough for a line of the trail.

    Raises:
        UsageError: they are not.
    """
    if len(words) > WORDS:
        raise UsageError(f"{flag} has {len(words)} characters, of which {WORDS} are kept", hint=f"shorten {flag}")


def check_run(run: str) -> None:
    """Do nothing when `run` is empty or an id that a person can read in the trail.

    Raises:
        UsageError: it is something else.
    """
    if run and not _RUN.fullmatch(run):
        raise UsageError(
            "a run's id is up to 128 letters, digits and any of . _ : / @ + = -", hint="--run-id churn-v4-2026-11-24"
        )


def lifetime(allowed: Access, asked: int | None) -> float:
    """Seconds: what was asked, at most what the rule allows; an hour when nothing was asked.

    Raises:
        UsageError: what was asked is no time.
    """
    if asked is not None and asked <= 0:
        raise UsageError(f"a lease of {asked} seconds is none", hint="--ttl 1h")
    return min(HOUR if asked is None else float(asked), allowed.max_ttl)


def check_count(house: House, who: Principal) -> None:
    """Do nothing while `who` may have one lease more.

    Raises:
        Denied: they hold as many as one person may.
    """
    mine = sum(lease.principal.same_person(who) for lease in house.leases.live())
    if mine >= house.config.limits.leases_per_principal:
        raise Denied(f"{who.name} holds {mine} leases, which is the limit", hint="gov leases; gov kill ID")


def to_spend(house: House, who: Principal, name: TargetName, scope: Scope, ask: LeaseAsk) -> Request | None:
    """The approved request that the lease shall spend; None when it shall spend none.

    Raises:
        NoSuch: there is no such request.
        Denied: it is somebody else's, for something else, or held in a session.
        NotApproved: nobody has approved it yet, or it is over.
    """
    if ask.request is None:
        return None
    request = house.desk.get(RequestId(ask.request))
    hint = f"gov requests --all --json shows what {request.id} is for"
    if not request.requester.same_person(who) or request.requester.agent != who.agent:
        raise Denied(f"{request.id} is somebody else's request", hint=hint)
    if (request.target, request.scope) != (name, scope) or ask.purpose not in ("", request.purpose):
        raise Denied(f"{request.id} is for {request.target} with scope {request.scope}", hint=hint)
    if request.unmasking is not None and request.state is RequestState.SPENT:
        hint = f"gov connect {name} --unmask {' --unmask '.join(map(str, request.unmasking.columns))} asks again"
        raise AlreadySettled(f"{request.id} was used before: an approval is good for one lease", hint=hint)
    if request.session is not None:
        raise Denied(f"{request.id} belongs to the session it is held in", hint=hint)
    if request.state is not RequestState.APPROVED:
        raise NotApproved(f"{request.id} is {request.state}", hint=f"gov requests --all shows {request.id}")
    return request
