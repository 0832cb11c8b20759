"""Break glass: who may go ahead alone, where another rule asks for somebody's word.

It stands in for an approver and for nothing else: what is denied stays denied, what is not understood does not
run, and what is not known of a statement or of the time is no permission. Agents and services have to be named as
such; that they act for somebody who may, or have their groups, is not enough.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from gov.identity.principal import Kind, Principal
from gov.policy.decision import Outcome
from gov.policy.matching import circumstances, meets
from gov.policy.pattern import any_word
from gov.policy.rules import BreakGlass, Guardrail, People, Policy, When
from gov.policy.situation import Situation
from gov.sql.facts import Facts


def alone(
    policy: Policy, who: Principal, on: Situation, facts: Facts, outcome: Outcome, held: Iterable[Guardrail]
) -> tuple[str, ...]:
    """The rules by which `who` may run alone the statement that the guardrails `held` hold, by name."""
    names = {rule.name for rule in held}
    return tuple(sorted(
        rule.name for rule in policy.break_glass
        if speaks_of(rule, who, on.target, on.environment)
        and (not rule.rules or names <= rule.rules)
        and meets(rule.when, who, on, facts, outcome, unknown=False)
    ))  # fmt: skip


def lifting_alone(policy: Policy, who: Principal, on: Situation, masks: Collection[str]) -> tuple[BreakGlass, ...]:
    """The rules by which `who` may lift alone what the rules `masks` mask, by name."""
    found = (
        rule for rule in policy.break_glass
        if speaks_of(rule, who, on.target, on.environment)
        and masks
        and rule.rules >= {*masks}
        and not about_statements(rule.when)
        and circumstances(rule.when, who, on, unknown=False)
    )
    return tuple(sorted(found, key=lambda rule: rule.name))


def still(policy: Policy, names: Collection[str], who: Principal, on: Situation) -> tuple[str, ...]:
    """Those of the rules `names` that `policy` still has for `who`, as far as no statement is looked at.

    What the client calls itself is a condition of the statement, too.
    """
    return tuple(sorted(
        rule.name for rule in policy.break_glass
        if rule.name in names
        and speaks_of(rule, who, on.target, on.environment)
        and circumstances(replace(rule.when, clients=frozenset()), who, on, unknown=False)
    ))  # fmt: skip


def speaks_of(rule: BreakGlass, who: Principal, target: str, environment: str) -> bool:
    """Whether it speaks of `who` on `target`."""
    return (
        _named(rule.people, who)
        and any_word(target, rule.targets)
        and (not rule.environments or environment in rule.environments)
    )


def _named(people: People, who: Principal) -> bool:
    """Whether `who` is meant: a person also by a group, what is no person only as what it is."""
    if who.agent is not None or who.kind is Kind.AGENT:
        return people.includes_agent(who)
    if who.kind is Kind.SERVICE:
        return any_word(who.name, people.services) or any_word(who.subject, people.services)
    return people.includes(who)


def about_statements(when: When) -> bool:
    """Whether some condition is about a statement, so that a lease cannot meet it."""
    return bool(
        when.effects or when.relations or when.columns or when.reads or when.unmasked or when.where_missing
        or when.clients or when.rows_over is not None
    )


def whole(rule: BreakGlass) -> When:
    """Everything that must hold for `rule` to speak, as the conditions of one guardrail."""
    when = rule.when
    return replace(
        when,
        targets=when.targets or rule.targets,
        environments=when.environments or rule.environments,
        people=when.people or rule.people,
    )
