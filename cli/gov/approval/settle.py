"""Who may answer a request, what an answer makes of it, and the one permit that comes out.

Everything here is a function from a request to the next one. Whoever stores requests must replace the old by
the new in one atomic step (compare the state, then set it), or two could spend one approval.
"""

from __future__ import annotations

from dataclasses import replace

from gov.approval.request import Answer, Request, RequestState
from gov.approval.states import Event, move
from gov.errors import AlreadySettled, Denied, UsageError
from gov.identity.principal import Kind, Principal
from gov.policy.permit import Permit, grant
from gov.terms import SessionId, StatementDigest

_SKEW = 60.0
"""Seconds that an issuer's clock may be ahead of ours."""


class Voided(Denied):
    """What would run is no longer what was approved. Store `void(request)` and tell the requester."""


def may_answer(request: Request, who: Principal, now: float, fresh_within: float | None) -> None:
    """Do nothing when `who` may answer `request` at `now`.

    `fresh_within` is how many seconds ago they must have proved themselves at most; None asks for nothing.

    Raises:
        AlreadySettled: It is no longer pending, or its time is over.
        Denied: It is their own, they are an agent or no approver, have answered before, or must log in again.
    """
    _pending(request, now)
    if request.requester.same_person(who):
        raise Denied(
            f"{request.id} is your own request",
            hint=f"ask somebody in {_listed(request.approvers)}",
        )
    if who.kind is Kind.AGENT or who.agent is not None:
        raise Denied("an agent cannot answer: an approval is a person's word", hint="gov login, as yourself")
    if not who.groups & _named(request):
        raise Denied(
            f"{who.name} is in none of the groups that may answer {request.id}",
            hint=f"ask somebody in {_listed(_named(request))}",
        )
    if any(answer.approver.same_person(who) for answer in request.answers):
        raise Denied(f"you have answered {request.id} already", hint="it needs the word of another person")
    _proven(who, "an approver", now, fresh_within)


def may_break_glass(request: Request, who: Principal, now: float, fresh_within: float | None) -> None:
    """Do nothing when `who` may go ahead alone with `request`, whose `alone` are the rules that still let them.

    Raises:
        AlreadySettled: It is no longer pending, or its time is over.
        Denied: It is somebody else's, no rule lets them, or they must log in again.
    """
    _pending(request, now)
    if not _own(request, who):
        raise Denied(
            f"{request.id} is not your own request: whoever breaks the glass does it for themselves",
            hint=f"gov approve {request.id}, where you may answer it",
        )
    if not request.alone:
        raise Denied(
            f"no break-glass rule lets {who.display} go ahead alone with {request.id}",
            hint=f"ask somebody in {_listed(_named(request))} to run: gov approve {request.id}",
        )
    if who.kind is Kind.USER:  # what has no login cannot prove itself once more
        _proven(who, "whoever breaks the glass", now, fresh_within)


def _pending(request: Request, now: float) -> None:
    if request.state is not RequestState.PENDING or now >= request.expires_at:
        state = request.state if request.state is not RequestState.PENDING else RequestState.EXPIRED
        raise AlreadySettled(f"{request.id} is {state} and takes no answer", hint="gov requests")


def _own(request: Request, who: Principal) -> bool:
    """Whether `who` asked for it themselves: an agent and whom it acts for are two."""
    return request.requester.same_person(who) and request.requester.agent == who.agent


def _proven(who: Principal, whoever: str, now: float, fresh_within: float | None) -> None:
    if fresh_within is not None and not _fresh(who, now, fresh_within):
        raise Denied(
            f"{whoever} must have logged in within the last {round(fresh_within / 60)} minutes",
            hint="gov login",
        )


def break_glass(request: Request, answer: Answer, now: float) -> Request:
    """The request after its requester's own `answer`: approved, whoever else was asked.

    Raises:
        UsageError: No reason is given, or a bound below zero.
        AlreadySettled, Denied: As `may_break_glass`, which is asked again here without freshness.
    """
    may_break_glass(request, answer.approver, now, None)
    if not answer.yes or answer.alone not in request.alone:
        raise Denied(f"`{answer.alone}` lets nobody go ahead alone with {request.id}", hint="gov requests")
    if not answer.reason.strip():
        raise UsageError(
            "whoever breaks the glass owes a reason", hint=f"gov approve {request.id} --break-glass --reason TEXT"
        )
    _check_bound(request, answer)
    return replace(request, answers=(*request.answers, answer), state=move(request.state, Event.BREAK_GLASS))


def answer(request: Request, answer: Answer, now: float) -> Request:
    """The request after `answer`. One no is enough; `count` distinct people must say yes.

    Raises:
        UsageError: A no without a reason, or a bound below zero.
        AlreadySettled, Denied: As `may_answer`, which is asked again here without freshness.
    """
    may_answer(request, answer.approver, now, None)
    if not answer.yes and not answer.reason.strip():
        raise UsageError("a denial owes the requester a reason", hint=f"gov deny {request.id} --reason R")
    _check_bound(request, answer)
    answered = replace(request, answers=(*request.answers, replace(answer, alone="")))
    event = Event.DENY if not answer.yes else Event.APPROVE if _agreed(answered) else Event.AGREE
    settled = replace(answered, state=move(request.state, event))
    if request.dataset is not None and settled.state is RequestState.APPROVED:
        return replace(settled, expires_at=now + request.dataset.ttl)
    return settled


def _check_bound(request: Request, answer: Answer) -> None:
    if answer.max_rows is not None and request.unmasking is not None:
        raise UsageError(
            f"{request.id} lifts masks for a while and is about no statement whose rows could be counted",
            hint=f"gov approve {request.id}; guardrails with `unmasked: true, rows_over` bound what is read then",
        )
    if answer.max_rows is not None and answer.max_rows < 0:
        raise UsageError("the bound on rows is below zero", hint=f"gov approve {request.id} --max-rows N")


def expire(request: Request, now: float) -> Request:
    """The request as expired when its time is over and it still stands, else the same."""
    standing = request.state in (RequestState.PENDING, RequestState.APPROVED)
    due = standing and now >= request.expires_at
    return replace(request, state=move(request.state, Event.EXPIRE)) if due else request


def withdraw(request: Request) -> Request:
    """The request as withdrawn.

    Raises:
        AlreadySettled: It is denied, expired, withdrawn or spent.
    """
    return replace(request, state=move(request.state, Event.WITHDRAW))


def void(request: Request) -> Request:
    """An approved request whose objects were swapped: nobody can spend it any more.

    Raises:
        AlreadySettled: It is not approved.
    """
    return replace(request, state=move(request.state, Event.VOID))


def spend(
    request: Request,
    digest: StatementDigest,
    definitions: str,
    now: float,
    session: SessionId | None = None,
) -> tuple[Request, Permit]:
    """The request as spent (a data set's as it is), and the permit for its statement in the session that holds it.

    `session` names the session that spends a `--no-wait` request; a held one can be spent in its own only.

    Raises:
        AlreadySettled: It is not approved, or its time is over.
        Denied: The statement, its circumstances or the session are not those that were approved.
        Voided: An object that it reaches was changed meanwhile.
    """
    if now >= request.expires_at and request.state is RequestState.APPROVED:
        raise AlreadySettled(f"{request.id} is expired", hint="run the statement again to ask anew")
    spent = replace(request, state=move(request.state, Event.SPEND))
    if request.dataset is not None:
        spent = request
    if not _agreed(request):
        raise Denied(f"{request.id} lacks the word of its approvers", hint="gov requests --all")
    if digest != request.digest:
        raise Denied(f"{request.id} approves another statement", hint="run the statement again to ask anew")
    if session is not None and request.session not in (None, session):
        raise Denied(f"{request.id} belongs to another session", hint="run the statement again to ask anew")
    if definitions != request.definitions:
        raise Voided(
            f"what {request.id} reaches was changed while it waited, so the approval is void",
            hint="run the statement again to ask anew",
        )
    bounds = [each.max_rows for each in request.answers if each.yes and each.max_rows is not None]
    holder = session or request.session or ""
    return spent, grant(digest, holder, max_rows=min(bounds, default=None), request=request.id)


def _agreed(request: Request) -> bool:
    """Whether enough people said yes; counted from the answers themselves, whatever the state says."""
    refused = any(not answer.yes for answer in request.answers)
    glass = request.break_glass
    if glass is not None:
        return not refused and glass.alone in request.alone and _own(request, glass.approver)
    people = {
        (answer.approver.issuer, answer.approver.subject)
        for answer in request.answers
        if answer.yes
        and answer.approver.kind is not Kind.AGENT
        and answer.approver.groups & request.approvers
        and not request.requester.same_person(answer.approver)
    }
    also = request.dataset.also if request.dataset is not None else frozenset()
    heard = not also or any(answer.yes and answer.approver.groups & also for answer in request.answers)
    return heard and not refused and len(people) >= max(request.count, 1)


def _named(request: Request) -> frozenset[str]:
    """Groups whose word counts: of a data set also those that the query's own guardrail asks."""
    return request.approvers | (request.dataset.also if request.dataset is not None else frozenset())


def _fresh(who: Principal, now: float, within: float) -> bool:
    return who.auth_time is not None and now - within <= who.auth_time <= now + _SKEW


def _listed(groups: frozenset[str]) -> str:
    return " or ".join(sorted(groups))
