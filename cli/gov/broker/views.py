"""From what the daemon keeps to the JSON of the control API: shape only, no decisions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gov.approval.request import Request
from gov.control.access import BudgetView, LeaseGrant, LeaseView, ScopeOffer, Whoami
from gov.control.requests import AnswerView, RequestView
from gov.control.statements import Explained, FilterView, MaskView
from gov.identity.principal import Principal
from gov.lease.lease import Lease
from gov.policy.decision import Access, Outcome
from gov.policy.rules import Budget
from gov.policy.unmask import spelled
from gov.store.budgets import Use

if TYPE_CHECKING:
    from gov.broker.judge import Opinion
    from gov.broker.revoking import Trouble


def rfc3339(at: float) -> str:
    """`2026-01-31T12:00:00Z`; fractions of a second are cut off."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _budget(budget: Budget, use: Use) -> BudgetView:
    return BudgetView(
        name=budget.name, data=budget.data, unmasked=budget.unmasked, rows=budget.rows, per=int(budget.per),
        left=max(budget.rows - use.used, 0), frees_at=rfc3339(use.frees_at) if use.frees_at else None,
    )


def whoami(who: Principal, expires_at: float, budgets: Sequence[tuple[Budget, Use]] = ()) -> Whoami:
    """The principal as the person sees it."""
    return Whoami(
        name=who.name,
        subject=who.subject,
        issuer=who.issuer,
        groups=sorted(who.groups),
        kind=who.kind.value,
        agent=who.agent,
        display=who.display,
        expires_at=rfc3339(expires_at),
        budgets=[_budget(*each) for each in budgets],
    )


def offer(access: Access) -> ScopeOffer:
    """One scope that may be asked for."""
    return ScopeOffer(
        scope=access.scope,
        max_ttl=int(access.max_ttl),
        rule=access.rule,
        reason="required" if access.reason_required else "optional",
        purpose="required" if access.purpose_required else "optional",
    )


def lease(kept: Lease, sessions: int, trouble: Trouble | None = None) -> LeaseView:
    """A lease without its secret; `trouble` is what keeps its role from being dropped."""
    return LeaseView(
        id=kept.id,
        principal=kept.principal.display,
        target=kept.target,
        scope=kept.scope.value,
        state=kept.state.value,
        purpose=kept.purpose,
        reason=kept.reason,
        rule=kept.rule,
        created_at=rfc3339(kept.created_at),
        expires_at=rfc3339(kept.expires_at),
        sessions=sessions,
        ended_because=kept.ended_because,
        unmasked=[*map(str, kept.unmasked)],
        approval=kept.approval,
        tries=trouble.tries if trouble else 0,
        last_error=trouble.error if trouble else "",
        next_try=rfc3339(trouble.next_at) if trouble else None,
        run=kept.run,
    )


def grant(
    kept: Lease,
    content: Outcome,
    *,
    host: str,
    port: int,
    password: str,
    database: str,
    ca: str,
    environment: str,
) -> LeaseGrant:
    """A lease with everything a client needs."""
    return LeaseGrant(
        lease=lease(kept, 0),
        host=host,
        port=port,
        user=kept.role,
        password=password,
        database=database,
        ca=ca,
        environment=environment,
        masked=sorted(map(str, content.masks)),
    )


def request(
    kept: Request, *, environment: str, mine: bool, may_answer: bool, may_break_glass: bool = False
) -> RequestView:
    """A request as requester and approvers see it."""
    who, glass = kept.requester, kept.break_glass
    return RequestView(
        id=kept.id,
        state=kept.state.value,
        statement=kept.statement,
        parameters=[*kept.parameters],
        requester=who.agent or who.name,
        on_behalf_of=who.name if who.agent else None,
        target=kept.target,
        environment=environment,
        scope=kept.scope.value,
        purpose=kept.purpose,
        rule=kept.rule,
        reason=kept.reason,
        reasons=[*kept.reasons],
        approvers=sorted(kept.approvers),
        count=kept.count,
        created_at=rfc3339(kept.created_at),
        expires_at=rfc3339(kept.expires_at),
        session=kept.session,
        answers=[
            AnswerView(
                approver=each.approver.display,
                yes=each.yes,
                at=rfc3339(each.at),
                reason=each.reason,
                max_rows=each.max_rows,
                break_glass=each.alone,
            )
            for each in kept.answers
        ],
        facts=[*kept.facts],
        unmask=[*map(spelled, kept.unmasking.columns)] if kept.unmasking else [],
        mine=mine,
        may_answer=may_answer,
        break_glass=glass.alone if glass else "",
        alone=[*kept.alone],
        may_break_glass=may_break_glass,
    )


def explained(opinion: Opinion, rows: int | None = None) -> Explained:
    """A decision about a statement that was not run, `rows` being the planner's estimate."""
    decision, facts = opinion.judged.decision, opinion.judged.facts
    return Explained(
        verdict=decision.verdict.value,
        rule=decision.rule,
        rules=[*decision.rules],
        reasons=[*decision.reasons],
        message=decision.message,
        hint=decision.hint,
        approvers=sorted(decision.approvers),
        break_glass=[*decision.alone],
        effects=sorted(facts.effects),
        reads=_names(facts.reads),
        writes=_names(facts.writes),
        columns_read=_names(facts.columns_read),
        columns_written=_names(facts.columns_written),
        functions=sorted(facts.functions),
        code=[*map(str, facts.called)],
        unknown=[*facts.unknown],
        masks=[
            MaskView(
                column=str(column), mask=spec.mask, rule=spec.rule, classification=spec.classification,
                approvers=sorted(spec.unmask.approvers) if spec.unmask else [],
            )
            for column, spec in sorted(opinion.masks.items())
        ],
        rewritten=opinion.rewritten,
        estimated_rows=rows,
        filters=[FilterView(table=str(table), rule=rule) for table, rule in decision.filters],
        budgets=[*decision.budgets],
        closed=_names(opinion.closed),
    )


def _names(things: Iterable[object]) -> list[str]:
    return sorted(map(str, things))
