"""Whose access changes: nothing that changes is missed, and nothing is said that does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from gov.identity.principal import Kind
from gov.policy.access import access
from gov.policy.compare import Change, Direction, changes
from gov.policy.decision import Access, Outcome, Verdict
from gov.policy.document import load
from gov.policy.outcome import outcome
from gov.policy.rules import Guardrail, Policy, When
from gov.sql.catalog import Catalog, ColumnInfo, RelationInfo, RelationKind
from gov.terms import Effect, Relation
from policy_worlds import CATALOG, World, policies, worlds

SHOP = (Path(__file__).parents[1] / "cases/policy/shop.yaml").read_text()
LAW = settings(max_examples=8, deadline=None)
WHERE = [("prod", "production", CATALOG)]


def after(old: str, new: str, catalogs: bool = False) -> list[str]:
    """What changes in the shop when `old` in its policy becomes `new`, a line each."""
    assert old in SHOP
    found = changes(load([("old", SHOP)]), load([("new", SHOP.replace(old, new))]), WHERE if catalogs else [])
    return [line(each) for each in found]


def line(each: Change) -> str:
    """A change in one line."""
    lists = (each.who, each.scopes, each.doing, each.on, each.when)
    said = " | ".join(" ".join(part) for part in lists)
    return f"{each.kind} | {said} | {each.old} -> {each.new} | {each.direction}"


def test_a_lease_changes() -> None:
    """Its terms, for whom it is, and whether there is one."""
    rule = "{ name: etl-read, groups: [services], targets: [prod], scope: read, max_ttl: 30m, max_statement: 12h"

    assert after(rule, rule.replace("30m", "1h")) == [
        "lease | group services | read |  |  |  | a lease of 30m with a purpose, statements run on for 12h"
        " -> a lease of 1h with a purpose, statements run on for 12h | wider"
    ]
    assert after(rule, rule.replace("services", "jobs"))[0].startswith("lease | group jobs | read")
    assert after(rule, rule.replace("services", "jobs"))[1].endswith("-> no lease | narrower")


def test_a_mask_changes() -> None:
    """For whom a rule makes an exception, alone and together with whoever has access."""
    assert after("except: { groups: [privacy] }", "except: { groups: [dba] }") == [
        "mask | group dba | read write admin |  | public.customers.email public.customers.phone |"
        "  | partial -> clear | wider",
        "statement | group dba | read write admin | copy_out read | public.customers | over 100 rows"
        " | allow -> hold by bulk-pii-export for dba, privacy, 15m | narrower",
        "mask | group engineering + group privacy | write |  | public.customers.email public.customers.phone |"
        "  | clear -> partial | narrower",
        "statement | group engineering + group privacy | write | copy_out read | public.customers | over 100 rows"
        " | hold by bulk-pii-export for dba, privacy, 15m -> allow | wider",
        "mask | group privacy | read |  | public.customers.email public.customers.phone |  | clear -> partial"
        " | narrower",
        "statement | group privacy | read | copy_out read | public.customers | over 100 rows"
        " | hold by bulk-pii-export for dba, privacy, 15m -> allow | wider",
    ]


def test_a_guardrail_changes() -> None:
    """What becomes of statements, by table and circumstances; a new name alone is no change."""
    assert after("unbounded-write", "no-bound") == []
    found = after("when: { effects: [update, delete], where: missing }", "when: { effects: [update], where: missing }")

    assert {each.split(" | ")[3] for each in found} == {"delete without WHERE"}
    assert {each.split(" | ")[6] for each in found} == {
        "hold by unbounded-write for dba, 15m -> allow", "hold by unbounded-write for dba, 15m -> deny"
    }  # fmt: skip


def test_who_may_break_the_glass_changes() -> None:
    """With which statements and masks, at which hours and for how long; a new name alone is no change."""
    unmask = "with: partial, unmask: { approvers: [privacy], max_ttl: 1h }, except"
    shop = SHOP.replace("with: partial, except", unmask)
    glass = """
break_glass: [{ name: x, users: [alice], targets: [prod], rules: [unbounded-write, contact-is-partial] }]"""
    without, within = load([("p", shop)]), load([("p", shop + glass)])
    found = changes(without, within)

    assert {each.direction for each in found} == {Direction.WIDER}
    assert {each.kind for each in found} == {"statement", "mask"}
    assert all("user alice" in who for each in found for who in each.who)
    assert {each.new for each in found if each.kind == "mask"} == {"unmasked alone for 1h"}
    assert {each.new for each in found if each.kind == "statement"} == {
        "hold by unbounded-write for dba, 15m, or alone by x"}
    assert {each.direction for each in changes(within, without)} == {Direction.NARROWER}
    assert changes(within, load([("p", shop + glass.replace("name: x", "name: y"))])) == []
    shorter = changes(within, load([("p", shop + glass.replace("] }]", "], max_ttl: 5m }]"))]))
    assert {(each.old, each.new) for each in shorter} == {("unmasked alone for 1h", "unmasked alone for 5m")}
    hours = changes(within, load([("p", shop + glass.replace("rules: [unbounded-write, contact-is-partial]",
                                                             "rules: unbounded-write, when: { hours: 22-6 }"))]))
    assert {each.when for each in hours if each.kind == "statement"} == {("6-22 h", "6-22 h, over 100 rows")}


def test_what_webhooks_hear_is_nobodys_access() -> None:
    """It is said, and neither wider nor narrower."""
    (told,) = changes(load([("p", SHOP)]), load([("p", SHOP + "\nnotify: [{ name: n, webhooks: w, events: held }]")]))

    assert (told.who, told.new, told.direction) == (("webhook w",), "hears of held by n", Direction.DIFFERENT)


def test_roles_and_trust_change() -> None:
    """Who governs gov, and what is vouched for."""
    assert after("operator: { groups: [dba] }", "operator: { users: [bob] }")[0] == (
        "role | group dba |  |  |  |  | operator -> none | narrower"
    )
    vouching = load([("p", SHOP + "\nvouch: { functions: [public.f] }")])
    found = changes(load([("p", SHOP)]), vouching)

    assert [(each.on, each.new) for each in found] == [(("function public.f",), "vouched for")]


@LAW
@given(policy=policies)
def test_a_policy_does_not_differ_from_itself(policy: Policy) -> None:
    """Whatever is in it."""
    assert changes(policy, policy) == []


@LAW
@given(policy=policies, data=st.data())
def test_taking_an_access_rule_away_is_never_wider(policy: Policy, data: st.DataObject) -> None:
    """The law of policy, as the comparison sees it; terms of the next rule may be others."""
    fewer = replace(policy, access=tuple(rule for rule in policy.access if data.draw(st.booleans())))
    found = changes(policy, fewer, WHERE)

    assert [each for each in found if each.direction is Direction.WIDER and each.kind in ("reach", "statement")] == []


@LAW
@given(policy=policies, effects=st.frozensets(st.sampled_from(Effect), min_size=1, max_size=3))
def test_a_new_denial_is_never_wider(policy: Policy, effects: frozenset[Effect]) -> None:
    """Forbids win."""
    stricter = replace(policy, guardrails=(*policy.guardrails, Guardrail("no", When(effects=effects), Verdict.DENY)))

    assert {each.direction for each in changes(policy, stricter, WHERE)} <= {Direction.NARROWER}


@LAW
@given(world=worlds, other=policies)
def test_nothing_that_changes_is_missed(world: World, other: Policy) -> None:
    """Whoever has another lease, reach or mask has a line: as one group, or a named person with one group."""
    who = replace(world.who, kind=Kind.USER, agent=None, groups=frozenset(sorted(world.who.groups)[:1]))
    places = (who, "prod", "production", world.on.scope)
    policy = world.policy
    granted = [access(each, *places) for each in (policy, other)]
    content = [outcome(each, *places, CATALOG) for each in (policy, other)]
    terms = [each.max_ttl if isinstance(each, Access) else None for each in granted]
    if terms[0] != terms[1] or (all(terms) and seen(content)):
        assert changes(policy, other, WHERE)


def seen(content: Sequence[Outcome]) -> bool:
    """Whether two outcomes differ in what is in reach or how a column shows, not only by whose rule."""
    first, second = (
        (each.relations, {column: spec.mask for column, spec in each.masks.items()}) for each in content
    )
    return first != second


def test_tables_that_fare_alike_are_all_named() -> None:
    """One of each kind is tried, and a table with a partition by itself; the change is said of every one."""
    columns = (ColumnInfo("id", "int", 1), ColumnInfo("ssn", "text", 2))
    names = [Relation("public", name) for name in ("a", "b", "part", "whole", "other")]
    infos = {name: RelationInfo(name, 1, RelationKind.TABLE, "o", columns) for name in names}
    infos[names[2]] = replace(infos[names[2]], parent=names[3])
    infos[names[4]] = replace(infos[names[4]], columns=columns[:1])
    found = changes(
        load([("o", SHOP)]), load([("n", SHOP.replace("with: redact", 'with: "null"'))]),
        [("prod", "production", Catalog("v", infos))],
    )  # fmt: skip

    assert {each.on for each in found} == {tuple(f"public.{name}.ssn" for name in ("a", "b", "part", "whole"))}


def test_somebody_with_two_hats() -> None:
    """An exception for one group shows for members of a group with access, and once only."""
    rules = """version: 1
classify: [{ columns: "*.*.email", as: pii }]
access: [{ name: a, groups: engineering, targets: prod, scope: read, max_ttl: 1h }]
masking: [{ name: m, data: pii, with: redact, except: { groups: privacy } }]
"""
    found = changes(load([("o", rules)]), load([("n", rules.replace(", except: { groups: privacy }", ""))]))

    assert [(each.who, each.old, each.new) for each in found] == [
        (("group engineering + group privacy",), "clear", "redact")
    ]


def test_data_sets_that_are_offered() -> None:
    """A rule that came is wider, one that went is narrower, and a changed one is both."""
    rule = 'datasets: [{ name: d, groups: [a], targets: [t], purposes: [p], approvers: [b], max_ttl: %s }]'
    none, short, long = (load([("p", f"version: 1\n{text}")]) for text in ("", rule % "1d", rule % "2d"))

    assert [each.direction.value for each in changes(none, short, [])] == ["wider"]
    assert [each.direction.value for each in changes(short, none, [])] == ["narrower"]
    assert sorted(each.direction.value for each in changes(short, long, [])) == ["narrower", "wider"]


def test_a_row_filter_or_a_budget_comes_and_changes() -> None:
    """Whose rows are hidden by what condition, and how many rows somebody may see: more of them is wider."""
    rule = "roles:\n"
    rows = "rows:\n  - { name: own, table: public.orders, where: id > 1, for: { groups: [services] } }\n"
    found = [each for each in after(rule, rows + rule, catalogs=True) if " | group services | " in each]
    assert [each for each in found if each.startswith("rows")] == [
        "rows | group services | read |  | public.orders |  | all rows -> id > 1 | narrower"
    ]
    two = rows + "  - { name: open, table: public.orders, where: id < 9 or id > 99, for: { groups: [services] } }\n"
    said = [each for each in after(rule, two + rule, catalogs=True) if each.startswith("rows | group services | read ")]
    assert [each.split(" | ")[-2] for each in said] == ["all rows -> (id < 9 or id > 99) and (id > 1)"]
    budget = "budget:\n  - { name: few, data: pii, rows: 300, per: 1d, for: { groups: [services] } }\n"
    before, wider = SHOP.replace(rule, budget + rule), SHOP.replace(rule, budget.replace("300", "900") + rule)
    assert "budget | group services | read |  | few |  | no budget -> 300 rows of pii in 1d | narrower" in [
        line(each) for each in changes(load([("old", SHOP)]), load([("new", before)]), WHERE)
    ]
    assert "budget | group services | read |  | few |  | 300 rows of pii in 1d -> 900 rows of pii in 1d | wider" in [
        line(each) for each in changes(load([("old", before)]), load([("new", wider)]), WHERE)
    ]
