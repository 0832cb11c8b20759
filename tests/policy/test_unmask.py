"""Masks are lifted on the terms of every rule that makes them, and nothing else changes with them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gov.errors import Denied
from gov.identity.principal import Kind, Principal
from gov.policy.decide import decide
from gov.policy.decision import Outcome, Unmask, Verdict
from gov.policy.document import load
from gov.policy.outcome import outcome
from gov.policy.situation import Situation
from gov.policy.unmask import approvers_of, lifted, lifting, named, spelled, together, unmask_command
from gov.sql.facts import Facts
from gov.terms import Column, Effect, Relation, Scope
from policy_worlds import CATALOG, World, worlds

LAW = settings(max_examples=60, deadline=None)
groups = st.frozensets(st.sampled_from(["a", "b", "c"]))
terms = st.builds(
    Unmask, approvers=groups, max_ttl=st.sampled_from([60.0, 3600.0]), scope=st.sampled_from(Scope),
    reason_required=st.booleans(), purposes=st.sampled_from([(), (frozenset({"x"}),), (frozenset({"y"}),)]),
    count=st.integers(1, 3), expires=st.sampled_from([60.0, 900.0]),
)
PEOPLE = Relation("public", "people")


@LAW
@given(one=terms, other=terms)
def test_terms_together_are_no_wider_than_each(one: Unmask, other: Unmask) -> None:
    """Whoever both name, the shorter time, the higher count, in either order; never with one that says never."""
    both, turned = together([one, other]), together([other, one])
    assert both is not None
    assert turned is not None
    assert (both.approvers, both.max_ttl, both.count) == (turned.approvers, turned.max_ttl, turned.count)
    for each in (one, other):
        assert both.approvers <= each.approvers
        assert both.max_ttl <= each.max_ttl
        assert both.expires <= each.expires
        assert both.count >= each.count
        assert both.reason_required >= each.reason_required
        assert {*both.purposes} >= {*each.purposes}
        assert [*Scope].index(both.scope) <= [*Scope].index(each.scope)
    assert together([one, None]) is None


@LAW
@given(world=worlds, data=st.data())
def test_lifting_takes_masks_away_and_nothing_else(world: World, data: st.DataObject) -> None:
    """What is in reach, classified and open stays; the profile is another one exactly when a mask went."""
    on = world.on
    whole = outcome(world.policy, world.who, on.target, on.environment, on.scope, CATALOG)
    columns = frozenset(column for column in whole.masks if data.draw(st.booleans()))
    less = lifted(whole, columns)

    assert (less.relations, less.classified, less.opened) == (whole.relations, whole.classified, whole.opened)
    assert {**less.masks, **less.lifted} == whole.masks
    assert less.lifted.keys() == columns
    assert (less.digest != whole.digest) == bool(columns)


POLICY = load([("p", """
version: 1
classify:
  - { columns: [public.people.email], as: pii.contact }
  - { columns: [public.people.ssn], as: pii.secret }
access: [{ name: all, groups: [a], targets: [prod], scope: write, max_ttl: 8h }]
masking:
  - name: contact
    data: pii.contact
    with: partial
    unmask: { approvers: [b], max_ttl: 1h, scope: write, purposes: ["support:*"], count: 2 }
  - { name: everything, data: pii, with: hash, unmask: { approvers: [b, c], max_ttl: 2h, scope: write } }
""")])
WHO = Principal("i", "s", "alice", frozenset({"a"}), Kind.USER)
EMAIL, SSN = Column(PEOPLE, "email"), Column(PEOPLE, "ssn")


def masked(scope: Scope = Scope.READ) -> Outcome:
    """What somebody in group `a` sees."""
    return outcome(POLICY, WHO, "prod", "production", scope, CATALOG)


def test_what_several_rules_say_counts_together() -> None:
    """Of two rules that mask a column only groups that both name may answer, for the shorter time."""
    found = lifting(masked(), (EMAIL,), reason="", purpose="support:7")
    assert found.rules == ("contact", "everything")
    assert (found.terms.approvers, found.terms.max_ttl, found.terms.count) == (frozenset({"b"}), 3600.0, 2)
    assert approvers_of(POLICY, found.rules) == {"b"}
    assert approvers_of(POLICY, ["gone"]) == frozenset()
    with pytest.raises(Denied, match=r"for the purpose support:\*, not for `training`"):
        lifting(masked(), (EMAIL,), reason="", purpose="training")
    with pytest.raises(Denied, match="and none was given"):
        lifting(masked(), (EMAIL,), reason="", purpose="")


def test_names_are_read_as_sql_reads_them() -> None:
    """Lower case unless quoted, the schema by the search path; what is printed can be typed again."""
    odd = Column(Relation("public", "Odd one"), 'a"b')
    for typed in ("people.email", "PUBLIC.People.EMAIL", '"people"."email"', "public.people.email"):
        assert named([typed], masked(), CATALOG) == (EMAIL,)
    assert spelled(EMAIL) == "public.people.email"
    assert spelled(odd) == 'public."Odd one"."a""b"'
    assert unmask_command("prod", (odd,)) == """gov connect prod --unmask 'public."Odd one"."a""b"' --reason TEXT"""


def test_a_refusal_names_the_rule_and_what_to_type() -> None:
    """A write that would need the raw value says which column, which rule, and how to ask."""
    facts = Facts(
        effects=frozenset({Effect.UPDATE, Effect.READ}), reads=frozenset({PEOPLE}), writes=frozenset({PEOPLE}),
        columns_read=frozenset({SSN}), columns_written=frozenset({Column(PEOPLE, "id")}),
    )
    on = Situation("prod", "production", Scope.WRITE)
    refused = decide(POLICY, WHO, on, facts, masked(Scope.WRITE))
    assert refused.verdict is Verdict.DENY
    assert refused.reasons == ("the write would read public.people.ssn, which everything masks",)
    assert refused.hint == (
        "leave ssn out, or ask b or c: gov connect prod --scope write --unmask public.people.ssn --reason TEXT"
    )
    assert refused.unmask == (SSN,)
    whole = replace(facts, columns_read=frozenset({EMAIL}))
    kept = decide(POLICY, WHO, on, whole, masked(Scope.WRITE))
    assert kept.unmask == ()
    assert "lets nobody unmask in this lease" in kept.hint
