"""One client connection through the gateway, from the first statement to the last byte.

`inbox` cuts what the client sends into messages, `group` hears them, `judging` knows what its statements
mean, `recording` writes of them, `listening` hears the database; here they hang together. What can be answered
at once is, without a task or an await. What cannot (an unknown text, a hold, a one-shot run) is awaited in one
task at a time while the client's bytes wait in the inbox.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any

from gov.broker import upstream
from gov.broker.allowing import Bound
from gov.broker.group import Group
from gov.broker.house import House
from gov.broker.inbox import Inbox
from gov.broker.judge import Subject
from gov.broker.judging import Judging
from gov.broker.listening import Listening
from gov.broker.recording import Recording
from gov.broker.views import rfc3339
from gov.broker.wire import Side
from gov.control.access import SessionView
from gov.errors import AlreadySettled, GovError, LeaseEnded, LimitReached, ProtocolError, Unavailable, Unverified
from gov.lease.lease import Lease
from gov.protocol import frames
from gov.protocol.replies import IDLE, Awaits, Expected, Replies
from gov.target.target import Target
from gov.terms import LeaseId, Relation, RequestId, SessionId, TargetName

HEARS_OUT = 3.0
"""Seconds that whoever sent what is no message may go on sending, so that it hears why and not of a reset."""
LINGER = 10.0
"""Seconds that a client has to read what is left once its session has ended."""


class Session:
    """See the module docstring. Made by the gateway once both sides are authenticated."""

    def __init__(self, house: House, lease: Lease, target: Target, subject: Subject, client: Side,
                 link: upstream.Link, session_id: SessionId, key: bytes, peer: str) -> None:
        self.house, self.lease, self.target = house, lease, target
        self.client, self.link, self.peer = client, link, peer
        self.id, self.key, self.pid = session_id, key, link.pid
        self.lease_id: LeaseId = lease.id
        self.group = Group(self)
        self.judging = Judging(self, subject, link.parameters.get("search_path"))
        self.listening = Listening(self)
        self.replies = Replies(self.listening)
        self.cursors_counted: list[Bound] = []
        """What the rows of its cursors count against."""
        self.held: RequestId | None = None
        self.running_apart: upstream.Link | None = None
        self.ending: str | None = None
        """Why no new statement is taken."""
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.inbox = Inbox(self)
        self.recording = Recording(house, lease, subject, session_id)
        self._because = "the client left"
        self._goodbye = False
        self._started = house.clock()
        self._count = 0
        self._limits = house.config.limits
        self._cancels = 0
        self._drained: asyncio.Future[None] | None = None
        self._waiting: asyncio.Future[None] | None = None
        """Done when the client cancels what waits."""
        self._tasks: set[asyncio.Task[Any]] = set()

    # Beginning and end

    async def learn(self) -> None:
        """Take over the target's side, and learn what names mean there."""
        self.link.side.lost = self._upstream_lost
        self.link.side.attach(self._from_upstream)
        await self.judging.learn()

    def start(self) -> None:
        """Relay."""
        self.link.side.peer, self.client.peer = self.client, self.link.side
        self.client.lost = self.leave
        self.client.paced = True
        self.client.patience, self.client.stalled = self._limits.unread_seconds, self._unread
        self.client.flowing = self.inbox.in_turn
        self.client.attach(self.inbox.take)

    @property
    def idle(self) -> bool:
        """Whether the database waits, outside a transaction."""
        return not self.replies.expected and self.replies.status == IDLE

    def tell(self, notice: bytes) -> None:
        """Say something of our own, between two messages of the database's."""
        if self.replies.amid:
            self.replies.aside += notice
        else:
            self.client.write(notice)

    def summary(self) -> dict[str, object]:
        """What it did, for the entry at its end."""
        return {
            "statements": self._count, "duration_ms": round((self.house.clock() - self._started) * 1000),
            "because": self._because, "client": self.peer,
        }

    def view(self) -> SessionView:
        """How it is now."""
        state = "active" if self.replies.expected or self.inbox.busy else "idle"
        if self.held is not None:
            state = "held"
        elif state == "idle" and self.replies.status != IDLE:
            state = "idle in transaction"
        return SessionView.model_validate({
            "id": self.id, "lease": self.lease.id, "principal": self.lease.principal.display,
            "target": self.lease.target, "scope": self.lease.scope.value, "client": self.peer, "state": state,
            "started_at": rfc3339(self._started), "statements": self._count, "backend_pid": self.pid,
            "request": self.held,
        })

    def end(self, because: str) -> None:
        """End it now: what runs is cancelled, the client hears 57P01."""
        self.fatal(LeaseEnded(f"the session was ended: {because}", hint=f"gov connect {self.lease.target}"), because)

    async def drain(self, because: str, grace: float) -> None:
        """Take no new statement, let the running one have `grace` seconds, then end."""
        self.ending = because
        if self.replies.expected or self.inbox.busy is not None:
            self.tell(frames.notice("01000", f"{because}; the running statement has {grace:.0f} s left"))
            settled = asyncio.ensure_future(self._settled())
            await asyncio.wait([settled, self.closed], timeout=grace, return_when=asyncio.FIRST_COMPLETED)
            settled.cancel()
        self.end(because)

    async def _settled(self) -> None:
        """Wait for what runs, but for nobody's answer to a request."""
        await self.drained()
        if self.inbox.busy is not None and self.held is None:
            await asyncio.wait([self.inbox.busy])

    @property
    def pending(self) -> bool:
        """Whether something that was sent to the database is not answered yet."""
        return bool(self.replies.expected)

    def reaches(self, target: TargetName, relations: frozenset[Relation]) -> bool:
        """Whether something that is on its way to the database may touch one of `relations`."""
        return self.lease.target == target and any(
            _reaches(each, relations) for each in (*self.replies.expected, *self.group.gathered)
        )

    async def while_open(self, event: Awaitable[None]) -> bool:
        """Wait for something that no message of the database's will tell of; False when the client cancelled."""
        waiting = asyncio.ensure_future(event)
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait([waiting, self._waiting, self.closed], return_when=asyncio.FIRST_COMPLETED)
            return waiting.done()
        finally:
            waiting.cancel()
            self._waiting = None

    def sever(self) -> None:
        """Cut both connections, from another thread than the loop's. The target first: nothing more reaches it."""
        self.link.side.sever()
        self.client.sever()

    def cancel(self) -> None:
        """The client wants what runs, or waits for approval, to stop."""
        if self._waiting is not None:
            if not self._waiting.done():
                self._waiting.set_result(None)
        elif self.held is not None:
            self.spawn(self.withdraw(self.held, "cancelled by the requester"))
        elif self._cancels < 2:  # one may have come too early; a third says nothing new
            self._cancels += 1
            self.spawn(self._cancel())

    async def _cancel(self) -> None:
        try:
            await upstream.cancel(self.running_apart or self.link)
        finally:
            self._cancels -= 1

    async def withdraw(self, request: RequestId, because: str) -> None:
        """Withdraw a request of this session that is still open."""
        try:
            await self.house.desk.withdraw(request, because)
        except (AlreadySettled, Unavailable):
            return

    def leave(self) -> None:
        """The client is gone; when it said goodbye before, what it asked for runs to its end."""
        if not self._goodbye:
            self._finish(b"")

    def terminate(self) -> None:
        """The client says goodbye. PostgreSQL hears of it when all before is done, and so it is here."""
        self._goodbye = True
        self.inbox.later(self._terminate())

    async def _terminate(self) -> None:
        if not self.replies.copying:  # or it would wait for data that nobody will send
            await self.drained()
        self._finish(b"")

    def fatal(self, error: GovError, because: str = "") -> None:
        """End it with an error that the client hears."""
        self._because = because or error.what
        self._finish(frames.error(error, severity="FATAL"))

    def _unread(self) -> None:
        because = f"the client read nothing for {self._limits.unread_seconds:.0f} s"
        self.fatal(LimitReached(because, hint="limits.unread_seconds of the broker", state="57P05"), because)

    def _upstream_lost(self) -> None:
        self.fatal(Unavailable("the target ended the connection", hint="gov broker status"))

    def _finish(self, last: bytes) -> None:
        """The one way a session ends; `last` is what the client hears."""
        if self.closed.done():
            return
        self.closed.set_result(None)
        if self.inbox.busy is not None and self.inbox.busy is not asyncio.current_task():
            self.inbox.busy.cancel()
        if self.replies.expected:
            self.spawn(self._stop_upstream())
        else:
            self.link.close()
        self.client.write(b"" if self.replies.amid else last)
        patience = LINGER
        if self.inbox.overlong:
            self.client.hear_out()
            patience = HEARS_OUT
        else:
            self.client.close()
        if not self.client.closed:
            self.client.lost = asyncio.get_running_loop().call_later(patience, self.client.abort).cancel
        self._abandon()
        self.house.sessions.remove(self)

    def _abandon(self) -> None:
        """Complete the entries of what was still running."""
        asked = {each.turn for each in self.replies.expected if each.turn is not None}
        for playing in asked | set(self.group.portals.values()):
            try:
                playing.failed("57P01", "the session ended while it ran")
            except GovError:
                break

    async def _stop_upstream(self) -> None:
        await upstream.cancel(self.link)
        self.link.side.abort()

    # What its parts ask for

    def count(self) -> int:
        """The number of the next statement."""
        self._count += 1
        return self._count

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run `work` beside what the session does."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drained(self) -> None:
        """Wait until the database has answered everything that was forwarded."""
        while self.replies.expected and not self.closed.done():
            await self._stirred()

    async def asked_for_data(self) -> None:
        """Wait until the database takes copy data, or has refused to: what a client sends ahead of that waits too."""
        while self.replies.expected and not self.replies.copying and not self.closed.done():
            await self._stirred()

    async def _stirred(self) -> None:
        if self._drained is None:
            self._drained = asyncio.get_running_loop().create_future()
        await asyncio.wait([self._drained, self.closed], return_when=asyncio.FIRST_COMPLETED)

    async def exchange(self, data: bytes) -> list[tuple[int, bytes]]:
        """Send `data`, which ends in Query or Sync, for ourselves; every reply up to ReadyForQuery.

        What is not the client's own goes as `frames.build_own`, so that it takes nothing of the client's away.

        Raises:
            Unavailable: The session ended meanwhile.
        """
        await self.drained()
        captured: list[tuple[int, bytes]] = []
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def complete() -> None:
            if not done.done():
                done.set_result(None)

        if not self.replies.expect(Expected(Awaits.QUERY, captured=captured, done=complete)):
            raise Unavailable("the statement stands behind an error and is skipped", hint="sync, and send it again")
        self.link.side.write(data)
        await asyncio.wait([done, self.closed], return_when=asyncio.FIRST_COMPLETED)
        if not done.done():
            raise Unavailable("the session ended", hint=f"gov connect {self.lease.target}")
        return captured

    # From the target

    def _from_upstream(self, data: memoryview) -> None:
        if self.closed.done():
            return
        try:
            out = self.replies.feed(data)
        except (ProtocolError, Unverified) as error:
            self.fatal(error)
            return
        self.answer(out)

    def answer(self, out: bytes) -> None:
        """Send replies on, as far as the trail allows."""
        if out:
            self.client.write(out)
        self.inbox.answered()
        if self.replies.withheld:
            self.link.side.pause("withheld")
            self.spawn(self.listening.go_on())
            return
        if not self.replies.expected:
            self.group.names.drained()
        elif not self.replies.copying:
            return
        if self._drained is not None:
            if not self._drained.done():
                self._drained.set_result(None)
            self._drained = None


def _reaches(each: Expected, relations: frozenset[Relation]) -> bool:
    """What has no statement of its own, a Parse or a query of ours, may reach anything; it is over soon."""
    if each.turn is None:
        return each.awaits in (Awaits.PARSE, Awaits.QUERY)
    facts = each.turn.run.judged.facts
    return not relations.isdisjoint(facts.reads | facts.writes)
