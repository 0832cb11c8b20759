"""The named steps at which something is killed: one table, from the asking for a lease to the dropping of its role.

A step is a function of the product and a side of it: just before it is called, or just after it has returned.
The launcher wraps those functions; the product knows nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from psycopg.pq import TransactionStatus

from gov.lease.lease import LeaseState

Fault = Literal["broker", "power", "postgres", "analyst", "issuer", "cut", "hang"]
FAULTS: dict[Fault, int] = {
    "broker": 8, "power": 4, "postgres": 4, "cut": 3, "hang": 1, "analyst": 1, "issuer": 1,
}  # fmt: skip
"""What happens, and how often compared with the others.

broker: SIGKILL. power: SIGKILL, and what of the journal was not synced is lost, as when the machine loses power.
postgres: SIGKILL of the postmaster. cut: connections to the target are reset and refused for a while. hang: nothing
comes through to the target for a while, then they are reset. analyst: SIGKILL of every analysis worker. issuer:
SIGKILL of the identity provider.
"""


@dataclass(frozen=True, slots=True)
class Step:
    """One place in the product's own order of things."""

    name: str
    where: str
    """`module:function` or `module:Class.method`, below `gov`."""
    when: Literal["before", "after"]
    scenes: tuple[str, ...]
    """The scenes of `scenes` that come by here."""
    only: Callable[..., bool] | None = None
    """Of the call's arguments: which calls are meant, when not all are."""


def _puts(state: LeaseState) -> Callable[..., bool]:
    return lambda store, lease: lease.state is state


def _uncommitted(connection: Any, *_: object) -> bool:
    return bool(connection.info.transaction_status is TransactionStatus.INTRANS)


def _durable(playing: Any, need: Any) -> bool:
    return bool(need.durable and need.kind == "statement")


def _statement(recording: Any, need: Any) -> bool:
    return bool(need.kind == "statement" and not need.durable)


ANY = ("reads", "writes", "alters", "lends", "submits", "pairs", "unmasks")
USES = ("reads", "writes", "blocked")
ENDS = ("reads", "writes", "expires", "killed", "killed-user")
HELD = ("alters", "lends", "pairs")
ASKED = (*HELD, "submits")
APART = ("alters", "lends", "submits")
DDL = ("alters",)

STEPS: tuple[Step, ...] = (
    # issue
    Step("issue.asked", "broker.leases:LeaseDesk.issue", "before", ANY),
    Step("issue.profile", "target.target:Target.profile", "after", ANY),
    Step("issue.intent", "store.leases:Leases.put", "before", ANY, _puts(LeaseState.CREATING)),
    Step("issue.stored", "store.leases:Leases.put", "after", ANY, _puts(LeaseState.CREATING)),
    Step("issue.unmasking", "broker.unmasking:spend", "before", ("unmasks",)),
    Step("issue.unmask-spent", "broker.unmasking:spend", "after", ("unmasks",)),
    Step("issue.creating-role", "target.roles:create", "before", ANY),
    Step("issue.role-uncommitted", "target.roles:oid_of", "after", ANY, _uncommitted),
    Step("issue.role-made", "target.target:Target.mint", "after", ANY),
    Step("issue.activating", "store.leases:Leases.put", "before", ANY, _puts(LeaseState.ACTIVE)),
    Step("issue.active", "store.leases:Leases.put", "after", ANY, _puts(LeaseState.ACTIVE)),
    Step("issue.recording", "broker.entries:lease_created", "after", ANY),
    Step("issue.durable", "broker.leases:LeaseDesk._hold", "before", ANY),
    Step("issue.granted", "broker.leases:LeaseDesk._grant", "after", ANY),
    # use
    Step("use.connecting", "broker.upstream:connect", "before", ANY),
    Step("use.connected", "broker.upstream:connect", "after", ANY),
    Step("use.opened", "broker.gateway:Gateway._opened", "after", ANY),
    Step("use.judging", "broker.analysis:Analysts.study", "before", ANY),
    Step("use.judged", "broker.judging:Judging.judged", "after", ANY),
    Step("use.recording", "broker.recording:Recording.record", "before", USES, _statement),
    Step("use.recorded", "broker.recording:Recording.record", "after", USES, _statement),
    Step("use.sending", "broker.listening:Listening.sending", "before", ("writes",)),
    Step("use.forwarded", "broker.group:Group._forward", "after", USES),
    Step("use.completed", "broker.listening:Listening.completed", "before", ("reads", "writes")),
    Step("use.on-disk", "broker.listening:Listening._on_disk", "before", ("writes",)),
    Step("use.done", "broker.playing:Playing.done", "after", ("reads", "writes")),
    # hold
    Step("hold.opening", "broker.desk:RequestDesk.open", "before", ASKED),
    Step("hold.storing", "store.requests:Requests.put", "before", ASKED),
    Step("hold.stored", "store.requests:Requests.put", "after", ASKED),
    Step("hold.recorded", "broker.desk:RequestDesk.open", "after", ASKED),
    Step("hold.waiting", "broker.playing:_set_aside", "after", HELD),
    # approval
    Step("approval.asked", "broker.desk:RequestDesk.answer", "before", ASKED),
    Step("approval.recording", "broker.entries:request_answered", "after", ASKED),
    Step("approval.storing", "store.requests:Requests.replace", "before", ASKED),
    Step("approval.stored", "store.requests:Requests.replace", "after", ASKED),
    Step("approval.answered", "broker.desk:RequestDesk.answer", "after", ASKED),
    Step("approval.spending", "broker.desk:RequestDesk.spend", "before", ASKED),
    Step("approval.spent", "broker.entries:request_spent", "before", ASKED),
    Step("approval.permitted", "broker.desk:RequestDesk.spend", "after", ASKED),
    Step("approval.entered", "broker.playing:Playing._record", "after", ASKED, _durable),
    Step("approval.running", "broker.apart:_run", "before", ASKED),
    # one-shot
    Step("one-shot.views-dropping", "target.target:Target.before_ddl", "before", DDL),
    Step("one-shot.views-dropped", "target.target:Target.before_ddl", "after", DDL),
    Step("one-shot.minting", "target.target:Target.one_shot", "before", APART),
    Step("one-shot.minted", "target.target:Target.one_shot", "after", APART),
    Step("one-shot.connected", "broker.apart:_prepare", "before", APART),
    Step("one-shot.prepared", "broker.apart:_prepare", "after", APART),
    Step("one-shot.locked", "broker.apart:_lock", "after", APART),
    Step("one-shot.compared", "broker.apart:_compare", "after", APART),
    Step("one-shot.counted", "broker.apart:_bounded", "after", APART),
    Step("one-shot.committed", "broker.apart:_guarded", "after", APART),
    Step("one-shot.dropping", "target.target:Target.drop_one_shot", "before", APART),
    Step("one-shot.dropped", "target.target:Target.drop_one_shot", "after", APART),
    Step("one-shot.views-rebuilding", "target.target:Target.after_ddl", "before", DDL),
    Step("one-shot.views-rebuilt", "target.target:Target.after_ddl", "after", DDL),
    Step("one-shot.answering", "broker.apart:_run", "after", APART),
    # expiry
    Step("expiry.due", "broker.leases:LeaseDesk._expired", "before", ("expires",)),
    Step("expiry.draining", "broker.sessions:Sessions.drain", "before", ("expires",)),
    Step("expiry.drained", "broker.sessions:Sessions.drain", "after", ("expires",)),
    # revocation
    Step("revoke.begun", "broker.leases:LeaseDesk._end", "before", ENDS),
    Step("revoke.sessions-ended", "broker.sessions:Sessions.end_lease", "after", ENDS),
    Step("revoke.storing", "store.leases:Leases.put", "before", ENDS, _puts(LeaseState.ENDING)),
    Step("revoke.stored", "store.leases:Leases.put", "after", ENDS, _puts(LeaseState.ENDING)),
    Step("revoke.recorded", "target.target:Target.revoke", "before", ENDS),
    Step("revoke.fencing", "target.roles:_fence", "before", ENDS),
    Step("revoke.fenced", "target.roles:_fence", "after", ENDS),
    Step("revoke.killed", "target.roles:_kill", "after", ENDS),
    Step("revoke.dropping", "target.roles:_drop", "before", ENDS),
    Step("revoke.dropped", "target.roles:_drop", "after", ENDS),
    Step("revoke.verified", "target.target:Target.revoke", "after", ENDS),
    Step("revoke.ending", "store.leases:Leases.put", "before", ENDS, _puts(LeaseState.ENDED)),
    Step("revoke.ended", "store.leases:Leases.put", "after", ENDS, _puts(LeaseState.ENDED)),
    # kill by an operator
    Step("kill.lease", "broker.api:_end_lease", "before", ("killed",)),
    Step("kill.user", "broker.api:_end_user", "before", ("killed-user",)),
    Step("kill.withdrawing", "broker.desk:RequestDesk.withdraw_of", "before", ("killed-user",)),
    Step("kill.ended", "broker.entries:kill", "before", ("killed", "killed-user")),
    Step("kill.recorded", "broker.entries:kill", "after", ("killed", "killed-user")),
    # janitor, and the start after a crash
    Step("sweep.listing", "target.sweeping:ephemeral", "before", ("left-over",)),
    Step("sweep.listed", "target.sweeping:ephemeral", "after", ("left-over",)),
    Step("sweep.ending", "target.sweeping:end_all", "before", ("left-over",)),
    Step("sweep.ended", "target.sweeping:end_all", "after", ("left-over",)),
    Step("start.recovering", "broker.leases:LeaseDesk.recover", "before", ("restarts",)),
    Step("start.recovered", "broker.leases:LeaseDesk.recover", "after", ("restarts",)),
    Step("start.withdrawing", "broker.desk:RequestDesk.recover", "before", ("restarts",)),
    Step("start.withdrawn", "broker.desk:RequestDesk.recover", "after", ("restarts",)),
    Step("start.serving", "broker.serve:_record_start", "after", ("restarts",)),
)

BY_NAME = {step.name: step for step in STEPS}
