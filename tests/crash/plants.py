"""Bugs that are planted on purpose, to see that the harness would find them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from crash.steps import Fault
from gov.approval.request import RequestState
from gov.broker import apart, desk, leases, playing
from gov.broker.janitor import Janitor
from gov.broker.recording import Recording
from gov.broker.session import Session
from gov.broker.targets import TargetWatch
from gov.broker.trail import Trail
from gov.lease.lease import LeaseState
from gov.policy.permit import grant
from gov.store.leases import Leases
from gov.store.requests import Requests
from gov.store.tiles import Tiles
from gov.target import roles
from gov.target.target import Target


async def _nothing(*_: object) -> None:
    return


def no_intent() -> None:
    """The lease is stored only after its role was made, and nobody sweeps."""
    put = Leases.put
    Leases.put = lambda self, lease: None if lease.state is LeaseState.CREATING else put(self, lease)  # type: ignore[method-assign]
    no_sweep()


def no_sweep() -> None:
    """The janitor never looks."""
    Janitor.look = _nothing  # type: ignore[method-assign, assignment]


def no_fence() -> None:
    """Sessions are killed while new ones can begin."""
    roles._fence = _nothing


def no_kill() -> None:
    """A role is dropped while its sessions live on: PostgreSQL does not mind."""
    roles._kill = _nothing


def one_shots_stay() -> None:
    """Nobody drops a one-shot role, and nobody sweeps."""
    Target.drop_one_shot = _nothing  # type: ignore[method-assign, assignment]
    no_sweep()


def lost_leases() -> None:
    """Leases of before the crash are forgotten, and nobody sweeps."""

    async def recover(self: leases.LeaseDesk) -> int:
        return 0

    leases.LeaseDesk.recover = recover  # type: ignore[method-assign]
    no_sweep()


def unsaid_answers() -> None:
    """An answer counts without being on record."""
    durably = desk.RequestDesk._durably

    async def unless_answered(self: desk.RequestDesk, entry: Any) -> None:
        if entry.kind != "request.answered":
            await durably(self, entry)

    desk.RequestDesk._durably = unless_answered  # type: ignore[method-assign]


def no_doubt() -> None:
    """Nobody remembers that store and trail may differ."""
    Requests.doubtful = lambda self: []  # type: ignore[method-assign]


def twice() -> None:
    """An approval is given out again and again: nothing is compared, nothing set."""
    replaced = Requests.replace

    def unless_spent(self: Requests, old: Any, new: Any, **more: Any) -> bool:
        return new.state is RequestState.SPENT or replaced(self, old, new, **more)

    Requests.replace = unless_spent  # type: ignore[method-assign]


def unasked() -> None:
    """What is held runs although nobody has answered."""

    async def answered(session: Session, request: Any) -> Any:
        return replace(request, state=RequestState.APPROVED)

    async def spend(session: Session, request: Any, statement: Any, judged: Any) -> Any:
        return grant(judged.digest, session.id, request=request.id)

    playing._answered, playing._spend = answered, spend


def no_record() -> None:
    """Every other statement runs without a record."""
    recorded, turns = Recording.record, count()

    def record(self: Recording, need: Any) -> int:
        if need.kind == "statement" and next(turns) % 2:
            return self.house.trail.size - 1
        return recorded(self, need)

    Recording.record = record  # type: ignore[method-assign]


def no_disk() -> None:
    """Nobody waits for the disk."""
    Trail.durable = _nothing  # type: ignore[method-assign, assignment]


def unbounded() -> None:
    """The approver's bound on rows is forgotten."""
    apart._COUNT = "SELECT 0"


def torn_tree() -> None:
    """Now and then an entry is put into the tree in the place of another."""
    extended, turns = Tiles.extend, count()

    def extend(self: Tiles, batch: Any) -> Any:
        if next(turns) % 2 and len(batch) > 2:
            batch = [*batch[:-1], replace(batch[-1], leaf=batch[0].leaf)]
        return extended(self, batch)

    Tiles.extend = extend  # type: ignore[method-assign]


def never_back() -> None:
    """A target that was away stays away."""
    looked = TargetWatch._look

    async def look(self: TargetWatch, name: Any, target: Any) -> None:
        if name not in self._house.down or name not in self._opened:
            await looked(self, name, target)

    TargetWatch._look = look  # type: ignore[method-assign]


@dataclass(frozen=True, slots=True)
class Plant:
    """One bug, and how it is brought to light."""

    breaks: Callable[[], None]
    found_by: str
    """The invariant that must say so."""
    step: str
    fault: Fault
    scene: str


PLANTS: dict[str, Plant] = {
    "no-intent": Plant(no_intent, "roles", "issue.role-made", "broker", "reads"),
    "no-sweep": Plant(no_sweep, "roles", "use.done", "analyst", "left-over"),
    "no-fence": Plant(no_fence, "roles", "sweep.listed", "analyst", "left-over"),
    "no-kill": Plant(no_kill, "backends", "use.forwarded", "broker", "blocked"),
    "one-shots-stay": Plant(one_shots_stay, "one-shots", "one-shot.dropping", "analyst", "lends"),
    "lost-leases": Plant(lost_leases, "leases", "issue.granted", "broker", "reads"),
    "unsaid-answers": Plant(unsaid_answers, "requests", "approval.answered", "broker", "submits"),
    "no-doubt": Plant(no_doubt, "requests", "approval.spent", "broker", "pairs"),
    "twice": Plant(twice, "once", "approval.permitted", "analyst", "submits"),
    "unasked": Plant(unasked, "approved", "hold.recorded", "analyst", "lends"),
    "unbounded": Plant(unbounded, "bounded", "one-shot.minted", "analyst", "lends"),
    "no-record": Plant(no_record, "recorded", "use.done", "broker", "writes"),
    "no-disk": Plant(no_disk, "durable", "revoke.begun", "power", "writes"),
    "torn-tree": Plant(torn_tree, "audit", "use.done", "analyst", "writes"),
    "never-back": Plant(never_back, "serves", "use.done", "postgres", "reads"),
}


def plant(name: str) -> None:
    """Break the product in this process; the empty name breaks nothing."""
    if name:
        PLANTS[name].breaks()
