"""A child process that follows the log beside the broker: started again whenever it ends, told to end with it."""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
import random
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

FIRST_PAUSE = 0.5
"""Seconds until an ended one is started again, doubled each time."""
LONGEST_PAUSE = 60.0
GOODBYE = 3.0
"""Seconds that it has to finish what it is at."""
LONGEST_LINE = 1 << 20

Hear = Callable[[dict[str, Any]], None]


class Follower:
    """Keeps one child running. The child ends by itself when its standard input is closed, so never outlives us."""

    def __init__(self, module: str, arguments: Sequence[str], hear: Hear, *, first: bytes = b"") -> None:
        """Run `python -m module arguments…`; `hear` gets each JSON object that it says.

        `first` is written to its standard input: what must not be read off a list of processes.
        """
        self._module, self._arguments, self._hear, self._first = module, arguments, hear, first
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """The process that runs now."""
        return self._process.pid if self._process else None

    def order(self, line: bytes) -> None:
        """Say something else than at first, to the one that runs and to those that follow it."""
        self._first = line
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(line)

    async def run(self) -> None:
        """Until cancelled."""
        pause = FIRST_PAUSE
        while True:
            started = asyncio.get_running_loop().time()
            try:
                await self._once()
            except OSError as error:
                log.error("%s cannot be started: %s", self._module, error)
            if asyncio.get_running_loop().time() - started > LONGEST_PAUSE:
                pause = FIRST_PAUSE
            log.warning("%s ended; it is started again", self._module)
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - to spread, not to hide
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _once(self) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", self._module, *self._arguments,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,  # a traceback could hold somebody's statement
            limit=LONGEST_LINE,
        )  # fmt: skip
        self._process = process
        try:
            assert process.stdout is not None
            assert process.stdin is not None
            process.stdin.write(self._first)
            while line := await process.stdout.readline():
                self._said(line)
        finally:
            self._process = None
            await asyncio.shield(_end(process))

    def _said(self, line: bytes) -> None:
        with suppress(ValueError):
            said = json.loads(line)
            if isinstance(said, dict):
                self._hear(said)


def alone(path: Path) -> None:
    """In the child: wait until no other of its kind, left by a broker that was killed, is at the same work.

    The lock is this process's until it ends. Raises OSError.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fcntl.flock(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), fcntl.LOCK_EX)


async def _end(process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(GOODBYE):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
