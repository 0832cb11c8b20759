"""Statements that nobody sends: judged for `gov explain`, and held for `gov exec --no-wait`."""

from __future__ import annotations

from gov.approval.binding import bind
from gov.approval.request import Request, RequestState
from gov.audit.redact import redact
from gov.broker import admission, estimating, views
from gov.broker.house import House, scope_of
from gov.broker.judge import Opinion, judge
from gov.control.requests import Submit, Submitted
from gov.control.statements import ExplainAsk, Explained
from gov.errors import NotUnderstood
from gov.identity.principal import Principal
from gov.policy.decision import Verdict
from gov.target.target import Target
from gov.terms import SYSTEM_SCHEMAS, Scope, TargetName


async def explain(house: House, who: Principal, ask: ExplainAsk) -> Explained:
    """What would happen to the statement in a new lease of that scope.

    Raises:
        NoSuch: no such target or scope.
        Denied: the caller may not have such a lease.
        NotUnderstood, TooComplex: it cannot be judged.
        Unreachable: the target does not answer.
    """
    scope = scope_of(ask.scope)
    target = house.target(ask.target)
    admission.granted(house, who, TargetName(ask.target), scope)
    opinion = await judge(house, who, target, scope, ask.statement)
    return views.explained(opinion, await _rows(target, opinion))


async def submit(house: House, who: Principal, ask: Submit) -> Submitted:
    """The verdict on the statement, and the request that was opened if it must be approved.

    Raises like `explain`, and:
        UsageError: a reason or a purpose is owed.
        Unavailable: the request cannot be stored or recorded.
    """
    scope = scope_of(ask.scope)
    target = house.target(ask.target)
    allowed = admission.granted(house, who, TargetName(ask.target), scope)
    admission.check_words(allowed, reason=ask.reason, purpose=ask.purpose)
    opinion = await judge(house, who, target, scope, ask.statement, purpose=ask.purpose)
    decision = opinion.judged.decision
    if decision.verdict is not Verdict.HOLD:
        return Submitted(verdict=decision.verdict.value, reasons=[*decision.reasons])
    request = await house.desk.open(await _request(house, who, scope, ask, opinion))
    return Submitted(
        verdict=decision.verdict.value,
        reasons=[*decision.reasons],
        request=request.id,
        state=request.state.value,
        expires_at=views.rfc3339(request.expires_at),
    )


async def _rows(target: Target, opinion: Opinion) -> int | None:
    """The planner's estimate; None for what will not run."""
    judged = opinion.judged
    if judged.decision.verdict is Verdict.DENY:
        return None
    path = (await target.catalog()).search_path
    return await estimating.rows(target, opinion.outcome, judged.facts, judged.sent, path)


async def _request(house: House, who: Principal, scope: Scope, ask: Submit, opinion: Opinion) -> Request:
    facts, decision = opinion.judged.facts, opinion.judged.decision
    target, name, now = house.target(ask.target), TargetName(ask.target), house.clock()
    if redact(ask.statement) != ask.statement:
        raise NotUnderstood(
            "a statement with a password in it is not kept until somebody answers",
            hint="run it in a session, where it waits without being stored: gov connect",
        )
    touched = tuple(sorted(each for each in facts.reads | facts.writes if each.schema not in SYSTEM_SCHEMAS))
    catalog = await target.catalog()
    return Request(
        id=house.desk.new_id(),
        state=RequestState.PENDING,
        requester=who,
        target=name,
        scope=scope,
        purpose=ask.purpose,
        reason=ask.reason,
        statement=ask.statement,
        parameters=(),
        digest=bind(
            # As a new session of a lease will have it: that is who spends it.
            ask.statement,
            (),
            {"search_path": ",".join(catalog.search_path)},
            name,
            who,
            scope,
            None,
            ask.purpose,
        ),
        definitions=await target.definitions(touched, facts.functions),
        relations=touched,
        rule=decision.rule or "",
        reasons=decision.reasons,
        approvers=decision.approvers,
        count=decision.count,
        created_at=now,
        expires_at=now + decision.expires,
        lease=None,
        session=None,
        facts=(*await target.describe(facts), *await estimating.lines(
            target, opinion.outcome, facts, opinion.judged.sent, catalog.search_path)),
        effects=facts.effects,
        rules=decision.rules,
        alone=decision.alone,
    )
