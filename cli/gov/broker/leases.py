"""Leases from the asking to the verified end of their role on the target.

The order is the safety (DESIGN 5): the intent is stored before the role is made, the role is made
before the grant is recorded, the record is on disk before the secret leaves. Whatever fails in
between ends the lease. Ending is: out of `by_role`, sessions ended, role fenced, killed, verified
gone and dropped, tried again until it is.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import secrets
from collections.abc import Collection, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

import psycopg

from gov.approval.request import RequestState
from gov.audit.entry import Entry
from gov.broker import entries, views
from gov.broker.house import House, scope_of
from gov.control.models import LeaseAsk, LeaseGrant
from gov.errors import Denied, GovError, LeaseEnded, NoSuch, NotApproved, Unavailable, Unreachable, UsageError
from gov.identity.principal import Principal
from gov.lease import ids, secret
from gov.lease.lease import Lease, LeaseState
from gov.lease.names import lease_role
from gov.lease.states import LeaseEvent, move
from gov.policy.access import access
from gov.policy.decision import Access, NoAccess, Outcome
from gov.policy.outcome import outcome
from gov.policy.rules import Policy
from gov.store.leases import Leases
from gov.target.profiles import Profile
from gov.target.target import Target
from gov.terms import LeaseId, RequestId, Scope, SessionId, TargetName

log = logging.getLogger(__name__)

HOUR = 3600.0
GRACE = 30.0
"""Seconds that a running statement has left when its lease expires, unless policy says otherwise."""
REACH = 6.0
"""Seconds to wait for a target while a person waits for a lease."""
TRIES = 6
"""Attempts at dropping a role before the lease counts as stuck; the attempts go on for ever."""
RETRY_AT_MOST = 30.0
RESTARTED = "the broker restarted"
EXPIRED = "the lease expired"
CHANGED = "policy changed, reconnect"


@dataclass(frozen=True, slots=True)
class _Terms:
    """On what a lease stands. A new catalog gives it new ones; a new policy ends it."""

    policy: Policy
    access: Access
    catalog: str
    """Version of the catalog that `outcome` was made with."""
    outcome: Outcome
    profile: Profile

    @property
    def grace(self) -> float:
        """Seconds that a running statement has left when the lease expires."""
        return GRACE if self.access.max_statement is None else self.access.max_statement


@dataclass(slots=True)
class _Held:
    """What only the running broker knows of a live lease."""

    lease: Lease
    terms: _Terms
    timer: asyncio.TimerHandle
    moving: asyncio.Lock = field(default_factory=asyncio.Lock)


class LeaseDesk:
    """Every lease of this broker."""

    def __init__(self, house: House, store: Leases) -> None:
        self._house = house
        self._store = store
        self._held: dict[LeaseId, _Held] = {}
        self._roles: dict[str, LeaseId] = {}
        self._owned: set[LeaseId] = set()
        self._back: dict[TargetName, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()

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
        target, name, scope = self._house.target(ask.target), TargetName(ask.target), scope_of(ask.scope)
        policy = self._house.policy
        granted = await self._admitted(who, name, scope, ask)
        self._up(name)
        terms = await self._terms(policy, granted, who, name, scope, anew=True)
        password = secrets.token_urlsafe(32)
        lease = self._intent(who, name, scope, ask, terms, password)
        self._owned.add(lease.id)
        try:
            # Intent before effect: from here on a crash finds the lease, and with it the role's name.
            await self._stored(lease)
            active = await self._made(lease, target, terms.profile)
        except BaseException as error:
            # Refused, broken or cancelled: the role may exist or not, so it is taken back.
            because = error.what if isinstance(error, GovError) else "it could not be made"
            self._spawn(self._finish(lease, because))
            raise
        held = self._hold(active, terms)
        if self._house.policy is not policy and not await self._same(held, who):
            await self.end(lease.id, CHANGED)
            raise Denied("the policy changed while the lease was made", hint="ask again")
        return self._grant(active, terms, target, password)

    async def _admitted(self, who: Principal, name: TargetName, scope: Scope, ask: LeaseAsk) -> Access:
        """The access that policy grants, once everything it asks for is there."""
        environment = self._house.environment(name)
        try:
            answer = access(self._house.policy, who, name, environment, scope)
            if isinstance(answer, NoAccess):
                raise refusal(answer)
            _owed(answer, ask)
            self._affordable(who)
            self._spendable(who, name, scope, ask)
        except GovError as error:
            await self._durably(entries.lease_refused(who, ask, environment, error, self._house.clock()))
            raise
        return answer

    def _affordable(self, who: Principal) -> None:
        mine = sum(held.lease.principal.same_person(who) for held in self._held.values())
        if mine >= self._house.config.limits.leases_per_principal:
            raise Denied(f"{who.name} holds {mine} leases, which is the limit", hint="gov leases; gov kill ID")

    def _spendable(self, who: Principal, name: TargetName, scope: Scope, ask: LeaseAsk) -> None:
        """The request that this lease shall spend is approved, and the same person's for the same thing."""
        if ask.request is None:
            return
        request = self._house.desk.get(RequestId(ask.request))
        hint = f"gov requests --all --json shows what {request.id} is for"
        if not request.requester.same_person(who) or request.requester.agent != who.agent:
            raise Denied(f"{request.id} is somebody else's request", hint=hint)
        if (request.target, request.scope) != (name, scope) or ask.purpose not in ("", request.purpose):
            raise Denied(f"{request.id} is for {request.target} with scope {request.scope}", hint=hint)
        if request.session is not None:
            raise Denied(f"{request.id} belongs to the session it is held in", hint=hint)
        if request.state is not RequestState.APPROVED:
            raise NotApproved(f"{request.id} is {request.state}", hint=f"gov requests --all shows {request.id}")

    def _up(self, name: TargetName) -> None:
        why = self._house.down.get(name)
        if why is not None:
            hint = f"gov broker check {name}; it is asked again every few seconds"
            raise Unreachable(f"the target {name} is down", hint=hint, detail=why)

    async def _terms(
        self, policy: Policy, granted: Access, who: Principal, name: TargetName, scope: Scope, *, anew: bool
    ) -> _Terms:
        """What policy makes of it with today's catalog, and the role on the target that holds just that.

        `anew` is for a lease that begins: columns that masked tables gained since are judged for it,
        while for a lease that goes on they stay closed.
        """
        target = self._house.target(name)
        with self._reaching(name):
            async with asyncio.timeout(REACH):
                catalog = await target.catalog()
                environment = self._house.environment(name)
                content = outcome(policy, who, name, environment, scope, catalog)
                profile = await target.profile(content, seen=catalog.version if anew else None)
        return _Terms(policy, granted, catalog.version, content, profile)

    def _intent(
        self, who: Principal, name: TargetName, scope: Scope, ask: LeaseAsk, terms: _Terms, password: str
    ) -> Lease:
        now = self._house.clock()
        lease_id = ids.lease_id(secrets.token_bytes(ids.ENOUGH))
        request = self._house.desk.get(RequestId(ask.request)) if ask.request else None
        return Lease(
            id=lease_id,
            principal=who,
            target=name,
            scope=scope,
            role=lease_role(self._house.installation, lease_id),
            profile=terms.outcome.digest,
            purpose=request.purpose if request else ask.purpose,
            reason=ask.reason,
            rule=terms.access.rule,
            state=LeaseState.CREATING,
            created_at=now,
            expires_at=now + _ttl(terms.access, ask.ttl),
            verifier=secret.verifier(password, secrets.token_bytes(16)),
            request=request.id if request else None,
        )

    async def _made(self, lease: Lease, target: Target, profile: Profile) -> Lease:
        """The lease, active: its role is there and its record on disk."""
        with self._reaching(lease.target):
            async with asyncio.timeout(REACH):
                await target.mint(lease.id, lease.role, profile, lease.expires_at)
        active = replace(lease, state=move(lease.state, LeaseEvent.CREATED))
        await self._stored(active)
        await self._durably(entries.lease_created(active, self._house.environment(lease.target), self._house.clock()))
        return active

    @contextmanager
    def _reaching(self, name: TargetName) -> Iterator[None]:
        """Turn what a target says or leaves unsaid into an error of ours."""
        try:
            yield
        except TimeoutError:
            raise Unreachable(f"the target {name} does not answer", hint="gov broker status") from None
        except psycopg.Error as error:
            what = f"the target {name} refuses to make the lease"
            raise Unavailable(what, hint=f"gov broker check {name}", detail=str(error)) from error

    def _hold(self, lease: Lease, terms: _Terms) -> _Held:
        left = max(lease.expires_at - self._house.clock(), 0.0)
        timer = asyncio.get_running_loop().call_later(left, self._expired, lease.id)
        held = _Held(lease, terms, timer)
        self._held[lease.id] = held
        self._roles[lease.role] = lease.id
        return held

    def _grant(self, lease: Lease, terms: _Terms, target: Target, password: str) -> LeaseGrant:
        public = self._house.config.public.gateway
        return views.grant(
            lease,
            terms.outcome,
            host=public.host,
            port=public.port,
            password=password,
            database=target.database,
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

    def outcome_of(self, lease: Lease) -> Outcome:
        """What policy made of the lease, as `current` last saw it.

        Raises:
            LeaseEnded: it is over.
        """
        return self._live(lease).terms.outcome

    def profile_of(self, lease: Lease) -> Profile:
        """The profile whose member the lease's role is, as `current` last saw it.

        Raises:
            LeaseEnded: it is over.
        """
        return self._live(lease).terms.profile

    async def current(self, lease: Lease) -> tuple[Outcome, Profile]:
        """What the lease reaches by today's catalog, and the profile that holds it.

        Tables come and go under a lease. Where that changes the outcome, its role moves to another
        profile: what is new and granted comes into reach, under the same policy as before.

        Raises:
            LeaseEnded: it is over.
            Unreachable, Unavailable: the target does not do it; the lease stays where it was.
        """
        held, target = self._live(lease), self._house.target(lease.target)
        async with held.moving:
            old = held.terms
            if (await target.catalog()).version != old.catalog:
                new = await self._terms(old.policy, old.access, lease.principal, lease.target, lease.scope, anew=False)
                if new.profile.role != old.profile.role:
                    await target.move(lease.role, old.profile, new.profile)
                held.terms = new
        return held.terms.outcome, held.terms.profile

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

    def _live(self, lease: Lease) -> _Held:
        held = self._held.get(lease.id)
        if held is None:
            raise LeaseEnded(f"the lease {lease.id} is over", hint=f"gov connect {lease.target}")
        return held

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

    @property
    def owned(self) -> Collection[str]:
        """The leases whose roles the sweep must leave alone.

        A live view: a lease is in it before its role is made, so a sweep that looks at roles first
        and here second never meets a role that is too new to be known.
        """
        return self._owned

    def versions(self, name: TargetName) -> set[str]:
        """The versions of masked views that live leases on a target use."""
        return {held.terms.profile.version for held in self._held.values() if held.lease.target == name}

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
        self._spawn(self._drain(lease_id))

    async def _drain(self, lease_id: LeaseId) -> None:
        """An expired lease ends softly: no new statement, a grace for the running one, then the end."""
        held = self._release(lease_id)
        if held is not None:
            await self._house.sessions.drain(lease_id, held.terms.grace)
            await self._end(held.lease, EXPIRED)

    async def _end(self, lease: Lease, because: str) -> list[SessionId]:
        sessions = await self._house.sessions.end_lease(lease.id, because)
        task = self._spawn(self._finish(lease, because))
        if lease.target not in self._house.down:
            # A healthy target needs milliseconds: whoever says `gov kill` then knows that the role is gone.
            await asyncio.wait([task], timeout=REACH)
        return sessions

    async def _finish(self, lease: Lease, because: str) -> None:
        """Bring the role of a lease to its verified end, however long that takes."""
        ending = replace(lease, state=move(lease.state, LeaseEvent.END), ended_because=because)
        await self._insisted(ending)
        try:
            self._house.trail.record(entries.lease_ended(ending, self._house.clock()))
        except Unavailable:
            # Taking a right away does not wait for the log; giving one does.
            log.error("the end of %s could not be recorded", lease.id)
        for attempt in itertools.count(1):
            if await self._dropped(ending):
                await self._insisted(replace(ending, state=LeaseState.ENDED))
                self._owned.discard(lease.id)
                return
            if attempt == TRIES:
                log.error("%s: the role %s on %s cannot be dropped", lease.id, lease.role, lease.target)
                await self._insisted(replace(ending, state=LeaseState.STUCK))
            await self._pause(lease.target, attempt)

    async def _dropped(self, lease: Lease) -> bool:
        target = self._house.targets.get(lease.target)
        if target is None:
            return False  # taken out of the configuration: stuck, until it is back
        try:
            async with asyncio.timeout(RETRY_AT_MOST):
                await target.revoke(lease.role)
        except (GovError, psycopg.Error, TimeoutError, ValueError) as error:
            # ValueError: a role of another broker key, which this one must not touch.
            log.warning("%s: %s is not dropped yet: %s", lease.id, lease.role, error)
            return False
        return True

    async def _pause(self, name: TargetName, attempt: int) -> None:
        """Doubling, with jitter so that many leases do not knock at once; cut short by `retry`."""
        seconds = min(0.25 * 2**attempt, RETRY_AT_MOST) * random.uniform(0.5, 1.0)  # noqa: S311 - not a secret
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._back.setdefault(name, asyncio.Event()).wait()

    def retry(self, name: TargetName) -> None:
        """A target is back: do not wait any longer with what failed there."""
        waited = self._back.pop(name, None)
        if waited is not None:
            waited.set()

    # Start, reload, stop

    async def recover(self) -> int:
        """End every lease of a run before this one; how many there were.

        Their client secrets are worth nothing any more and their sessions died with that run; what is
        left is the role. Returns once each was tried once or the patience is over.
        """
        left = self.unfinished()
        self._owned.update(lease.id for lease in left)
        tasks = [self._spawn(self._finish(lease, lease.ended_because or RESTARTED)) for lease in left]
        if tasks:
            await asyncio.wait(tasks, timeout=REACH)
        return len(left)

    async def reconsider(self, who: Principal | None = None) -> list[LeaseId]:
        """End every lease that policy would not make the same today; which ones.

        Args:
            who: Only this person's, with the groups that they have now.
        """
        changed = []
        for held in [*self._held.values()]:
            owner = held.lease.principal
            concerned = who is None or (owner.same_person(who) and owner.agent == who.agent)
            if concerned and not await self._same(held, who or owner):
                changed.append(held.lease.id)
        await asyncio.gather(*(self.end(lease_id, CHANGED) for lease_id in changed))
        return changed

    async def _same(self, held: _Held, who: Principal) -> bool:
        """Whether `who` would get the lease as it is."""
        lease, policy = held.lease, self._house.policy
        environment = self._house.environment(lease.target)
        if isinstance(access(policy, who, lease.target, environment, lease.scope), NoAccess):
            return False
        try:
            catalog = await self._house.targets[lease.target].catalog()
        except GovError:
            return False
        # Both with the catalog of now: a table that came or went meanwhile is no change of policy.
        old, new = (
            outcome(rules, person, lease.target, environment, lease.scope, catalog)
            for rules, person in ((held.terms.policy, lease.principal), (policy, who))
        )
        return old.digest == new.digest

    async def close(self) -> None:
        """End every lease and wait a little for their roles to go; what is left the next start finds."""
        await asyncio.gather(*(self.end(lease.id, "the broker stopped") for lease in self.live()))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # Storing and recording

    async def _stored(self, lease: Lease) -> None:
        # In a thread: a commit waits for the disk, and the loop relays everybody's rows meanwhile.
        await asyncio.to_thread(self._store.put, lease)

    async def _insisted(self, lease: Lease) -> None:
        """Store the state of a lease that is ending; when it cannot be, the next start ends it again."""
        try:
            await self._stored(lease)
        except GovError as error:
            log.error("%s: the state %s is not stored: %s", lease.id, lease.state, error)

    async def _durably(self, entry: Entry) -> None:
        await self._house.trail.durable(self._house.trail.record(entry))

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def refusal(answer: NoAccess) -> Denied:
    """The error that says why there is no lease: the first reason, and the others as detail."""
    first, *others = answer.reasons
    return Denied(first, hint=answer.hint, detail="\n".join(others))


def _owed(granted: Access, ask: LeaseAsk) -> None:
    for owed, given, flag in (
        (granted.reason_required, ask.reason, "--reason"),
        (granted.purpose_required, ask.purpose, "--purpose"),
    ):
        if owed and not given.strip():
            raise UsageError(f"the rule {granted.rule} asks for a {flag.removeprefix('--')}", hint=f"add {flag} TEXT")


def _ttl(granted: Access, asked: int | None) -> float:
    """Seconds: what was asked, at most what the rule allows; an hour when nothing was asked."""
    if asked is not None and asked <= 0:
        raise UsageError(f"a lease of {asked} seconds is none", hint="--ttl 1h")
    return min(HOUR if asked is None else float(asked), granted.max_ttl)
