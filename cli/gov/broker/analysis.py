"""Analysis in supervised child processes, each with bounds on bytes, tokens, depth and time.

A statement that crashes, stalls or starves its analyst costs that one process and gets `TooComplex`;
nobody else's statement was in it, and a new analyst takes its place. What was found is kept by exact text.
Clients take turns: one with heavy statements, in however many sessions, delays another by one of them.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, TypeVarTuple

from gov.broker.analyst import FACTS, FAILED, FORGET, KEEP, PING, STUDY, frame
from gov.broker.child import Child, Job, Lost
from gov.broker.grounds import Grounds, Known, Standing, packed
from gov.broker.lineages import unfound
from gov.broker.study import Executes, Prepares, Question, Refused, Undoes
from gov.broker.turns import Turns
from gov.errors import GovError, TooComplex, Unavailable, error_of
from gov.lineage.form import MOST_OCTETS
from gov.sql import grammar
from gov.sql.facts import Facts, decode

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

HINT = "split the statement, or simplify it"
LONG = 1 << 13
"""Bytes of a text, or of JSON, from which on work of ours is done beside the event loop: it is about 20 ms."""
READ = 2 << 20
"""Bytes of a catalog that an analyst surely reads in a second: it does ten times as much."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The bounds of analysis."""

    seconds: float = 2.0
    """How much time of a processor one statement may take, for each part of what is asked about it."""
    start_seconds: float = 30.0
    """How long a new analyst may take until it answers, on a busy machine."""
    cache_bytes: int = 16 << 20
    """How much is kept of what was found, counted by its JSON and the texts."""


class Studied:
    """What an analyst has found in one text."""

    __slots__ = ("_last", "_lineage", "catalog", "facts", "objection", "octets", "prepares", "sent", "undoing")

    def __init__(
        self, question: Question, row: list[Any], last: asyncio.Future[tuple[int, bytes]], catalog: str
    ) -> None:
        facts, sent, objection, prepares, self.undoing = row
        self.facts: Facts = decode(facts)
        self.sent: str = question.text if sent is None else sent
        """With the masked views where they are needed."""
        self.objection: list[str] | None = objection
        """Why it cannot be sent so: code, what, hint and detail."""
        self.prepares = tuple((name, Prepares(*what)) for name, what in prepares)
        """By name."""
        self.catalog = catalog
        """The version of the catalog that it was studied on."""
        self.octets = 0
        """How much its lineage is to keep."""
        self._last: asyncio.Future[tuple[int, bytes]] | None = last
        self._lineage: dict[str, Any] = {}

    async def lineage(self) -> dict[str, Any]:
        """The fields of an entry that say where its columns come from; none where nothing flows."""
        if self._last is not None:
            try:
                kind, body = await asyncio.shield(self._last)
            except Lost:
                kind, body = FAILED, json.dumps(["", _BEYOND]).encode()
            if kind == FAILED:
                self.octets, self._lineage = MOST_OCTETS, unfound(self.facts, json.loads(body)[1])
            elif body:
                self.octets, self._lineage = len(body), json.loads(body)
            self._last = None
        return self._lineage


_BEYOND = "the statement is beyond the bounds of analysis"
Answer = Studied | Refused | Executes | Undoes
_OTHERS: dict[str, Callable[..., Answer]] = {
    "Refused": Refused, "Executes": lambda names: Executes(tuple(names)), "Undoes": Undoes,
}  # fmt: skip


class Analysts:
    """Some analysts, of whom each has one statement at a time."""

    def __init__(self) -> None:
        self._settings = Settings()
        self._idle: list[Child] = []
        self._turns = Turns()
        """One slot for each analyst who has nothing to do."""
        self._beside = Turns()
        self._beside.give()
        self._all: set[Child] = set()
        self._hiring: set[Child] = set()
        self._replacing: set[asyncio.Task[None]] = set()
        self._closed = True
        self._grounds = Grounds()
        self._cache = _Cache(self._settings.cache_bytes)

    async def start(self, count: int = 2, settings: Settings | None = None) -> None:
        """Start `count` of them.

        Raises:
            Unavailable: One does not come up.
        """
        self._settings = settings or self._settings
        self._cache = _Cache(self._settings.cache_bytes)
        self._closed = False
        try:
            await asyncio.gather(*(self._hire() for _ in range(count)))
        except BaseException:
            await self.close()
            raise

    @property
    def pids(self) -> frozenset[int]:
        """The processes that work now."""
        return frozenset(child.pid for child in self._all)

    async def study(self, question: Question, standing: Standing, who: str = "") -> Answer:
        """What can be said of a text, for client `who`, on the ground where it stands.

        Raises:
            NotUnderstood: It is not valid UTF-8, has a NUL, or nests in a way that is not understood.
            TooComplex: It is beyond the bounds of analysis.
            Denied: It names a closed column.
            Unavailable: The analysts are closed.
        """
        grammar.encode(question.text)
        ground = self._grounds.of(standing)
        key = (ground.number, *question)
        if question.names is None and (kept := self._cache.get(key)) is not None:
            return kept
        job = await self._ask(question, ground, who)
        try:
            kind, body = await job.first
        except Lost:
            raise self._lost() from None
        if kind == FAILED:
            code, what, hint, detail = json.loads(body)
            raise error_of(code, what, hint=hint, detail=detail)
        found = await self.beside(len(body), who, _read, question, kind, body, job.last, standing.catalog.version)
        if isinstance(found, Studied) and question.names is None:
            self._cache.keep(key, found, len(body) + 4 * len(question.text), job.last)
        return found

    async def beside(self, size: int, who: str, work: Callable[[*Ts], T], *arguments: *Ts) -> T:
        """What `work` returns; when its input has a `LONG` size, it does not keep the event loop from others.

        It must be pure. It goes on to its end when nobody wants it any more, and only then the next begins.
        """
        if size < LONG:
            return work(*arguments)
        await self._beside.take(who)
        began = time.monotonic()

        def done(job: asyncio.Future[T]) -> None:
            job.exception()
            self._beside.used(who, time.monotonic() - began)
            self._beside.give()

        job = asyncio.get_running_loop().run_in_executor(None, work, *arguments)
        job.add_done_callback(done)
        return await asyncio.shield(job)

    async def close(self) -> None:
        """End them all; statements under way get `Unavailable`."""
        self._closed = True
        for task in self._replacing:
            task.cancel()
        await asyncio.gather(*self._replacing, return_exceptions=True)
        await asyncio.gather(*(child.end() for child in self._all))
        self._all.clear()
        self._idle.clear()
        self._turns.drop()

    async def _ask(self, question: Question, ground: Known, who: str) -> Job:
        """One question, asked of whoever is free; who gives up does not take the analyst along."""
        child = await self._free(who)
        try:
            frames, seconds = b"", self._settings.seconds
            if not child.shelf.has(ground):
                frames = await self._introduced(child, ground)
                seconds += len(frames) / READ
            body = json.dumps([ground.number, question], separators=(",", ":")).encode()
        except BaseException:
            self._ready(child)
            raise
        return child.ask(who, frames + frame(STUDY, body), seconds)

    async def _introduced(self, child: Child, ground: Known) -> bytes:
        """The frames that make a ground known to an analyst."""
        if child.shelf.needs_catalog(ground):
            body = await asyncio.to_thread(packed, ground, with_catalog=True)
        else:
            body = packed(ground, with_catalog=False)
        gone = child.shelf.put(ground, len(body))
        # First what is new: its catalog may be known from what goes.
        return b"".join([frame(KEEP, body), *(frame(FORGET, str(each).encode()) for each in gone)])

    def _over(self, child: Child, job: Job) -> None:
        """A question is answered, or an analyst is lost."""
        if child in self._hiring:
            return
        self._turns.used(job.who, time.monotonic() - job.began)
        if child.alive:
            self._ready(child)
        else:
            self._replace(child)

    def _lost(self) -> GovError:
        if self._closed:
            return Unavailable("analysis is closed", hint="gov broker status")
        return TooComplex(_BEYOND, hint=HINT)

    def _ready(self, child: Child) -> None:
        self._idle.append(child)
        self._turns.give()

    async def _free(self, who: str) -> Child:
        """An analyst who has nothing to do and is alive."""
        while not self._closed:
            await self._turns.take(who)
            if self._closed:
                break
            child = self._idle.pop()
            if child.alive:
                return child
            self._replace(child)
        raise Unavailable("analysis is closed", hint="gov broker status")

    def _replace(self, child: Child) -> None:
        if self._closed:
            return
        child.kill()
        task = asyncio.create_task(self._succeed(child))
        self._replacing.add(task)
        task.add_done_callback(self._replacing.discard)

    async def _succeed(self, child: Child) -> None:
        """Bury `child` and hire another, again and again until one comes up."""
        await child.end()
        self._all.discard(child)
        pause = 0.1
        while not self._closed:
            try:
                await self._hire()
                return
            except Unavailable:
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)

    async def _hire(self) -> None:
        child = Child(self._settings.seconds, self._over)
        await child.start()
        self._hiring.add(child)
        try:
            await child.ask("", frame(PING), self._settings.start_seconds).last
        except BaseException as why:
            await child.end()
            if isinstance(why, Lost):
                raise Unavailable("an analyst does not come up", hint="gov broker status") from None
            raise
        finally:
            self._hiring.discard(child)
        self._all.add(child)
        self._ready(child)


def _read(
    question: Question, kind: int, body: bytes, last: asyncio.Future[tuple[int, bytes]], catalog: str
) -> Answer:
    row = json.loads(body)
    if kind == FACTS:
        return Studied(question, row, last, catalog)
    name, *rest = row
    return _OTHERS[name](*rest)


class _Cache:
    """What was found in texts, the least recently used forgotten first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._kept: OrderedDict[tuple[object, ...], tuple[Studied, int]] = OrderedDict()

    def get(self, key: tuple[object, ...]) -> Studied | None:
        if (found := self._kept.get(key)) is None:
            return None
        self._kept.move_to_end(key)
        return found[0]

    def keep(self, key: tuple[object, ...], found: Studied, size: int, last: asyncio.Future[tuple[int, bytes]]) -> None:
        """Keep it when its lineage is there too; what nobody could find may be found the next time."""

        def heard(last: asyncio.Future[tuple[int, bytes]]) -> None:
            if not last.cancelled() and last.exception() is None and last.result()[0] != FAILED:
                self._put(key, found, size + len(last.result()[1]))

        if last.done():
            heard(last)
        else:
            last.add_done_callback(heard)

    def _put(self, key: tuple[object, ...], found: Studied, weight: int) -> None:
        if weight > self._limit // 8 or key in self._kept:
            return
        self._kept[key] = (found, weight)
        self._size += weight
        while self._size > self._limit:
            _, (_, gone) = self._kept.popitem(last=False)
            self._size -= gone
