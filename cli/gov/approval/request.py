"""An approval request: one statement, or masks to be lifted, that wait for somebody's word."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gov.approval.dataset import DataSet
from gov.identity.principal import Principal
from gov.terms import Column, Effect, LeaseId, Relation, RequestId, Scope, SessionId, StatementDigest, TargetName


class RequestState(StrEnum):
    """Where a request stands. `approval.states` holds the table of transitions."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    SPENT = "spent"


@dataclass(frozen=True, slots=True)
class Answer:
    """What one approver said."""

    approver: Principal
    yes: bool
    at: float
    reason: str = ""
    max_rows: int | None = None
    """More changed rows than this roll the statement back."""
    alone: str = ""
    """The break-glass rule by which the requester said yes to their own request; empty: an approver's answer."""


@dataclass(frozen=True, slots=True)
class Unmasking:
    """What a request is for that is about no statement: a lease in which masks are lifted."""

    columns: tuple[Column, ...]
    rules: tuple[str, ...]
    """Every mask rule that is lifted, by name: whoever answers must be named by all of them."""
    ttl: float
    """Seconds that the lease may last."""
    awaited: bool = False
    """Whether somebody waits for the answer, so that the request ends with the broker that they asked."""


@dataclass(frozen=True, slots=True)
class Request:
    """One approval request as the store keeps it. Times are seconds since the epoch."""

    id: RequestId
    state: RequestState
    requester: Principal
    target: TargetName
    scope: Scope
    purpose: str
    reason: str
    statement: str
    """The exact text, as the client sent it; of an `unmasking` what is asked, in words."""
    parameters: tuple[str | None, ...]
    """Bound parameters in text form (binary ones as `\\x…`), for people and for the digest."""
    digest: StatementDigest
    """`approval.binding.bind(...)`: statement, parameters, settings, target, person, session or scope."""
    definitions: str
    """Digest over OID and definition of every object reached, at the time of the request."""
    relations: tuple[Relation, ...]
    rule: str
    """The rule that decided, of `rules`."""
    reasons: tuple[str, ...]
    approvers: frozenset[str]
    count: int
    created_at: float
    expires_at: float
    lease: LeaseId | None
    session: SessionId | None
    """The session it is held in; None for `--no-wait`."""
    answers: tuple[Answer, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    """(label, text) pairs that the approver sees: objects with sizes, dependents, estimated rows, effects."""
    effects: frozenset[Effect] = frozenset()
    """What the statement does; only rows that DML changes can be counted, and so bounded."""
    unmasking: Unmasking | None = None
    """Set when it is masks that shall be lifted: then a lease spends it, and no statement."""
    dataset: DataSet | None = None
    """Set when the statement is a data set's: its approval is used, not spent, until it expires."""
    rules: tuple[str, ...] = ()
    """Every rule that asks for an approver."""
    alone: tuple[str, ...] = ()
    """The break-glass rules by which its requester may go ahead without an approver."""

    @property
    def approved_by(self) -> tuple[Answer, ...]:
        """Every yes of somebody else's."""
        return tuple(answer for answer in self.answers if answer.yes and not answer.alone)

    @property
    def break_glass(self) -> Answer | None:
        """The answer by which its requester went ahead alone; None when that has not happened."""
        return next((answer for answer in self.answers if answer.yes and answer.alone), None)
