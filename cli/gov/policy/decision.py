"""The answer of policy to one statement, and to one request for a lease."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256

from gov.terms import Column, Effect, Relation, Scope


class Verdict(StrEnum):
    """What happens to the statement."""

    ALLOW = "allow"
    DENY = "deny"
    CONFIRM = "confirm"  # the requester types the object's name
    HOLD = "hold"  # waits on the wire for an approver


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict with its reasons. There is no decision without a reason."""

    verdict: Verdict
    reasons: tuple[str, ...]
    """For people, most important first: lower case, no full stop."""
    rule: str | None = None
    """The name of the rule that decided; None when no rule speaks of it."""
    rules: tuple[str, ...] = ()
    """Every rule that held, the deciding one first."""
    approvers: frozenset[str] = frozenset()
    """Groups that may answer a hold."""
    count: int = 1
    """How many distinct approvers are needed."""
    expires: float = 900.0
    """Seconds that a hold waits for its answer."""
    message: str = ""
    """The rule author's own words, shown to the requester."""
    hint: str = ""
    """The next command to type, or whom to ask."""
    lends: frozenset[Effect] = frozenset()
    """Effects outside the lease's scope that an approval lends to this one statement."""
    most_rows: int | None = None
    """More rows of the answer than these are not shown, and the statement is stopped."""
    most_rows_by: str = ""
    """The rule that says so: it did not speak because few rows were estimated."""
    unmask: tuple[Column, ...] = ()
    """Masked columns that it needs raw and that somebody may unmask: see `policy.unmask`."""
    most_rows_ask: frozenset[str] = frozenset()
    """Groups that can let more pass."""
    budgets: tuple[str, ...] = ()
    """The budgets that its rows count against, by name."""
    row_counts: int = 1
    """As how many rows one of the answer counts: as many as it can hold values of; 0 for the lines of a plan."""
    filters: tuple[tuple[Relation, str], ...] = ()
    """(relation, rule) of every row filter on what it reads."""
    alone: tuple[str, ...] = ()
    """Rules by which whoever sent it may go ahead without an approver, with a reason: see `policy.glass`."""

    def __post_init__(self) -> None:
        if not self.reasons:
            raise ValueError("a decision needs a reason")


@dataclass(frozen=True, slots=True)
class Unmask:
    """Who may lift a mask for somebody, and on what terms. Seconds."""

    approvers: frozenset[str]
    """Groups that may answer. Empty: those of several rules have none in common, so nobody may."""
    max_ttl: float
    """How long a lease without the mask may last."""
    scope: Scope = Scope.READ
    """The widest scope of such a lease."""
    reason_required: bool = False
    purposes: tuple[frozenset[str], ...] = ()
    """Patterns, one of each set of which the lease's purpose must meet."""
    count: int = 1
    """How many distinct approvers are needed."""
    expires: float = 900.0
    """How long the request waits for its answer, and the approval for its use."""


@dataclass(frozen=True, slots=True)
class MaskSpec:
    """How one column is masked, and which rule says so."""

    mask: str
    """As `masks.Mask` is spelled: `redact`, `round(1000)`."""
    rule: str
    classification: str
    """`pii.contact`"""
    write: bool = False
    """Whether UPDATE of the column is granted all the same (`write: allow`)."""
    rules: tuple[str, ...] = field(default=(), compare=False)
    """Every rule that masks it for this person, by name."""
    unmask: Unmask | None = None
    """On what terms the mask may be lifted: those of all `rules` together; None: never."""

    @property
    def keepers(self) -> str:
        """The rules that mask it, in words."""
        return " and ".join(self.rules or (self.rule,))


@dataclass(frozen=True, slots=True, order=True)
class FilterSpec:
    """Which rows of one relation are there, and which rule says so."""

    rule: str
    where: str
    """The condition, with what it says of the person as literals."""
    tables: tuple[Relation, ...] = ()
    """What its subqueries read."""
    functions: tuple[str, ...] = ()
    """`schema.name` of every function that it calls."""


def every(conditions: Iterable[str]) -> str:
    """One condition that is true when each of `conditions` is, as people read it; empty for none."""
    found = [*conditions]
    return " and ".join(f"({each})" for each in found) if len(found) > 1 else "".join(found)


@dataclass(frozen=True)
class Outcome:
    """What policy makes of one (principal's groups, target, scope, catalog): the content of a profile.

    Two principals with equal outcomes share one profile role on the target.
    """

    target: str
    scope: str
    relations: frozenset[Relation]
    """Everything that may be reached."""
    masks: dict[Column, MaskSpec] = field(default_factory=dict)
    """Columns of those relations that are masked for this profile."""
    classified: dict[Column, str] = field(default_factory=dict)
    """Every classified column of those relations, masked or clear, with its classification."""
    lifted: dict[Column, MaskSpec] = field(default_factory=dict)
    """Masks that an approval has lifted for this lease: see `policy.unmask`."""
    opened: dict[Relation, frozenset[str]] = field(default_factory=dict)
    filters: dict[Relation, tuple[FilterSpec, ...]] = field(default_factory=dict)
    """Relations of which not every row is there; a row must meet each condition."""
    """For those with classified columns, the columns that are not closed: see `policy.accepted`."""

    @property
    def digest(self) -> str:
        """16 hex characters, equal exactly when target, scope, relations, masks, open columns and filters are."""
        parts = [self.target, self.scope, *sorted(map(str, self.relations))]
        parts += sorted(
            f"{column}={spec.mask}{':write' if spec.write else ''}" for column, spec in self.masks.items()
        )
        parts += sorted(f"{relation}({','.join(sorted(names))})" for relation, names in self.opened.items())
        parts += sorted(
            f"{relation}?{sorted({each.where for each in specs})}" for relation, specs in self.filters.items()
        )
        return sha256("\n".join(parts).encode()).hexdigest()[:16]

    def masked_in(self, relation: Relation) -> dict[str, MaskSpec]:
        """Column name to mask, for one relation."""
        return {column.name: spec for column, spec in self.masks.items() if column.relation == relation}


@dataclass(frozen=True, slots=True)
class Access:
    """Permission to hold a lease, with its limits."""

    rule: str
    scope: str
    max_ttl: float
    """Seconds."""
    reason_required: bool = False
    purpose_required: bool = False
    max_statement: float | None = None
    """Seconds one statement may run on after the lease's end; None means the default grace."""


@dataclass(frozen=True, slots=True)
class NoAccess:
    """No lease, and why."""

    reasons: tuple[str, ...]
    hint: str
