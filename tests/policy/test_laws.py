"""The laws of policy, each by name, over policies, people, catalogs and statements nobody thought of."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from gov.policy.access import access, offers
from gov.policy.check import NEVER
from gov.policy.decision import Access, Outcome, Verdict
from gov.policy.document import read
from gov.policy.glass import lifting_alone
from gov.policy.masks import parse, strictest
from gov.policy.outcome import outcome
from gov.policy.rules import BreakGlass, Budget, Guardrail, People, Policy, RowRule, When
from gov.terms import DML, WITHIN, Effect
from policy_worlds import CATALOG, RELATIONS, World, budgets, row_rules, whens, worlds

LAW = settings(max_examples=100, deadline=None)

SEVERITY = {Verdict.ALLOW: 0, Verdict.CONFIRM: 1, Verdict.HOLD: 2, Verdict.DENY: 3}


def shows_no_more(one: str, other: str) -> bool:
    """Whether the mask `one` is at least as strict as `other`."""
    return strictest((parse(one), parse(other))) == parse(one)


@LAW
@given(world=worlds)
def test_no_decision_without_a_reason(world: World) -> None:
    """Every decision says why; every one that is not allow says what helps."""
    decision = world.decision()

    assert all(decision.reasons)
    assert decision.verdict is Verdict.ALLOW or decision.hint
    assert decision.rule is None or decision.rule == decision.rules[0]
    assert {*decision.alone} <= {rule.name for rule in world.policy.break_glass}


@LAW
@given(world=worlds)
def test_unknown_denies(world: World) -> None:
    """What is not understood never runs, nor is anybody asked about it."""
    for blurred in (
        replace(world.facts, unknown=("something",)),
        replace(world.facts, effects=world.facts.effects | {Effect.UNKNOWN}),
    ):
        denied = replace(world, facts=blurred, policy=with_glass(world)).decision()
        assert denied.verdict is Verdict.DENY
        assert denied.alone == ()


@LAW
@given(world=worlds, when=whens)
def test_forbids_win(world: World, when: When) -> None:
    """Adding a deny rule never makes a decision milder, and where it speaks the answer is no."""
    before, policy = world.decision(), with_glass(world)
    denial = Guardrail("forbid", when, Verdict.DENY)
    after = world.under(replace(policy, guardrails=(*policy.guardrails, denial))).decision()
    everything = replace(denial, when=When())
    never = world.under(replace(policy, guardrails=(*policy.guardrails, everything))).decision()

    assert SEVERITY[after.verdict] >= SEVERITY[before.verdict]
    assert never.verdict is Verdict.DENY or world.facts.effects == frozenset()
    assert all(each.verdict is Verdict.HOLD or not each.alone for each in (before, after, never))


@LAW
@given(world=worlds, data=st.data())
def test_order_does_not_matter(world: World, data: st.DataObject) -> None:
    """Rules in another order, or in several files, are the same policy."""
    policy = world.policy
    # Two different rules of one name are refused by `check`, so they may tie here.
    shuffled = replace(policy, **{
        part: tuple(data.draw(st.permutations(getattr(policy, part))))
        for part in ("classify", "access", "masking", "rows", "budget", "guardrails", "break_glass")
    })

    assert shuffled.digest == policy.digest
    assert world.under(shuffled).decision().verdict is world.decision().verdict
    assert world.under(shuffled).decision().alone == world.decision().alone


@LAW
@given(world=worlds, data=st.data())
def test_removing_a_permission_never_widens(world: World, data: st.DataObject) -> None:
    """Without one access rule, one exception or one vouched function, nothing gets milder and nothing clearer."""
    policy, on = world.policy, world.on
    fewer = replace(
        policy,
        access=tuple(rule for rule in policy.access if data.draw(st.booleans())),
        masking=tuple(
            replace(rule, excepted=People(), write=False) if data.draw(st.booleans()) else rule
            for rule in policy.masking
        ),
        rows=tuple(
            replace(rule, excepted=People()) if data.draw(st.booleans()) else rule for rule in policy.rows
        ),
        budget=tuple(
            replace(rule, excepted=People()) if data.draw(st.booleans()) else rule for rule in policy.budget
        ),
        vouched_functions=frozenset(),
        break_glass=tuple(
            each for each in (_less(rule, data) for rule in policy.break_glass) if each is not None
        ),
    )
    wide = outcome(policy, world.who, on.target, on.environment, on.scope, CATALOG)
    narrow = outcome(fewer, world.who, on.target, on.environment, on.scope, CATALOG)

    assert narrow.relations <= wide.relations
    assert _hides_as_much(narrow, wide)
    for column, spec in wide.masks.items():
        if column.relation in narrow.relations:
            assert shows_no_more(narrow.masks[column].mask, spec.mask)
            assert spec.write or not narrow.masks[column].write
    assert {each.scope for each in offers(fewer, world.who, "prod", "production")} <= {
        each.scope for each in offers(policy, world.who, "prod", "production")
    }
    assert _ttl(fewer, world) <= _ttl(policy, world)
    if fewer.masking == policy.masking:
        assert SEVERITY[world.under(fewer).decision().verdict] >= SEVERITY[world.decision().verdict]
    only_alone = replace(policy, break_glass=fewer.break_glass)
    assert {*world.under(only_alone).decision().alone} <= {*world.decision().alone}
    assert world.under(only_alone).decision().verdict is world.decision().verdict
    masks = {rule.name for rule in policy.masking}
    assert {rule.name for rule in lifting_alone(only_alone, world.who, on, masks)} <= {
        rule.name for rule in lifting_alone(policy, world.who, on, masks)
    }


def _less(rule: BreakGlass, data: st.DataObject) -> BreakGlass | None:
    """The rule for fewer people, or none."""
    if data.draw(st.booleans()):
        return None
    return replace(rule, people=replace(rule.people, groups=frozenset())) if data.draw(st.booleans()) else rule


def with_glass(world: World) -> Policy:
    """The world's policy, where everybody may go ahead alone with whatever is held."""
    everybody = People(users=frozenset("*"), agents=frozenset("*"))
    return replace(world.policy, break_glass=(BreakGlass("all", everybody, frozenset("*")),))


@LAW
@given(world=worlds)
def test_break_glass_changes_no_verdict(world: World) -> None:
    """It stands in for an approver: without any such rule the same is held, denied and allowed, and masked alike."""
    policy = world.policy
    bare = world.under(replace(policy, break_glass=())).decision()
    decision = world.under(with_glass(world)).decision()

    assert (bare.verdict, bare.approvers, bare.count, bare.lends) == (
        decision.verdict, decision.approvers, decision.count, decision.lends)
    assert (decision.verdict is Verdict.HOLD) == bool(decision.alone)


@LAW
@given(world=worlds)
def test_an_agent_breaks_no_glass_unless_it_is_named(world: World) -> None:
    """Neither the groups of its token nor the person whom it acts for lets it go ahead alone."""
    whom = People(frozenset("*"), users=frozenset("*"), services=frozenset("*"))
    policy = replace(world.policy, break_glass=(BreakGlass("all", whom, frozenset("*")),))
    decision = world.under(policy).decision()

    assert decision.alone == (() if world.who.agent or decision.verdict is not Verdict.HOLD else ("all",))
    masks = replace(policy, break_glass=(BreakGlass("all", whom, frozenset("*"), rules=frozenset({"m"})),))
    assert bool(lifting_alone(masks, world.who, world.on, ["m"])) == (world.who.agent is None)


def _hides_as_much(narrow: Outcome, wide: Outcome) -> bool:
    """Whether every condition that rows of `wide` must meet is one in `narrow` too."""
    return all(
        {spec.where for spec in specs} <= {spec.where for spec in narrow.filters.get(relation, ())}
        for relation, specs in wide.filters.items() if relation in narrow.relations
    )


@LAW
@given(world=worlds, rule=row_rules)
def test_adding_a_row_filter_never_widens(world: World, rule: RowRule) -> None:
    """Nothing comes into reach, no row comes back, no mask goes, and no decision gets milder."""
    policy, on = world.policy, world.on
    more = replace(policy, rows=(*policy.rows, replace(rule, name="more")))
    before, after = (
        outcome(each, world.who, on.target, on.environment, on.scope, CATALOG, purpose=on.purpose)
        for each in (policy, more)
    )

    assert after.relations <= before.relations
    assert _hides_as_much(after, before)
    assert all(after.masks[each] == spec for each, spec in before.masks.items() if each.relation in after.relations)
    assert SEVERITY[world.under(more).decision().verdict] >= SEVERITY[world.decision().verdict]


@LAW
@given(world=worlds, budget=budgets)
def test_adding_a_budget_never_widens(world: World, budget: Budget) -> None:
    """No decision gets milder, and what counted against a budget still does."""
    more = world.under(replace(world.policy, budget=(*world.policy.budget, replace(budget, name="more"))))
    before, after = world.decision(), more.decision()

    assert SEVERITY[after.verdict] >= SEVERITY[before.verdict]
    assert after.verdict is Verdict.DENY or set(before.budgets) <= set(after.budgets)


@LAW
@given(world=worlds)
def test_what_is_filtered_is_never_written_nor_copied(world: World) -> None:
    """A statement that changes rows of such a table, or makes a table of them, is denied."""
    on = world.on
    profile = outcome(world.policy, world.who, on.target, on.environment, on.scope, CATALOG)
    if world.facts.effects & DML and world.facts.writes & profile.filters.keys():
        assert world.decision().verdict is Verdict.DENY


@LAW
@given(world=worlds)
def test_families_share_their_row_filters(world: World) -> None:
    """What hides rows of a partitioned table hides them in its partitions, and the other way round."""
    on = world.on
    profile = outcome(world.policy, world.who, on.target, on.environment, on.scope, CATALOG)
    whole, part = RELATIONS[0], RELATIONS[2]
    if {whole, part} <= profile.relations:
        assert profile.filters.get(whole) == profile.filters.get(part)


def _ttl(policy: Policy, world: World) -> float:
    granted = access(policy, world.who, "prod", "production", world.on.scope)
    return granted.max_ttl if isinstance(granted, Access) else 0.0


@LAW
@given(world=worlds)
def test_the_strictest_mask_wins(world: World) -> None:
    """A column is masked at least as every rule that speaks of it to this person would have it."""
    policy, on = world.policy, world.on
    together = outcome(policy, world.who, on.target, on.environment, on.scope, CATALOG)
    for rule in policy.masking:
        alone = replace(policy, masking=(rule,))
        for column, spec in outcome(alone, world.who, on.target, on.environment, on.scope, CATALOG).masks.items():
            if column.relation in together.relations:
                assert shows_no_more(together.masks[column].mask, spec.mask)
                assert spec.write or not together.masks[column].write


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_merging_files_equals_one_file(data: st.DataObject) -> None:
    """Rules spread over several files, in any way, are the policy that one file with all of them is."""
    some = {part: st.lists(st.sampled_from(texts), unique=True) for part, texts in TEXTS.items()}
    rules = {part: data.draw(texts) for part, texts in some.items()}
    names = ("one", "two", "three")
    files: dict[str, dict[str, list[str]]] = {name: {} for name in names}
    for part, texts in rules.items():
        for text in texts:
            files[data.draw(st.sampled_from(names))].setdefault(part, []).append(text)
    whole, _ = read([("all", document(rules))])
    merged, _ = read([(name, document(parts)) for name, parts in files.items()])

    assert merged.digest == whole.digest
    assert merged.roles == whole.roles


TEXTS = {
    "classify": ['{ columns: "*.*.email", as: pii.contact }', '{ columns: public.people.ssn, as: pii }'],
    "access": [
        "{ name: r, groups: [a], targets: [prod], scope: read, max_ttl: 8h }",
        "{ name: w, users: [b], targets: [prod], scope: write, max_ttl: 1h, relations: public.orders }",
    ],
    "masking": ["{ name: m, data: pii, with: { round: 10 } }", "{ name: n, data: pii.contact, with: partial }"],
    "rows": ["{ name: f, table: public.people, where: consent }", "{ name: e, table: '*.*', where: id > 1 }"],
    "budget": ["{ name: c, data: pii, rows: 10, per: 1d }"],
    "guardrails": [
        "{ name: g, when: { effects: [drop] }, then: hold, approvers: [a] }",
        "{ name: h, when: { hours: 22-6 }, then: deny }",
    ],
    "break_glass": ["{ name: x, groups: [a], targets: [prod], when: { hours: 18-8 } }"],
    "notify": [
        "{ name: p, webhooks: [ops], events: [held, break_glass], rules: [g] }",
        "{ name: q, webhooks: [ops, soc], events: break_glass, targets: prod, environment: production }",
    ],
    "roles": ["auditor: { groups: [a] }", "operator: { users: [b] }", "policy_admin: { groups: [a, b] }"],
    "vouch": ["functions: public.tax", "settings: [app.tenant]"],
}
"""Rules as they are written, by section."""


def document(parts: dict[str, list[str]]) -> str:
    """A policy file of these rules."""
    lines = ["version: 1"]
    for part, texts in parts.items():
        opening, closing = "{}" if part in ("roles", "vouch") else "[]"
        lines += [f"{part}: {opening} {', '.join(texts)} {closing}"] if texts else []
    return "\n".join(lines)


@LAW
@given(world=worlds)
def test_allow_needs_a_rule_for_everything_touched(world: World) -> None:
    """An allowed statement stays in its scope, in reach, and under an access rule that exists."""
    decision, on, facts = world.decision(), world.on, world.facts
    if decision.verdict is not Verdict.ALLOW or facts.count == 0:
        return
    profile = outcome(world.policy, world.who, on.target, on.environment, on.scope, CATALOG)
    beyond = facts.effects - WITHIN[on.scope]

    assert facts.effects
    assert not beyond or (beyond == {Effect.CALL} and facts.calls <= world.policy.vouched_functions)
    assert facts.writes <= profile.relations | facts.missing
    assert all(each.schema == "pg_catalog" for each in facts.reads - profile.relations - facts.missing)
    assert decision.rule in {rule.name for rule in world.policy.access}


@LAW
@given(world=worlds, when=whens)
def test_an_allow_guardrail_overrides_nothing(world: World, when: When) -> None:
    """It is named in the trail; the verdict and what is lent are the same without it."""
    policy, before = world.policy, world.decision()
    allowing = Guardrail("fine", when, Verdict.ALLOW)
    after = world.under(replace(policy, guardrails=(*policy.guardrails, allowing))).decision()

    assert (after.verdict, after.rule, after.lends) == (before.verdict, before.rule, before.lends)


@LAW
@given(world=worlds)
def test_a_hold_lends_only_what_may_be_lent(world: World) -> None:
    """Lent effects are the statement's own, beyond the scope, never one of those that are always denied."""
    decision = world.decision()

    assert decision.lends <= world.facts.effects - WITHIN[world.on.scope] - NEVER
    assert decision.lends == frozenset() or decision.verdict is Verdict.HOLD
    assert decision.verdict is not Verdict.HOLD or decision.approvers


@LAW
@given(world=worlds)
def test_families_share_their_masks(world: World) -> None:
    """What is masked in a partitioned table is masked in its partitions, and the other way round."""
    on = world.on
    profile = outcome(world.policy, world.who, on.target, on.environment, on.scope, CATALOG)
    whole, part = RELATIONS[0], RELATIONS[2]
    if {whole, part} <= profile.relations:
        masks = [
            {column.name: spec for column, spec in profile.masks.items() if column.relation == relation}
            for relation in (whole, part)
        ]

        assert masks[0] == masks[1]
