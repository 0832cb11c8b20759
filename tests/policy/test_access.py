"""Who gets a lease, and on what terms."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gov.identity.principal import Kind, Principal
from gov.policy.access import access, offers
from gov.policy.decision import Access, NoAccess
from gov.policy.rules import AccessRule, People, Policy
from gov.terms import Scope

ALICE = Principal("i", "sub-alice", "alice", frozenset({"engineering"}))
READ = AccessRule(
    "read", People(groups=frozenset({"engineering"})), frozenset({"prod"}), frozenset(), Scope.READ, 8 * 3600.0
)
WRITE = replace(READ, name="write", scope=Scope.WRITE, max_ttl=3600.0, reason_required=True)
POLICY = Policy(access=(READ, WRITE))


def granted(policy: Policy, scope: Scope, who: Principal = ALICE) -> str:
    """The name of the rule that grants, or nothing."""
    answer = access(policy, who, "prod", "production", scope)
    return answer.rule if isinstance(answer, Access) else ""


def test_the_terms_are_the_rules() -> None:
    """A lease comes with the limits of the rule that grants it."""
    assert access(POLICY, ALICE, "prod", "production", Scope.WRITE) == Access(
        "write", "write", 3600.0, reason_required=True
    )


def test_a_wider_scope_includes_the_narrower() -> None:
    """On the wider rule's terms, unless a rule of its own is better."""
    assert granted(Policy(access=(WRITE,)), Scope.READ) == "write"
    assert granted(POLICY, Scope.READ) == "read"
    assert granted(POLICY, Scope.ADMIN) == ""


def test_the_longest_time_speaks_then_the_fewest_demands() -> None:
    """Of two rules for one scope the order in the file decides nothing."""
    longer = replace(WRITE, name="longer", max_ttl=7200.0, purpose_required=True)
    easier = replace(WRITE, name="easier", reason_required=False)

    assert granted(Policy(access=(WRITE, longer)), Scope.WRITE) == "longer"
    assert granted(Policy(access=(easier, WRITE)), Scope.WRITE) == "easier"
    assert granted(Policy(access=(WRITE, easier)), Scope.WRITE) == "easier"


@pytest.mark.parametrize(
    ("target", "environment", "found"),
    [
        ("prod", "production", True),
        ("prod-eu", "production", True),
        ("prod", "test", False),
        ("x", "production", False),
    ],
)
def test_targets_and_environments_both_count(target: str, environment: str, found: bool) -> None:
    """Targets may use wildcards; an environment is the word of the configuration."""
    rule = replace(READ, targets=frozenset({"prod*"}), environments=frozenset({"production"}))
    answer = access(Policy(access=(rule,)), ALICE, target, environment, Scope.READ)

    assert isinstance(answer, Access) is found


def test_offers_are_the_scopes_that_may_be_asked_for() -> None:
    """Narrowest first; a stranger is offered nothing."""
    assert [each.scope for each in offers(POLICY, ALICE, "prod", "production")] == ["read", "write"]
    assert offers(POLICY, replace(ALICE, groups=frozenset()), "prod", "production") == ()


def test_no_says_what_helps() -> None:
    """Somebody with another scope is pointed to it; a stranger to the policy's owner."""
    narrower = access(POLICY, ALICE, "prod", "production", Scope.ADMIN)
    stranger = access(POLICY, replace(ALICE, groups=frozenset()), "prod", "production", Scope.READ)

    assert isinstance(narrower, NoAccess)
    assert narrower.hint == "gov connect prod --scope write"
    assert isinstance(stranger, NoAccess)
    assert "into prod" in stranger.reasons[0]


@pytest.mark.parametrize(
    ("people", "included"),
    [
        (People(), False),
        (People(groups=frozenset({"engineering"})), True),
        (People(groups=frozenset({"*"})), True),
        (People(users=frozenset({"alice"})), True),
        (People(users=frozenset({"sub-alice"})), True),
        (People(users=frozenset({"bob"})), False),
        (People(services=frozenset({"alice"})), False),
        (People(agents=frozenset({"*"})), False),
        (People(users=frozenset({"bob"}), groups=frozenset({"engineering"})), True),
    ],
)
def test_people_are_any_of_those_named(people: People, included: bool) -> None:
    """Groups, users, services and agents add up; nobody named is nobody."""
    assert people.includes(ALICE) is included


def test_agents_and_services_are_told_apart() -> None:
    """An agent is met by its own name, its human's and its groups; a service never as a user."""
    agent = replace(ALICE, kind=Kind.AGENT, agent="assistant")
    etl = Principal("i", "sub-etl", "etl", kind=Kind.SERVICE)

    assert People(agents=frozenset({"assistant"})).includes(agent)
    assert People(users=frozenset({"alice"})).includes(agent)
    assert not People(agents=frozenset({"other"})).includes(agent)
    for_alice = People(on_behalf_of=frozenset({"alice"}))
    assert for_alice.includes(agent)
    assert not for_alice.includes(ALICE)
    assert replace(for_alice, agents=frozenset({"ass*"})).includes(agent)
    assert not replace(for_alice, agents=frozenset({"other"})).includes(agent)
    assert not People(agents=frozenset({"*"}), on_behalf_of=frozenset({"bob"})).includes(agent)
    assert People(services=frozenset({"etl"})).includes(etl)
    assert not People(users=frozenset({"etl"})).includes(etl)
