"""A lease: who may open sessions on which target, in which scope, until when."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gov.identity.principal import Principal
from gov.terms import Column, LeaseId, RequestId, Scope, TargetName


class LeaseState(StrEnum):
    """Where a lease stands. `lease.states` holds the table of transitions."""

    CREATING = "creating"  # intent stored, the role may or may not exist
    ACTIVE = "active"
    ENDING = "ending"  # fenced, being killed and dropped
    ENDED = "ended"  # the role is verified gone
    STUCK = "stuck"  # the role could not be dropped; retried with every sweep


@dataclass(frozen=True, slots=True)
class Lease:
    """One lease as the store keeps it. Times are seconds since the epoch."""

    id: LeaseId
    principal: Principal
    target: TargetName
    scope: Scope
    role: str
    """The ephemeral PostgreSQL role, and the user name that clients give the gateway."""
    profile: str
    """The digest of the policy outcome, `Outcome.digest`."""
    purpose: str
    reason: str
    rule: str
    """The access rule that granted it."""
    state: LeaseState
    created_at: float
    expires_at: float
    verifier: str
    """SCRAM-SHA-256 verifier of the client's secret, in `pg_authid.rolpassword` form."""
    request: RequestId | None = None
    """The approved `--no-wait` request that sessions of this lease may spend."""
    dataset: str = ""
    """The data set that it is for; `request` is its approval."""
    run: str = ""
    """The run (of a training, of a pipeline) that whoever asked for it named."""
    ended_because: str = ""
    unmasked: tuple[Column, ...] = ()
    """Columns that an approval has unmasked for this lease."""
    approval: RequestId | None = None
    """The request that was approved for them, and spent on this lease."""
