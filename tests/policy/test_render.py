"""A policy written out is read back as the same policy."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gov
from gov.policy.decision import Verdict
from gov.policy.document import load, read
from gov.policy.pattern import relation_pattern
from gov.policy.render import text
from gov.policy.rules import AccessRule, BreakGlass, Event, Guardrail, NotifyRule, People, Policy, Roles, When
from gov.terms import Scope
from policy_worlds import World, worlds

TESTS = Path(__file__).parents[1]
SHOPS = (TESTS / "cases/policy/shop.yaml", Path(gov.__file__).parent / "demo/policy.yaml")


@pytest.mark.parametrize("path", SHOPS, ids=["cases", "demo"])
def test_whole_documents(path: Path) -> None:
    """Rules, roles and all, with the digest that the trail names."""
    policy = load([("p", path.read_text())])

    assert load([("shown", text(policy))]).digest == policy.digest


@settings(max_examples=40, deadline=None)
@given(world=worlds)
def test_any_policy(world: World) -> None:
    """What was read is what was written; whether its rules make sense is another question."""
    policy = world.policy
    guardrails = tuple(
        each if each.then is Verdict.HOLD else Guardrail(each.name, each.when, each.then) for each in policy.guardrails
    )
    policy = Policy(
        policy.classify, policy.access, policy.masking, tuple(each for each in guardrails if each.when != When()),
        policy.rows, policy.budget, break_glass=policy.break_glass,
        vouched_functions=policy.vouched_functions,
    )  # fmt: skip

    assert read([("shown", text(policy))])[0].digest == policy.digest


@settings(max_examples=40, deadline=None)
@given(words=st.frozensets(st.text(min_size=1, max_size=8).filter(str.strip), min_size=1, max_size=3))
def test_any_text(words: frozenset[str]) -> None:
    """Names of groups, targets and purposes may hold whatever YAML could misread."""
    pattern = relation_pattern("public.*")
    assert pattern is not None
    policy = Policy(
        access=(AccessRule("a", People(words, services=words), words, words, Scope.READ, 90.0, (pattern,)),),
        guardrails=(Guardrail("g", When(clients=words, purposes=words, hours=(22, 6), rows_over=0), Verdict.DENY),),
        break_glass=(BreakGlass("x", People(words), words, words, max_ttl=900.0),),
        notify=(NotifyRule("n", words, frozenset({Event.HELD}), words, words, words),),
        roles=Roles(auditor=People(words)),
        vouched_settings=frozenset({"app.tenant"}),
        vouched_channels=words,
        vouched_extensions=words,
        fresh_within=3600.0,
    )

    assert read([("shown", text(policy))])[0].digest == policy.digest
