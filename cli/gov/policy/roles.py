"""Who governs gov itself: reads the whole trail, kills and syncs, accepts policy. Everybody sees their own.
"""

from __future__ import annotations

from gov.identity.principal import Kind, Principal
from gov.policy.rules import Policy


def may_read_trail(policy: Policy, who: Principal) -> bool:
    """Whether `who` may read everybody's audit entries, not only their own."""
    return policy.roles.auditor.includes(who)


def may_operate(policy: Policy, who: Principal) -> bool:
    """Whether `who` may end other people's leases and sessions, and sync targets."""
    return policy.roles.operator.includes(who)


def may_accept_policy(policy: Policy, who: Principal) -> bool:
    """Whether `who` may accept a new policy or a changed catalog. Never an agent: it is a person's word."""
    return who.kind is not Kind.AGENT and policy.roles.policy_admin.includes(who)
