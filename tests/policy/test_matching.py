"""When a guardrail speaks: each condition, met and not met."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gov.identity.principal import Kind, Principal
from gov.policy.decision import MaskSpec, Outcome, Verdict
from gov.policy.matching import classified_reads, speaks
from gov.policy.pattern import ColumnPattern, RelationPattern
from gov.policy.rules import Guardrail, People, When
from gov.policy.situation import Situation
from gov.sql.facts import Facts
from gov.terms import Column, Effect, Relation, Scope

CUSTOMERS, ORDERS = Relation("public", "customers"), Relation("public", "orders")
EMAIL, SSN = Column(CUSTOMERS, "email"), Column(CUSTOMERS, "ssn")
AGENT = Principal("i", "sub-alice", "alice", frozenset({"engineering"}), Kind.AGENT, "assistant")
ON = Situation("prod", "production", Scope.READ, client="psql 18", purpose="train:churn", hour=23, estimated_rows=101)
OUTCOME = Outcome(
    "prod", "read", frozenset({CUSTOMERS, ORDERS}),
    masks={SSN: MaskSpec("redact", "m", "pii.secret")}, classified={EMAIL: "pii.contact", SSN: "pii.secret"},
)  # fmt: skip
FACTS = Facts(
    effects=frozenset({Effect.READ, Effect.DELETE}),
    reads=frozenset({CUSTOMERS}),
    writes=frozenset({ORDERS}),
    columns_read=frozenset({EMAIL}),
    columns_written=frozenset({Column(ORDERS, "amount")}),
    unbounded=frozenset({Effect.DELETE}),
)


def hears(when: When, then: Verdict = Verdict.DENY, on: Situation = ON, facts: Facts = FACTS) -> bool:
    """Whether a rule with `when` speaks of the statement."""
    return speaks(Guardrail("g", when, then), AGENT, on, facts, OUTCOME)


@pytest.mark.parametrize(
    ("met", "missed"),
    [
        (When(effects=frozenset({Effect.DROP, Effect.DELETE})), When(effects=frozenset({Effect.DROP}))),
        (When(relations=(RelationPattern("public", "ord*"),)), When(relations=(RelationPattern("public", "x"),))),
        (
            When(columns=(ColumnPattern(RelationPattern("*", "*"), "email"),)),
            When(columns=(ColumnPattern(RelationPattern("*", "*"), "ssn"),)),
        ),
        (
            When(columns=(ColumnPattern(RelationPattern("*", "orders"), "amount"),)),
            When(columns=(ColumnPattern(RelationPattern("*", "orders"), "email"),)),
        ),
        (When(reads="pii"), When(reads="pi")),
        (When(reads="pii.contact", unmasked=True), When(reads="pii.secret", unmasked=True)),
        (When(unmasked=True), When(reads="health")),
        (
            When(effects=frozenset({Effect.DELETE}), where_missing=True),
            When(effects=frozenset({Effect.UPDATE}), where_missing=True),
        ),
        (When(where_missing=True), When(effects=frozenset({Effect.READ}), where_missing=True)),
        (When(environments=frozenset({"production", "x"})), When(environments=frozenset({"x"}))),
        (When(targets=frozenset({"pro*"})), When(targets=frozenset({"staging"}))),
        (When(scopes=frozenset({Scope.READ})), When(scopes=frozenset({Scope.WRITE}))),
        (When(people=People(agents=frozenset({"*"}))), When(people=People(groups=frozenset({"dba"})))),
        (When(clients=frozenset({"psql*"})), When(clients=frozenset({"dbeaver*"}))),
        (When(purposes=frozenset({"train:*"})), When(purposes=frozenset({"support"}))),
        (When(hours=(22, 6)), When(hours=(8, 18))),
        (When(hours=(23, 24)), When(hours=(6, 23))),
        (When(rows_over=100), When(rows_over=101)),
    ],
)
def test_each_condition(met: When, missed: When) -> None:
    """The first of the pair is met by the statement, the second is not, alone or together with the first."""
    assert hears(met)
    assert not hears(missed)


@pytest.mark.parametrize("unknown", [replace(ON, hour=None), replace(ON, estimated_rows=None)])
def test_what_is_not_known_counts_against_the_statement(unknown: Situation) -> None:
    """An unknown hour or estimate meets a rule that denies, holds or asks, and none that allows."""
    when = When(hours=(22, 6), rows_over=100)
    for then in Verdict:
        assert hears(when, then, unknown) is (then is not Verdict.ALLOW)


def test_a_plan_shows_no_row() -> None:
    """EXPLAIN, with ANALYZE too, is never more than so many rows; what also changes or copies, or is more, may be."""
    unknown = replace(ON, estimated_rows=None)
    plan = replace(FACTS, kinds=("ExplainStmt",), effects=frozenset({Effect.READ, Effect.EXPLAIN}), spread=0)
    for when in (When(rows_over=0), When(reads="pii", rows_over=0)):
        assert not hears(when, on=unknown, facts=plan)
        assert hears(when, on=unknown, facts=replace(plan, kinds=("ExplainStmt", "SelectStmt")))
        assert hears(when, on=unknown, facts=replace(plan, effects=plan.effects | {Effect.CREATE}))
    assert hears(When(reads="pii"), facts=plan)


@pytest.mark.parametrize(("hour", "inside"), [(22, True), (23, True), (0, True), (5, True), (6, False), (21, False)])
def test_hours_may_pass_midnight(hour: int, inside: bool) -> None:
    """From the first hour to before the second."""
    assert hears(When(hours=(22, 6)), on=replace(ON, hour=hour)) is inside


def test_a_star_reads_every_classified_column() -> None:
    """`*` of a relation is all of it, and of no other."""
    star = replace(FACTS, columns_read=frozenset({Column(CUSTOMERS, "*")}))

    assert classified_reads(star, OUTCOME) == {EMAIL, SSN}
    assert hears(When(columns=(ColumnPattern(RelationPattern("public", "customers"), "ssn"),)), facts=star)
    assert classified_reads(replace(FACTS, columns_read=frozenset({Column(ORDERS, "*")})), OUTCOME) == frozenset()
