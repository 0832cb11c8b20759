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


BOUNDED = load([("shop.yaml", (CASES / "shop.yaml").read_text() + """
rows:
  - { name: own, table: public.orders, where: "status = any (gov.groups)", for: { groups: [engineering] } }
  - { name: open, table: public.orders, where: amount > 0, purpose: ["train:*"] }
budget:
  - { name: few, data: pii, rows: 300, per: 1d, except: { groups: [dba] } }
""")])
LIMITS, COMPLAINTS = read("limits.yaml", """
version: 1
target: prod
environment: production
people: { alice: { groups: engineering }, bob: { groups: dba } }
cases:
  - as: alice
    sql: SELECT id FROM orders
    expect: { verdict: allow, budgets: none, filters: { public.customers: clear,
      public.orders: "status = any (ARRAY['engineering']::pg_catalog.text[])" } }
  - as: alice
    purpose: "train:churn"
    sql: SELECT email FROM customers
    expect: { verdict: allow, budgets: few, filters: {
      public.orders: "(amount > 0) and (status = any (ARRAY['engineering']::pg_catalog.text[]))" } }
  - { as: bob, sql: SELECT email FROM customers,
      expect: { verdict: allow, budgets: none, filters: { public.orders: clear } } }
  - { as: alice, scope: write, sql: UPDATE orders SET amount = 1 WHERE id = 1,
      expect: { verdict: deny, rule: own, reason: "public.orders is read-only for alice: own hides some of its rows" } }
  - { as: alice, scope: write, sql: SELECT id FROM orders FOR UPDATE,
      expect: { verdict: deny, rule: own, reason: "alice cannot lock rows of public.orders: own hides" } }
  - { as: alice, sql: SELECT ctid FROM orders,
      expect: { verdict: deny, rule: own, reason: "public.orders shows alice no ctid: own hides" } }
  - { as: alice, sql: "SELECT array_agg(email) FROM customers",
      expect: { verdict: deny, rule: few, reason: "can hold values of any number of rows, and few counts rows" } }
""")


def test_filters_and_budgets_are_expected_like_masks() -> None:
    """Which rows a lease has, against what an answer counts, and what the two refuse, each with its sentence."""
    assert COMPLAINTS == []
    for case in LIMITS.cases:
        assert run(BOUNDED, CATALOG, case).differences == (), case.name
    first = LIMITS.cases[0]
    wrong = Expected(Verdict.ALLOW, filters={"public.orders": "true", "public.gone": "x"}, budgets=frozenset({"few"}))
    assert run(BOUNDED, CATALOG, replace(first, expected=wrong)).differences == (
        Difference("budgets", "few", "none"),
        Difference("filter of public.orders", "true", "status = any (ARRAY['engineering']::pg_catalog.text[])"),
        Difference("filter of public.gone", "x", "no such table"),
    )


def test_a_filter_is_of_a_table() -> None:
    """What is expected of anything else is a mistake of the file."""
    case = "{ as: a, expect: { verdict: deny, filters: { x: y } } }"
    said = f"version: 1\ntarget: prod\npeople: {{ a: {{}} }}\ncases: [{case}]"

    assert [each.what for each in read("x", said)[1]] == ["`x` is not of the form schema.table"]


def test_who_may_go_ahead_alone_is_compared() -> None:
    """By the names of rules, or none."""
    glass = "\nbreak_glass: [{ name: x, groups: [engineering], targets: [prod], rules: unbounded-write }]"
    policy = load([("p", (CASES / "shop.yaml").read_text() + glass)])
    case = next(each for each in EXAMPLES.cases if each.name == "an update of everything waits")

    def differing(names: frozenset[str]) -> tuple[Difference, ...]:
        expected = Expected(Verdict.HOLD, break_glass=names)
        return run(policy, CATALOG, replace(case, expected=expected)).differences

    assert differing(frozenset({"x"})) == ()
    assert differing(frozenset()) == (Difference("break_glass", "none", "x"),)
