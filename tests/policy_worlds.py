"""Policies, people, catalogs and statements nobody thought of, for the laws of policy."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import strategies as st

from gov.identity.principal import Kind, Principal
from gov.policy.conditions import read
from gov.policy.decide import decide
from gov.policy.decision import Decision, Verdict
from gov.policy.outcome import outcome
from gov.policy.pattern import ColumnPattern, RelationPattern
from gov.policy.rules import (
    AccessRule,
    BreakGlass,
    Budget,
    Classification,
    Guardrail,
    MaskRule,
    People,
    Policy,
    RowRule,
    When,
)
from gov.policy.situation import Situation
from gov.sql.catalog import Catalog, ColumnInfo, RelationInfo, RelationKind
from gov.sql.facts import Facts
from gov.terms import Column, Effect, Relation, Scope

GROUPS = ("a", "b")
COLUMNS = ("id", "email", "ssn")
RELATIONS = tuple(Relation("public", name) for name in ("people", "orders", "part", "seen"))
DATA = ("pii", "pii.contact", "health")
MASKS = (
    "null", "redact", "partial", "year", "month", "round(10)", "round(100)", "range(10)", "range(100)",
    "json(a=partial)", "json(a.b=null, c=redact)", "json(a.b=partial)", "hash", "hash(train)", "pseudonym(train)",
)

some = st.sampled_from([frozenset({"a"}), frozenset({"b"}), frozenset(GROUPS)])
groups = some | st.just(frozenset[str]())
people = st.builds(
    People,
    groups=groups,
    users=st.frozensets(st.just("alice"), max_size=1),
    agents=st.frozensets(st.sampled_from(["*", "bot"]), max_size=1),
    on_behalf_of=st.frozensets(st.sampled_from(["alice", "bob"]), max_size=1),
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
row_rules = st.builds(
    RowRule,
    name=st.sampled_from(["f1", "f2", "f3"]),
    tables=st.lists(relation_patterns, min_size=1, max_size=2).map(tuple),
    where=st.sampled_from([read(each) for each in ("consent", "id = 1 -- mine", "email = gov.user")]),
    people=st.just(People()) | people,
    excepted=st.just(People()) | people,
    purposes=st.just(frozenset[str]()) | st.just(frozenset({"train*"})),
)
budgets = st.builds(
    Budget,
    name=st.sampled_from(["b1", "b2", "b3"]),
    data=st.sampled_from(DATA),
    rows=st.sampled_from([10, 1000]),
    per=st.sampled_from([3600.0, 86400.0]),
    unmasked=st.booleans(),
    people=st.just(People()) | people,
    excepted=st.just(People()) | people,
)
break_glasses = st.builds(
    BreakGlass,
    name=st.sampled_from(["x1", "x2", "x3"]),
    people=st.builds(People, groups=some) | people,
    targets=st.just(frozenset({"prod"})),
    environments=st.just(frozenset[str]()) | st.just(frozenset({"test"})),
    rules=st.just(frozenset[str]()) | st.frozensets(st.sampled_from(["g1", "g2", "g3", "m1"]), min_size=1),
    when=st.just(When()) | whens.map(lambda when: replace(when, rows_over=None)),
    max_ttl=st.none() | st.just(900.0),
)
policies = st.builds(
    Policy,
    classify=st.lists(classifications, max_size=3).map(tuple),
    access=st.lists(access_rules, min_size=1, max_size=4).map(tuple),
    masking=st.lists(mask_rules, max_size=3).map(tuple),
    guardrails=st.lists(guardrails, min_size=1, max_size=3).map(tuple),
    rows=st.just(()) | st.lists(row_rules, max_size=2).map(tuple),
    budget=st.just(()) | st.lists(budgets, max_size=2).map(tuple),
    break_glass=st.just(()) | st.lists(break_glasses, min_size=1, max_size=3).map(tuple),
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
