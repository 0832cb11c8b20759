"""One statement from arrival to answer, on one page.

    judge → (ask → answered → spend) → record → run → record

`turn` asks for what it cannot know by yielding a `Need`; whoever drives it answers, from the world or,
in a test, from memory. Order is meaning here: an entry is recorded before the statement runs, and if
recording fails the exception enters at that line and what stands below it never happens.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeAlias, TypeVar

from gov.approval.request import Request, RequestState
from gov.audit.redact import without_passwords, without_secrets_of
from gov.errors import ApprovalDenied, Denied, GovError, NotApproved, NotUnderstood
from gov.policy.decision import Decision, Verdict
from gov.policy.permit import Permit
from gov.sql.facts import Facts
from gov.terms import DDL, DML, Effect, Scope

T = TypeVar("T")


class Route(StrEnum):
    """Under which role a statement runs."""

    SESSION = "session"  # the lease's own
    LENT = "lent"  # one-shot, with the write profile's privileges for DML
    OWNER = "owner"  # one-shot, as the durable owner: utility statements only


OWNED = DDL | {Effect.GRANT}
"""What can only run as an owner, and what alone may run as one: nothing in it reads rows."""


@dataclass(slots=True)  # not frozen for the reason that a Need is not
class Statement:
    """What arrived. Nobody changes it."""

    text: str
    parameters: tuple[str | None, ...]
    number: int
    """Counts up in its session, from 1."""
    protocol: str
    """`simple` or `extended`."""
    types: tuple[int, ...] = ()
    """OIDs of the parameters that came in binary, 0 for the others; empty when none did."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What analysis and policy made of one text. The same for each time the text comes in the same session."""

    facts: Facts
    decision: Decision
    digest: str
    """SHA-256, hex, of the text: what a permit is for."""
    sent: str
    """What goes to the database: the text, with names of masked tables replaced."""
    route: Route
    fields: Mapping[str, object] = field(default_factory=dict)
    """The part of the audit entry that does not change from run to run."""
    octets: int = 0
    """How much of `fields` there is to keep that the length of the text does not tell."""
    prepares: tuple[tuple[str, object], ...] = ()
    """(name, what it stands for) of each PREPARE in the text, for whoever follows EXECUTE by name."""
    changes: bool = field(init=False, compare=False)
    """Whether it changes data or definitions, so that its entry must be on disk before success is heard."""
    steady: bool = field(init=False, compare=False)
    """Whether names, settings and the transaction mean behind it what they meant before."""
    limited: bool = field(init=False, compare=False)
    """Whether the rows that it may show are limited."""
    counted: bool = field(init=False, compare=False)
    """Whether they may be: a FETCH's are when its cursor's are."""

    def __post_init__(self) -> None:
        # Computed here because a judgment is made once and used for every run of its text.
        facts = self.facts
        changes = self.route is not Route.SESSION or not _CHANGING.isdisjoint(facts.effects)
        object.__setattr__(self, "changes", changes)
        steady = facts.effects <= _STEADY and not facts.settings and not self.prepares
        object.__setattr__(self, "steady", steady)
        limited = self.decision.most_rows is not None or bool(self.decision.budgets)
        object.__setattr__(self, "limited", limited)
        object.__setattr__(self, "counted", limited or "FetchStmt" in facts.kinds)


_CHANGING = DML | OWNED | {Effect.CALL, Effect.ROLE, Effect.UNKNOWN}
_STEADY = DML | {Effect.READ}


@dataclass(slots=True)
class Tally:
    """What came of running it; whoever drives the turn fills in how long it took."""

    outcome: str
    """`done`, `failed`, `cancelled`, `rolled_back`, or `stopped` when it had more rows than it might show."""
    rows: int = 0
    octets: int = 0
    seconds: float = 0.0
    sqlstate: str = "00000"
    error: str = ""
    """What the client heard."""
    original: str = ""
    """What the database had said, where that can hold values of rows and the client heard something else."""
    relayed: int | None = None
    """Rows that came back, where `rows` counts others: those that were changed."""
    copied: tuple[Mapping[str, object], ...] = ()
    """For each COPY TO STDOUT in it the `sha256` and the `bytes` of its data."""
    digests: tuple[str, ...] = ()
    """By which these digests are found."""


class Need(Generic[T]):
    """Something only the outside can give; `T` is what it gives.

    Those of every statement are not frozen: freezing costs a microsecond for each value made.
    """

    __slots__ = ()


@dataclass(slots=True)
class Judge(Need[Judged]):
    """Facts, decision and rewrite of the text; answered from a cache where it can be."""

    text: str


@dataclass(frozen=True, slots=True)
class Open(Need[Request]):
    """Open an approval request, and tell the client whom it waits for."""

    statement: Statement
    judged: Judged


@dataclass(frozen=True, slots=True)
class Answered(Need[Request]):
    """Wait until the request is no longer pending."""

    request: Request


@dataclass(frozen=True, slots=True)
class Spend(Need[Permit]):
    """Spend the approval, once, for exactly this statement."""

    request: Request
    statement: Statement
    judged: Judged


@dataclass(slots=True)
class Grant(Need[Permit]):
    """The permit of an allowed statement."""

    judged: Judged


@dataclass(slots=True)
class Record(Need[int]):
    """Write an audit entry; the answer is its index. With `durable` it is on disk, else in the kernel."""

    kind: str
    fields: Mapping[str, object]
    payload: Mapping[str, object]
    durable: bool = False
    shared: Mapping[str, object] | None = None
    """Fields that are the same for every run of the statement's text; one object, so that they are encoded once."""


@dataclass(slots=True)
class Run(Need[Tally]):
    """Forward the statement, relay its answer, and count."""

    permit: Permit
    judged: Judged
    statement: Statement
    request: Request | None = None

    @property
    def apart(self) -> bool:
        """Whether it does not simply travel on: it runs under another role, changes what was approved, or changes

        something and shows rows that are counted: too many of them must undo what it did.
        """
        judged = self.judged
        return judged.route is not Route.SESSION or (judged.changes and (judged.limited or self.request is not None))


Turn: TypeAlias = Generator[Need[Any], Any, Tally]


def turn(statement: Statement) -> Turn:
    """Judge `statement`; run it and count, or raise what the client shall hear.

    Raises:
        Denied: Policy says no.
        NotUnderstood: It cannot be judged, or cannot run where it came.
        ApprovalDenied, NotApproved: It was held, and nobody said yes.
        Unavailable: It could not be recorded.
    """
    judged: Judged | None = None
    try:
        judged = yield Judge(statement.text)
        if judged.decision.verdict is Verdict.ALLOW:
            permit: Permit = yield Grant(judged)
            request = None
        else:
            permit, request = yield from _permitted(statement, judged)
    except GovError as error:
        yield not_judged(statement, error) if judged is None else _said_no(statement, judged, error)
        raise
    index: int = yield _entry(statement, judged, request)
    tally: Tally = yield Run(permit, judged, statement, request)
    yield _done(statement, index, tally)
    return tally


def _permitted(statement: Statement, judged: Judged) -> Generator[Need[Any], Any, tuple[Permit, Request]]:
    """The permit of what is not simply allowed: somebody has to say yes."""
    if judged.decision.verdict is not Verdict.HOLD:
        raise refusal(judged)
    request: Request = yield Open(statement, judged)
    if request.state is RequestState.PENDING:
        request = yield Answered(request)
    if request.state is not RequestState.APPROVED:
        raise unapproved(request)
    permit: Permit = yield Spend(request, statement, judged)
    return permit, request


def _entry(statement: Statement, judged: Judged, request: Request | None) -> Record:
    """The entry that stands before the statement runs."""
    fields: dict[str, object] = {"n": statement.number, "protocol": statement.protocol}
    payload: dict[str, object] = _said(statement)
    if request is not None:
        yes, alone = request.approved_by, request.break_glass
        fields |= {"request": request.id, "approved_by": [answer.approver.subject for answer in yes]}
        payload["approvers"] = [answer.approver.display for answer in yes]
        if alone is not None:
            fields["break_glass"] = alone.alone
    durable = request is not None or judged.route is not Route.SESSION
    return Record("statement", fields, payload, durable, judged.fields)


def _said_no(statement: Statement, judged: Judged, error: GovError) -> Record:
    """The entry of a statement that does not run."""
    verdict = judged.decision.verdict.value if judged.decision.verdict is Verdict.DENY else "refused"
    fields = {"n": statement.number, "protocol": statement.protocol, "verdict": verdict}
    return Record("statement", fields, _payload(statement, error), shared=judged.fields)


def not_judged(statement: Statement, error: GovError) -> Record:
    """The entry of a statement that could not even be judged."""
    payload = _payload(statement, error)
    fields = {
        "n": statement.number, "protocol": statement.protocol, "verdict": "refused", "reasons": [payload["error"]],
    }
    return Record("statement", fields, payload)


def _payload(statement: Statement, error: GovError) -> dict[str, object]:
    return {**_said(statement), "error": without_secrets_of(statement.text, error.what)}


def _said(statement: Statement) -> dict[str, object]:
    """What was sent, for the payload."""
    if not statement.parameters:
        return {"text": statement.text}
    said: dict[str, object] = {
        "text": statement.text, "parameters": without_passwords(statement.text, statement.parameters),
    }
    if statement.types:
        said["types"] = statement.types
    return said


def _done(statement: Statement, index: int, tally: Tally) -> Record:
    """The entry that stands behind it."""
    fields = {
        "n": statement.number, "statement": index, "rows": tally.rows, "bytes": tally.octets,
        "duration_ms": round(tally.seconds * 1000, 3), "sqlstate": tally.sqlstate, "outcome": tally.outcome,
    }
    if tally.relayed is not None and tally.relayed != tally.rows:
        fields["relayed"] = tally.relayed
    error = without_secrets_of(statement.text, tally.error)
    payload: dict[str, object] = {"error": error} if error else {}
    if tally.original:
        payload["original"] = without_secrets_of(statement.text, tally.original)
    if tally.copied:
        fields["digests"], payload["copied"] = tally.digests, tally.copied
    return Record("statement.done", fields, payload)


def refusal(judged: Judged) -> GovError:
    """What a client hears when policy says no."""
    decision, facts = judged.decision, judged.facts
    more = (part for part in (decision.message, *decision.reasons[1:]) if part and part != decision.reasons[0])
    detail = "\n".join(dict.fromkeys(more))
    if facts.unknown and decision.rule is None:
        return NotUnderstood(decision.reasons[0], hint=decision.hint or _SIMPLER, detail=detail)
    if decision.verdict is Verdict.CONFIRM:
        return NotUnderstood(
            f"rule {decision.rule} wants this confirmed by typing the object's name, which this client cannot do",
            hint="ask the owner of the policy to hold it instead", detail=detail,
        )
    by = f"denied by rule {decision.rule}: " if decision.rule else "denied: "
    return Denied(by + decision.reasons[0], hint=decision.hint or "gov explain TARGET -c SQL", detail=detail)


_SIMPLER = "write it so that gov can tell what it does, or see gov explain"


def unapproved(request: Request) -> GovError:
    """What a client hears when its request ended without a yes."""
    no = next((answer for answer in request.answers if not answer.yes), None)
    match request.state:
        case RequestState.DENIED:
            who = no.approver.display if no else "an approver"
            why = f": {no.reason}" if no and no.reason else ""
            return ApprovalDenied(f"{who} denied {request.id}{why}", hint=f"held by rule {request.rule}")
        case RequestState.EXPIRED:
            return NotApproved(f"nobody answered {request.id} in time", hint="run it again to ask again")
        case RequestState.WITHDRAWN:
            return NotApproved(f"{request.id} was withdrawn", hint="run it again to ask again")
        case RequestState.PENDING:
            return NotApproved(f"{request.id} is pending", hint=f"gov exec TARGET --request {request.id}")
        case RequestState.SPENT:
            return NotApproved(f"{request.id} was spent before", hint="run it again to ask again")
        case RequestState.APPROVED:
            raise AssertionError("an approved request is not refused")


def route(facts: Facts, decision: Decision, scope: Scope) -> Route:
    """Under which role the statement runs.

    Raises:
        NotUnderstood: It mixes what must run as the owner with what must not, or wants what nobody can lend.
    """
    if decision.verdict is Verdict.DENY:
        return Route.SESSION
    if owned := facts.effects & OWNED:
        if others := facts.effects - OWNED:
            raise NotUnderstood(
                f"`{min(owned)}` runs as the owner and cannot be mixed with `{min(others)}`",
                hint="send the statements one at a time, and create tables empty before you fill them",
            )
        return Route.OWNER
    if beyond := decision.lends - DML:
        raise NotUnderstood(f"an approval cannot lend `{min(beyond)}`", hint="ask for another way to do this")
    return Route.LENT if decision.lends else Route.SESSION
