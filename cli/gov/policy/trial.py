"""An example is judged as the broker would judge it, and the decision compared with what was expected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gov.errors import NotUnderstood, TooComplex
from gov.policy.access import access
from gov.policy.decide import decide
from gov.policy.decision import Access, Decision, Outcome, Verdict, every
from gov.policy.examples import CLEAR, Case
from gov.policy.outcome import outcome
from gov.policy.rules import Policy
from gov.policy.situation import Situation
from gov.sql.catalog import Catalog
from gov.sql.facts import Facts
from gov.sql.outline import outline
from gov.sql.resolve import resolve
from gov.terms import Column, Relation

INVALID = "invalid"
"""What is no SQL gets no verdict: PostgreSQL refuses it."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of a case."""

    verdict: str
    decision: Decision
    facts: Facts
    shows: dict[str, str]
    """Column that the case asks about to its mask, `clear`, or why it cannot be seen at all."""
    filters: dict[str, str]
    """Table that the case asks about to the condition of its rows, `clear`, or why it cannot be seen at all."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as expected."""

    what: str
    expected: str
    got: str


@dataclass(frozen=True, slots=True)
class Result:
    """A case with what came of it."""

    case: Case
    got: Judged
    differences: tuple[Difference, ...]

    @property
    def passed(self) -> bool:
        """Whether all is as expected."""
        return not self.differences


def run(policy: Policy, catalog: Catalog, case: Case) -> Result:
    """Judge one case."""
    content = outcome(policy, case.who, case.target, case.environment, case.scope, catalog, purpose=case.purpose)
    shows = {column: _shows(column, content, catalog) for column in case.expected.masks}
    verdict, decision, facts = _statement(policy, catalog, case, content) if case.sql else _lease(policy, case)
    filters = {table: _filtered(table, content, catalog) for table in case.expected.filters}
    got = Judged(verdict, decision, facts, shows, filters)
    return Result(case, got, tuple(_differences(case, got)))


def _shows(column: str, content: Outcome, catalog: Catalog) -> str:
    schema, table, name = column.split(".")
    relation = Relation(schema, table)
    info = catalog.relations.get(relation)
    if info is None or name not in {each.name for each in info.columns}:
        return "no such column"
    if relation not in content.relations:
        return "out of reach"
    spec = content.masks.get(Column(relation, name))
    return spec.mask if spec else CLEAR


def _filtered(name: str, content: Outcome, catalog: Catalog) -> str:
    relation = Relation(*name.split("."))
    if relation not in catalog.relations:
        return "no such table"
    if relation not in content.relations:
        return "out of reach"
    return every(each.where for each in content.filters.get(relation, ())) or CLEAR


def _lease(policy: Policy, case: Case) -> tuple[str, Decision, Facts]:
    found = access(policy, case.who, case.target, case.environment, case.scope)
    if isinstance(found, Access):
        reason = f"{found.rule} gives {case.who.display} the scope {case.scope} on {case.target}"
        decision = Decision(Verdict.ALLOW, (reason,), rule=found.rule, rules=(found.rule,))
    else:
        decision = Decision(Verdict.DENY, found.reasons, hint=found.hint)
    return decision.verdict.value, decision, Facts()


def _statement(policy: Policy, catalog: Catalog, case: Case, content: Outcome) -> tuple[str, Decision, Facts]:
    try:
        outlined = outline(case.sql)
    except (NotUnderstood, TooComplex) as why:
        return _refused(Verdict.DENY.value, why.what)
    if outlined.syntax_error is not None:
        return _refused(INVALID, outlined.syntax_error)
    facts = resolve(outlined, catalog, catalog.search_path)
    if facts.temporary:
        return _refused(Verdict.DENY.value, "temporary tables are not governed yet")
    on = Situation(
        case.target, case.environment, case.scope, client=case.client, purpose=case.purpose, hour=case.hour,
        estimated_rows=case.rows,
    )
    decision = decide(policy, case.who, on, facts, content)
    return decision.verdict.value, decision, facts


def _refused(verdict: str, why: str) -> tuple[str, Decision, Facts]:
    return verdict, Decision(Verdict.DENY, (why,), hint="write it otherwise"), Facts()


def _differences(case: Case, got: Judged) -> Iterator[Difference]:
    expected, decision = case.expected, got.decision
    if expected.verdict.value != got.verdict:
        yield Difference("verdict", expected.verdict.value, got.verdict)
    if expected.rule is not None and expected.rule != decision.rule:
        yield Difference("rule", expected.rule, decision.rule or "no rule")
    sets = (
        ("rules", expected.rules, frozenset(decision.rules)),
        ("approvers", expected.approvers, decision.approvers),
        ("effects", expected.effects, frozenset(each.value for each in got.facts.effects)),
        ("budgets", expected.budgets, frozenset(decision.budgets)),
        ("break_glass", expected.break_glass, frozenset(decision.alone)),
    )
    for what, wanted, found in sets:
        if wanted is not None and wanted != found:
            yield Difference(what, _listed(wanted), _listed(found))
    if expected.reason is not None and not any(expected.reason in each for each in decision.reasons):
        yield Difference("reason", expected.reason, "; ".join(decision.reasons))
    for column, mask in expected.masks.items():
        if mask != got.shows[column]:
            yield Difference(f"mask of {column}", mask, got.shows[column])
    for table, where in expected.filters.items():
        if " ".join(where.split()) != " ".join(got.filters[table].split()):
            yield Difference(f"filter of {table}", where, got.filters[table])


def _listed(words: frozenset[str]) -> str:
    return ", ".join(sorted(words)) or "none"
