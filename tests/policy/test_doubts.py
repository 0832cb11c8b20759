"""Doubts: what may be meant otherwise."""

from __future__ import annotations

from gov.policy.document import load
from gov.policy.doubts import doubts, unmatched
from policy_worlds import CATALOG

POLICY = load([("p", """version: 1
classify:
  - { columns: [public.people.email, public.people.emial, "*.*.ssn", public.nobody.id], as: pii }
access:
  - { name: a, groups: engineering, targets: prod, scope: read, max_ttl: 1h, relations: [public.people, public.ordres] }
  - { name: b, groups: [engineering, dba], targets: test, scope: read, max_ttl: 1h, relations: "gone.*" }
masking:
  - { name: m, data: pii, with: redact, except: { groups: privacy } }
guardrails:
  - { name: g, when: { effects: drop, groups: enginering, relations: public.people }, then: hold, approvers: dba }
  - { name: h, when: { columns: "public.orders.pin" }, then: hold, approvers: [dba, sales] }
""")])  # fmt: skip


def test_a_group_spelled_nearly_as_another() -> None:
    """Only where the other is named more often; a group may well have one rule."""
    assert [str(each) for each in doubts(POLICY)] == [
        "p:10:22: no other rule speaks of the group `enginering`, did you mean `engineering`?"
    ]


def test_patterns_that_meet_nothing() -> None:
    """Tables and columns, with what is near; rules for targets that were not looked at are left alone."""
    assert [str(each) for each in unmatched(POLICY, {"prod": CATALOG})] == [
        "p:3:16: `public.nobody.id` meets no column of prod, did you mean `public.orders.id`?",
        "p:3:16: `public.people.emial` meets no column of prod, did you mean `public.people.email`?",
        "p:5:89: `public.ordres` meets no table of prod, did you mean `public.orders`?",
        "p:11:22: `public.orders.pin` meets no column of prod, did you mean `public.orders.id`?",
    ]


def test_break_glass_is_looked_at_too() -> None:
    """Groups, patterns, and effects that no guardrail which it stands in for speaks of."""
    policy = load([("p", """version: 1
access: [{ name: a, groups: [engineering, dba], targets: prod, scope: read, max_ttl: 1h }]
guardrails: [{ name: g, when: { effects: drop, groups: engineering }, then: hold, approvers: dba }]
break_glass:
  - { name: x, groups: enginering, targets: prod, when: { effects: [alter, grant], relations: public.ordres } }
""")])

    assert [each.what for each in doubts(policy)] == [
        "no other rule speaks of the group `enginering`, did you mean `engineering`?",
        "no guardrail that it stands in for speaks of alter, grant",
    ]
    assert [each.what for each in unmatched(policy, {"prod": CATALOG})] == [
        "`public.ordres` meets no table of prod, did you mean `public.orders`?"
    ]


def test_without_a_catalog_nothing_is_missed() -> None:
    """There is nothing to compare with."""
    assert unmatched(POLICY, {}) == []
