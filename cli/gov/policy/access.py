"""May this person hold a lease here, and on what terms?"""

from __future__ import annotations

from collections.abc import Sequence

from gov.identity.principal import Principal
from gov.policy.decision import Access, NoAccess
from gov.policy.rules import AccessRule, Policy
from gov.terms import Scope


def access(
    policy: Policy, principal: Principal, target: str, environment: str, scope: Scope
) -> Access | NoAccess:
    """The terms of a lease of `scope`, or why there is none.

    A rule for a wider scope grants the narrower ones on its own terms. Of several rules the one with the
    longest `max_ttl` speaks, then the one that asks for less.
    """
    rules = granting(policy, principal, target, environment, scope)
    if not rules:
        return _none(policy, principal, target, environment, scope)
    return _best(scope, rules)


def granting(
    policy: Policy, principal: Principal, target: str, environment: str, scope: Scope
) -> tuple[AccessRule, ...]:
    """Every access rule that grants the lease."""
    return tuple(rule for rule in policy.access if rule.grants(principal, target, environment, scope))


def offers(policy: Policy, principal: Principal, target: str, environment: str) -> tuple[Access, ...]:
    """The scopes that may be asked for, narrowest first. Empty: the target is none of their business."""
    granted = ((scope, granting(policy, principal, target, environment, scope)) for scope in Scope)
    return tuple(_best(scope, rules) for scope, rules in granted if rules)


def _best(scope: Scope, rules: Sequence[AccessRule]) -> Access:
    best = min(rules, key=lambda rule: rule.terms)
    return Access(
        rule=best.name,
        scope=scope.value,
        max_ttl=best.max_ttl,
        reason_required=best.reason_required,
        purpose_required=best.purpose_required,
        max_statement=best.max_statement,
    )


def _none(policy: Policy, principal: Principal, target: str, environment: str, scope: Scope) -> NoAccess:
    offered = offers(policy, principal, target, environment)
    if not offered:
        return NoAccess(
            (f"no access rule lets {principal.display} into {target}",),
            hint="gov targets lists what you may ask for; whoever owns the policy can add you",
        )
    return NoAccess(
        (f"no access rule gives {principal.display} the scope {scope} on {target}",),
        hint=f"gov connect {target} --scope {offered[-1].scope}",
    )
