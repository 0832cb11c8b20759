"""The laws of policy, each by name, over policies, people, catalogs and statements nobody thought of."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from gov.identity.principal import Kind, Principal
from gov.policy.access import access, offers
from gov.policy.check import NEVER
from gov.policy.decide import decide
from gov.policy.decision import Access, Decision, Verdict
from gov.policy.outcome import outcome
from gov.policy.pattern import ColumnPattern, RelationPattern
from gov.policy.rules import MASKS, AccessRule, Classification, Guardrail, MaskRule, People, Policy, When
from gov.policy.situation import Situation
from gov.sql.catalog import Catalog, ColumnInfo, RelationInfo, RelationKind
from gov.sql.facts import Facts
from gov.terms import WITHIN, Column, Effect, Relation, Scope

LAW = settings(max_examples=200, deadline=None)

SEVERITY = {Verdict.ALLOW: 0, Verdict.CONFIRM: 1, Verdict.HOLD: 2, Verdict.DENY: 3}
GROUPS = ("a", "b")
COLUMNS = ("id", "email", "ssn")
RELATIONS = tuple(Relation("public", name) for name in ("people", "orders", "part", "seen"))
DATA = ("pii", "pii.contact", "health")

some = st.sampled_from([frozenset({"a"}), frozenset({"b"}), frozenset(GROUPS)])
groups = some | st.just(frozenset[str]())
people = st.builds(
    People,
    groups=groups,
    users=st.frozensets(st.just("alice"), max_size=1),
    agents=st.frozensets(st.sampled_from(["*", "bot"]), max_size=1),
)
persons = st.builds(
    Principal,
    issuer=st.just("i"),
    subject=st.just("s"),
    name=st.sampled_from(["alice", "bob"]),
    groups=groups,
    kind=st.just(Kind.USER),
) | st.builds(
    Principal,
    issuer=st.just("i"),
    subject=st.just("s"),
    name=st.just("alice"),
    groups=groups,
    kind=st.just(Kind.AGENT),
    agent=st.just("bot"),
)
relation_patterns = st.builds(
    RelationPattern, st.sampled_from(["public", "*"]), st.sampled_from(["people", "orders", "*", "p*", "seen"])
)
column_patterns = st.builds(ColumnPattern, relation_patterns, st.sampled_from(["email", "ssn", "*"]))
# Mostly what decides differently from case to case, so that not nearly everything is denied at the first question.
likely = st.sampled_from([
    Effect.READ, Effect.READ, Effect.READ, Effect.UPDATE, Effect.DELETE, Effect.INSERT, Effect.COPY_OUT,
    Effect.CREATE, Effect.DROP, Effect.CALL, Effect.GRANT,
])  # fmt: skip
effects = st.frozensets(likely, min_size=1, max_size=2) | st.frozensets(st.sampled_from(Effect), max_size=3)

classifications = st.builds(
    Classification, st.lists(column_patterns, min_size=1, max_size=2).map(tuple), st.sampled_from(DATA)
)
access_rules = st.builds(
    AccessRule,
    name=st.sampled_from(["r1", "r2", "r3"]),
    people=st.builds(People, groups=some) | people,
    targets=st.just(frozenset({"prod"})),
    environments=st.just(frozenset[str]()) | st.sampled_from([frozenset({"production"}), frozenset({"test"})]),
    scope=st.just(Scope.ADMIN) | st.sampled_from(Scope),
    max_ttl=st.sampled_from([60.0, 3600.0]),
    relations=st.lists(relation_patterns, max_size=2).map(tuple),
)
mask_rules = st.builds(
    MaskRule,
    name=st.sampled_from(["m1", "m2", "m3"]),
    data=st.sampled_from(DATA),
    mask=st.sampled_from(MASKS),
    excepted=people,
    write=st.booleans(),
)
simple = st.builds(When, effects=effects)
whens = simple | st.builds(
    When,
    effects=st.just(frozenset[Effect]()) | effects,
    relations=st.lists(relation_patterns, max_size=1).map(tuple),
    columns=st.just(()) | st.lists(column_patterns, max_size=1).map(tuple),
    reads=st.none() | st.none() | st.sampled_from(DATA),
    unmasked=st.sampled_from([False, False, True]),
    where_missing=st.sampled_from([False, False, True]),
    scopes=st.just(frozenset[Scope]()) | st.frozensets(st.sampled_from(Scope), max_size=1),
    people=st.just(People()) | people,
    hours=st.none() | st.sampled_from([(8, 18), (22, 6)]),
    rows_over=st.none() | st.just(100),
)
guardrails = st.builds(
    Guardrail,
    name=st.sampled_from(["g1", "g2", "g3"]),
    when=whens,
    then=st.just(Verdict.HOLD) | st.sampled_from(Verdict),
    approvers=some,
    count=st.integers(1, 2),
)
policies = st.builds(
    Policy,
    classify=st.lists(classifications, max_size=3).map(tuple),
    access=st.lists(access_rules, min_size=1, max_size=4).map(tuple),
    masking=st.lists(mask_rules, max_size=3).map(tuple),
    guardrails=st.lists(guardrails, min_size=1, max_size=3).map(tuple),
    vouched_functions=st.frozensets(st.just("public.f"), max_size=1),
)

KINDS = {"people": RelationKind.PARTITIONED, "seen": RelationKind.VIEW}
CATALOG = Catalog("v", {
    relation: RelationInfo(
        relation, number, KINDS.get(relation.name, RelationKind.TABLE), "o",
        tuple(ColumnInfo(name, "text", n) for n, name in enumerate(COLUMNS, 1)),
        parent=RELATIONS[0] if relation.name == "part" else None,
    )
    for number, relation in enumerate(RELATIONS)
})  # fmt: skip

relations = st.frozensets(st.sampled_from(RELATIONS), max_size=1) | st.frozensets(
    st.sampled_from([*RELATIONS, Relation("pg_catalog", "pg_class"), Relation("x", "gone")]), max_size=2
)


@st.composite
def facts(draw: st.DrawFn) -> Facts:
    """Facts that fit together: columns belong to relations that are read or written."""
    reads, writes = draw(relations), draw(relations)
    names = st.sampled_from([*COLUMNS, "*"])
    found = draw(effects)
    return Facts(
        effects=found,
        reads=reads,
        writes=writes,
        columns_read=frozenset(Column(each, draw(names)) for each in reads | writes if draw(st.booleans())),
        columns_written=frozenset(Column(each, draw(names)) for each in writes if draw(st.booleans())),
        settings=draw(st.sampled_from([(), (), (), (("work_mem", "1GB"),), (("role", "postgres"),)])),
        unbounded=found & draw(effects),
        missing=frozenset(each for each in reads | writes if each not in CATALOG.relations and draw(st.booleans())),
        calls=draw(st.frozensets(st.sampled_from(["public.f", "DO"]), max_size=2)),
    )


@dataclass(frozen=True)
class World:
    """Everything that a decision depends on."""

    policy: Policy
    who: Principal
    on: Situation
    facts: Facts

    def decision(self) -> Decision:
        """What policy says, under the profile that the same policy makes."""
        on = self.on
        profile = outcome(self.policy, self.who, on.target, on.environment, on.scope, CATALOG)
        return decide(self.policy, self.who, on, self.facts, profile)

    def under(self, policy: Policy) -> World:
        """The same with another policy."""
        return replace(self, policy=policy)


worlds = st.builds(
    World,
    policies,
    persons,
    st.builds(
        Situation,
        target=st.just("prod"),
        environment=st.just("production"),
        scope=st.sampled_from(Scope),
        hour=st.none() | st.integers(0, 23),
        estimated_rows=st.none() | st.sampled_from([1, 1000]),
    ),
    facts(),
)


@LAW
@given(world=worlds)
def test_no_decision_without_a_reason(world: World) -> None:
    """Every decision says why; every one that is not allow says what helps."""
    decision = world.decision()

    assert all(decision.reasons)
    assert decision.verdict is Verdict.ALLOW or decision.hint
    assert decision.rule is None or decision.rule == decision.rules[0]


@LAW
@given(world=worlds)
def test_unknown_denies(world: World) -> None:
    """What is not understood never runs, nor is anybody asked about it."""
    for blurred in (
        replace(world.facts, unknown=("something",)),
        replace(world.facts, effects=world.facts.effects | {Effect.UNKNOWN}),
    ):
        assert replace(world, facts=blurred).decision().verdict is Verdict.DENY


@LAW
@given(world=worlds, when=whens)
def test_forbids_win(world: World, when: When) -> None:
    """Adding a deny rule never makes a decision milder, and where it speaks the answer is no."""
    before, policy = world.decision(), world.policy
    denial = Guardrail("forbid", when, Verdict.DENY)
    after = world.under(replace(policy, guardrails=(*policy.guardrails, denial))).decision()
    everything = replace(denial, when=When())
    never = world.under(replace(policy, guardrails=(*policy.guardrails, everything))).decision()

    assert SEVERITY[after.verdict] >= SEVERITY[before.verdict]
    assert never.verdict is Verdict.DENY or world.facts.effects == frozenset()


@LAW
@given(world=worlds, data=st.data())
def test_order_does_not_matter(world: World, data: st.DataObject) -> None:
    """Rules in another order, or in several files, are the same policy."""
    policy = world.policy
    # Two different rules of one name are refused by `check`, so they may tie here.
    shuffled = replace(policy, **{
        part: tuple(data.draw(st.permutations(getattr(policy, part))))
        for part in ("classify", "access", "masking", "guardrails")
    })

    assert shuffled.digest == policy.digest
    assert world.under(shuffled).decision().verdict is world.decision().verdict


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
        vouched_functions=frozenset(),
    )
    wide = outcome(policy, world.who, on.target, on.environment, on.scope, CATALOG)
    narrow = outcome(fewer, world.who, on.target, on.environment, on.scope, CATALOG)

    assert narrow.relations <= wide.relations
    for column, spec in wide.masks.items():
        if column.relation in narrow.relations:
            assert MASKS.index(narrow.masks[column].mask) <= MASKS.index(spec.mask)
            assert spec.write or not narrow.masks[column].write
    assert {each.scope for each in offers(fewer, world.who, "prod", "production")} <= {
        each.scope for each in offers(policy, world.who, "prod", "production")
    }
    assert _ttl(fewer, world) <= _ttl(policy, world)
    if fewer.masking == policy.masking:
        assert SEVERITY[world.under(fewer).decision().verdict] >= SEVERITY[world.decision().verdict]


def _ttl(policy: Policy, world: World) -> float:
    granted = access(policy, world.who, "prod", "production", world.on.scope)
    return granted.max_ttl if isinstance(granted, Access) else 0.0


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
