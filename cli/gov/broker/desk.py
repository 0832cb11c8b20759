"""Approval requests as the daemon keeps them: opened, answered once, spent once, and never forgotten.

The rules are `approval.settle`'s, the rows the store's. Here is the order in which things happen:

- A yes or no is in the trail, on disk, before it counts: nobody can run what no record allows.
- A request is spent before that is written down: what cannot be recorded is lost, not run twice.
- Between the two writes the request is doubtful, and stored as such: what a crash leaves in doubt is withdrawn
  at the next start, or ended once more in the trail, before anybody is served.
- What has begun is done to its end, also when whoever asked for it goes away in the middle.
- One lock per request puts answers, withdrawals and expiry in a row; the store's compare-and-set
  keeps that true should a second broker share the database.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from gov.approval import settle
from gov.approval.dataset import DataSet
from gov.approval.request import Answer, Request, RequestState
from gov.audit.entry import Entry
from gov.broker import entries
from gov.broker.house import House
from gov.errors import AlreadySettled, Denied, GovError, NoSuch, Unavailable
from gov.identity.principal import Principal
from gov.lease import ids
from gov.policy import glass
from gov.policy.permit import Permit
from gov.policy.roles import may_operate, may_read_trail
from gov.policy.situation import Situation
from gov.policy.unmask import approvers_of
from gov.store.requests import Requests
from gov.terms import LeaseId, RequestId, SessionId, StatementDigest

log = logging.getLogger(__name__)

OPEN = (RequestState.PENDING, RequestState.APPROVED)
"""States in which something can still come of a request."""
RESTARTED = "the broker restarted"
DOUBTFUL = "the broker stopped in the middle of a change, so nothing came of it"

P = ParamSpec("P")
T = TypeVar("T")
Method = Callable[Concatenate["RequestDesk", P], Coroutine[Any, Any, T]]


def _to_its_end(method: Method[P, T]) -> Method[P, T]:
    """Once begun the method runs to its end, whoever stops waiting for it."""

    @wraps(method)
    async def run(self: RequestDesk, /, *args: P.args, **more: P.kwargs) -> T:
        task = asyncio.create_task(method(self, *args, **more))
        self._begun.add(task)
        task.add_done_callback(self._over)
        return await asyncio.shield(task)

    return run


@dataclass(slots=True)
class _Watch:
    """What the loop knows of one open request."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    timer: asyncio.TimerHandle | None = None


class RequestDesk:
    """Every approval request of this broker."""

    def __init__(self, house: House, store: Requests) -> None:
        self._house = house
        self._store = store
        self._watched: dict[RequestId, _Watch] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._begun: set[asyncio.Task[Any]] = set()

    async def recover(self) -> None:
        """After a start: what is in doubt or was held in a session ends, the rest waits on until it expires."""
        for request in self._store.doubtful():
            await self._cleared(request)
        for request in self._store.open():
            self._watch(request)
            if request.session is not None or (request.unmasking is not None and request.unmasking.awaited):
                await self.withdraw(request.id, RESTARTED)

    def new_id(self) -> RequestId:
        """An id nobody has yet."""
        while True:
            fresh = ids.request_id(secrets.token_bytes(ids.ENOUGH))
            if self._store.get(fresh) is None:
                return fresh

    @_to_its_end
    async def open(self, request: Request) -> Request:
        """Store and record a pending request, and start its clock.

        Raises:
            Denied: the requester has too many open already.
            Unavailable, TooComplex: it cannot be stored or recorded, so nobody can be asked.
        """
        mine = sum(each.requester.same_person(request.requester) for each in self._store.open())
        if mine >= self._house.config.limits.requests_per_principal:
            what = f"{request.requester.name} has {mine} open requests, which is the limit"
            raise Denied(what, hint="gov requests shows them; withdraw what nobody needs")
        self._watch(request)
        # Locked, so that whoever sees it in the store answers after its record is on disk.
        async with self._locked(request.id):
            try:
                await asyncio.to_thread(self._store.put, request)
            except GovError:
                self._forget(request.id)
                raise
            try:
                await self._durably(
                    entries.request_opened(request, self._environment(request), self._house.clock()))
            except GovError:
                # Nobody may be asked about what is not on record.
                await self._replaced(request, settle.withdraw(request))
                raise
            await self._certain(request)
        return request

    def get(self, request_id: RequestId) -> Request:
        """The request.

        Raises:
            NoSuch: there is none.
        """
        found = self._store.get(request_id)
        if found is None:
            raise NoSuch(f"no request is called `{request_id}`", hint="gov requests --all")
        return found

    async def answered(self, request_id: RequestId) -> Request:
        """The request as soon as it is no longer pending. What it then says is on disk."""
        request = self.get(request_id)
        watch = self._watched.get(request_id)
        if request.state is RequestState.PENDING and watch is not None:
            await watch.changed.wait()
        return self.get(request_id)

    @_to_its_end
    async def answer(
        self,
        request_id: RequestId,
        who: Principal,
        *,
        yes: bool,
        reason: str = "",
        max_rows: int | None = None,
        alone: bool = False,
    ) -> Request:
        """The request with `who`'s answer, which is on disk.

        With `alone` it is their own request, which they go ahead with by a break-glass rule.

        Raises:
            NoSuch: there is no such request.
            Denied: `who` may not answer it: one's own, not an approver, signed in too long ago; or not alone.
            UsageError: a reason is owed, or the bound is none.
            AlreadySettled: it was answered, withdrawn or has expired.
            Unavailable: the answer cannot be recorded; it does not count.
        """
        async with self._locked(request_id):
            now = self._house.clock()
            request = self.get(request_id)
            settled = self._settled(request, Answer(who, yes, now, reason, max_rows), now, alone=alone)
            answer = settled.answers[-1]
            await asyncio.to_thread(self._store.doubt, request_id)
            await self._durably(entries.request_answered(settled, answer, self._environment(request), now))
            answered = await self._replaced(request, settled, recorded=True)
            if answered.expires_at != request.expires_at:
                self._watch(answered)
            return answered

    def _settled(self, request: Request, answer: Answer, now: float, *, alone: bool) -> Request:
        who, fresh_within = answer.approver, self._house.policy.fresh_within
        if not alone:
            settle.may_answer(self._current(request), who, now, fresh_within)
            return settle.answer(request, answer, now)
        left = replace(request, alone=self._alone(request, who))
        settle.may_break_glass(left, who, now, fresh_within)
        return settle.break_glass(request, replace(answer, alone=left.alone[0]), now)

    async def withdraw(self, request_id: RequestId, because: str) -> Request:
        """The request, withdrawn: it can no longer be answered or spent.

        Raises:
            NoSuch: there is no such request.
            AlreadySettled: it was denied, spent, withdrawn or has expired before.
        """
        return await self._end(request_id, lambda request, now: settle.withdraw(request), because)

    async def withdraw_of(self, user: str, because: str) -> list[RequestId]:
        """Withdraw every open request of the user of that name or subject; which ones."""
        theirs = [
            request for request in self._store.open() if user in (request.requester.name, request.requester.subject)
        ]
        for request in theirs:
            with suppress(AlreadySettled):
                await self.withdraw(request.id, because)
        return [request.id for request in theirs]

    async def expire(self, request_id: RequestId) -> Request:
        """The request, expired. Raises like `withdraw`."""
        # The timer knows better than the wall clock, which may have been set back meanwhile.
        return await self._end(
            request_id,
            lambda request, now: settle.expire(request, max(now, request.expires_at)),
            "nobody made use of it in time",
        )

    @_to_its_end
    async def spend(
        self,
        request_id: RequestId,
        digest: StatementDigest,
        definitions: str,
        session: SessionId | None = None,
        lease: LeaseId | None = None,
    ) -> Permit:
        """The permit for the approved statement, once.

        `session` names the session that spends a `--no-wait` request; a held one is spent in its own. `lease`
        is the one that is made of an approval to lift masks.

        Raises:
            Denied: it was approved for something else, or its approvers no longer may.
            AlreadySettled: it is not approved, or spent before.
            Unavailable: spending it cannot be recorded; it is spent nevertheless, and nothing runs.
        """
        async with self._locked(request_id):
            now = self._house.clock()
            request = self.get(request_id)
            self.still_entitled(request)
            try:
                spent, permit = settle.spend(request, digest, definitions, now, session)
            except settle.Voided as error:
                await self._settle(request, settle.void(request), error.what)
                raise
            await self._replaced(request, spent)
            await self._durably(entries.request_spent(spent, permit.session, now, lease=lease))
            await self._certain(spent)
            return permit

    def dataset(self, name: str) -> Request:
        """The request of the newest data set of that name.

        Raises:
            NoSuch: there is none.
        """
        newest = next((each for each in reversed(self.datasets()) if each.dataset and each.dataset.name == name), None)
        if newest is None:
            raise NoSuch(f"no data set is called `{name}`", hint="gov dataset list --all")
        return newest

    def datasets(self, *, settled: bool = True) -> list[Request]:
        """Requests for data sets, newest last."""
        rows = self._store.open()
        if settled:  # of these the newest alone; what can still be used is there however old it is
            rows += [each for each in self._store.all() if each.id not in {one.id for one in rows}]
            rows.sort(key=lambda each: each.created_at)
        return [each for each in rows if each.dataset is not None]

    def forget(self, before: float, whose: Callable[[Principal], bool] = lambda requester: True) -> int:
        """Let settled requests go that were made before that time; how many. Blocks. Raises Unavailable."""
        return self._store.forget(before, whose)

    def visible_to(self, who: Principal, *, settled: bool = False) -> list[Request]:
        """The requests that `who` made, may answer or, as operator or auditor, may see; newest last."""
        rows = self._store.all() if settled else self._store.open()
        return [request for request in rows if self.may_see(request, who)]

    def may_see(self, request: Request, who: Principal) -> bool:
        """Whether `who` may see the request at all."""
        policy = self._house.policy
        return (
            request.requester.same_person(who)
            or bool(request.approvers & who.groups)
            or (request.dataset is not None and bool((request.dataset.groups | request.dataset.also) & who.groups))
            or may_operate(policy, who)
            or may_read_trail(policy, who)
        )

    def may_answer(self, request: Request, who: Principal) -> bool:
        """Whether an answer by `who` would count now."""
        try:
            settle.may_answer(self._current(request), who, self._house.clock(), self._house.policy.fresh_within)
        except (Denied, AlreadySettled):
            return False
        return True

    def may_break_glass(self, request: Request, who: Principal) -> bool:
        """Whether `who` could go ahead alone with it now."""
        left = replace(request, alone=self._alone(request, who))
        try:
            settle.may_break_glass(left, who, self._house.clock(), self._house.policy.fresh_within)
        except (Denied, AlreadySettled):
            return False
        return True

    @property
    def pending(self) -> int:
        """Requests that wait for an answer."""
        return sum(request.state is RequestState.PENDING for request in self._store.open())

    async def close(self) -> None:
        """Stop the clocks; what is open stays open for `recover`."""
        for watch in self._watched.values():
            if watch.timer is not None:
                watch.timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._begun, return_exceptions=True)

    # Behind the counter

    def _over(self, task: asyncio.Task[Any]) -> None:
        """It ran to its end; an error is heard of, also where nobody waits for it any more."""
        self._begun.discard(task)
        if not task.cancelled():
            task.exception()

    @_to_its_end
    async def _end(self, request_id: RequestId, event: Callable[[Request, float], Request], because: str) -> Request:
        async with self._locked(request_id):
            request = self.get(request_id)
            ended = event(request, self._house.clock())
            if ended is not request:
                await self._settle(request, ended, because)
            return ended

    async def _settle(self, request: Request, ended: Request, because: str) -> None:
        await self._replaced(request, ended)
        await self._told(ended, because)

    async def _cleared(self, request: Request) -> None:
        """End what a crash left in doubt; what has ended already ends in the trail too, maybe twice."""
        if request.state in OPEN:
            await self._settle(request, settle.withdraw(request), DOUBTFUL)
        else:
            await self._told(request, DOUBTFUL)

    async def _told(self, ended: Request, because: str) -> None:
        try:
            await self._durably(entries.request_ended(ended, because, self._environment(ended), self._house.clock()))
        except Unavailable:
            # Nothing runs because of it, so it holds without its record until the next start, which tries again.
            log.error("the end of %s could not be recorded", ended.id)
        else:
            await self._certain(ended)

    async def _certain(self, request: Request) -> None:
        """Store and trail say the same. Where that cannot be stored, the next start says it once more."""
        try:
            await asyncio.to_thread(self._store.certain, request.id)
        except Unavailable as error:
            log.error("%s stays in doubt: %s", request.id, error)

    def _environment(self, request: Request) -> str:
        """Where it is; nothing for a target that the configuration has no longer."""
        known = self._house.config.targets.get(request.target)
        return known.environment if known else ""

    def _alone(self, request: Request, who: Principal) -> tuple[str, ...]:
        """The rules of today's policy by which `who` may go ahead alone, of those that it was opened with."""
        hour = datetime.fromtimestamp(self._house.clock(), UTC).hour
        on = Situation(
            request.target, self._environment(request), request.scope, purpose=request.purpose, hour=hour)
        return glass.still(self._house.policy, request.alone, who, on)

    def _current(self, request: Request) -> Request:
        """The request as today's policy sees it: whom it no longer names may no longer answer."""
        policy = self._house.policy
        if request.dataset is not None:
            return self._current_dataset(request, request.dataset)
        if request.unmasking is not None:
            named = approvers_of(policy, request.unmasking.rules)
        else:
            rules = (rule.approvers for rule in policy.guardrails if rule.name == request.rule)
            named = frozenset[str]().union(*rules)
        return replace(request, approvers=request.approvers & named)

    def _current_dataset(self, request: Request, dataset: DataSet) -> Request:
        policy = self._house.policy
        offered = (rule.approvers for rule in policy.datasets if rule.name == request.rule)
        held = (rule.approvers for rule in policy.guardrails if rule.name == dataset.rule)
        also = dataset.also & frozenset[str]().union(*held)
        approvers = request.approvers & frozenset[str]().union(*offered)
        return replace(request, approvers=approvers, dataset=replace(dataset, also=also))

    def still_entitled(self, request: Request) -> None:
        """Whoever said yes may still say so.

        Raises:
            Denied: policy has since taken that right away.
        """
        now = self._current(request)
        entitled = now.approvers | (now.dataset.also if now.dataset else frozenset())
        if (alone := request.break_glass) is not None:
            if alone.alone in self._alone(request, alone.approver):
                return
            raise Denied(
                f"{alone.alone} no longer lets {alone.approver.display} go ahead alone with {request.id}",
                hint="ask again and have it approved",
            )
        for answer in request.answers:
            if answer.yes and not answer.approver.groups & entitled:
                raise Denied(
                    f"{answer.approver.display}, who approved {request.id}, may no longer do so",
                    hint="ask again and have it approved anew",
                )

    async def _replaced(self, old: Request, new: Request, *, recorded: bool = False) -> Request:
        """Store `new` if nobody has changed `old`, and wake up whoever waits for it."""
        if not await asyncio.to_thread(self._store.replace, old, new, recorded=recorded):
            raise AlreadySettled(f"{old.id} was settled meanwhile", hint=f"gov requests --all shows {old.id}")
        if new.state is not old.state:
            if watch := self._watched.get(new.id):
                watch.changed.set()
            if new.state not in OPEN:
                self._forget(new.id)
        return new

    def _forget(self, request_id: RequestId) -> None:
        watch = self._watched.pop(request_id, None)
        if watch is not None and watch.timer is not None:
            watch.timer.cancel()

    def _watch(self, request: Request) -> None:
        """Let the request expire when its time is over, on the monotonic clock."""
        left = max(request.expires_at - self._house.clock(), 0.0)
        watch = self._watched.setdefault(request.id, _Watch())
        if watch.timer is not None:
            watch.timer.cancel()
        watch.timer = asyncio.get_running_loop().call_later(left, self._overdue, request.id)

    def _overdue(self, request_id: RequestId) -> None:
        task = asyncio.create_task(self._expired(request_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _expired(self, request_id: RequestId) -> None:
        with suppress(AlreadySettled):
            await self.expire(request_id)

    @asynccontextmanager
    async def _locked(self, request_id: RequestId) -> AsyncIterator[None]:
        """One at a time for each request."""
        watch = self._watched.get(request_id) or _Watch()
        async with watch.lock:
            yield

    async def _durably(self, entry: Entry) -> None:
        await self._house.trail.durable(self._house.trail.record(entry))
