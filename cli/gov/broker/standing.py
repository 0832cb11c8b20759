"""On what a lease stands: policy, catalog, what they make of its owner, and the profile that holds just that."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import psycopg

from gov.broker.house import House
from gov.errors import GovError, Unavailable, Unreachable
from gov.identity.principal import Principal
from gov.policy.access import access
from gov.policy.decision import Access, NoAccess, Outcome
from gov.policy.outcome import outcome
from gov.policy.rules import Policy
from gov.target.profiles import Profile
from gov.terms import Scope, TargetName

REACH = 6.0
"""Seconds to wait for a target while a person waits for us."""
GRACE = 30.0
"""Seconds that a running statement has left when its lease expires, unless policy says otherwise."""


@dataclass(frozen=True, slots=True)
class Basis:
    """Who asks for what, by which rules."""

    who: Principal
    target: TargetName
    scope: Scope
    policy: Policy
    access: Access
    purpose: str = ""

    @property
    def grace(self) -> float:
        """Seconds that a running statement has left when the lease expires."""
        return GRACE if self.access.max_statement is None else self.access.max_statement


@dataclass(frozen=True, slots=True)
class Standing:
    """What came of a basis with one catalog. A new catalog gives a new standing; a new policy may end the lease."""

    basis: Basis
    catalog: str
    """Version of the catalog, and of what is accepted of it, that `outcome` was made with."""
    outcome: Outcome
    profile: Profile


async def stand(house: House, basis: Basis, *, anew: bool) -> Standing:
    """What policy makes of `basis` with today's catalog, and the role on the target that holds just that.

    `anew` is for a lease that begins: what anybody could read past a mask is a reason to make none.

    Raises:
        Unreachable: the target does not answer.
        Unavailable: it refuses, or a mask would not hold.
    """
    target = house.target(basis.target)
    with reaching(basis.target):
        async with asyncio.timeout(REACH):
            catalog = await house.schemas.met(basis.target)
            version, environment = target.version, house.environment(basis.target)
            content = outcome(
                basis.policy, basis.who, basis.target, environment, basis.scope, catalog, target.ledger,
                purpose=basis.purpose,
            )
            profile = await target.profile(content, anew=anew)
    return Standing(basis, version, content, profile)


async def again(house: House, basis: Basis, who: Principal) -> Basis | None:
    """The basis by today's policy, with `who` as its owner is today; None when it gives something else.

    Both are compared with the catalog of now: a table that came or went is no change of policy.
    """
    environment = house.environment(basis.target)
    answer = access(house.policy, who, basis.target, environment, basis.scope)
    if isinstance(answer, NoAccess):
        return None
    try:
        target = house.target(basis.target)
        catalog = await house.schemas.met(basis.target)
    except GovError:
        return None
    fresh = replace(basis, who=who, policy=house.policy, access=answer)
    old, new = (
        outcome(
            each.policy, each.who, each.target, environment, each.scope, catalog, target.ledger, purpose=each.purpose
        )
        for each in (basis, fresh)
    )
    return fresh if old.digest == new.digest else None


@contextmanager
def reaching(name: TargetName) -> Iterator[None]:
    """Turn what a target says, or leaves unsaid, into an error of ours."""
    try:
        yield
    except TimeoutError:
        raise Unreachable(f"the target {name} does not answer", hint="gov broker status") from None
    except psycopg.Error as error:
        what = f"the target {name} refuses to make the lease"
        raise Unavailable(what, hint=f"gov broker check {name}", detail=str(error)) from error
