"""Drives turns: answers what a turn needs, at once where it can, by waiting where it must.

`advance` is the quick road: a cached judgment, a permit, a line in the journal, all without giving up
the loop. What it cannot answer it hands back, and `finish` goes on from there.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gov.approval.binding import bind
from gov.approval.request import Request, RequestState
from gov.audit.redact import redact, without_passwords
from gov.broker import allowing, datasets, estimating, objections
from gov.broker.exchange import own
from gov.errors import Denied, GovError, NoSuch
from gov.policy.decide import permit
from gov.policy.decision import Verdict
from gov.policy.permit import Permit
from gov.protocol import frames
from gov.protocol.allowance import Allowance
from gov.protocol.copied import Copied
from gov.protocol.replies import FAILED
from gov.terms import SYSTEM_SCHEMAS, Relation, StatementDigest
from gov.turn import Answered, Grant, Judge, Judged, Need, Open, Record, Run, Spend, Statement, Tally, refusal, turn

if TYPE_CHECKING:
    from gov.broker.session import Session

HELD = "01G01"
"""SQLSTATE of the notice that a statement is held; its context field (which psql does not show) is JSON."""
STILL_HELD = "01G02"
"""SQLSTATE of the notices that keep the connection alive meanwhile."""
ANSWERED = "01G03"
LONGEST_ERROR = 4096
"""Characters of a database's message that the trail keeps: it can repeat megabytes of a value."""
REMIND_EVERY = 20.0
"""Seconds between two of them."""


@dataclass(slots=True, eq=False)
class Playing:
    """A turn on its way through the gateway."""

    statement: Statement
    session: Session
    steps: Any = field(init=False)
    """The generator."""
    run: Run | None = None
    """Set once it is allowed to run: all that is left is to forward and count."""
    index: int = -1
    """Of its entry in the log."""
    started: float = 0.0
    rows: int = 0
    octets: int = 0
    relayed: int = 0
    """Rows that came back, whatever the tag says of rows changed."""
    copied: list[Copied] = field(default_factory=list)
    """What each COPY TO STDOUT in it has brought."""
    prepared: int = 0
    """How many of the text's PREPAREs have succeeded."""
    over: bool = False
    allowance: Allowance | None = None
    """How many rows it may show; None is as many as it has."""
    stopped: GovError | None = None
    """Why no more of its rows were shown."""

    def __post_init__(self) -> None:
        self.steps = turn(self.statement)

    def advance(self, answer: object = None, error: BaseException | None = None) -> Need[Any]:
        """Go on until the turn may run, which is told by its Run, or needs what takes time.

        Raises:
            GovError: What the client shall hear; the turn is over.
        """
        try:
            need = self.steps.throw(error) if error is not None else self.steps.send(answer)
            while True:
                if isinstance(need, Run):
                    self.run, self.started = need, time.monotonic()
                    if need.judged.counted or need.permit.max_rows is not None:
                        self.allowance = allowing.allowance(allowing.bounds(self.session, need))
                    return need
                try:
                    quick = self._quick(need)
                except GovError as failed:
                    need = self.steps.throw(failed)
                    continue
                if quick is _SLOW:
                    return need  # type: ignore[no-any-return]
                need = self.steps.send(quick)
        except GovError:
            self.over = True
            raise

    def _quick(self, need: Need[Any]) -> object:
        # Every statement comes through here three times, and `match` would take its time.
        if isinstance(need, Judge):
            return self.session.judging.known(need.text) or _SLOW
        if isinstance(need, Grant):
            judged = need.judged
            return permit(judged.decision, judged.digest, self.session.id)
        if isinstance(need, Record) and not need.durable:
            return self._record(need)
        return _SLOW

    def _record(self, need: Record) -> int:
        index = self.session.recording.record(need)
        if need.kind == "statement":
            self.index = index
        return index

    async def finish(self, need: Need[Any]) -> Run:
        """Answer `need` and all that follow, until the turn may run. Raises like `advance`."""
        while not isinstance(need, Run):
            try:
                answer = await self._slow(need)
            except GovError as error:
                need = self.advance(error=error)
            else:
                need = self.advance(answer)
        return need

    async def _slow(self, need: Need[Any]) -> object:
        match need:
            case Judge(text):
                return await self.session.judging.judged(text)
            case Open(statement, judged):
                return await _open(self.session, statement, judged)
            case Answered(request):
                return await _answered(self.session, request)
            case Spend(request, statement, judged):
                return await _spend(self.session, request, statement, judged)
            case Record():
                index = self._record(need)
                await self.session.house.trail.durable(index)
                return index
            case _:
                raise AssertionError(f"the gateway has no answer to {need}")

    def end(self, tally: Tally) -> None:
        """It has run; `tally` says how. Ending twice is nothing."""
        if self.over:
            return
        self.over = True
        if self.allowance is not None:
            self.allowance.done()
        if self.run is None:
            self.steps.close()
            return
        try:
            tally.seconds = time.monotonic() - self.started
            tally.relayed = self.relayed
            if self.copied:
                tally.copied = tuple({"sha256": each.digest, "bytes": each.size} for each in self.copied)
                tally.digests = tuple(self.session.house.receipts.blinded(each.digest) for each in self.copied)
            need = self.steps.send(tally)
            while True:
                need = self.steps.send(self.session.recording.record(need))
        except StopIteration:
            return

    def done(self, tag: str = "") -> None:
        """It ended well, with this command tag if its rows are not counted yet."""
        rows = max(self.rows, frames.tag_rows(tag)) if tag else self.rows
        self.end(Tally("done", rows, self.octets))

    @property
    def counts(self) -> bool:
        """Whether what it shows counts against a budget."""
        return self.allowance is not None and self.allowance.octets > 0

    def failed(self, sqlstate: str, error: str, original: str = "") -> None:
        """The database refused it, in the words `original` when the client heard others."""
        outcome = "cancelled" if sqlstate == "57014" else "failed"
        self.end(Tally(
            outcome, self.rows, self.octets, sqlstate=sqlstate, error=error[:LONGEST_ERROR],
            original=original[:LONGEST_ERROR],
        ))

    def stop(self, error: GovError, rows: int, octets: int) -> None:
        """It has more rows than it may show; so many since the last count have passed."""
        self.stopped = error
        self.end(Tally("stopped", self.rows + rows, self.octets + octets, sqlstate=error.wire_state, error=error.what))

    def skipped(self) -> None:
        """The database skipped it after an error before it."""
        self.end(Tally("failed", sqlstate="25P02", error="skipped after an error before it"))


_SLOW = object()


def touched(judged: Judged) -> tuple[Relation, ...]:
    """The user relations that a statement reaches."""
    facts = judged.facts
    return tuple(sorted(each for each in facts.reads | facts.writes if each.schema not in SYSTEM_SCHEMAS))


def binding(session: Session, statement: Statement, *, held: bool) -> StatementDigest:
    """The digest that an approval is for: in this session, or for whoever spends it later."""
    lease = session.lease
    return bind(
        statement.text, statement.parameters, {"search_path": ",".join(session.judging.search_path)}, lease.target,
        lease.principal, lease.scope, session.id if held else None, lease.purpose,
    )


async def _open(session: Session, statement: Statement, judged: Judged) -> Request:
    """A pending request, or the approved one that this lease was made to spend."""
    if session.replies.status == FAILED:
        # The database would refuse it whatever an approver says.
        raise objections.aborted()
    if session.group.runs:
        raise objections.not_alone()
    if datasets.reads(session, statement.text):
        return datasets.approval(session, statement, judged)
    if session.lease.request is not None and (ready := _brought(session, statement)) is not None:
        return ready
    house, lease, decision = session.house, session.lease, judged.decision
    relations = touched(judged)
    now = house.clock()
    request = await _opened(session, Request(
        id=house.desk.new_id(), state=RequestState.PENDING, requester=lease.principal, target=lease.target,
        scope=lease.scope, purpose=lease.purpose, reason=lease.reason, statement=redact(statement.text),
        parameters=tuple(without_passwords(statement.text, statement.parameters)),
        digest=binding(session, statement, held=True),
        definitions=await session.target.definitions(relations, judged.facts.functions), relations=relations,
        rule=decision.rule or "",
        reasons=decision.reasons, approvers=decision.approvers, count=decision.count, created_at=now,
        expires_at=now + decision.expires, lease=lease.id, session=session.id,
        facts=await _described(session, judged), effects=judged.facts.effects, rules=decision.rules,
        alone=decision.alone,
    ))
    session.held = request.id
    session.tell(_held_notice(request))
    return request


async def _described(session: Session, judged: Judged) -> tuple[tuple[str, str], ...]:
    """What an approver sees of the objects that are reached, and of the rows."""
    judging, target = session.judging, session.target
    told = await target.describe(judged.facts)
    outcome = judging.subject.outcome
    return *told, *await estimating.lines(target, outcome, judged.facts, judged.sent, judging.search_path)


async def _opened(session: Session, request: Request) -> Request:
    """The request, open; withdrawn when the client goes away before that is done."""
    opening = asyncio.ensure_future(session.house.desk.open(request))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        session.spawn(_unopened(session, opening))
        raise


async def _unopened(session: Session, opening: asyncio.Future[Request]) -> None:
    with suppress(GovError):
        await session.withdraw((await opening).id, "the client went away")


def _brought(session: Session, statement: Statement) -> Request | None:
    assert session.lease.request is not None
    if session.judging.reads_otherwise:
        return None  # whoever approved it read its literals as they are read by default
    try:
        request = session.house.desk.get(session.lease.request)
    except NoSuch:
        return None
    same = request.digest == binding(session, statement, held=False)
    return request if same and request.state is RequestState.APPROVED else None


def _held_notice(request: Request) -> bytes:
    who = " or ".join(sorted(request.approvers))
    facts: Mapping[str, object] = {
        "request": request.id, "rule": request.rule, "approvers": sorted(request.approvers),
        "reasons": request.reasons, "expires_at": request.expires_at, "break_glass": [*request.alone],
    }
    return frames.notice(
        HELD, f"held by rule {request.rule}: waiting for {who} (request {request.id})",
        detail="\n".join(request.reasons), context=json.dumps(facts),
        hint=f"they answer with: gov approve {request.id}; cancel the statement (Ctrl-C) to withdraw" + (
            f"; in an emergency go ahead alone: gov approve {request.id} --break-glass --reason TEXT"
            if request.alone else ""
        ),
    )


async def _answered(session: Session, request: Request) -> Request:
    """The request once somebody has answered; withdrawn when the client goes away meanwhile."""
    waiting = asyncio.ensure_future(session.house.desk.answered(request.id))
    settled = False
    try:
        patience = await _set_aside(session)
        while not waiting.done():
            await asyncio.wait([waiting], timeout=REMIND_EVERY)
            if not waiting.done():
                left = max(0, round((request.expires_at - session.house.clock()) / 60))
                session.tell(frames.notice(STILL_HELD, f"still waiting for {request.id}, {left} min left"))
        answered = waiting.result()
        for name, value in patience.items():
            await own(session.exchange, f"SET {name} = '{value}'")
        settled = True
        return answered
    finally:
        waiting.cancel()
        session.held = None
        if not settled:
            await session.withdraw(request.id, "the client went away")


async def _set_aside(session: Session) -> dict[str, str]:
    """Turn the session's idle timeouts off, so that a hold does not end it; what they were."""
    patience = {}
    for name in ("idle_session_timeout", "idle_in_transaction_session_timeout"):
        value = await own(session.exchange, f"SHOW {name}")
        if value != "0":
            patience[name] = value
            await own(session.exchange, f"SET {name} = 0")
    return patience


async def _spend(session: Session, request: Request, statement: Statement, judged: Judged) -> Permit:
    session.tell(frames.notice(ANSWERED, _answered_notice(request)))
    digest, functions = binding(session, statement, held=request.session is not None), judged.facts.functions
    if request.dataset is not None:
        digest, functions = datasets.digest(session, request), frozenset(request.dataset.functions)
    try:
        await _still_so(session, request, statement, judged)
        definitions = await session.target.definitions(request.relations, functions)
        return await session.house.desk.spend(request.id, digest, definitions, session.id)
    except BaseException:
        if request.session is not None:  # nobody else may spend it
            session.spawn(session.withdraw(request.id, "its session made no use of it"))
        raise


def _answered_notice(request: Request) -> str:
    if (alone := request.break_glass) is not None:
        return (
            f"{request.id}: {alone.approver.display} goes ahead alone, by break glass (rule {alone.alone});"
            " it is recorded, and the approvers see it"
        )
    return f"{request.id} approved by {' and '.join(answer.approver.display for answer in request.approved_by)}"


async def _still_so(session: Session, request: Request, statement: Statement, judged: Judged) -> None:
    """By today's policy nothing forbids it, and whoever goes ahead alone still may.

    Raises:
        GovError: in the words that the client hears.
    """
    alone, now = request.break_glass, judged
    held_here = request.session is not None and request.dataset is None
    if held_here and (alone is not None or judged.fields.get("policy") != session.house.policy.digest):
        now = await session.judging.judged(statement.text)
        if now.decision.verdict is Verdict.DENY:
            raise refusal(now)
    if alone is not None and alone.alone not in now.decision.alone:
        raise Denied(
            f"{alone.alone} no longer lets {alone.approver.display} go ahead alone with {request.id}",
            hint="run it again and have it approved",
        )
