"""Leases from the asking to the end.

The order is the safety (DESIGN 5): the intent is stored before the role is made, the role is made
before the grant is recorded, the record is on disk before the secret leaves. Whatever fails in
between ends the lease. Ending is: out of `by_role`, sessions ended, and then `revoking`.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from gov.approval.request import Request
from gov.audit.entry import Entry
from gov.broker import admission, datasets, entries, unmasking, views
from gov.broker.house import House, scope_of
from gov.broker.janitor import Janitor
from gov.broker.revoking import Revoker
from gov.broker.standing import REACH, Basis, Standing, again, reaching, stand
from gov.control.access import LeaseAsk, LeaseGrant
from gov.errors import Denied, GovError, LeaseEnded, NoSuch, Unreachable
from gov.identity.principal import Principal
from gov.lease import ids, secret
from gov.lease.lease import Lease, LeaseState
from gov.lease.names import lease_role
from gov.lease.states import LeaseEvent, move
from gov.policy.decision import Outcome
from gov.store.leases import Leases
from gov.target.profiles import Profile
from gov.terms import LeaseId, SessionId, TargetName

log = logging.getLogger(__name__)

RESTARTED = "the broker restarted"
STOPPED = "the broker stopped"
EXPIRED = "the lease expired"
CHANGED = "policy changed, reconnect"


@dataclass(slots=True)
class _Held:
    """What only the running broker knows of a live lease."""

    lease: Lease
    standing: Standing
    timer: asyncio.TimerHandle
    moving: asyncio.Lock = field(default_factory=asyncio.Lock)


class LeaseDesk:
    """Every lease of this broker."""

    def __init__(self, house: House, store: Leases) -> None:
        self._house = house
        self._store = store
        self._held: dict[LeaseId, _Held] = {}
        self._roles: dict[str, LeaseId] = {}
        self._draining: set[asyncio.Task[None]] = set()
        self.revoker = Revoker(house, store)
        self.janitor = Janitor(house, self, store)

    # Asking

    async def issue(self, who: Principal, ask: LeaseAsk) -> LeaseGrant:
        """A lease for `who`, with its secret, which is shown this once.

        Raises:
            NoSuch: no such target, scope or request.
            Denied: policy grants no such lease, or the request it shall spend is for something else.
            UsageError: a reason or a purpose is owed, or the ttl is no time.
            NotApproved: the request it shall spend is not approved.
            Unreachable: the target does not answer.
            Unavailable: the lease cannot be stored or recorded.
        """
        basis, request = await self._admitted(who, ask)
        self._check_up(basis.target)
        standing = await stand(self._house, basis, anew=True)
        password = secrets.token_urlsafe(32)
        lease = self._intent(standing, ask, request, password)
        self.revoker.own(lease.id)
        try:
            # Intent before effect: from here on a crash finds the lease, and with it the role's name.
            await self._stored(lease)
            if basis.lifted is not None:
                with reaching(basis.target):
                    await unmasking.spend(self._house, basis, basis.lifted, lease.id)
            lease = await self._made(lease, standing)
        except BaseException as error:
            # Refused, broken or cancelled: the role may exist or not, so it is taken back.
            self.revoker.begin(lease, error.what if isinstance(error, GovError) else "it could not be made")
            raise
        held = self._hold(lease, standing)
        if self._house.policy is not basis.policy and not await self._stays(held, who):
            await self.end(lease.id, CHANGED)
            raise Denied("the policy changed while the lease was made", hint="ask again")
        return self._grant(lease, standing, password)

    async def _admitted(self, who: Principal, ask: LeaseAsk) -> tuple[Basis, Request | None]:
        """On what the lease would stand, and what it shall spend. Refusals are recorded."""
        house, name, scope = self._house, TargetName(ask.target), scope_of(ask.scope)
        house.target(ask.target)
        try:
            allowed = admission.granted(house, who, name, scope)
            admission.check_words(allowed, reason=ask.reason, purpose=ask.purpose)
            admission.check_run(ask.run)
            ttl = admission.lifetime(allowed, ask.ttl)
            admission.check_count(house, who)
            request = admission.to_spend(house, who, name, scope, ask) or datasets.to_use(house, who, name, scope, ask)
            basis = Basis(who, name, scope, house.policy, allowed, request.purpose if request else ask.purpose)
            if request is not None and request.unmasking is not None:
                basis = await unmasking.lift(house, basis, request, ttl)
        except GovError as error:
            await self._durably(entries.lease_refused(who, ask, house.environment(name), error, house.clock()))
            raise
        return basis, request

    def _check_up(self, name: TargetName) -> None:
        why = self._house.down.get(name)
        if why is not None:
            hint = f"gov broker check {name}; it is asked again every few seconds"
            raise Unreachable(f"the target {name} is down", hint=hint, detail=why)

    def _intent(self, standing: Standing, ask: LeaseAsk, request: Request | None, password: str) -> Lease:
        basis, now = standing.basis, self._house.clock()
        lifted = basis.lifted
        lease_id = ids.lease_id(secrets.token_bytes(ids.ENOUGH))
        return Lease(
            id=lease_id,
            principal=basis.who,
            target=basis.target,
            scope=basis.scope,
            role=lease_role(self._house.installation, lease_id),
            profile=standing.outcome.digest,
            purpose=request.purpose if request else ask.purpose,
            reason=ask.reason or (lifted.request.reason if lifted else ""),
            rule=basis.access.rule,
            state=LeaseState.CREATING,
            created_at=now,
            expires_at=now + (lifted.ttl if lifted else admission.lifetime(basis.access, ask.ttl)),
            verifier=secret.verifier(password, secrets.token_bytes(16)),
            request=request.id if request and lifted is None else None,
            dataset=ask.dataset,
            run=ask.run,
            unmasked=tuple(sorted(lifted.places)) if lifted else (),
            approval=lifted.request.id if lifted else None,
        )

    async def _made(self, lease: Lease, standing: Standing) -> Lease:
        """The lease, active: its role is there and its record on disk."""
        with reaching(lease.target):
            async with asyncio.timeout(REACH):
                target = self._house.target(lease.target)
                await target.mint(lease.id, lease.role, standing.profile, lease.expires_at)
        active = replace(lease, state=move(lease.state, LeaseEvent.CREATED))
        await self._stored(active)
        alone = self._house.desk.get(lease.approval).break_glass if lease.approval else None
        await self._durably(entries.lease_created(
            active, self._house.environment(lease.target), self._house.clock(),
            break_glass=alone.alone if alone else None,
        ))
        return active

    def _hold(self, lease: Lease, standing: Standing) -> _Held:
        left = max(lease.expires_at - self._house.clock(), 0.0)
        timer = asyncio.get_running_loop().call_later(left, self._expired, lease.id)
        held = self._held[lease.id] = _Held(lease, standing, timer)
        self._roles[lease.role] = lease.id
        return held

    def _grant(self, lease: Lease, standing: Standing, password: str) -> LeaseGrant:
        public = self._house.config.public.gateway
        return views.grant(
            lease,
            standing.outcome,
            host=public.host,
            port=public.port,
            password=password,
            database=self._house.target(lease.target).database,
            ca=self._house.tls.root,
            environment=self._house.environment(lease.target),
        )

    # Looking up

    def by_role(self, role: str) -> Lease | None:
        """The active lease whose user name for the gateway is `role`."""
        held = self._held.get(self._roles.get(role, LeaseId("")))
        if held is None:
            return None
        # The timer is monotonic and stands still while the machine sleeps: whichever clock is first ends it.
        return held.lease if self._house.clock() < held.lease.expires_at else None

    async def current(self, lease: Lease) -> tuple[Outcome, Profile]:
        """What the lease reaches by today's catalog, and the profile that holds it.

        Tables come and go under a lease. Where that changes the outcome, its role moves to another
        profile: what is new and granted comes into reach.

        Raises:
            LeaseEnded: it is over.
            Unreachable, Unavailable: the target does not do it; the lease stays where it was.
        """
        held = self._held.get(lease.id)
        if held is None:
            raise LeaseEnded(f"the lease {lease.id} is over", hint=f"gov connect {lease.target}")
        target = self._house.target(lease.target)
        async with held.moving:
            await self._house.schemas.met(lease.target)
            if target.version != held.standing.catalog:
                old, new = held.standing, await stand(self._house, held.standing.basis, anew=False)
                if new.profile.role != old.profile.role:
                    await self._house.sessions.still(lease.id)
                    await target.move(lease.role, old.profile, new.profile)
                held.standing = new
            return held.standing.outcome, held.standing.profile

    async def follow_catalog(self, name: TargetName) -> None:
        """Bring every lease on a target up to its catalog."""
        for lease in self.live():
            if lease.target == name:
                try:
                    await self.current(lease)
                except LeaseEnded:
                    continue
                except GovError as error:
                    log.warning("%s stays with the catalog of before: %s", lease.id, error)
        self._house.target(name).forget_unused(self.versions(name))

    def get(self, lease_id: str) -> Lease:
        """The lease, live or over.

        Raises:
            NoSuch: there is none.
        """
        found = self._store.get(LeaseId(lease_id))
        if found is None:
            raise NoSuch(f"no lease is called `{lease_id}`", hint="gov leases")
        return found

    def live(self) -> list[Lease]:
        """Every active lease."""
        return [held.lease for held in self._held.values()]

    def unfinished(self) -> list[Lease]:
        """Every lease whose role may still be on its target: creating, active, ending or stuck."""
        return self._store.unfinished()

    def forget(self, before: float, whose: Callable[[Principal], bool] = lambda principal: True) -> int:
        """Let ended leases go that were made before that time; how many. Blocks. Raises Unavailable."""
        return self._store.forget(before, whose)

    def versions(self, name: TargetName) -> set[str]:
        """The versions of masked views that live leases on a target use."""
        return {held.standing.profile.version for held in self._held.values() if held.lease.target == name}

    # Ending

    async def end(self, lease_id: LeaseId, because: str) -> list[SessionId]:
        """End the lease at once; the sessions that ended with it. Ending twice is no error.

        Raises:
            NoSuch: there is no such lease.
        """
        self.get(lease_id)
        held = self._release(lease_id)
        return [] if held is None else await self._end(held.lease, because)

    def _release(self, lease_id: LeaseId) -> _Held | None:
        """Take the lease out of what the gateway sees; whoever gets it here ends it, and nobody else."""
        held = self._held.pop(lease_id, None)
        if held is not None:
            held.timer.cancel()
            del self._roles[held.lease.role]
        return held

    def _expired(self, lease_id: LeaseId) -> None:
        task = asyncio.create_task(self._drain(lease_id))
        self._draining.add(task)
        task.add_done_callback(self._draining.discard)

    async def _drain(self, lease_id: LeaseId) -> None:
        """An expired lease ends softly: no new statement, a grace for the running one, then the end."""
        held = self._release(lease_id)
        if held is not None:
            try:
                await self._house.sessions.drain(lease_id, held.standing.basis.grace)
            finally:
                await self._end(held.lease, EXPIRED)

    async def _end(self, lease: Lease, because: str) -> list[SessionId]:
        try:
            sessions = await self._house.sessions.end_lease(lease.id, because)  # first: they say goodbye
        finally:
            revoking = self.revoker.begin(lease, because)
        if lease.target not in self._house.down:
            # A healthy target needs milliseconds: whoever says `gov kill` then knows that the role is gone.
            await asyncio.wait([revoking], timeout=REACH)
        return sessions

    # Start, reload, stop

    async def recover(self) -> int:
        """End every lease of a run before this one; how many there were.

        Their client secrets are worth nothing any more and their sessions died with that run; what is
        left is the role. Returns once those are gone whose target answers, or the patience is over.
        """
        left = self.unfinished()
        for lease in left:
            self.revoker.own(lease.id)
        tasks = {self.revoker.begin(each, each.ended_because or RESTARTED): each.target for each in left}
        soon = [task for task, target in tasks.items() if target not in self._house.down]
        if soon:
            await asyncio.wait(soon, timeout=REACH)
        return len(left)

    async def reconsider(self, who: Principal | None = None) -> list[LeaseId]:
        """End every lease that policy would not make the same today; which ones.

        Args:
            who: Only this person's, with the groups that they have now.
        """
        changed = []
        for held in [*self._held.values()]:
            owner = held.standing.basis.who
            concerned = who is None or (owner.same_person(who) and owner.agent == who.agent)
            if concerned and not await self._stays(held, who or owner):
                changed.append(held.lease.id)
        await asyncio.gather(*(self.end(lease_id, CHANGED) for lease_id in changed))
        return changed

    async def _stays(self, held: _Held, who: Principal) -> bool:
        """Whether `who` would get the lease as it is; if so it stands on today's policy from now on."""
        async with held.moving:
            basis = await again(self._house, held.standing.basis, who)
            if basis is not None:
                held.standing = replace(held.standing, basis=basis)
        return basis is not None

    async def close(self) -> None:
        """End every lease and wait a little for their roles to go; what is left the next start finds."""
        for task in self._draining:
            task.cancel()
        await asyncio.gather(*self._draining, return_exceptions=True)
        await asyncio.gather(*(self.end(lease.id, STOPPED) for lease in self.live()))
        await self.revoker.close()

    # Storing and recording

    async def _stored(self, lease: Lease) -> None:
        # In a thread: a commit waits for the disk, and the loop relays everybody's rows meanwhile.
        await asyncio.to_thread(self._store.put, lease)

    async def _durably(self, entry: Entry) -> None:
        await self._house.trail.durable(self._house.trail.record(entry))
