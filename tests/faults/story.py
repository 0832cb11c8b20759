"""A few statements through the real turn and the real trail while the disk fails, and what must hold afterwards."""

from __future__ import annotations

import asyncio
import random
import shutil
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

from audit.logs import KEY, ORIGIN, START
from faults.calls import HANG, Calls, Fault, counted
from gov.approval.request import Answer, Request, RequestState
from gov.approval.settle import answer, spend
from gov.audit.entry import Entry
from gov.audit.verify import verify
from gov.broker.trail import Trail
from gov.errors import GovError, Unavailable
from gov.identity.principal import Principal
from gov.policy.decide import permit
from gov.policy.decision import Decision, Verdict
from gov.sql.facts import Facts
from gov.store.disk import Files
from gov.store.erasure import erase
from gov.store.journal import Journal
from gov.store.search import Filters, search
from gov.terms import Effect, RequestId, Scope, SessionId, StatementDigest, TargetName
from gov.turn import Grant, Judge, Judged, Need, Open, Record, Route, Run, Spend, Statement, Tally, turn

READ, CHANGE, HELD = "read", "change", "held"
KINDS = (READ, READ, CHANGE, CHANGE, HELD)
ENDS = ("closed", "killed", "power", "zeros")
"""How the broker ends: in good order, by kill -9, or with the machine (what was not synced gone, or zeros)."""
BEFORE = 246
"""Entries that the log has: the story crosses the border of a bundle."""
NAMED = 6
"""Of those, the last ones, which have a payload that may be erased."""
ERASED = [(BEFORE - NAMED, BEFORE - 2)]
BOUND = 10.0
"""Seconds within which anything must have been answered; generous, because machines are busy."""
PATIENCE = 5.0
"""Of the trail, seconds; less where calls hang."""
_EFFECTS = {READ: Effect.READ, CHANGE: Effect.INSERT, HELD: Effect.DELETE}
_BOB = Principal("https://id", "b", "bob", frozenset({"dba"}))


class Broken(Exception):
    """An invariant does not hold; its name, and what was seen."""

    def __init__(self, invariant: str, what: str) -> None:
        super().__init__(f"{invariant}: {what}")
        self.invariant = invariant


INVARIANTS = ("recorded", "acknowledged", "refused", "recovers", "verifies", "bounded", "erased")
"""recorded: what ran is in the log. acknowledged: what a client heard of is. refused: with 58000, nothing else.
recovers: on a disk that works it goes on by itself. verifies: the log holds. bounded: nobody waits for ever.
erased: what the log says was erased is in none of its files."""


@dataclass
class Seen:
    """What the clients and the database saw."""

    ran: list[str] = field(default_factory=list)
    certain: list[str] = field(default_factory=list)
    """Ran because its entry was on disk, or changed something and the client heard of success."""
    acknowledged: list[str] = field(default_factory=list)
    refusals: list[GovError] = field(default_factory=list)
    count: int = 0


class Client:
    """Sends statements through turns, answered from one trail."""

    def __init__(self, trail: Trail, seen: Seen) -> None:
        self.trail, self.seen = trail, seen

    async def say(self, kind: str) -> bool:
        """Run one statement; whether it was answered with success."""
        self.seen.count += 1
        text, began = f"{kind} {self.seen.count}", time.monotonic()
        try:
            async with asyncio.timeout(BOUND):
                await self._play(Statement(text, (), self.seen.count, "simple"), _judged(kind))
        except TimeoutError:
            raise Broken("bounded", f"{text} was not answered in {BOUND} s") from None
        except GovError as error:
            self.seen.refusals.append(error)
            return False
        finally:
            if time.monotonic() - began > BOUND:  # the loop itself was held, so that no timer could tell
                raise Broken("bounded", f"{text} held everybody for more than {BOUND} s")
        self.seen.acknowledged.append(text)
        if kind != READ:
            self.seen.certain.append(text)
        return True

    async def _play(self, statement: Statement, judged: Judged) -> None:
        steps = turn(statement)
        need: Need[Any] = next(steps)
        index = -1
        with suppress(StopIteration):
            while True:
                try:
                    said = await self._answer(need, judged, index)
                    index = said if isinstance(need, Record) and index < 0 else index
                except GovError as error:
                    if isinstance(need, Run):  # it ran, and its record is not certain: the session ends
                        with suppress(GovError):
                            self._record(steps.send(Tally("failed", sqlstate="57P01")))
                        raise
                    need = steps.throw(error)
                else:
                    need = steps.send(said)

    async def _answer(self, need: Need[Any], judged: Judged, index: int) -> Any:
        match need:
            case Judge():
                return judged
            case Grant():
                return permit(judged.decision, judged.digest, "ss-1")
            case Open(statement, _):
                return _approved(statement)
            case Spend(request, _, _):
                return spend(request, request.digest, request.definitions, 3.0, SessionId("ss-1"))[1]
            case Record(durable=durable):
                index = self._record(need)
                if durable:
                    await self.trail.durable(index)
                return index
            case Run(_, _, statement, request):
                self.seen.ran.append(statement.text)
                if request is not None:
                    self.seen.certain.append(statement.text)
                elif judged.changes:
                    await self.trail.durable(index)
                return Tally("done", rows=1)
            case _:
                raise AssertionError(f"no answer to {need}")

    def _record(self, need: Record) -> int:
        return self.trail.record(Entry(need.kind, START, {**need.fields, "session": "ss-1"}, need.payload))


def _judged(kind: str) -> Judged:
    verdict = Verdict.HOLD if kind == HELD else Verdict.ALLOW
    decision = Decision(verdict, ("because",), rule="a-rule", approvers=frozenset({"dba"}))
    return Judged(Facts(effects=frozenset({_EFFECTS[kind]})), decision, "digest", "sent", Route.SESSION)


def _approved(statement: Statement) -> Request:
    alice = Principal("https://id", "a", "alice", frozenset({"engineering"}))
    request = Request(
        RequestId("rq-1"), RequestState.PENDING, alice, TargetName("prod"), Scope.WRITE, "", "", statement.text, (),
        StatementDigest("d"), "defs", (), "a-rule", ("because",), frozenset({"dba"}), 1, 0.0, 900.0, None,
        SessionId("ss-1"),
    )
    return answer(request, Answer(_BOB, True, 1.0), 1.0)


class Story:
    """Three lives of a broker on one log, shaped by a seed."""

    def __init__(self, directory: Path, calls: Calls, seed: int) -> None:
        self.directory, self.calls = directory, calls
        self.seen = Seen()
        self.end = "killed"
        self._random = random.Random(seed)
        self._end = self._random.choice(ENDS)
        self._looks = self._random.choice((0.0, 0.1, 0.6))
        """How often the trail looks at the disk between two statements."""
        self._chance = random.Random(f"erasing {seed}")
        self._erases = self._chance.choice((0.0, 0.0, 0.2))
        """How often payloads are erased."""
        self._erasing: set[asyncio.Future[int]] = set()

    async def play(self, patience: float) -> None:
        """Live through it, in one of three shapes. The fault may be armed or not."""
        shape = self._random.choice((self._restarts, self._recovers_in_place, self._ends_under_it))
        await shape(patience)

    async def _restarts(self, patience: float) -> None:
        """The broker ends while the disk fails, twice, and starts again."""
        for after in ("closed", "killed"):
            trail = await self._open(patience)
            if trail is not None:
                await self._live(trail, self._random.randint(3, 7))
                await self._leave(trail, after)
        self.calls.release()
        trail = await self._open(PATIENCE)
        if trail is None:
            raise Broken("recovers", "the log does not open on a disk that works")
        await self._live(trail, 2)
        await self._recover(trail)
        await self._leave(trail, self._end)

    async def _recovers_in_place(self, patience: float) -> None:
        """The disk works again while the broker runs."""
        trail = await self._open(patience)
        if trail is None:
            self.calls.release()
            trail = await self._open(PATIENCE)
        if trail is None:
            raise Broken("recovers", "the log does not open on a disk that works")
        await self._live(trail, self._random.randint(5, 12))
        self.calls.release()
        await self._recover(trail)
        await self._leave(trail, self._end)

    async def _ends_under_it(self, patience: float) -> None:
        """The machine stops while the disk fails."""
        trail = await self._open(patience)
        if trail is not None:
            await self._live(trail, self._random.randint(5, 12))
            await self._leave(trail, self._end)
        self.calls.release()

    async def _open(self, patience: float) -> Trail | None:
        """A trail; None when the log cannot be opened, so that the broker does not start."""
        opening = asyncio.get_running_loop().run_in_executor(None, Journal, self.directory, KEY, ORIGIN)
        try:
            done, _ = await asyncio.wait([opening], timeout=patience * 2)
            if not done:  # a start that hangs serves nobody; it ends when the disk comes back
                self.calls.release()
            trail = Trail(await opening, patience=patience, stall=patience)
            if patience < PATIENCE:
                # Where a write hangs in the loop itself, its sessions are cut off; here that ends the hanging.
                trail.when_stuck = self.calls.released.set
                Thread(target=trail._watch, daemon=True).start()
            return trail
        except Unavailable as error:
            self.seen.refusals.append(error)
            return None

    async def _live(self, trail: Trail, steps: int) -> None:
        client = Client(trail, self.seen)
        for _ in range(steps):
            kinds = [self._random.choice(KINDS) for _ in range(self._random.choice((1, 1, 1, 3)))]
            await asyncio.gather(*(client.say(kind) for kind in kinds))
            if self._random.random() < self._looks:
                await _tick(trail)
            if self._chance.random() < self._erases:
                await self._erase(trail)

    async def _erase(self, trail: Trail) -> None:
        """As the broker does it, in a thread; where the disk hangs it goes on when the disk comes back."""
        entry = Entry("log.erased", START, {"policy": "90d"})
        work = asyncio.get_running_loop().run_in_executor(None, erase, trail.journal, entry, ERASED)
        self._erasing.add(work)
        await asyncio.wait([work], timeout=trail._patience * 2)
        if work.done():
            self._erasing.discard(work)
            with suppress(Unavailable):
                work.result()

    async def _recover(self, trail: Trail) -> None:
        """On a disk that works: after some looks of the trail at it everything is served again."""
        trail._patience = trail._stall = PATIENCE
        for _ in range(3):
            await _tick(trail)
        client = Client(trail, self.seen)
        for kind in (READ, CHANGE, HELD):
            if not await client.say(kind):
                raise Broken("recovers", f"a {kind} is still refused: {self.seen.refusals[-1]}")
        if trail.failing:
            raise Broken("recovers", f"the trail says it fails: {trail.failing}")

    async def _leave(self, trail: Trail, how: str) -> None:
        self.end = how
        if how == "closed":
            await trail.close()
        self.calls.released.set()  # what hangs comes back: no thread can be killed, and none may go on in the next life
        trail._closed.set()
        for thread in (trail._writing, trail._syncing, trail._integrating):
            await asyncio.to_thread(thread.shutdown, wait=True, cancel_futures=True)
        for work in [*self._erasing]:
            self._erasing.discard(work)
            with suppress(Unavailable):
                await work
        self.calls.abandon()
        if how in ("power", "zeros"):
            self.calls.lose_power(zeros=how == "zeros")

    def check(self) -> None:
        """The next start, on a disk that works, finds everything that was promised.

        Raises:
            Broken: An invariant does not hold.
        """
        try:
            Journal(self.directory, KEY, ORIGIN).close()
        except GovError as error:
            raise Broken("recovers", f"the log does not open any more: {error.what} {error.__cause__}") from None
        files = Files(self.directory)
        try:
            verify(files, KEY.verifier, names=list(files.names()))
        except GovError as error:
            raise Broken("verifies", error.what) from None
        self._compare(files)
        self._check_erased(files)

    def _check_erased(self, files: Files) -> None:
        """What an entry says was erased is in no file, and nothing else is gone."""
        everything = b"".join(files(name) or b"" for name in files.names())
        said = any(True for _ in search(files, Filters(kind="log.erased")))
        for number in range(NAMED):
            gone = f'"somebody-{number}"'.encode() not in everything
            if gone != (said and number < NAMED - 2):
                raise Broken("erased", f"the name in entry {BEFORE - NAMED + number} is{' not' * (not gone)} gone")

    def _compare(self, files: Files) -> None:
        found = Counter(
            str((view.payload or {}).get("text")) for view in search(files, Filters(kind="statement"))
        )
        lost_power = self.end in ("power", "zeros")
        if missing := [text for text in self.seen.acknowledged if text not in found and not lost_power]:
            raise Broken("acknowledged", f"{missing} were answered and are not in the log")
        if missing := [text for text in self.seen.certain if text not in found]:
            raise Broken("acknowledged", f"{missing} were promised to be on disk and are not in the log")
        if missing := [text for text in self.seen.ran if text not in found and not lost_power]:
            raise Broken("recorded", f"{missing} ran and are not in the log")
        if twice := [text for text, count in found.items() if count > 1]:
            raise Broken("verifies", f"{twice} are in the log twice")
        if wrong := [error for error in self.seen.refusals if error.wire_state != "58000"]:
            raise Broken("refused", f"{wrong[0].wire_state}: {wrong[0].what}")


async def _tick(trail: Trail) -> None:
    """What the trail does each second."""
    try:
        async with asyncio.timeout(BOUND):
            with suppress(Unavailable):
                await trail.integrate()
    except TimeoutError:
        raise Broken("bounded", f"the tree was waited for {BOUND} s") from None


def template(directory: Path) -> Path:
    """A log to begin with, made once."""
    if not directory.exists():
        with Journal(directory, KEY, ORIGIN) as journal:
            journal.append_many(Entry("broker.stopped", START, {"because": str(n)}) for n in range(BEFORE - NAMED))
            named = ({"subject": "x", "principal": f"somebody-{n}"} for n in range(NAMED))
            journal.append_many(Entry("login", START, fields) for fields in named)
    return directory


def run(directory: Path, seed: int, fault: Fault | None = None) -> tuple[Counter[str], int]:
    """Play one story below `directory`; which calls there were, and how many of them failed.

    Raises:
        Broken: An invariant does not hold.
    """
    log = directory / f"log-{seed}"
    shutil.copytree(template(directory / "template"), log)
    try:
        with counted(log) as calls:
            story = Story(log, calls, seed)
            if fault is not None:
                calls.arm(fault)
            patience = 0.2 if fault is not None and fault.error == HANG else PATIENCE
            counts = calls.counts
            asyncio.run(story.play(patience))
        story.check()
        return counts, calls.struck
    finally:
        shutil.rmtree(log, ignore_errors=True)
