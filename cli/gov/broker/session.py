"""One client connection through the gateway, from the first statement to the last byte.

Client messages are gathered up to Sync and judged before any of them is forwarded; replies go back as
they come. What can be answered at once is, without a task or an await; what cannot (an unknown text, a
hold, a one-shot run) is awaited in `_busy` while the client's bytes wait in `_inbox`.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, cast

from gov.broker import apart, upstream
from gov.broker.house import House
from gov.broker.judge import Subject, judge_outline, masked_fields, outlined
from gov.broker.plans import Plans
from gov.broker.playing import Playing, entry
from gov.broker.prepared import Names, Prepared
from gov.broker.views import rfc3339
from gov.broker.wire import Side
from gov.control.models import SessionView
from gov.errors import (
    AlreadySettled,
    GovError,
    LeaseEnded,
    NotUnderstood,
    ProtocolError,
    StatementFailed,
    Unavailable,
    Unverified,
)
from gov.lease.lease import Lease
from gov.policy.decision import Verdict
from gov.protocol import frames
from gov.protocol.conversation import Phase, hear
from gov.protocol.replies import FAILED, IDLE, Awaits, Expected, Replies
from gov.session.path import read_path
from gov.sql.bind import follow
from gov.sql.statement import Outline
from gov.target.target import Target
from gov.terms import Effect, LeaseId, RequestId, SessionId
from gov.turn import Judged, Record, Route, Statement

log = logging.getLogger(__name__)

INBOX = 1 << 20
"""Bytes that a client may send ahead while its statement is awaited: 1 MiB; then we stop reading."""
_header = struct.Struct("!BI")
_COPY_DATA = ord("d")
_NOWHERE = frames.build_bind(b"", b"gov: refused", bytes(6))
"""A Bind of a statement that never exists: the database fails at this place, as it would after any error."""


class Session:
    """See the module docstring. Made by the gateway once both sides are authenticated."""

    def __init__(self, house: House, lease: Lease, target: Target, subject: Subject, client: Side, link: upstream.Link,
                 session_id: SessionId, key: bytes, peer: str) -> None:
        self.house, self.lease, self.target, self.subject = house, lease, target, subject
        self.client, self.link = client, link
        self.id, self.key, self.pid = session_id, key, link.pid
        self.lease_id: LeaseId = lease.id
        self.peer = peer
        self.replies = Replies(self)
        self.replies.status = IDLE
        self.search_path: tuple[str, ...] = ()
        self.held: RequestId | None = None
        self.closed = asyncio.get_running_loop().create_future()
        who = lease.principal
        self._common: dict[str, object] = {
            "session": session_id, "lease": lease.id, "principal": who.name, "subject": who.subject,
            "issuer": who.issuer, "agent": who.agent, "target": lease.target, "environment": subject.environment,
            "scope": lease.scope.value, "client": subject.client, "purpose": lease.purpose,
        }
        self._started = house.clock()
        self._count = 0
        self._phase = Phase.READY
        self._inbox = bytearray()
        self._skip = 0
        self._busy: asyncio.Task[None] | None = None
        self._work_ahead: list[Coroutine[Any, Any, None]] = []
        self.running_apart: upstream.Link | None = None
        self._group: list[tuple[bytes, Expected | None]] = []
        self._groups = 0
        self._partly = False
        self._answer_sync = False
        self._apart: apart.Apart | None = None
        self._names = Names()
        self._prepared: dict[str, Outline] = {}
        """What SQL's PREPARE gave names; never forgotten, since a name that is gone fails at the database."""
        self._portals: dict[bytes, Playing] = {}
        self._plans = Plans()
        self._plans_for: tuple[object, ...] = ()
        self._stale = False
        self._reported_path = link.parameters.get("search_path")
        self._set_in_transaction = False
        self._syncing: asyncio.Task[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._masked_fields: frozenset[tuple[int, int]] = frozenset()
        self._ending: str | None = None
        self._because = "the client left"
        self._tasks: set[asyncio.Task[Any]] = set()

    # Beginning and end

    async def learn(self) -> None:
        """Take over the target's side, and learn what names mean there."""
        self.link.side.lost = self._upstream_lost
        self.link.side.attach(self._from_upstream)
        await self._learn()

    def start(self) -> None:
        """Relay."""
        self.link.side.peer, self.client.peer = self.client, self.link.side
        self.client.lost = self._client_lost
        self.client.attach(self._from_client)

    def summary(self) -> dict[str, object]:
        """What it did, for the entry at its end."""
        return {
            "statements": self._count, "duration_ms": round((self.house.clock() - self._started) * 1000),
            "because": self._because, "client": self.peer,
        }

    def view(self) -> SessionView:
        """How it is now."""
        state = "active" if self.replies.expected or self._busy else "idle"
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
        self._because = because
        self._finish(frames.error(
            LeaseEnded(f"the session was ended: {because}", hint=f"gov connect {self.lease.target}"), severity="FATAL",
        ))

    async def drain(self, because: str, grace: float) -> None:
        """Take no new statement, let the running one have `grace` seconds, then end."""
        self._ending = because
        if not self.replies.expected and self._busy is None:
            self.end(because)
            return
        self.client.write(frames.notice("01000", f"{because}; the running statement has {grace:.0f} s left"))
        await asyncio.wait([self.closed], timeout=grace)
        self.end(because)

    def cancel(self) -> None:
        """The client wants what runs, or waits for approval, to stop."""
        if self.held is not None:
            self._spawn(self.withdraw(self.held, "cancelled by the requester"))
        else:
            self._spawn(upstream.cancel(self.running_apart or self.link))

    async def withdraw(self, request: RequestId, because: str) -> None:
        """Withdraw a request of this session that is still open."""
        try:
            await self.house.desk.withdraw(request, because)
        except (AlreadySettled, Unavailable):
            return

    def _client_lost(self) -> None:
        self._finish(b"")

    def _upstream_lost(self) -> None:
        if not self.closed.done():
            self._finish(frames.error(
                Unavailable("the target ended the connection", hint="gov broker status"), severity="FATAL"))

    def _finish(self, last: bytes) -> None:
        """The one way a session ends; `last` is what the client hears."""
        if self.closed.done():
            return
        self.closed.set_result(None)
        if self._busy is not None and self._busy is not asyncio.current_task():
            self._busy.cancel()
        if self.replies.expected:
            self._spawn(self._stop_upstream())
        else:
            self.link.close()
        self.client.write(last)
        self.client.close()
        self._abandon()
        self.house.sessions.remove(self)

    def _abandon(self) -> None:
        playing = {each.turn for each in self.replies.expected if each.turn is not None} | set(self._portals.values())
        for each in playing:
            try:
                each.failed("57P01", "the session ended while it ran")
            except GovError:
                break

    async def _stop_upstream(self) -> None:
        await upstream.cancel(self.link)
        self.link.side.abort()

    def _fatal(self, error: GovError) -> None:
        self._because = error.what
        self._finish(frames.error(error, severity="FATAL"))

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # From the client

    def _from_client(self, data: memoryview) -> None:
        if self.closed.done():
            return
        self._inbox += data
        if self._busy is None:
            self._pump()
        elif len(self._inbox) > INBOX:
            self.client.pause("busy")

    def _pump(self) -> None:
        try:
            self._work()
        except ProtocolError as error:
            self._fatal(error)

    def _work(self) -> None:
        """Take whole messages from the inbox until one has to be awaited."""
        inbox, at = self._inbox, 0
        if self._skip:
            at = min(self._skip, len(inbox))
            self._skip -= at
            self._copy_data(bytes(inbox[:at]))
        while self._busy is None and not self.closed.done() and len(inbox) - at >= frames.HEADER:
            kind, length = _header.unpack_from(inbox, at)
            if length < 4 or (length > frames.LONGEST_CONTROL and kind != _COPY_DATA):
                raise ProtocolError(f"a message announces {length} bytes", hint="check the client library")
            after = at + 1 + length
            if kind == _COPY_DATA:
                at = self._copy_run(at)
                continue
            if after > len(inbox):
                break
            body = bytes(inbox[at + frames.HEADER : after])
            at = after
            self._hear(kind, body)
        del inbox[:at]

    def _copy_run(self, start: int) -> int:
        """Forward a run of CopyData by its headers; where it ends."""
        inbox, at, end = self._inbox, start, len(self._inbox)
        while end - at >= frames.HEADER and inbox[at] == _COPY_DATA:
            length = int.from_bytes(inbox[at + 1 : at + frames.HEADER], "big")
            if length < 4:
                raise ProtocolError("a copy message is shorter than its length", hint="check the client library")
            at += 1 + length
        if at > end:
            self._skip = at - end
            at = end
        self._copy_data(bytes(inbox[start:at]))
        return at

    def _copy_data(self, data: bytes) -> None:
        # Outside of COPY the database would ignore it; a late sender after a failed COPY is no error.
        if self.replies.copying:
            self.link.side.write(data)

    def _hear(self, kind: int, body: bytes) -> None:
        before = self._phase
        self._phase = hear(before, kind)
        if before is Phase.SKIPPING and self._phase is Phase.SKIPPING:
            return
        if self._ending is not None and kind in _STARTS_WORK:
            self.end(self._ending)
        elif self._apart is not None and kind in _NOT_BESIDE:
            self._refuse_group(apart.not_alone())
        else:
            _HEARD[kind](self, body)

    # Simple query

    def _query(self, body: bytes) -> None:
        text = _text(body)
        self._play(Statement(text, (), self._next(), "simple"), self._query_runs, self.refuse_query)

    def _query_runs(self, playing: Playing) -> Coroutine[Any, Any, None] | None:
        run = playing.run
        assert run is not None
        if run.judged.route is not Route.SESSION or run.request is not None:
            return apart.simple(self, playing)
        self._group.append((frames.build_query(run.judged.sent.encode()), Expected(Awaits.QUERY, playing)))
        self._sending(playing)
        self._forward()
        return None

    def refuse_query(self, error: GovError) -> None:
        """Refuse a simple query; inside a transaction this fails the transaction, as any error does."""
        if self._idle():
            self.client.write(frames.error(error) + frames.ready(IDLE))
        else:
            self._refuse_in_place(error)

    def _refuse_in_place(self, error: GovError) -> None:
        """Let the database fail here, and the client hear our reason."""
        refused = Expected(Awaits.BIND, refusal=frames.error(error))
        self._group = [(_NOWHERE, refused), (frames.SYNC, Expected(Awaits.SYNC))]
        self._forward()

    def _idle(self) -> bool:
        """Whether the database waits, outside a transaction."""
        return not self.replies.expected and self.replies.status == IDLE

    def _function_call(self, body: bytes) -> None:
        self.refuse_query(NotUnderstood("function calls by the fast path do not pass", hint="use SELECT function(…)"))

    # Extended query

    def _parse(self, body: bytes) -> None:
        parse = frames.read_parse(body)
        text = frames.utf8(parse.text)
        self._settled(parse.name, lambda: self._with_judged(text, lambda judged: self._parsed(parse, text, judged)))

    def _parsed(self, parse: frames.Parse, text: str, judged: Judged) -> None:
        if judged.decision.verdict in (Verdict.DENY, Verdict.CONFIRM):
            self._play(Statement(text, (), self._next(), "extended"), lambda _: None, self._refuse_group)
            return
        if self._names.taken(parse.name):
            # The database will say that the name is in use, and go on using the old text.
            self._group.append((frames.build_parse(parse.name, parse.text, parse.types), Expected(Awaits.PARSE)))
            return
        # PREPARE and Parse share their names: neither may be judged by what the other has replaced.
        self._prepared.pop(parse.name.decode(errors="replace"), None)
        fresh = Prepared(parse.name, text, judged.sent, parse.types, self._groups)
        self._group.append((
            frames.build_parse(parse.name, judged.sent.encode(), parse.types),
            Expected(Awaits.PARSE, confirmed=self._names.confirm(fresh), undone=self._names.put(fresh)),
        ))

    def _bind(self, body: bytes) -> None:
        bound = frames.read_bind(body)
        self._settled(bound.statement, lambda: self._bind_settled(bound))

    def _bind_settled(self, bound: frames.Bind) -> None:
        prepared = self._names.get(bound.statement)
        if prepared is None:
            self._refuse_group(_no_statement(bound.statement))
            return
        statement = Statement(prepared.text, frames.parameters(bound.tail), self._next(), "extended")
        self._play(statement, lambda playing: self._bind_runs(bound, prepared, playing), self._refuse_group)

    def _bind_runs(self, bound: frames.Bind, prepared: Prepared, playing: Playing) -> None:
        run = playing.run
        assert run is not None
        if run.judged.route is not Route.SESSION or run.request is not None:
            if self._partly or any(each is not None and each.turn is not None for _, each in self._group):
                playing.skipped()
                self._refuse_group(apart.not_alone())
                return
            self._apart = apart.Apart(playing, prepared, bound, [message for message, _ in self._group])
            self._drop_group()
            return
        if prepared.sent != run.judged.sent:
            self._parse_again(prepared, run.judged.sent)
        self._portals[bound.portal] = playing
        self._group.append((
            frames.build_bind(bound.portal, bound.statement, bound.tail),
            Expected(Awaits.BIND, playing, undone=playing.skipped),
        ))
        self._sending(playing)

    def _parse_again(self, prepared: Prepared, sent: str) -> None:
        """The masked views have a new version: prepare the same text over the new ones, unseen by the client."""
        if prepared.name:
            self._group.append((frames.message(b"C", b"S" + prepared.name + b"\0"), Expected(Awaits.CLOSE, quiet=True)))
        parse = frames.build_parse(prepared.name, sent.encode(), prepared.types)
        self._group.append((parse, Expected(Awaits.PARSE, quiet=True)))
        prepared.sent = sent

    def _describe(self, body: bytes) -> None:
        message = frames.message(b"D", body)
        if self._apart is not None:
            self._apart.later.append(message)
            return
        self._group.append((message, Expected(Awaits.DESCRIBE)))

    def _execute(self, body: bytes) -> None:
        message = frames.message(b"E", body)
        if self._apart is not None:
            self._apart.later.append(message)
            return
        playing = self._portals.get(frames.Cursor(body).raw())
        self._group.append((message, Expected(Awaits.EXECUTE, playing)))

    def _close(self, body: bytes) -> None:
        kind, name = body[:1], frames.Cursor(body[1:]).raw()
        if self._apart is not None:
            self._apart.later.append(frames.message(b"C", body))
            return
        if kind != b"S":
            self._group.append((frames.message(b"C", body), Expected(Awaits.CLOSE)))
            return
        self._settled(name, lambda: self._close_settled(name, body))

    def _close_settled(self, name: bytes, body: bytes) -> None:
        confirmed, undone = self._names.close(name, self._groups)
        self._group.append((frames.message(b"C", body), Expected(Awaits.CLOSE, confirmed=confirmed, undone=undone)))

    def _flush(self, body: bytes) -> None:
        if (held := self._apart) is not None:
            if any(message[:1] == b"E" for message in held.later):
                self._apart = None
                self._partly = True
                self._later(apart.extended(self, held, synced=False))
            return
        self._group.append((frames.FLUSH, None))
        self._forward()
        self._partly = True

    def _sync(self, body: bytes) -> None:
        self._groups += 1
        if self._answer_sync:
            self._answer_sync = False
            self.client.write(frames.ready(self.replies.status))
            return
        if (held := self._apart) is not None:
            self._apart = None
            self._later(apart.extended(self, held, synced=True))
            return
        self._partly = False
        self._group.append((frames.SYNC, Expected(Awaits.SYNC)))
        self._forward()

    def _refuse_group(self, error: GovError) -> None:
        """Refuse what stands in a group: all behind it up to Sync is skipped."""
        self._phase = Phase.SKIPPING
        refusal = frames.error(error)
        if (held := self._apart) is not None:
            self._apart = None
            held.playing.skipped()
        if self._idle() and not self._partly:
            # Nothing of the group is at the database, so nothing has to be undone there.
            self._drop_group()
            self._answer_sync = True
            self.client.write(refusal)
            return
        self._group.append((_NOWHERE, Expected(Awaits.BIND, refusal=refusal)))
        self._forward()

    def _drop_group(self) -> None:
        """Forget what was gathered and not forwarded."""
        group, self._group = self._group, []
        for _, each in reversed(group):
            if each is not None:
                each.undone()

    def refuse_bound(self, error: GovError, *, synced: bool) -> None:
        """Refuse a statement of the extended protocol that ran apart; with `synced` its Sync was heard already."""
        if not synced:
            self._refuse_group(error)
        elif self._idle():
            self.client.write(frames.error(error) + frames.ready(IDLE))
        else:
            self._refuse_in_place(error)

    async def prepare_quietly(self, prepared: Prepared, sent: str) -> None:
        """After a run apart: let the database have the statement under the client's name, as if it had run here."""
        parse = frames.build_parse(prepared.name, sent.encode(), prepared.types)
        if self._names.get(prepared.name) is prepared or self.replies.status == FAILED:
            return
        replies = await self.exchange(parse + frames.SYNC)
        if any(kind == ord("1") for kind, _ in replies):
            prepared.sent, prepared.confirmed, prepared.closing = sent, True, False
            self._names.put(prepared)

    def _terminate(self, body: bytes) -> None:
        self._finish(b"")

    def _copy_end(self, kind: bytes, body: bytes) -> None:
        if self.replies.copying:
            self.link.side.write(frames.message(kind, body))

    # What a statement goes through

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _play(
        self, statement: Statement, then: Callable[[Playing], Coroutine[Any, Any, None] | None],
        refuse: Callable[[GovError], None],
    ) -> None:
        """Begin a turn; `then` when it may run, `refuse` when it may not."""
        playing = Playing(statement, self)
        try:
            need = playing.advance()
        except GovError as error:
            refuse(error)
            return
        if need is not None:
            self._later(self._play_on(playing, need, then, refuse))
        elif (work := then(playing)) is not None:
            self._later(work)

    async def _play_on(
        self, playing: Playing, need: Any, then: Callable[[Playing], Coroutine[Any, Any, None] | None],
        refuse: Callable[[GovError], None],
    ) -> None:
        try:
            await playing.finish(need)
        except GovError as error:
            refuse(error)
            return
        if (work := then(playing)) is not None:
            await work

    def _with_judged(self, text: str, then: Callable[[Judged], None]) -> None:
        if (known := self.known(text)) is not None:
            then(known)
            return

        async def wait() -> None:
            try:
                judged = await self.judged(text)
            except GovError as error:
                self._refuse_group(error)
                return
            then(judged)

        self._later(wait())

    def _settled(self, name: bytes, then: Callable[[], None]) -> None:
        """`then`, once it is certain which text the name stands for (see `prepared`)."""
        if self._names.settled(name, self._groups):
            then()
            return

        async def wait() -> None:
            await self.drained()
            then()

        self._later(wait())

    def known(self, text: str) -> Judged | None:
        """The judgment of a text that came before in this session, while nothing has changed since."""
        if self._stale and self.replies.status != FAILED:
            return None
        if self._plans_for != self._versions():
            return None
        return self._plans.get(text, self.search_path)

    async def judged(self, text: str) -> Judged:
        """The judgment of a text. Raises like `outlined` and `judge_outline`."""
        if self._stale and self.replies.status != FAILED:
            await self.drained()
            if self.replies.status != FAILED:
                await self._learn()
        if self._plans_for != self._versions():
            await self._renew()
        outline = await outlined(self.house, text)
        follows = any(statement.runs is not None for statement in outline.statements)
        if follows:
            # What a name stands for is certain only when no PREPARE is on its way.
            await self.drained()
            outline = follow(outline, self._prepared)
        judged = await judge_outline(self.house, self.subject, text, outline, self.search_path)
        if not follows:
            self._plans.put(text, self.search_path, judged)
        return judged

    def _versions(self) -> tuple[object, ...]:
        """What every judgment depends on besides the text; the hour, since rules may speak of it."""
        return self.house.policy_version, self.target.version, int(self.house.clock() // 3600)

    async def _renew(self) -> None:
        """Policy or catalog have changed: judge anew, over the newest views."""
        self._plans_for = self._versions()
        outcome, profile = await self.house.leases.current(self.lease)
        self.subject = replace(self.subject, outcome=outcome, views=profile.views)
        self._masked_fields = masked_fields(await self.target.catalog(), outcome)
        self._plans.clear()

    def record(self, need: Record) -> int:
        """Write an entry of this session. Raises Unavailable."""
        return self.house.trail.record(entry(need, self.house.clock(), self._common))

    def _sending(self, playing: Playing) -> None:
        """Note what a statement will change before it is forwarded."""
        run = playing.run
        assert run is not None
        facts = run.judged.facts
        for name, _ in run.judged.prepares:
            self._names.drop(name.encode())
        if run.judged.changes:
            self._syncing = asyncio.get_running_loop().create_task(self.house.trail.durable(playing.index))
            self._syncing.add_done_callback(_heard)
        if any(name in ("search_path", "all") for name, _ in facts.settings) or facts.command.startswith("DISCARD"):
            self._stale = self._set_in_transaction = True
        elif Effect.TRANSACTION in facts.effects and self._set_in_transaction:
            self._stale = True

    def _forward(self) -> None:
        """Send the group as far as it is gathered."""
        group, self._group = self._group, []
        self.link.side.write(b"".join(
            message for message, expected in group if expected is None or self.replies.expect(expected)
        ))

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        """Await `work` while the client's further messages wait; work that comes of it is awaited behind it."""
        self._work_ahead.append(work)
        if self._busy is None:
            self._busy = asyncio.get_running_loop().create_task(self._work_through())

    async def _work_through(self) -> None:
        try:
            while self._work_ahead:
                await self._work_ahead.pop(0)
        except GovError as error:
            self._fatal(error)
        except Exception as error:  # a bug of ours ends in a clear error, not in a session that hangs
            log.exception("session %s failed", self.id)
            self._fatal(Unavailable(f"the gateway failed: {type(error).__name__}", hint="please report it"))
        finally:
            self._busy = None
            for left in self._work_ahead:
                left.close()
            self._work_ahead.clear()
        if not self.closed.done():
            self.client.resume("busy")
            self._pump()

    # From the target

    def _from_upstream(self, data: memoryview) -> None:
        try:
            out = self.replies.feed(data)
        except (ProtocolError, Unverified) as error:
            self._fatal(error)
            return
        self._answer(out)

    def _answer(self, out: bytes) -> None:
        if out:
            self.client.write(out)
        if self.replies.withheld:
            self.link.side.pause("disk")
            self._spawn(self._on_disk())
        elif not self.replies.expected and self._drained is not None:
            if not self._drained.done():
                self._drained.set_result(None)
            self._drained = None

    async def _on_disk(self) -> None:
        """The client hears of success when its entry is on disk."""
        assert self._syncing is not None
        try:
            await self._syncing
        except GovError:
            self._fatal(Unavailable(
                "the statement ran but its record is not on disk; whether it counts is unknown",
                hint="gov broker status; look before you run it again"))
            return
        try:
            out = self.replies.resume()
        except (ProtocolError, Unverified) as error:
            self._fatal(error)
            return
        self._answer(out)
        if not self.replies.withheld:
            self.link.side.resume("disk")

    async def drained(self) -> None:
        """Wait until the database has answered everything that was forwarded."""
        while self.replies.expected and not self.closed.done():
            if self._drained is None:
                self._drained = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._drained, self.closed], return_when=asyncio.FIRST_COMPLETED)

    async def exchange(self, data: bytes) -> list[tuple[int, bytes]]:
        """Send `data`, which ends in Query or Sync, for ourselves; every reply up to ReadyForQuery."""
        await self.drained()
        captured: list[tuple[int, bytes]] = []
        done = asyncio.get_running_loop().create_future()

        def complete() -> None:
            if not done.done():
                done.set_result(None)

        self.replies.expect(Expected(Awaits.QUERY, captured=captured, done=complete))
        self.link.side.write(data)
        await asyncio.wait([done, self.closed], return_when=asyncio.FIRST_COMPLETED)
        if not done.done():
            raise Unavailable("the session ended", hint=f"gov connect {self.lease.target}")
        return captured

    async def _learn(self) -> None:
        """Ask the database for its search_path; SHOW takes no snapshot, so it disturbs no transaction.

        PostgreSQL 18 reports every change by itself, and then there is nothing to ask.
        """
        shown = self._reported_path
        if shown is None:
            replies = await self.exchange(frames.build_query(b"SHOW search_path"))
            rows = [frames.data_row(body)[0] for kind, body in replies if kind == ord("D")]
            if not rows or rows[0] is None:
                raise Unavailable("the session's search_path cannot be read", hint="reconnect")
            shown = rows[0]
        self.search_path = read_path(shown, self.lease.role)
        self._stale = False

    # What the replies tell (protocol.replies.Listener)

    def described(self, body: bytes) -> None:
        """The tripwire: no field may be a masked column of a base table."""
        for name, table, number in frames.described(body):
            if (table, number) in self._masked_fields:
                raise Unverified(f"a masked column was about to leave in the clear: {name}", hint="please report it")

    def completed(self, turn: Playing | None, tag: str, rows: int, octets: int, *, last: bool) -> bool:
        """A statement ended well; False while its entry is not yet on disk."""
        if self._syncing is not None and (self.replies.status == IDLE or tag.startswith(("COMMIT", "PREPARE TR"))):
            if not self._syncing.done() or self._syncing.exception() is not None:
                return False
            self._syncing = None
        if turn is not None:
            if tag == "PREPARE":
                self._remember_prepared(turn)
            turn.rows += max(rows, frames.tag_rows(tag))
            turn.octets += octets
            if last:
                self._settle(turn.done, "")
        return True

    def _remember_prepared(self, turn: Playing) -> None:
        """A PREPARE has succeeded: the next of those in its text."""
        assert turn.run is not None
        if turn.prepared < len(turn.run.judged.prepares):
            name, outline = turn.run.judged.prepares[turn.prepared]
            turn.prepared += 1
            self._prepared[name] = cast(Outline, outline)

    def suspended(self, turn: Playing | None, rows: int, octets: int) -> None:
        """A portal stopped at its row limit; its statement goes on with the next Execute."""
        if turn is not None:
            turn.rows += rows
            turn.octets += octets

    def failed(self, turn: Playing | None, body: bytes, rows: int, octets: int) -> bytes | None:
        """The database refused."""
        if turn is not None:
            fields = frames.read_error(body)
            turn.rows += rows
            self._settle(turn.failed, fields.get("C", "XX000"), fields.get("M", ""))
        # An error takes every portal of its transaction with it.
        for portal in self._portals.values():
            self._settle(portal.skipped)
        self._portals.clear()
        return None

    def ready(self, status: int, turn: Playing | None) -> None:
        """The database waits for the next statement."""
        if turn is not None:
            self._settle(turn.done, "")
        if status == IDLE:
            for portal in self._portals.values():
                self._settle(portal.done, "")
            self._portals.clear()
            if self._set_in_transaction:
                self._set_in_transaction, self._stale = False, True

    def parameter(self, name: str, value: str) -> None:
        """The database reports a setting."""
        if name == "search_path":
            self._reported_path, self._stale = value, True

    def _settle(self, how: Callable[..., None], *args: str) -> None:
        """Complete an entry; a trail that fails now refuses the next statement, and this one's result stands."""
        try:
            how(*args)
        except Unavailable:
            self._ending = "the audit log cannot be written"


def _text(body: bytes) -> str:
    if body.find(b"\0") != len(body) - 1:
        raise ProtocolError("a query has a NUL inside or none at its end", hint="check the client library")
    return frames.utf8(body[:-1])


def _no_statement(name: bytes) -> GovError:
    shown = name.decode(errors="replace")
    what = f'prepared statement "{shown}" does not exist' if name else "unnamed prepared statement does not exist"
    return StatementFailed(what, hint="", state="26000")


def _heard(task: asyncio.Task[None]) -> None:
    """An exception of a sync that nobody waits for any more has been heard of."""
    if not task.cancelled():
        task.exception()


_STARTS_WORK = frozenset(map(ord, "QPBF"))
_NOT_BESIDE = frozenset(map(ord, "QPBF"))
_HEARD: dict[int, Callable[[Session, bytes], None]] = {
    ord("Q"): Session._query, ord("F"): Session._function_call, ord("P"): Session._parse, ord("B"): Session._bind,
    ord("D"): Session._describe, ord("E"): Session._execute, ord("C"): Session._close, ord("H"): Session._flush,
    ord("S"): Session._sync, ord("X"): Session._terminate,
    ord("c"): lambda session, body: session._copy_end(b"c", body),
    ord("f"): lambda session, body: session._copy_end(b"f", body),
}
