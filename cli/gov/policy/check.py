"""Complaints about a policy that is well written but cannot mean what its author thinks.

Duplicate names, data that nothing is classified as, and rules that can never apply.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from gov.policy.behind import behind
from gov.policy.complaint import Complaint, Position, did_you_mean
from gov.policy.decision import Verdict
from gov.policy.glass import about_statements, whole
from gov.policy.pattern import any_word, wild, within
from gov.policy.rules import (
    REACH,
    AccessRule,
    BreakGlass,
    Budget,
    DataSetRule,
    Guardrail,
    Marks,
    MaskRule,
    NotifyRule,
    Policy,
    RowRule,
    When,
)
from gov.terms import Effect, Scope

Rule = AccessRule | MaskRule | RowRule | Budget | Guardrail | DataSetRule | BreakGlass | NotifyRule

NEVER = frozenset({Effect.UNKNOWN, Effect.ROLE, Effect.NOTIFY})
"""Effects that are denied whatever a rule says."""

_NOWHERE = Position("policy", 1, 1)


def complaints_about(policy: Policy) -> list[Complaint]:
    """Every complaint, at the rule or value it is about."""
    # Rules of one name are complained about already; comparing them would say it twice.
    names = [*_names(policy)]
    found = [
        *names, *_data(policy), *_idle(policy), *_nowhere(policy), *_unvouched(policy), *_named(policy),
        *_alone(policy),
    ]
    return found if names else [*found, *_behind(policy)]


def _at(marks: Marks, key: str) -> Position:
    return marks.get(key) or marks.get("", _NOWHERE)


def _names(policy: Policy) -> Iterator[Complaint]:
    """A decision names its rule, so a name may belong to one rule only, of whatever section."""
    first: dict[str, Rule] = {}
    rules: tuple[Rule, ...] = (
        policy.access + policy.masking + policy.rows + policy.budget + policy.guardrails + policy.datasets
        + policy.break_glass + policy.notify
    )
    for rule in rules:
        other = first.setdefault(rule.name, rule)
        if other is not rule:
            what = f"`{rule.name}` is already the name of a rule at {_at(other.marks, 'name')}"
            yield Complaint(_at(rule.marks, "name"), what)


def _data(policy: Policy) -> Iterator[Complaint]:
    known = frozenset(each.data for each in policy.classify)
    for mask in policy.masking:
        yield from _classified(mask.data, known, _at(mask.marks, "data"))
    for budget in policy.budget:
        yield from _classified(budget.data, known, _at(budget.marks, "data"))
    for rule in policy.guardrails:
        if rule.when.reads is not None:
            yield from _classified(rule.when.reads, known, _at(rule.marks, "when"))
        elif rule.when.unmasked and not known:
            yield Complaint(_at(rule.marks, "when"), "can never apply: nothing is classified")
    for glass in policy.break_glass:
        if glass.when.reads is not None:
            yield from _classified(glass.when.reads, known, _at(glass.marks, "when"))


def _classified(data: str, known: frozenset[str], at: Position) -> Iterator[Complaint]:
    if not any(within(each, data) for each in known):
        yield Complaint(at, f"nothing is classified as `{data}`{did_you_mean(data, _prefixes(known))}")


def _prefixes(known: Iterable[str]) -> frozenset[str]:
    return frozenset(
        ".".join(parts[:length])
        for parts in (each.split(".") for each in known)
        for length in range(1, len(parts) + 1)
    )


def _idle(policy: Policy) -> Iterator[Complaint]:
    """Guardrails whose own conditions exclude each other or the verdict."""
    for rule in policy.guardrails:
        effects, at = rule.when.effects, _at(rule.marks, "when")
        if rule.then is not Verdict.DENY and effects and effects <= NEVER:
            words = ", ".join(sorted(effects))
            yield Complaint(at, f"can never apply: {words} is denied whatever a rule says")
        if rule.when.where_missing and effects and not effects & {Effect.UPDATE, Effect.DELETE}:
            yield Complaint(at, "can never apply: `where: missing` is for update and delete")
        in_vain = rule.when.scopes and Scope.ADMIN not in rule.when.scopes
        if rule.then is Verdict.HOLD and effects == {Effect.GRANT} and in_vain:
            yield Complaint(at, "can never apply: grant is lent in the scope admin only")


def _nowhere(policy: Policy) -> Iterator[Complaint]:
    """Guardrails for targets, environments and scopes in which nobody can have a lease."""
    for rule in policy.guardrails if policy.access else ():
        when, at = rule.when, _at(rule.marks, "when")
        if any(_may_meet(each, when) for each in policy.access):
            continue
        known = frozenset[str]().union(*(each.targets for each in policy.access))
        lost = next((each for each in sorted(when.targets) if not any(map(_meets(each), known))), None)
        if lost is not None:
            what = f"can never apply: no access rule is for the target `{lost}`{did_you_mean(lost, known)}"
            yield Complaint(at, what)
        else:
            yield Complaint(at, "can never apply: no access rule gives a lease of such a target, environment and scope")
    known = frozenset[str]().union(*(each.targets for each in policy.access))
    limits: tuple[RowRule | Budget | BreakGlass | NotifyRule, ...] = (
        policy.rows + policy.budget + policy.break_glass + policy.notify
    )
    for limit in limits if policy.access else ():
        for lost in sorted(limit.targets):
            if not any(map(_meets(lost), known)):
                what = f"can never apply: no access rule is for the target `{lost}`{did_you_mean(lost, known)}"
                yield Complaint(_at(limit.marks, "targets"), what)


def _named(policy: Policy) -> Iterator[Complaint]:
    """Rules that name others which ask for somebody's word."""
    holding = {rule.name for rule in policy.guardrails if rule.then is Verdict.HOLD}
    holding |= {rule.name for rule in policy.masking if rule.unmask is not None}
    asking = holding | {rule.name for rule in policy.datasets}
    askers: tuple[tuple[BreakGlass | NotifyRule, set[str]], ...] = (
        *((rule, holding) for rule in policy.break_glass), *((rule, asking) for rule in policy.notify),
    )
    for rule, known in askers:
        for lost in sorted(rule.rules - known):
            what = f"no rule that asks for an approver is called `{lost}`{did_you_mean(lost, known)}"
            if isinstance(rule, BreakGlass) and lost in asking:
                what = f"`{lost}` is about data sets, which nobody approves alone"
            yield Complaint(_at(rule.marks, "rules"), what)


def _alone(policy: Policy) -> Iterator[Complaint]:
    """Rules that let somebody go ahead alone where nobody is held."""
    holds = [rule for rule in policy.guardrails if rule.then is Verdict.HOLD]
    for glass in policy.break_glass:
        meant = [rule for rule in holds if not glass.rules or rule.name in glass.rules]
        masks = [rule for rule in policy.masking if rule.name in glass.rules]
        when, at = whole(glass), _at(glass.marks, "when")
        if glass.max_ttl is not None and not masks:
            yield Complaint(_at(glass.marks, "max_ttl"), "`max_ttl` is for masks, and `rules` names none")
        if masks and not meant and about_statements(glass.when):
            yield Complaint(at, "can never apply: lifting a mask is no statement that this could be true of")
        elif not meant and not masks and not glass.rules:
            yield Complaint(_at(glass.marks, ""), "can never apply: no rule asks for an approver")
        elif meant and not masks and not any(_together(rule.when, when) for rule in meant):
            yield Complaint(at, "can never apply: no guardrail holds what this speaks of")
        elif policy.access and not any(_may_meet(each, when) for each in policy.access):
            yield Complaint(at, "can never apply: no access rule gives a lease of such a target, environment and scope")


def _together(one: When, other: When) -> bool:
    """Whether a statement may meet both. It may have an effect of each, so those tell nothing."""
    return all(
        not getattr(one, name) or not getattr(other, name) or bool(getattr(one, name) & getattr(other, name))
        for name in ("environments", "scopes")
    )


def _unvouched(policy: Policy) -> Iterator[Complaint]:
    """Conditions that call what nobody vouches for."""
    for rule in policy.rows:
        for name in sorted(rule.where.functions - policy.vouched_functions):
            meant = did_you_mean(name, policy.vouched_functions)
            what = f"nobody vouches for {name}{meant}; say: vouch: {{ functions: [{name}] }}"
            yield Complaint(_at(rule.marks, "where"), what)


def _may_meet(access: AccessRule, when: When) -> bool:
    return (
        (not when.targets or any(any(map(_meets(each), access.targets)) for each in when.targets))
        and (not when.environments or not access.environments or bool(when.environments & access.environments))
        and (not when.scopes or min(map(REACH.__getitem__, when.scopes)) <= REACH[access.scope])
    )


def _meets(one: str) -> Callable[[str], bool]:
    """Whether a name may be meant by both patterns; of two with wildcards it is taken to be so."""
    def meets(other: str) -> bool:
        return any_word(one, frozenset({other})) or any_word(other, frozenset({one})) or (wild(one) and wild(other))

    return meets


def _behind(policy: Policy) -> Iterator[Complaint]:
    for rule, why in behind(policy):
        key = "when" if isinstance(rule, Guardrail | BreakGlass) else ""
        yield Complaint(_at(rule.marks, key), f"can never apply: {why}")
