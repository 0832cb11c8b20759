"""Data sets: a query that is approved once for a purpose, and run again and again until the approval expires.

The approval is a request like any other, answered in the same inbox. What differs: it is used, not spent, by
leases that name it; its text may be read in parts; and what it reaches is compared each time, so that a swap
voids it. Whoever runs it gets the masks that policy gives them, and never less than those that were approved.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gov.approval.binding import bind
from gov.approval.dataset import NAME, DataSet, derived
from gov.approval.request import Request, RequestState
from gov.audit.telling import listed
from gov.broker import admission, views
from gov.broker.house import House
from gov.broker.judge import Opinion, judge
from gov.control.access import LeaseAsk
from gov.control.requests import DataSetAsk, DataSetView
from gov.errors import Denied, NoSuch, NotApproved, NotUnderstood, UsageError
from gov.identity.principal import Principal
from gov.policy.decision import Verdict
from gov.policy.rules import DataSetRule
from gov.terms import SYSTEM_SCHEMAS, Effect, Scope, StatementDigest, TargetName
from gov.turn import Judged, Statement, refusal

if TYPE_CHECKING:
    from gov.broker.session import Session

_LIVE = (RequestState.PENDING, RequestState.APPROVED)


async def ask(house: House, who: Principal, asked: DataSetAsk) -> Request:
    """The request for a data set, open: whoever policy names is asked.

    Raises:
        UsageError: The name is none or taken, a reason is owed, or the text is no query that only reads.
        Denied: No lease, no rule for this purpose, or policy refuses the query.
        NotUnderstood, StatementFailed: The query cannot be judged.
        Unreachable, Unavailable: The target does not answer, or the request cannot be stored or recorded.
    """
    name, target = TargetName(asked.target), house.target(asked.target)
    allowed = admission.granted(house, who, name, Scope.READ)
    admission.check_words(allowed, reason=asked.reason, purpose=asked.purpose)
    _check_name(house, asked.name)
    rule = _rule(house, who, asked)
    ttl = _ttl(asked, rule)
    query = asked.statement.strip().rstrip(";").rstrip()
    opinion = await judge(house, who, target, Scope.READ, query, purpose=asked.purpose)
    return await house.desk.open(await _request(house, who, asked, rule, ttl, query, opinion))


def _check_name(house: House, name: str) -> None:
    if not NAME.fullmatch(name):
        raise UsageError(f"`{name}` is no name of a data set", hint="small letters, digits and . _ -, like churn-v4")
    for each in house.desk.datasets(settled=False):
        if each.dataset is not None and each.dataset.name == name:
            raise UsageError(
                f"the data set {name} is {each.state}", hint=f"gov dataset show {name}, or take another name"
            )


def _rule(house: House, who: Principal, asked: DataSetAsk) -> DataSetRule:
    offers = [rule for rule in house.policy.datasets if rule.offers(who, asked.target, asked.purpose)]
    if not asked.purpose:
        raise UsageError("a data set is for a purpose", hint="--purpose train:churn-v4")
    if not offers:
        raise Denied(
            f"no rule lets {who.name} have a data set of {asked.target} for the purpose {asked.purpose}",
            hint="gov policy show; `datasets` of the policy names people, purposes and approvers",
        )
    return min(offers, key=lambda rule: (-rule.max_ttl, rule.count, rule.name))


def _ttl(asked: DataSetAsk, rule: DataSetRule) -> float:
    if asked.ttl is not None and asked.ttl <= 0:
        raise UsageError(f"a data set of {asked.ttl} seconds is none", hint="--expires 30d")
    return rule.max_ttl if asked.ttl is None else min(float(asked.ttl), rule.max_ttl)


async def _request(
    house: House, who: Principal, asked: DataSetAsk, rule: DataSetRule, ttl: float, query: str, opinion: Opinion
) -> Request:
    judged, target, now = opinion.judged, house.target(asked.target), house.clock()
    facts, decision = judged.facts, judged.decision
    if decision.verdict not in (Verdict.ALLOW, Verdict.HOLD):
        raise refusal(judged)
    if facts.count != 1 or facts.effects != {Effect.READ} or facts.settings:
        raise UsageError("a data set is one query that only reads", hint="one SELECT; parameters are written in it")
    held = decision.verdict is Verdict.HOLD
    catalog = await target.catalog()
    touched = tuple(sorted(each for each in facts.reads if each.schema not in SYSTEM_SCHEMAS))
    clear = _clear(judged)
    told = [("data set", f"{asked.name}, for {asked.purpose}"),
            ("runs", f"for {ttl / 86400:.3g} days from the answer, as often as wanted"),
            *([("shared with", ", ".join(sorted(asked.groups)))] if asked.groups else []),
            ("in clear", ", ".join(clear) or "no sensitive column")]  # fmt: skip
    dataset = DataSet(
        asked.name, ttl, frozenset(asked.groups), clear, decision.rule or "" if held else "",
        decision.approvers if held else frozenset(), tuple(sorted(facts.functions)),
    )
    return Request(
        id=house.desk.new_id(), state=RequestState.PENDING, requester=who, target=target.name, scope=Scope.READ,
        purpose=asked.purpose, reason=asked.reason, statement=query, parameters=(),
        digest=_digest(query, catalog.search_path, target.name, who, asked.purpose),
        definitions=await target.definitions(touched, dataset.functions), relations=touched, rule=rule.name,
        reasons=(f"rule {rule.name}: a data set for {asked.purpose} runs again and again until it expires",
                 *(decision.reasons if held else ())),
        approvers=rule.approvers, count=max(rule.count, decision.count if held else 1), created_at=now,
        expires_at=now + rule.expires, lease=None, session=None, facts=(*told, *await target.describe(facts)),
        effects=facts.effects, dataset=dataset, rules=(rule.name, *(decision.rules if held else ())),
    )  # fmt: skip


def _digest(
    query: str, search_path: tuple[str, ...], target: TargetName, requester: Principal, purpose: str
) -> StatementDigest:
    settings = {"search_path": ",".join(search_path), "gov.dataset": "1"}
    return bind(query, (), settings, target, requester, Scope.READ, None, purpose)


def _clear(judged: Judged) -> tuple[str, ...]:
    return tuple(map(str, listed(judged.fields.get("clear_sensitive"))))


def to_use(house: House, who: Principal, name: TargetName, scope: Scope, ask: LeaseAsk) -> Request | None:
    """The approval of the data set that a lease is for; None when it is for none.

    Raises:
        NoSuch: There is no such data set.
        Denied: It is not the caller's, or for something else.
        NotApproved: Nobody has approved it yet, or it is over.
    """
    if not ask.dataset:
        return None
    request = house.desk.dataset(ask.dataset)
    assert request.dataset is not None
    if not may_use(request, who):
        raise Denied(f"the data set {ask.dataset} is not shared with you", hint=f"ask {request.requester.display}")
    if (request.target, scope) != (name, Scope.READ) or ask.purpose not in ("", request.purpose):
        raise Denied(
            f"the data set {ask.dataset} is of {request.target}, to read, for {request.purpose}",
            hint=f"gov dataset show {ask.dataset}",
        )
    if request.state is not RequestState.APPROVED:
        raise NotApproved(f"the data set {ask.dataset} is {request.state}", hint=f"gov dataset show {ask.dataset}")
    return request


def may_use(request: Request, who: Principal) -> bool:
    """Whether the data set is `who`'s, or shared with a group of theirs."""
    assert request.dataset is not None
    mine = request.requester.same_person(who) and request.requester.agent == who.agent
    return mine or bool(request.dataset.groups & who.groups)


# In a session


def marked(session: Session, judged: Judged, text: str) -> Judged:
    """The judgment of a text that the session's data set may be read with: its approval is asked, every time."""
    decision, lease = judged.decision, session.lease
    if lease.request is None or decision.verdict not in (Verdict.ALLOW, Verdict.HOLD):
        return judged
    rule = decision.rule if decision.verdict is Verdict.HOLD else session.house.desk.get(lease.request).rule
    fields = {**judged.fields, "verdict": Verdict.HOLD.value, "rule": rule, "dataset": lease.dataset}
    return replace(judged, decision=replace(decision, verdict=Verdict.HOLD, rule=rule), fields=fields)


def reads(session: Session, text: str) -> bool:
    """Whether the text is made of the session's data set."""
    lease = session.lease
    if not lease.dataset or lease.request is None:
        return False
    return derived(text, None, session.house.desk.get(lease.request).statement)


def approval(session: Session, statement: Statement, judged: Judged) -> Request:
    """The approval of a session's data set, for one of its texts.

    Raises:
        NotApproved: It is over.
        NotUnderstood: Literals would be read otherwise than they were approved.
        Denied: Policy holds the query for others by now, or shows more in the clear.
    """
    assert session.lease.request is not None
    request = session.house.desk.get(session.lease.request)
    dataset = request.dataset
    assert dataset is not None
    again = f"gov dataset request {dataset.name} …, to ask anew"
    if request.state is not RequestState.APPROVED:
        raise NotApproved(f"the data set {dataset.name} is {request.state}", hint=f"gov dataset show {dataset.name}")
    offers = (each for each in session.house.policy.datasets if each.name == request.rule)
    if not any(each.offers(request.requester, request.target, request.purpose) for each in offers):
        raise Denied(f"policy offers {request.requester.display} the data set {dataset.name} no more", hint=again)
    if not derived(statement.text, statement.parameters, request.statement):
        raise NotUnderstood("a part of a data set takes its bounds as parameters", hint="gov dataset export")
    if session.judging.reads_otherwise:
        raise NotUnderstood("DateStyle, TimeZone or IntervalStyle is not the default", hint="RESET it; reconnect")
    if more := sorted(set(_clear(judged)) - set(dataset.clear)):
        raise Denied(f"{more[0]} was masked when the data set {dataset.name} was approved", hint=again)
    held = judged.decision.rule if judged.decision.approvers else None
    yes = [answer.approver.groups for answer in request.approved_by]
    if held is not None and not any(groups & judged.decision.approvers for groups in yes):
        raise Denied(f"rule {held} holds the query by now, and nobody it names has approved it", hint=again)
    return request


def digest(session: Session, request: Request) -> StatementDigest:
    """What the approval is bound to, as the session has it."""
    return _digest(
        request.statement, session.judging.search_path, session.lease.target, request.requester, session.lease.purpose
    )


# Shown


def view(house: House, request: Request, who: Principal) -> DataSetView:
    """A data set, and where its approval stands."""
    assert request.dataset is not None
    return DataSetView.model_validate({
        "name": request.dataset.name, "state": request.state.value, "request": request.id, "target": request.target,
        "purpose": request.purpose, "statement": request.statement, "requester": request.requester.display,
        "groups": sorted(request.dataset.groups), "reason": request.reason, "rule": request.rule,
        "approvers": sorted(request.approvers | request.dataset.also),
        "approved_by": [each.approver.display for each in request.approved_by],
        "created_at": views.rfc3339(request.created_at), "expires_at": views.rfc3339(request.expires_at),
        "clear": [*request.dataset.clear], "relations": [str(each) for each in request.relations],
        "mine": request.requester.same_person(who),
    })


def seen(house: House, who: Principal, *, settled: bool) -> list[Request]:
    """The data sets that `who` may see, newest last."""
    return [each for each in house.desk.datasets(settled=settled) if house.desk.may_see(each, who)]


def shown(house: House, who: Principal, name: str) -> Request:
    """The newest data set of that name.

    Raises:
        NoSuch: There is none that `who` may see.
    """
    request = house.desk.dataset(name)
    if not house.desk.may_see(request, who):
        raise NoSuch(f"no data set is called `{name}`", hint="gov dataset list --all")  # as where there is none
    return request
