"""A policy as values: every rule a frozen dataclass, nothing of YAML left but the positions."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from enum import StrEnum
from functools import cached_property
from hashlib import sha256

from gov.identity.principal import Kind, Principal
from gov.policy.complaint import Position
from gov.policy.conditions import Condition
from gov.policy.decision import Unmask, Verdict
from gov.policy.pattern import ColumnPattern, RelationPattern, any_word
from gov.terms import Effect, Scope

Marks = Mapping[str, Position]
"""Key of a rule to the place of its value; `""` to the place of the rule itself."""

FRESH_WITHIN = 900.0
"""Seconds, where no file says otherwise."""

REACH: dict[Scope, int] = {Scope.READ: 0, Scope.WRITE: 1, Scope.ADMIN: 2}
"""Each scope includes those before it."""


def _marks() -> Marks:
    return {}


@dataclass(frozen=True, slots=True)
class People:
    """Whom a rule speaks of: anybody who is in one of the groups or is named. Empty means nobody."""

    groups: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()
    """Names or subjects of humans, whether they act themselves or through an agent."""
    services: frozenset[str] = frozenset()
    agents: frozenset[str] = frozenset()
    """Subjects of agents; `*` for every agent."""
    on_behalf_of: frozenset[str] = frozenset()
    """Names or subjects of humans: only agents that act for them. Without `agents`, any agent that does."""

    def includes(self, who: Principal) -> bool:
        """Whether `who` is among them. An agent carries the groups that its token carries."""
        if any(any_word(group, self.groups) for group in who.groups):
            return True
        if self.includes_agent(who):
            return True
        names = self.services if who.kind is Kind.SERVICE else self.users
        return any_word(who.name, names) or any_word(who.subject, names)

    def includes_agent(self, who: Principal) -> bool:
        """Whether `who` is an agent, and among them as one: not by its groups, nor by whom it acts for."""
        if who.agent is None or (not self.agents and not self.on_behalf_of):
            return False
        meant = not self.agents or any_word(who.agent, self.agents)
        for_them = any_word(who.name, self.on_behalf_of) or any_word(who.subject, self.on_behalf_of)
        return meant and (for_them or not self.on_behalf_of)

    def __bool__(self) -> bool:
        return bool(self.groups or self.users or self.services or self.agents or self.on_behalf_of)


@dataclass(frozen=True, slots=True)
class Classification:
    """Columns that hold data of one kind."""

    columns: tuple[ColumnPattern, ...]
    data: str
    marks: Marks = field(default_factory=_marks, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class AccessRule:
    """Who may hold a lease, where, in which scope and for how long (seconds)."""

    name: str
    people: People
    targets: frozenset[str]
    environments: frozenset[str]
    """Empty: any."""
    scope: Scope
    max_ttl: float
    relations: tuple[RelationPattern, ...] = ()
    """Empty: all tables outside system schemas."""
    reason_required: bool = False
    purpose_required: bool = False
    max_statement: float | None = None
    marks: Marks = field(default_factory=_marks, compare=False, repr=False)

    def grants(self, who: Principal, target: str, environment: str, scope: Scope) -> bool:
        """Whether it lets `who` hold a lease of `scope`; a scope includes the narrower ones."""
        return (
            REACH[scope] <= REACH[self.scope]
            and any_word(target, self.targets)
            and (not self.environments or environment in self.environments)
            and self.people.includes(who)
        )

    @property
    def terms(self) -> tuple[float, bool, bool, float, str]:
        """Sorts by what speaks for it: the longest lease, then what asks for less."""
        return (
            -self.max_ttl, self.reason_required, self.purpose_required, -(self.max_statement or 0.0), self.name,
        )


@dataclass(frozen=True, slots=True)
class MaskRule:
    """Data of one kind is masked for everybody but the excepted."""

    name: str
    data: str
    mask: str
    """As `masks.Mask` is spelled: `redact`, `round(1000)`."""
    excepted: People = People()
    write: bool = False
    """Whether UPDATE of the masked column is granted all the same."""
    unmask: Unmask | None = None
    """On what terms somebody may see the value for a while; None: never."""
    marks: Marks = field(default_factory=_marks, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class RowRule:
    """Of some tables only the rows that meet a condition are there, for everybody it is for but the excepted."""

    name: str
    tables: tuple[RelationPattern, ...]
    where: Condition
    people: People = People()
    """Empty: everybody."""
    excepted: People = People()
    targets: frozenset[str] = frozenset()
    """Empty: any."""
    purposes: frozenset[str] = frozenset()
    """Of leases; empty: any."""
    marks: Marks = field(default_factory=_marks, compare=False, repr=False)

    def meant(self, who: Principal, target: str, purpose: str) -> bool:
        """Whether it speaks of `who` in a lease for `purpose` on `target`."""
        return (
            (not self.people or self.people.includes(who))
            and not self.excepted.includes(who)
            and (not self.targets or any_word(target, self.targets))
            and (not self.purposes or any_word(purpose, self.purposes))
        )


@dataclass(frozen=True, slots=True)
class Budget:
    """So many rows with data of one kind may a person see in any span of `per` seconds."""

    name: str
    data: str
    rows: int
    per: float
    unmasked: bool = False
    """Only rows count whose data is clear in the lease."""
    people: People = People()
    """Empty: everybody."""
    excepted: People = People()
    targets: frozenset[str] = frozenset()
    """Empty: any. All that are meant count together."""
    marks: Marks = field(default_factory=_marks, compare=False, repr=False)

    def meant(self, who: Principal, target: str) -> bool:
        """Whether it limits `who` on `target`."""
        return (
            (not self.people or self.people.includes(who))
            and not self.excepted.includes(who)
            and (not self.targets or any_word(target, self.targets))
        )


@dataclass(frozen=True, slots=True)
class When:
    """Conditions of a guardrail. All that are given must hold; within a list one is enough."""

    effects: frozenset[Effect] = frozenset()
    relations: tuple[RelationPattern, ...] = ()
    columns: tuple[ColumnPattern, ...] = ()
    reads: str | None = None
    unmasked: bool = False
    """Classified columns are read that are clear in this lease."""
    where_missing: bool = False
    environments: frozenset[str] = frozenset()
    targets: frozenset[str] = frozenset()
    scopes: frozenset[Scope] = frozenset()
    people: People = People()
    clients: frozenset[str] = frozenset()
    purposes: frozenset[str] = frozenset()
    hours: tuple[int, int] | None = None
    """From the first hour to before the second, UTC; may pass midnight."""
    rows_over: int | None = None


@dataclass(frozen=True, slots=True)
class Guardrail:
    """What happens to statements of a certain kind."""

    name: str
    when: When
    then: Verdict
    approvers: frozenset[str] = frozenset()
    count: int = 1
    expires: float = 900.0
    """Seconds."""
    message: str = ""
    marks: Marks = field(default_factory=_marks, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class DataSetRule:
    """Who may ask for data sets, for which purposes, and who approves them."""

    name: str
    people: People
    targets: frozenset[str]
    purposes: frozenset[str]
    """Shell wildcards: `train:*`."""
    approvers: frozenset[str]
    max_ttl: float
    """Seconds that a data set lasts at most."""
    count: int = 1
    expires: float = 86400.0
    """Seconds that a request waits for its answer."""
    marks: Marks = field(default_factory=_marks, compare=False, repr=False)

    def offers(self, who: Principal, target: str, purpose: str) -> bool:
        """Whether `who` may ask for a data set of `target` for `purpose`."""
        return any_word(target, self.targets) and any_word(purpose, self.purposes) and self.people.includes(who)


@dataclass(frozen=True, slots=True)
class BreakGlass:
    """Who may go ahead alone, in an emergency and with a reason, where other rules ask for an approver."""

    name: str
    people: People
    targets: frozenset[str]
    environments: frozenset[str] = frozenset()
    """Empty: any."""
    rules: frozenset[str] = frozenset()
    """Guardrails that hold and masks that may be lifted, by name. Empty: every such guardrail, and no mask."""
    when: When = When()
    max_ttl: float | None = None
    """Seconds that a lease without a mask may last; None: as long as the mask's own rule has it."""
    marks: Marks = field(default_factory=_marks, compare=False, repr=False)


class Event(StrEnum):
    """What can happen to an approval request that somebody may want to hear of."""

    HELD = "held"
    APPROVED = "approved"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    BREAK_GLASS = "break_glass"


@dataclass(frozen=True, slots=True)
class NotifyRule:
    """Which webhooks of the broker's configuration hear of what."""

    name: str
    webhooks: frozenset[str]
    events: frozenset[Event]
    rules: frozenset[str] = frozenset()
    """Only of requests that these rules make; empty: any."""
    targets: frozenset[str] = frozenset()
    """Empty: any."""
    environments: frozenset[str] = frozenset()
    """Empty: any."""
    marks: Marks = field(default_factory=_marks, compare=False, repr=False)

    def hears(self, event: Event, rules: Collection[str], target: str, environment: str) -> bool:
        """Whether it speaks of `event`, of a request that `rules` make."""
        return (
            event in self.events
            and (not self.rules or not self.rules.isdisjoint(rules))
            and (not self.targets or any_word(target, self.targets))
            and (not self.environments or environment in self.environments)
        )


@dataclass(frozen=True, slots=True)
class Roles:
    """Who governs gov itself."""

    auditor: People = People()
    operator: People = People()
    policy_admin: People = People()


@dataclass(frozen=True)
class Policy:
    """All rules of all files. The order of rules means nothing."""

    classify: tuple[Classification, ...] = ()
    access: tuple[AccessRule, ...] = ()
    masking: tuple[MaskRule, ...] = ()
    guardrails: tuple[Guardrail, ...] = ()
    rows: tuple[RowRule, ...] = ()
    budget: tuple[Budget, ...] = ()
    datasets: tuple[DataSetRule, ...] = ()
    break_glass: tuple[BreakGlass, ...] = ()
    notify: tuple[NotifyRule, ...] = ()
    roles: Roles = Roles()
    vouched_functions: frozenset[str] = frozenset()
    """Functions, `schema.name`, whose calls count as reads."""
    vouched_settings: frozenset[str] = frozenset()
    """Settings beyond the reviewed ones that clients may change."""
    vouched_channels: frozenset[str] = frozenset()
    """Channels that clients may LISTEN on."""
    vouched_extensions: frozenset[str] = frozenset()
    """Extensions whose functions count as reads, where a superuser owns them."""
    fresh_within: float = FRESH_WITHIN
    """Seconds since an approver last proved themselves."""

    @cached_property
    def digest(self) -> str:
        """SHA-256, hex, of the canonical content: equal for equal rules in whatever order and files."""
        text = json.dumps(_canonical(self), sort_keys=True, separators=(",", ":"))
        return sha256(b"gov-policy-1\0" + text.encode()).hexdigest()


_LATER = ("rows", "budget", "break_glass", "notify")
"""Sections of later versions."""


def _canonical(value: object) -> object:
    """`value` as JSON whose lists are sorted: no list in a policy has an order that means something."""
    if is_dataclass(value):
        # What is left out of a later version's sections leaves the digest of a policy without them as it was.
        parts = {f.name: _canonical(getattr(value, f.name)) for f in fields(value) if f.compare}
        return {name: part for name, part in parts.items() if part or name not in _LATER}
    if isinstance(value, frozenset | tuple):
        # The two hours are the one pair whose order matters.
        if len(value) == 2 and all(type(part) is int for part in value):
            return list(value)
        return sorted((_canonical(part) for part in value), key=lambda part: json.dumps(part, sort_keys=True))
    return value
