"""Masks lifted by approval: the request that asks for it, and the lease that is made of the answer.

A request to lift masks is answered like any other and spent once, by a lease. The approval is spent before
anything with raw rights is made for that lease, and after everything else about it is settled: what fails
then is lost, and never had twice.
"""

from __future__ import annotations

from dataclasses import replace

from gov.approval.binding import bind_unmasking
from gov.approval.request import Request, RequestState, Unmasking
from gov.broker import admission, views
from gov.broker.house import House, scope_of
from gov.broker.standing import Basis, Lifted
from gov.control.requests import Submitted, UnmaskAsk
from gov.identity.principal import Principal
from gov.policy.decision import Outcome, Verdict
from gov.policy.render import duration
from gov.policy.unmask import Lifting, lifting, named, spelled
from gov.sql.facts import Facts
from gov.terms import Column, LeaseId, Scope, TargetName


async def ask(house: House, who: Principal, asked: UnmaskAsk) -> Submitted:
    """The request, open: whoever may lift the masks is asked.

    Raises:
        NoSuch: no such target, scope, table or column.
        Denied: no lease, or a mask that nobody may lift here.
        UsageError: a reason or a purpose is owed, or a column is not masked.
        Unreachable, Unavailable: the target does not answer, or the request cannot be stored or recorded.
    """
    name, scope = TargetName(asked.target), scope_of(asked.scope)
    house.target(name)
    allowed = admission.granted(house, who, name, scope)
    admission.check_words(allowed, reason=asked.reason, purpose=asked.purpose)
    ttl = admission.lifetime(allowed, asked.ttl)
    catalog = await house.schemas.met(name)
    basis = Basis(who, name, scope, house.policy, allowed, asked.purpose)
    masked = basis.masked(house, catalog)
    wanted = named(asked.columns, masked, catalog)
    found = lifting(masked, wanted, reason=asked.reason, purpose=asked.purpose)
    alone = tuple(rule.name for rule in basis.alone(house, found.rules))
    request = await house.desk.open(
        replace(await _request(house, who, scope, asked, masked, found, ttl), alone=alone))
    return Submitted(
        verdict=Verdict.HOLD.value, reasons=[*request.reasons], request=request.id, state=request.state.value,
        expires_at=views.rfc3339(request.expires_at),
    )


async def _request(
    house: House, who: Principal, scope: Scope, asked: UnmaskAsk, masked: Outcome, found: Lifting, ttl: float
) -> Request:
    target, name, now = house.target(asked.target), TargetName(asked.target), house.clock()
    ttl = min(ttl, found.terms.max_ttl)
    relations = tuple(sorted({column.relation for column in found.columns}))
    return Request(
        id=house.desk.new_id(), state=RequestState.PENDING, requester=who, target=name, scope=scope,
        purpose=asked.purpose, reason=asked.reason,
        statement=f"unmask {', '.join(map(spelled, found.columns))} for {duration(ttl)}", parameters=(),
        digest=bind_unmasking(found.columns, ttl, name, who, scope, asked.purpose),
        definitions=await target.definitions(relations), relations=relations, rule=found.rules[0],
        reasons=tuple(f"{masked.masks[each].keepers} masks {each}" for each in found.columns),
        approvers=found.terms.approvers, count=found.terms.count, created_at=now,
        expires_at=now + found.terms.expires, lease=None, session=None,
        facts=(*_facts(masked, found.columns, ttl), *await target.describe(Facts(reads=frozenset(relations)))),
        unmasking=Unmasking(found.columns, found.rules, ttl, asked.awaited), rules=found.rules,
    )


def _facts(masked: Outcome, columns: tuple[Column, ...], ttl: float) -> list[tuple[str, str]]:
    """What an approver must know besides who asks and why."""
    lifts = [
        ("unmask", f"{each}, {spec.classification}, else {spec.mask}")
        for each, spec in ((each, masked.masks[each]) for each in columns)
    ]
    tables = {column.relation for column in columns}
    left = sorted(str(each) for each in masked.masks.keys() - set(columns) if each.relation in tables)
    may = {"read": "to read", "write": "to read and to write", "admin": "to read, write and administer"}
    return [
        *lifts, ("for", f"a lease of {duration(ttl)} {may[masked.scope]}, from when it is taken"),
        ("stays masked", ", ".join(left) or "nothing else in these tables"),
    ]


async def lift(house: House, basis: Basis, request: Request, ttl: float) -> Basis:
    """`basis` with the masks lifted that `request` was approved for, as policy has it today.

    Raises:
        Denied: policy lets nobody lift one of them any more, or not those who said yes.
        UsageError: one is not masked any more.
        NoSuch: one is gone.
    """
    assert request.unmasking is not None
    catalog = await house.schemas.met(basis.target)
    masked = basis.masked(house, catalog)
    names = [spelled(column) for column in request.unmasking.columns]
    wanted = named(names, masked, catalog)
    found = lifting(masked, wanted, reason=request.reason, purpose=basis.purpose)
    house.desk.still_entitled(request)
    bounded = min(ttl, request.unmasking.ttl, basis.longest(house, request, found))
    return Basis(
        basis.who, basis.target, basis.scope, basis.policy, basis.access, basis.purpose,
        Lifted.of(request, catalog, bounded),
    )


async def spend(house: House, basis: Basis, given: Lifted, lease: LeaseId) -> None:
    """Spend the approval on `lease`. On disk when this returns.

    Raises:
        AlreadySettled: it is spent, withdrawn or over.
        Denied: who said yes no longer may.
        Voided: a table was changed since it was asked for.
        Unavailable: it cannot be stored or recorded.
    """
    request = given.request
    assert request.unmasking is not None
    digest = bind_unmasking(
        request.unmasking.columns, request.unmasking.ttl, basis.target, basis.who, basis.scope, basis.purpose
    )
    definitions = await house.target(basis.target).definitions(request.relations)
    await house.desk.spend(request.id, digest, definitions, lease=lease)
