"""Who governs gov."""

from __future__ import annotations

from dataclasses import replace

from gov.identity.principal import Kind, Principal
from gov.policy.document import load
from gov.policy.roles import may_accept_policy, may_operate, may_read_trail
from gov.policy.rules import Policy

DBA = Principal("i", "s", "bob", frozenset({"dba"}))
AUDITOR = Principal("i", "t", "carol", frozenset({"audit"}))
POLICY = load([("p", """
version: 1
roles:
  auditor: { groups: [audit] }
  operator: { groups: [dba] }
  policy_admin: { users: [bob] }
""")])


def test_each_role_is_its_own() -> None:
    """Reading the trail, ending sessions and accepting policy are given one by one."""
    held = [
        [may(POLICY, who) for may in (may_read_trail, may_operate, may_accept_policy)] for who in (AUDITOR, DBA)
    ]

    assert held == [[True, False, False], [False, True, True]]


def test_an_agent_accepts_no_policy() -> None:
    """It may read or operate for its human, but a policy is a person's word."""
    agent = replace(DBA, kind=Kind.AGENT, agent="assistant")

    assert may_operate(POLICY, agent)
    assert not may_accept_policy(POLICY, agent)


def test_no_roles_is_nobody() -> None:
    """A policy that names none leaves everybody with their own entries only."""
    for may in (may_read_trail, may_operate, may_accept_policy):
        assert not may(Policy(), DBA)
