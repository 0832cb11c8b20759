"""Complaints about rules that cannot mean what their author thinks; their texts are in `cases/policy/refused.txt`."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from gov.policy.check import complaints_about
from gov.policy.decision import Verdict
from gov.policy.matching import speaks
from gov.policy.outcome import outcome
from gov.policy.rules import Guardrail, Policy, When
from policy_worlds import CATALOG, World, whens, worlds


def shadowed(outer: When, inner: When) -> bool:
    """Whether `check` says that a hold on `inner` can never apply behind a denial of `outer`."""
    rules = (Guardrail("d", outer, Verdict.DENY), Guardrail("h", inner, Verdict.HOLD, frozenset({"a"})))
    return any("denies whatever" in each.what for each in complaints_about(Policy(guardrails=rules)))


@given(world=worlds, outer=whens, data=st.data())
@settings(deadline=None, max_examples=100)
def test_a_shadowed_rule_really_never_applies(world: World, outer: When, data: st.DataObject) -> None:
    """Whenever the rule behind would speak, the denial in front of it does."""
    inner = data.draw(st.one_of(whens, st.builds(lambda other: replace(
        other, effects=outer.effects or other.effects, reads=outer.reads or other.reads,
        unmasked=outer.unmasked or other.unmasked, people=outer.people or other.people,
        where_missing=outer.where_missing or other.where_missing, relations=outer.relations or other.relations,
        columns=outer.columns or other.columns, scopes=outer.scopes or other.scopes,
        hours=outer.hours or other.hours, rows_over=outer.rows_over or other.rows_over,
    ), whens)))  # fmt: skip
    if not shadowed(outer, inner):
        return
    on = world.on
    profile = outcome(world.policy, world.who, on.target, on.environment, on.scope, CATALOG)
    hold = Guardrail("h", inner, Verdict.HOLD, frozenset({"a"}))
    denial = Guardrail("d", outer, Verdict.DENY)

    assert speaks(denial, world.who, on, world.facts, profile) or not speaks(
        hold, world.who, on, world.facts, profile
    )


def test_narrower_conditions_are_behind_wider_ones() -> None:
    """A part of the effects, one more condition, a classification below."""
    wide = When(reads="pii", rows_over=10)

    assert shadowed(wide, replace(wide, reads="pii.contact", rows_over=50))
    assert shadowed(When(), wide)
    assert not shadowed(wide, replace(wide, rows_over=5))
    assert not shadowed(replace(wide, unmasked=True), wide)
    assert not shadowed(replace(wide, hours=(8, 18)), wide)
