"""On what a lease stands: policy, catalog, what they make of its owner, and the profile that holds just that."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import psycopg

from gov.approval.request import Request
from gov.broker.house import House
from gov.errors import Denied, GovError, Unavailable, Unreachable
from gov.identity.principal import Principal
from gov.policy.access import access
from gov.policy.decision import Access, NoAccess, Outcome
from gov.policy.glass import lifting_alone
from gov.policy.outcome import outcome
from gov.policy.rules import BreakGlass, Policy
from gov.policy.situation import Situation
from gov.policy.unmask import Lifting, lifted, lifting
from gov.sql.catalog import Catalog
from gov.target.profiles import Profile
from gov.terms import Column, Scope, TargetName

REACH = 6.0
"""Seconds to wait for a target while a person waits for us."""
GRACE = 30.0
"""Seconds that a running statement has left when its lease expires, unless policy says otherwise."""


@dataclass(frozen=True, slots=True)
class Lifted:
    """Masks that an approval lifts, for the columns that it was given for."""

    request: Request
    places: Mapping[Column, tuple[int, int]]
    """OID of the table and number of each column: one that takes the name of another is not meant."""
    ttl: float
    """Seconds that the lease lasts."""

    @classmethod
    def of(cls, request: Request, catalog: Catalog, ttl: float) -> Lifted:
        """What `request` was approved for, as it stands in `catalog`."""
        assert request.unmasking is not None
        return cls(request, _places(request.unmasking.columns, catalog), ttl)

    def still(self, catalog: Catalog) -> frozenset[Column]:
        """The columns that are what they were."""
        return frozenset(dict(self.places.items() & _places(self.places, catalog).items()))


def _places(columns: Iterable[Column], catalog: Catalog) -> dict[Column, tuple[int, int]]:
    found = {}
    for column in columns:
        info = catalog.relations.get(column.relation)
        number = next((each.number for each in info.columns if each.name == column.name), 0) if info else 0
        if info is not None and number:
            found[column] = info.oid, number
    return found


@dataclass(frozen=True, slots=True)
class Basis:
    """Who asks for what, by which rules."""

    who: Principal
    target: TargetName
    scope: Scope
    policy: Policy
    access: Access
    purpose: str = ""
    lifted: Lifted | None = None

    def outcome(self, house: House, catalog: Catalog) -> Outcome:
        """What policy makes of it with `catalog`, without the masks that are lifted."""
        plain = self.masked(house, catalog)
        return plain if self.lifted is None else lifted(plain, self.lifted.still(catalog))

    def masked(self, house: House, catalog: Catalog) -> Outcome:
        """What policy makes of it by itself, whatever an approval lifts."""
        return outcome(
            self.policy, self.who, self.target, house.environment(self.target), self.scope, catalog,
            house.target(self.target).ledger, purpose=self.purpose,
        )

    def alone(self, house: House, masks: Collection[str]) -> tuple[BreakGlass, ...]:
        """The break-glass rules by which it could be without what the rules `masks` mask, on nobody else's word."""
        hour = datetime.fromtimestamp(house.clock(), UTC).hour
        on = Situation(self.target, house.environment(self.target), self.scope, purpose=self.purpose, hour=hour)
        return lifting_alone(self.policy, self.who, on, masks)

    def longest(self, house: House, request: Request, found: Lifting) -> float:
        """Seconds that a lease may last which lifts what `found` says, on the answers to `request`.

        Raises:
            Denied: whoever went ahead alone no longer may.
        """
        glass = request.break_glass
        if glass is None:
            return found.terms.max_ttl
        rule = next((each for each in self.alone(house, found.rules) if each.name == glass.alone), None)
        if rule is None:
            raise Denied(
                f"{glass.alone} no longer lets {self.who.display} go ahead alone with {request.id}",
                hint="ask again and have it approved",
            )
        return min(found.terms.max_ttl, rule.max_ttl or found.terms.max_ttl)

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
            version = target.version
            content = basis.outcome(house, catalog)
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
        catalog = await house.schemas.met(basis.target)
    except GovError:
        return None
    fresh = replace(basis, who=who, policy=house.policy, access=answer)
    if basis.outcome(house, catalog).digest != fresh.outcome(house, catalog).digest:
        return None
    return fresh if basis.lifted is None or _lifts(house, fresh, basis.lifted, catalog) else None


def _lifts(house: House, basis: Basis, given: Lifted, catalog: Catalog) -> bool:
    """Whether the approval would lift the same masks by today's policy, for as long."""
    masked, request = basis.masked(house, catalog), given.request
    columns = sorted(given.still(catalog) & masked.masks.keys())
    try:
        house.desk.still_entitled(request)
        found = lifting(masked, columns, reason=request.reason, purpose=basis.purpose) if columns else None
        longest = basis.longest(house, request, found) if found else 0.0
    except GovError:
        return False
    return found is None or (found.terms.count <= request.count and given.ttl <= longest)


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
