"""Who may go ahead alone: with which statements, which masks, where and when."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gov.identity.principal import Kind
from gov.policy.decision import Verdict
from gov.policy.glass import about_statements, alone, lifting_alone, speaks_of, still
from gov.policy.rules import BreakGlass, Guardrail, People, Policy, When
from gov.sql.facts import Facts
from gov.terms import Effect, Relation, Scope
from policy.test_decide import ALICE, on, profile

RULE = BreakGlass("x", People(groups=frozenset({"engineering"})), frozenset({"prod"}))
DROPS = Guardrail("drops", When(effects=frozenset({Effect.DROP})), Verdict.HOLD, frozenset({"dba"}))
WRITES = replace(DROPS, name="writes")
FACTS = Facts(frozenset({Effect.DROP}), writes=frozenset({Relation("public", "orders")}))


def names(rule: BreakGlass, *held: Guardrail, hour: int | None = 12) -> tuple[str, ...]:
    """By which rules Alice may go ahead alone with a drop that `held` hold."""
    situation = replace(on(Scope.WRITE), hour=hour)
    return alone(Policy(break_glass=(rule,)), ALICE, situation, FACTS, profile(ALICE, Scope.WRITE), held or (DROPS,))


def test_the_rules_that_it_stands_in_for() -> None:
    """All of them must be named; without names it is any guardrail."""
    only = replace(RULE, rules=frozenset({"drops"}))

    assert names(RULE, DROPS, WRITES) == names(only, DROPS) == ("x",)
    assert names(only, DROPS, WRITES) == names(replace(RULE, rules=frozenset({"a-mask"}))) == ()


@pytest.mark.parametrize(("when", "hour", "there"), [
    (When(effects=frozenset({Effect.DROP})), 12, True),
    (When(effects=frozenset({Effect.UPDATE})), 12, False),
    (When(hours=(22, 6)), 23, True),
    (When(hours=(22, 6)), 12, False),
    (When(hours=(22, 6)), None, False),
    (When(clients=frozenset({"psql"})), 12, False),
    (When(rows_over=5), 12, False),
])  # fmt: skip
def test_conditions(when: When, hour: int | None, there: bool) -> None:
    """All must hold, and what is not known holds not."""
    assert names(replace(RULE, when=when), hour=hour) == (("x",) if there else ())


def test_masks_are_lifted_by_name_only() -> None:
    """Every rule that makes the mask must be named, and no condition may be about a statement."""
    masks = replace(RULE, rules=frozenset({"a", "b"}))

    def lifting(rule: BreakGlass, *wanted: str) -> bool:
        return bool(lifting_alone(Policy(break_glass=(rule,)), ALICE, on(Scope.READ), wanted))

    assert lifting(masks, "a", "b")
    assert not lifting(masks, "a", "c")
    assert not lifting(masks)
    assert not lifting(RULE, "a")
    assert not lifting(replace(masks, when=When(effects=frozenset({Effect.READ}))), "a")
    assert not about_statements(When(hours=(1, 2), purposes=frozenset({"p"}), scopes=frozenset({Scope.READ})))


def test_what_is_no_person_is_named_as_what_it_is() -> None:
    """Groups speak of people here, and the names of people of them alone."""
    service = replace(ALICE, name="etl", subject="etl", kind=Kind.SERVICE)
    agent = replace(ALICE, agent="assistant", kind=Kind.AGENT)
    there = {
        (who.display, part): speaks_of(replace(RULE, people=people), who, "prod", "production")
        for who in (ALICE, service, agent)
        for part, people in {
            "groups": People(groups=frozenset({"engineering"})), "users": People(users=frozenset({"alice", "etl"})),
            "services": People(services=frozenset({"etl"})), "agents": People(agents=frozenset({"assistant"})),
            "on_behalf_of": People(on_behalf_of=frozenset({"alice"})),
        }.items()
    }

    assert {each for each, may in there.items() if may} == {
        ("alice", "groups"), ("alice", "users"), ("etl", "services"), ("assistant for alice", "agents"),
        ("assistant for alice", "on_behalf_of"),
    }


def test_whether_it_still_stands() -> None:
    """Of the rules that a request was opened with, whatever its statement is."""
    policy = Policy(break_glass=(replace(RULE, when=When(clients=frozenset({"psql"}))),))

    assert still(policy, ("x", "gone"), ALICE, on(Scope.READ)) == ("x",)
    assert still(policy, (), ALICE, on(Scope.READ)) == ()
    assert still(policy, ("x",), replace(ALICE, groups=frozenset()), on(Scope.READ)) == ()
