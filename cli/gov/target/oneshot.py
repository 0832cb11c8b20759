"""One-shot roles: what an approved statement needs beyond its session, for that statement only.

The lease's own role is never raised: all its sessions share it, and SET ROLE outlives REVOKE.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gov.policy.decision import Outcome
from gov.target.address import Upstream

LIFETIME = 60.0
"""Seconds until VALID UNTIL: to log in, not to finish. A statement may run on."""


@dataclass(frozen=True, slots=True)
class AsOwner:
    """A utility statement that runs as the durable owner, after SET ROLE."""

    owner: str


@dataclass(frozen=True, slots=True)
class Lent:
    """DML that runs with the write profile of the same masks: it cannot read raw values either."""

    outcome: Outcome
    """Of the lease; its scope is raised to write."""


@dataclass(frozen=True, slots=True)
class Planning:
    """What is asked of the planner and never run: with the profile of a lease of that outcome."""

    outcome: Outcome


OneShot = AsOwner | Lent | Planning


@dataclass(frozen=True, slots=True)
class Ticket:
    """A one-shot role. Whoever holds it drops it, done or failed."""

    role: str
    oid: int
    password: str = field(repr=False)
    set_role: str | None
    """SET ROLE to this after login; None: the rights are there at once."""
    upstream: Upstream
