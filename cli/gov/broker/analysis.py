"""Analysis in supervised child processes, each with bounds on bytes, tokens, depth and time.

A statement that crashes, stalls or starves its analyst costs that one process and gets `TooComplex`;
nobody else's statement was in it, and a new analyst takes its place. Outlines are kept by exact text.
Clients take turns: one with heavy statements, in however many sessions, delays another by one of them.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, TypeVarTuple

from gov.broker.analyst import DONE, HEADER, LINEAGE, OUTLINE, SAME, frame
from gov.broker.turns import Turns
from gov.errors import GovError, TooComplex, Unavailable, error_of
from gov.lineage.request import Asked, Told
from gov.sql import grammar
from gov.sql.outline import Outline, decode
from gov.terms import Relation

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

TICKS = os.sysconf("SC_CLK_TCK")
HINT = "split the statement, or simplify it"
PATIENCE = 5
"""How many times as long a statement may take on a machine that is busy with other things."""
SOON = 0.05
"""Seconds in which an answer is heard without a look at what it costs; they are not counted."""
LONG = 1 << 13
"""Bytes of a text, or of JSON, from which on work of ours is done beside the event loop: it is about 20 ms."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The bounds of analysis."""

    seconds: float = 2.0
    """How much time of a processor one statement may take."""
    start_seconds: float = 30.0
    """How long a new analyst may take until it answers, on a busy machine."""
    cache_bytes: int = 16 << 20
    """How much is kept of outlines, counted by their JSON and their texts."""


class Analysts:
    """Some analysts, of whom each has one statement at a time."""

    def __init__(self) -> None:
        self._settings = Settings()
        self._idle: list[_Analyst] = []
        self._turns = Turns()
        """One slot for each analyst who has nothing to do."""
        self._beside = Turns()
        self._beside.give()
        self._asked: set[asyncio.Task[tuple[int, bytes]]] = set()
        self._all: set[_Analyst] = set()
        self._replacing: set[asyncio.Task[None]] = set()
        self._closed = True
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
        return frozenset(analyst.pid for analyst in self._all)

    async def outline(self, text: str, who: str = "") -> Outline:
        """The outline of `text`, for client `who`.

        Raises:
            NotUnderstood: It is not valid UTF-8 or has a NUL.
            TooComplex: It is beyond the bounds of analysis.
            Unavailable: The analysts are closed.
        """
        if (kept := self._cache.get(text)) is not None:
            return kept
        body = await self._ask(OUTLINE, grammar.encode(text), who)
        made = await self.beside(len(body), who, lambda: decode(json.loads(body)))
        self._cache.put(text, made, len(body))
        return made

    async def same(
        self, original: str, rewritten: str, renames: Mapping[Relation, Relation], who: str = ""
    ) -> bool:
        """Whether `rewritten` is `original` but for relations renamed: see `gov.sql.proof.same`.

        `renames` goes from the view to its relation. Raises as `outline` does.
        """
        pairs = [[[view.schema, view.name], [relation.schema, relation.name]] for view, relation in renames.items()]
        body = json.dumps([original, rewritten, pairs]).encode()
        return json.loads(await self._ask(SAME, body, who)) is True

    async def lineage(self, asked: Asked, who: str = "") -> Told:
        """Where the columns of a text come from: see `gov.lineage.request`. Raises as `outline` does."""
        body = await self._ask(LINEAGE, json.dumps(asked).encode(), who)
        return Told(*json.loads(body))._replace(octets=len(body))

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
        await asyncio.gather(*(analyst.end() for analyst in self._all))
        await asyncio.gather(*self._asked, return_exceptions=True)
        self._all.clear()
        self._idle.clear()
        self._turns.drop()

    async def _ask(self, kind: int, body: bytes, who: str) -> bytes:
        """The answer to one frame from whoever is free."""
        analyst = await self._free(who)
        # Whoever gives up does not take the analyst along: what it still answers is heard, and belongs to nobody.
        asked = asyncio.create_task(self._answer(analyst, kind, body, who))
        self._asked.add(asked)
        asked.add_done_callback(self._heard)
        status, reply = await asyncio.shield(asked)
        if status != DONE:
            code, what, hint, detail = json.loads(reply)
            raise error_of(code, what, hint=hint, detail=detail)
        return reply

    async def _answer(self, analyst: _Analyst, kind: int, body: bytes, who: str) -> tuple[int, bytes]:
        began = time.monotonic()
        try:
            answer = await self._bounded(analyst, analyst.ask(kind, body))
        except BaseException as why:
            self._turns.used(who, time.monotonic() - began)
            self._replace(analyst)
            if isinstance(why, (TimeoutError, asyncio.IncompleteReadError, OSError)):
                raise self._lost() from None
            raise
        self._turns.used(who, time.monotonic() - began)
        self._ready(analyst)
        return answer

    async def _bounded(self, analyst: _Analyst, asking: Awaitable[T]) -> T:
        """What is asked, within the bound on time. Raises TimeoutError."""
        most = self._settings.seconds
        answer = asyncio.ensure_future(asking)
        try:
            # Nearly every answer comes at once: only a slow one is worth asking how much it has used.
            await asyncio.wait([answer], timeout=min(SOON, most))
            if not answer.done():
                until = analyst.used() + most
                async with asyncio.timeout(most * PATIENCE):
                    while not answer.done():
                        if (left := until - analyst.used()) <= 0:
                            raise TimeoutError
                        await asyncio.wait([answer], timeout=left)
            return answer.result()
        finally:
            answer.cancel()

    def _heard(self, asked: asyncio.Task[tuple[int, bytes]]) -> None:
        self._asked.discard(asked)
        if not asked.cancelled():
            asked.exception()

    def _lost(self) -> GovError:
        if self._closed:
            return Unavailable("analysis is closed", hint="gov broker status")
        return TooComplex("the statement is beyond the bounds of analysis", hint=HINT)

    def _ready(self, analyst: _Analyst) -> None:
        self._idle.append(analyst)
        self._turns.give()

    async def _free(self, who: str) -> _Analyst:
        """An analyst who has nothing to do and is alive."""
        while not self._closed:
            await self._turns.take(who)
            if self._closed:
                break
            analyst = self._idle.pop()
            if analyst.alive:
                return analyst
            self._replace(analyst)
        raise Unavailable("analysis is closed", hint="gov broker status")

    def _replace(self, analyst: _Analyst) -> None:
        analyst.kill()
        task = asyncio.create_task(self._succeed(analyst))
        self._replacing.add(task)
        task.add_done_callback(self._replacing.discard)

    async def _succeed(self, analyst: _Analyst) -> None:
        """Bury `analyst` and hire another, again and again until one comes up."""
        await analyst.end()
        self._all.discard(analyst)
        pause = 0.1
        while not self._closed:
            try:
                await self._hire()
                return
            except Unavailable:
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)

    async def _hire(self) -> None:
        analyst = await _Analyst.start()
        self._all.add(analyst)
        try:
            async with asyncio.timeout(self._settings.start_seconds):
                await analyst.ask(OUTLINE, b"select 1")
        except (TimeoutError, asyncio.IncompleteReadError, OSError):
            self._all.discard(analyst)
            await analyst.end()
            raise Unavailable("an analyst does not come up", hint="gov broker status") from None
        self._ready(analyst)


class _Analyst:
    """One child process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process, self._to, self._from = process, process.stdin, process.stdout

    @classmethod
    async def start(cls) -> _Analyst:
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "gov.broker.analyst",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,  # a traceback could hold somebody's statement
            )  # fmt: skip
        except OSError as why:
            raise Unavailable(f"an analyst cannot be started: {why}", hint="gov broker status") from None
        return cls(process)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None and not self._from.at_eof()

    async def ask(self, kind: int, body: bytes) -> tuple[int, bytes]:
        self._to.write(frame(kind, body))
        await self._to.drain()
        length, status = HEADER.unpack(await self._from.readexactly(HEADER.size))
        return status, await self._from.readexactly(length)

    def used(self) -> float:
        """Seconds of a processor so far; Linux tells, elsewhere the clock has to do."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return time.monotonic()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()

    async def end(self) -> None:
        self.kill()
        self._to.close()
        await self._process.wait()


class _Cache:
    """Outlines by exact text, the least recently used forgotten first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._kept: OrderedDict[str, tuple[Outline, int]] = OrderedDict()

    def get(self, text: str) -> Outline | None:
        if (found := self._kept.get(text)) is None:
            return None
        self._kept.move_to_end(text)
        return found[0]

    def put(self, text: str, made: Outline, size: int) -> None:
        weight = size + 4 * len(text)
        if weight > self._limit // 8 or text in self._kept:
            return
        self._kept[text] = (made, weight)
        self._size += weight
        while self._size > self._limit:
            _, (_, gone) = self._kept.popitem(last=False)
            self._size -= gone
