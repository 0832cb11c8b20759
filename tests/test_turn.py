"""A whole turn, with the world in memory: no gateway, no database, no clock."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from gov.approval.request import Answer, Request, RequestState
from gov.approval.settle import answer, spend
from gov.errors import ApprovalDenied, Denied, NotApproved, NotUnderstood, Unavailable
from gov.identity.principal import Principal
from gov.policy.decide import permit
from gov.policy.decision import Decision, Verdict
from gov.sql.facts import Facts
from gov.terms import Effect, RequestId, Scope, SessionId, StatementDigest, TargetName
from gov.turn import (
    Answered,
    Grant,
    Judge,
    Judged,
    Need,
    Open,
    Record,
    Route,
    Run,
    Spend,
    Statement,
    Tally,
    Turn,
    route,
    turn,
)

ALICE = Principal("https://id", "a", "alice", frozenset({"engineering"}))
BOB = Principal("https://id", "b", "bob", frozenset({"dba"}))
DROP = Statement("drop table orders", (), 1, "simple")
SELECT = Statement("select 1", (), 1, "simple")


def judged(verdict: Verdict, effect: Effect = Effect.READ, way: Route = Route.SESSION, **facts: Any) -> Judged:
    """A judgment with this verdict."""
    decision = Decision(verdict, ("because",), rule="a-rule", approvers=frozenset({"dba"}), hint="gov why")
    return Judged(Facts(effects=frozenset({effect}), **facts), decision, "digest", "sent", way)


@dataclass
class World:
    """Everything outside a turn: a judge, an approver's mind, a log and a database, all of which remember."""

    judgment: Judged
    bob_says: bool | None = True
    log_fails_at: str = ""
    log: list[str] = field(default_factory=list)
    durable: list[str] = field(default_factory=list)
    ran: list[str] = field(default_factory=list)

    def answer(self, need: Need[Any]) -> Any:
        """What the outside says to `need`."""
        match need:
            case Judge(_):
                return self.judgment
            case Grant(known):
                return permit(known.decision, known.digest, "ss-1")
            case Open(statement, known):
                return self._opened(statement, known)
            case Answered(request):
                return self._answered(request)
            case Spend(request, _, _):
                return spend(request, request.digest, request.definitions, 3.0, SessionId("ss-1"))[1]
            case Record(kind, fields, _, durable):
                if self.log_fails_at == kind:
                    raise Unavailable("the disk is full", hint="gov broker status")
                self.log.append(f"{kind} {fields.get('verdict', fields.get('outcome', ''))}".strip())
                if durable:
                    self.durable.append(kind)
                return len(self.log) - 1
            case Run(_, known, _, _):
                self.ran.append(known.sent)
                return Tally("done", rows=1)
            case _:
                raise AssertionError(f"the world has no answer to {need}")

    def _opened(self, statement: Statement, known: Judged) -> Request:
        return Request(
            RequestId("rq-1"), RequestState.PENDING, ALICE, TargetName("prod"), Scope.READ, "", "", statement.text, (),
            StatementDigest("d"), "defs", (), "a-rule", ("because",), known.decision.approvers, 1, 0.0, 900.0, None,
            SessionId("ss-1"),
        )

    def _answered(self, request: Request) -> Request:
        if self.bob_says is None:
            return replace(request, state=RequestState.WITHDRAWN)
        return answer(request, Answer(BOB, self.bob_says, 1.0, reason="not today"), 1.0)

    def play(self, steps: Turn) -> Tally:
        """Drive a turn to its end. Raises what the client would hear."""
        try:
            need = next(steps)
            while True:
                try:
                    said = self.answer(need)
                except Unavailable as error:
                    need = steps.throw(error)
                else:
                    need = steps.send(said)
        except StopIteration as done:
            tally: Tally = done.value
            return tally


def test_an_allowed_statement_is_recorded_runs_and_is_recorded() -> None:
    """The log has it before and behind it."""
    world = World(judged(Verdict.ALLOW))

    tally = world.play(turn(SELECT))

    assert tally.rows == 1
    assert world.ran == ["sent"]
    assert world.log == ["statement", "statement.done done"]


def test_a_denied_statement_is_recorded_and_does_not_run() -> None:
    """With rule, reason and what to type next."""
    world = World(judged(Verdict.DENY))

    with pytest.raises(Denied, match="denied by rule a-rule: because") as caught:
        world.play(turn(SELECT))

    assert caught.value.hint == "gov why"
    assert (world.ran, world.log) == ([], ["statement deny"])


def test_what_is_not_understood_says_so() -> None:
    """Not a denial by a rule: SQLSTATE 0A000."""
    decision = Decision(Verdict.DENY, ("who knows",))
    world = World(Judged(Facts(unknown=("who knows",)), decision, "digest", "sent", Route.SESSION))

    with pytest.raises(NotUnderstood, match="who knows"):
        world.play(turn(SELECT))


def test_a_held_statement_runs_when_somebody_else_says_yes() -> None:
    """And its entry, with the approver, is on disk before it runs."""
    world = World(judged(Verdict.HOLD, Effect.DROP, Route.OWNER))

    world.play(turn(DROP))

    assert world.ran == ["sent"]
    assert world.durable == ["statement"]


def test_a_held_statement_does_not_run_when_somebody_says_no() -> None:
    """The requester hears who said no, and why."""
    world = World(judged(Verdict.HOLD, Effect.DROP, Route.OWNER), bob_says=False)

    with pytest.raises(ApprovalDenied, match="bob denied rq-1: not today"):
        world.play(turn(DROP))

    assert (world.ran, world.log) == ([], ["statement refused"])


def test_a_withdrawn_statement_does_not_run() -> None:
    """Ctrl-C while it is held."""
    world = World(judged(Verdict.HOLD, Effect.DROP, Route.OWNER), bob_says=None)

    with pytest.raises(NotApproved, match="withdrawn"):
        world.play(turn(DROP))

    assert world.ran == []


def test_what_cannot_be_recorded_does_not_run() -> None:
    """No relay without a record before it."""
    world = World(judged(Verdict.ALLOW), log_fails_at="statement")

    with pytest.raises(Unavailable):
        world.play(turn(SELECT))

    assert world.ran == []


def test_what_cannot_be_judged_is_recorded_too() -> None:
    """An attempt that analysis could not follow leaves a line."""
    world = World(judged(Verdict.ALLOW))
    steps = turn(SELECT)
    next(steps)

    need = steps.throw(NotUnderstood("too odd", hint="simplify"))

    assert isinstance(need, Record)
    assert need.fields["verdict"] == "refused"
    with pytest.raises(NotUnderstood):
        steps.send(world.answer(need))


@pytest.mark.parametrize(("effects", "lends", "way"), [
    ({Effect.READ}, set(), Route.SESSION),
    ({Effect.DELETE}, set(), Route.SESSION),
    ({Effect.DELETE, Effect.READ}, {Effect.DELETE}, Route.LENT),
    ({Effect.DROP}, {Effect.DROP}, Route.OWNER),
    ({Effect.CREATE}, set(), Route.OWNER),
])
def test_the_route_follows_from_the_effects(effects: set[Effect], lends: set[Effect], way: Route) -> None:
    """The lease's own role, the write profile for one statement, or the owner for utility statements only."""
    decision = Decision(Verdict.HOLD, ("because",), lends=frozenset(lends))

    assert route(Facts(effects=frozenset(effects)), decision, Scope.READ) is way


@pytest.mark.parametrize(("effects", "lends"), [
    ({Effect.DROP, Effect.READ}, set()),
    ({Effect.CREATE, Effect.INSERT}, set()),
    ({Effect.ALTER, Effect.CALL}, set()),
    ({Effect.PROGRAM}, {Effect.PROGRAM}),
])
def test_nothing_that_reads_runs_as_the_owner(effects: set[Effect], lends: set[Effect]) -> None:
    """Never SELECT, DML, COPY, DO or CALL; and what nobody can lend is not lent."""
    decision = Decision(Verdict.HOLD, ("because",), lends=frozenset(lends))

    with pytest.raises(NotUnderstood):
        route(Facts(effects=frozenset(effects)), decision, Scope.ADMIN)
