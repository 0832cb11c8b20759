"""Everything the daemon holds, in one value that is passed around: no globals, no singletons."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gov.broker.refused_logins import RefusedLogins
from gov.control.config import Config
from gov.errors import NoSuch
from gov.terms import Scope, TargetName

if TYPE_CHECKING:
    from gov.broker.analysis import Analysts
    from gov.broker.authority import Authority
    from gov.broker.desk import RequestDesk
    from gov.broker.indexing import Indexing
    from gov.broker.leases import LeaseDesk
    from gov.broker.notifying import Notifying
    from gov.broker.receipts import Receipts
    from gov.broker.schemas import Schemas
    from gov.broker.sessions import Sessions
    from gov.broker.shipping import Shipping
    from gov.broker.tokens import Verifier
    from gov.broker.trail import Trail
    from gov.policy.rules import Policy
    from gov.store.budgets import Budgets
    from gov.target.target import Target


@dataclass
class House:
    """The parts of a running broker.

    The parts from `leases` on know the house themselves: `serve.build` sets them right after it is made.
    """

    config: Config
    clock: Callable[[], float]
    """Seconds since the epoch. Timers use the loop's monotonic clock instead."""
    installation: str
    """Six characters in the names of all roles of this broker: `lease.names.installation`."""
    audit_key: str
    """Verifier key of the log's checkpoints, `name+id+key`."""
    tls: Authority
    trail: Trail
    indexing: Indexing
    """What answers questions to the trail quickly; never the truth."""
    shipping: Shipping
    notifying: Notifying
    analysts: Analysts
    verifier: Verifier
    targets: dict[TargetName, Target]
    policy: Policy
    started_at: float
    policy_loaded_at: float
    policy_version: int = 1
    """Counts up with each reload: part of the key of cached decisions."""
    policy_error: str | None = None
    """Why the newest policy files were refused, while `policy` is still the last good one."""
    rotating: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while the key of the log changes."""
    refused_logins: RefusedLogins = field(default_factory=RefusedLogins)
    down: dict[TargetName, str] = field(default_factory=dict)
    """Targets that do not answer, with the reason."""
    leases: LeaseDesk = field(init=False)
    desk: RequestDesk = field(init=False)
    sessions: Sessions = field(init=False)
    schemas: Schemas = field(init=False)
    receipts: Receipts = field(init=False)
    budgets: Budgets = field(init=False)

    def target(self, name: str) -> Target:
        """The target of that name, up or down.

        Raises:
            NoSuch: the configuration has no such target.
        """
        found = self.targets.get(TargetName(name))
        if found is None:
            raise NoSuch(f"no target is called `{name}`", hint="gov targets")
        return found

    def environment(self, name: TargetName) -> str:
        """`production`, or whatever the configuration says of that target."""
        return self.config.targets[name].environment


def scope_of(word: str) -> Scope:
    """The scope that `word` names.

    Raises:
        NoSuch: it names none.
    """
    try:
        return Scope(word)
    except ValueError:
        raise NoSuch(f"no scope is called `{word}`", hint="--scope read, write or admin") from None
