"""An analyst's process as the broker sees it: a socket, one question at a time, and an eye on what that costs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

from gov.broker.analyst import DONE, FACTS, FAILED, HEADER, STEP
from gov.broker.grounds import Shelf
from gov.errors import Unavailable

TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE = 5
"""How many times as long a statement may take on a machine that is busy with other things."""
SOON = 0.05
"""Seconds in which an answer is heard without a look at what it costs; they are not counted."""


class Lost(Exception):
    """The process has ended, or had to be ended, before it answered."""


class Job:
    """One question: its first answer, and the last; they are one where there is no more to say."""

    __slots__ = ("_deadline", "_until", "began", "first", "last", "seconds", "who")

    def __init__(self, who: str, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self.first: asyncio.Future[tuple[int, bytes]] = loop.create_future()
        self.last: asyncio.Future[tuple[int, bytes]] = loop.create_future()
        self.who, self.seconds = who, seconds
        self.began = time.monotonic()
        self._until: float | None = None
        self._deadline = 0.0

    def stepped(self, seconds: float) -> None:
        """A part is done, and the next has its own time."""
        self.seconds, self._until = seconds, None

    def left(self, used: float) -> float:
        """Seconds until somebody has to look again; none are left when it had its time."""
        now = time.monotonic()
        if self._until is None:
            self._until, self._deadline = used + self.seconds, now + self.seconds * PATIENCE
        return min(self._until - used, self._deadline - now)

    def told(self, kind: int, body: bytes) -> None:
        """An answer has come."""
        for each in (self.first,) if kind == FACTS else (self.first, self.last):
            if not each.done():
                each.set_result((kind, body))

    def lose(self) -> None:
        """No answer comes any more."""
        for each in (self.first, self.last):
            if not each.done():
                each.set_exception(Lost())
                each.exception()  # somebody may have stopped waiting for it


class Child(asyncio.Protocol):
    """One child process, and what it is asked."""

    def __init__(self, seconds: float, free: Callable[[Child, Job], None]) -> None:
        self._seconds, self._free = seconds, free
        """How much time of a processor one part of an answer may take; who hears that a question is over."""
        self._process: asyncio.subprocess.Process
        self._transport: asyncio.Transport
        self._buffer = b""
        self._job: Job | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._open = False
        self.shelf = Shelf()
        """What it keeps."""

    async def start(self) -> None:
        """Start the process.

        Raises:
            Unavailable: It cannot be started.
        """
        ours, theirs = socket.socketpair()
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "gov.broker.analyst",
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=asyncio.subprocess.DEVNULL,  # a traceback could hold somebody's statement
            )  # fmt: skip
            await asyncio.get_running_loop().create_connection(lambda: self, sock=ours)
        except OSError as why:
            ours.close()
            raise Unavailable(f"an analyst cannot be started: {why}", hint="gov broker status") from None
        finally:
            theirs.close()

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._open and self._process.returncode is None

    def ask(self, who: str, frames: bytes, seconds: float) -> Job:
        """Ask one question on behalf of `who`; `seconds` is what its first part may take of a processor."""
        self._job = job = Job(who, seconds)
        if self._open:
            self._transport.write(frames)
            self._timer = asyncio.get_running_loop().call_later(min(SOON, seconds), self._look)
        else:
            self._over(lost=True)
        return job

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is there."""
        self._transport, self._open = cast(asyncio.Transport, transport), True  # uvloop's are no subclasses

    def data_received(self, data: bytes) -> None:
        """Answers, or parts of them."""
        data = self._buffer + data if self._buffer else data
        at = 0
        while len(data) - at >= HEADER.size:
            length, kind = HEADER.unpack_from(data, at)
            end = at + HEADER.size + length
            if len(data) < end:
                break
            self._frame(kind, data[at + HEADER.size : end])
            at = end
        self._buffer = data[at:]

    def connection_lost(self, exc: Exception | None) -> None:
        """The process has ended."""
        self._open = False
        self._over(lost=True)

    def _frame(self, kind: int, body: bytes) -> None:
        job = self._job
        if job is None or kind not in (STEP, FACTS, DONE, FAILED):
            self.kill()  # it says what nobody has asked
            return
        if kind in (STEP, FACTS):
            job.stepped(self._seconds)
        if kind != STEP:
            job.told(kind, body)
        if kind in (DONE, FAILED):
            self._over(lost=False)

    def _over(self, *, lost: bool) -> None:
        job, self._job = self._job, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if job is None:
            return
        if lost:
            job.lose()
            self.kill()
        self._free(self, job)

    def _look(self) -> None:
        """Nearly every answer comes at once: only of a slow one it is looked at how much it has used."""
        if self._job is None:
            return
        left = self._job.left(self._used())
        if left <= 0:
            self._over(lost=True)
        else:
            self._timer = asyncio.get_running_loop().call_later(left, self._look)

    def _used(self) -> float:
        """Seconds of a processor so far; Linux tells, elsewhere the clock has to do."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return time.monotonic()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def kill(self) -> None:
        """End it at once."""
        self._open = False
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def end(self) -> None:
        """End it, and wait until it is gone."""
        self.kill()
        self._over(lost=True)
        self._transport.close()
        await self._process.wait()
