"""What becomes of the terms on which a mask may be lifted, from one policy to another."""

from __future__ import annotations

from dataclasses import dataclass

from gov.policy.decision import Unmask
from gov.policy.render import duration
from gov.policy.rules import REACH
from gov.terms import Scope

NEVER = "never unmasked"


@dataclass(frozen=True, slots=True)
class LiftChange:
    """The terms before and after, in words, and whether something is possible more, or less."""

    old: str
    new: str
    more: bool
    less: bool


def lift_change(old: Unmask | None, new: Unmask | None, scope: Scope) -> LiftChange | None:
    """The change for leases of `scope`; None when it is none."""
    was, now = (each if each and REACH[scope] <= REACH[each.scope] else None for each in (old, new))
    if was == now:
        return None
    if was is None or now is None:
        return LiftChange(_said(was), _said(now), more=now is not None, less=was is not None)
    return LiftChange(_said(was), _said(now), more=_wider(was, now), less=_wider(now, was))


def _wider(was: Unmask, now: Unmask) -> bool:
    """Whether `now` gives something that `was` does not."""
    return (
        not now.approvers <= was.approvers
        or now.max_ttl > was.max_ttl
        or now.expires > was.expires
        or now.count < was.count
        or (was.reason_required and not now.reason_required)
        or not {*was.purposes} <= {*now.purposes}
    )


def _said(terms: Unmask | None) -> str:
    if terms is None:
        return NEVER
    who = f"{f'{terms.count} of ' if terms.count > 1 else ''}{', '.join(sorted(terms.approvers)) or 'nobody'}"
    asks = " with a reason" if terms.reason_required else ""
    purposes = " and ".join(" or ".join(sorted(each)) for each in terms.purposes)
    return f"unmasked for {duration(terms.max_ttl)} by {who}{asks}{f', for {purposes}' if purposes else ''}"
