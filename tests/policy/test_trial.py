"""Examples are judged as the broker judges, and differences told one by one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gov.policy.decision import Verdict
from gov.policy.document import load
from gov.policy.examples import Case, Expected, catalog_of, read
from gov.policy.trial import INVALID, Difference, run
from gov.sql.catalog import FunctionInfo

CASES = Path(__file__).parents[1] / "cases/policy"
POLICY = load([("shop.yaml", (CASES / "shop.yaml").read_text())])
EXAMPLES, _ = read("shop-cases.yaml", (CASES / "shop-cases.yaml").read_text())
BUILT_IN = tuple(FunctionInfo("pg_catalog", name, "s", False, "f") for name in ("count", "lower", "now"))
CATALOG = catalog_of(EXAMPLES, BUILT_IN)


@pytest.mark.parametrize("case", EXAMPLES.cases, ids=[each.name.replace(" ", "-") for each in EXAMPLES.cases])
def test_the_shops_cases(case: Case) -> None:
    """All as expected."""
    assert run(POLICY, CATALOG, case).differences == ()


def expecting(name: str, expected: Expected) -> tuple[Difference, ...]:
    """What differs when the shop's case `name` expects something else."""
    case = next(each for each in EXAMPLES.cases if each.name == name)
    return run(POLICY, CATALOG, replace(case, expected=expected)).differences


def test_each_thing_is_compared() -> None:
    """Verdict, rules, approvers, reasons, effects and masks; all differences at once."""
    expected = Expected(
        Verdict.ALLOW, "r", frozenset({"a", "b"}), frozenset({"x"}), "because", {"public.orders.id": "redact"},
        frozenset(),
    )  # fmt: skip

    assert expecting("a drop waits for a dba", expected) == (
        Difference("verdict", "allow", "hold"),
        Difference("rule", "r", "destructive-needs-dba"),
        Difference("rules", "a, b", "destructive-needs-dba"),
        Difference("approvers", "x", "dba"),
        Difference("effects", "none", "drop"),
        Difference("reason", "because", "destructive-needs-dba holds it for dba"),
        Difference("mask of public.orders.id", "redact", "clear"),
    )


@pytest.mark.parametrize(
    ("column", "shown"),
    [("public.customers.email", "partial"), ("public.customers.nothing", "no such column"),
     ("public.recent.id", "out of reach"), ("public.gone.id", "no such column")],
)  # fmt: skip
def test_what_a_lease_shows_of_a_column(column: str, shown: str) -> None:
    """Its mask, or why there is nothing to see: a view may show what is masked, so it is out of reach."""
    case = EXAMPLES.cases[0]
    asked = replace(case, expected=replace(case.expected, masks={column: "?"}))

    assert run(POLICY, CATALOG, asked).got.shows == {column: shown}


@pytest.mark.parametrize(
    ("sql", "verdict"),
    [("SELEC 1", INVALID), ("SELECT '\0'", "deny"),
     ("CREATE TEMP TABLE t AS SELECT 1", "deny"), ("SELECT strange(1)", "deny")],
)  # fmt: skip
def test_what_is_not_judged_as_a_statement(sql: str, verdict: str) -> None:
    """A mistake in the statement is nobody's decision; what cannot be understood is denied."""
    case = replace(EXAMPLES.cases[2], sql=sql)

    assert run(POLICY, CATALOG, case).got.verdict == verdict
