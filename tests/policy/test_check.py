"""Complaints about rules that cannot mean what their author thinks; their texts are in `cases/policy/refused.txt`."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from gov.policy.access import access
from gov.policy.behind import behind
from gov.policy.check import complaints_about
from gov.policy.decision import Access, Verdict
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


@given(world=worlds)
@settings(deadline=None, max_examples=50)
def test_a_rule_behind_others_changes_nothing(world: World) -> None:
    """Without it verdicts, masks and the terms of leases are the same."""
    for rule, _ in behind(world.policy):
        rest = replace(world.policy, **{
            part: tuple(each for each in getattr(world.policy, part) if each is not rule)
            for part in ("access", "masking", "rows", "budget", "guardrails")
        })
        assert world.under(rest).decision().verdict is world.decision().verdict
        assert terms(rest, world) == terms(world.policy, world)
        assert masks(rest, world) == masks(world.policy, world)


def terms(policy: Policy, world: World) -> tuple[float, bool, bool] | None:
    """Of the lease that the world's person may have."""
    granted = access(policy, world.who, "prod", "production", world.on.scope)
    if not isinstance(granted, Access):
        return None
    return granted.max_ttl, granted.reason_required, granted.purpose_required


def masks(policy: Policy, world: World) -> dict[str, tuple[str, bool]]:
    """Column to mask, and whether it may be set all the same."""
    profile = outcome(policy, world.who, "prod", "production", world.on.scope, CATALOG)
    return {str(column): (spec.mask, spec.write) for column, spec in profile.masks.items()}


def test_narrower_conditions_are_behind_wider_ones() -> None:
    """A part of the effects, one more condition, a classification below."""
    wide = When(reads="pii", rows_over=10)

    assert shadowed(wide, replace(wide, reads="pii.contact", rows_over=50))
    assert shadowed(When(), wide)
    assert not shadowed(wide, replace(wide, rows_over=5))
    assert not shadowed(replace(wide, unmasked=True), wide)
    assert not shadowed(replace(wide, hours=(8, 18)), wide)
