"""Does a guardrail speak of this statement? Each condition is a question, and all of them must hold.

What is not known (the hour, an estimate) counts against the statement: it meets the condition of a rule that
forbids, holds or asks, and never that of one that allows.
"""

from __future__ import annotations

from collections.abc import Iterable

from gov.identity.principal import Principal
from gov.policy.decision import Outcome, Verdict
from gov.policy.pattern import ColumnPattern, RelationPattern, any_word, within
from gov.policy.rules import Budget, Guardrail, When
from gov.policy.situation import Situation
from gov.sql.facts import Facts
from gov.terms import Column, Effect, Relation

_PLANNED = frozenset({Effect.EXPLAIN, Effect.READ, Effect.CALL})


def speaks(rule: Guardrail, who: Principal, on: Situation, facts: Facts, outcome: Outcome) -> bool:
    """Whether every condition of `rule` holds."""
    return meets(rule.when, who, on, facts, outcome, unknown=rule.then is not Verdict.ALLOW)


def meets(when: When, who: Principal, on: Situation, facts: Facts, outcome: Outcome, *, unknown: bool) -> bool:
    """Whether every condition of `when` holds; `unknown` is what is made of those that nobody can tell."""
    return (
        _statement(when, facts, outcome)
        and circumstances(when, who, on, unknown=unknown)
        and (when.rows_over is None or _rows(when.rows_over, when, on, facts, outcome, unknown=unknown))
    )


def held_by_one(when: When, facts: Facts, outcome: Outcome) -> int | None:
    """How many rows of the data that `when` is about one row of the answer can hold; None for any number.

    Where it is about no data in particular, a row is a row. A line of a plan holds none.
    """
    if _shows_a_plan(facts):
        return 0
    if when.reads is None and not when.unmasked and not when.columns:
        return 1
    if not facts.spread:
        return None
    meant = {column.relation for column in _clear(when, facts, outcome)} if when.reads or when.unmasked else {
        column.relation for column in facts.columns_read if any(each.matches(column) for each in when.columns)
    }
    times = dict(facts.times)
    return facts.spread * max(sum(times.get(relation, 1) for relation in meant), 1)


def _shows_a_plan(facts: Facts) -> bool:
    """Whether what comes back is a plan, with ANALYZE too, and nothing is copied or changed on the way."""
    return facts.kinds == ("ExplainStmt",) and facts.effects <= _PLANNED


def _rows(most: int, when: When, on: Situation, facts: Facts, outcome: Outcome, *, unknown: bool) -> bool:
    each = held_by_one(when, facts, outcome)
    if each == 0:
        return False
    return unknown if on.estimated_rows is None or each is None else on.estimated_rows * each > most


def classified_reads(facts: Facts, outcome: Outcome) -> frozenset[Column]:
    """The classified columns that the statement reads; `*` is all of a relation."""
    whole = {column.relation for column in facts.columns_read if column.name == "*"}
    return frozenset(
        column for column in outcome.classified if column in facts.columns_read or column.relation in whole
    )


def _statement(when: When, facts: Facts, outcome: Outcome) -> bool:
    touched = facts.reads | facts.writes
    columns = facts.columns_read | facts.columns_written
    return (
        (not when.effects or bool(when.effects & facts.effects))
        and (not when.relations or _any_relation(when.relations, touched))
        and (not when.columns or _any_column(when.columns, columns))
        and (not when.where_missing or bool(facts.unbounded & (when.effects or facts.unbounded)))
        and ((when.reads is None and not when.unmasked) or _reads(when, facts, outcome))
    )


def _any_relation(patterns: Iterable[RelationPattern], relations: frozenset[Relation]) -> bool:
    return any(pattern.matches(relation) for pattern in patterns for relation in relations)


def _any_column(patterns: Iterable[ColumnPattern], columns: frozenset[Column]) -> bool:
    return any(pattern.matches(column) for pattern in patterns for column in columns)


def reads_of(facts: Facts, outcome: Outcome, budget: Budget) -> bool:
    """Whether the statement reads what `budget` counts."""
    return _reads(When(reads=budget.data, unmasked=budget.unmasked), facts, outcome)


def _reads(when: When, facts: Facts, outcome: Outcome) -> bool:
    return bool(_clear(when, facts, outcome))


def _clear(when: When, facts: Facts, outcome: Outcome) -> frozenset[Column]:
    """What it reads of the data that `when` is about."""
    return frozenset(
        column for column in classified_reads(facts, outcome)
        if not (when.unmasked and column in outcome.masks)
        and any(when.reads is None or within(each, when.reads) for each in outcome.classified[column].split(", "))
    )


def circumstances(when: When, who: Principal, on: Situation, *, unknown: bool) -> bool:
    """Whether the conditions hold that are about no statement: who, where, what for and at what time."""
    return (
        (not when.environments or on.environment in when.environments)
        and (not when.targets or any_word(on.target, when.targets))
        and (not when.scopes or on.scope in when.scopes)
        and (not when.people or when.people.includes(who))
        and (not when.clients or any_word(on.client, when.clients))
        and (not when.purposes or any_word(on.purpose, when.purposes))
        and (when.hours is None or (unknown if on.hour is None else _within_hours(on.hour, *when.hours)))
    )


def _within_hours(hour: int, first: int, second: int) -> bool:
    return first <= hour < second if first < second else hour >= first or hour < second
