"""A broker that is killed, or loses what is around it, at a named step; for tests only, in its own process only.

`python launcher.py` is a nursery: it has imported the product, and for each line of JSON on its input it forks a
broker, so that a restart costs no imports. Every step of `steps` is wrapped. What is to happen at which of them
stands in the file `armed.json`, which is looked at whenever a step comes by, so that one broker serves many seeds.
"""

# ruff: noqa: E402
from __future__ import annotations

import functools
import importlib
import inspect
import json
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

sys.path[:0] = [str(Path(__file__).parents[1])]

from crash import plants
from crash.steps import STEPS, Step
from gov.broker import targets
from gov.broker.__main__ import main
from gov.store import disk, journal

log = logging.getLogger("crash")


class Trap:
    """What waits for its step in this process."""

    def __init__(self, armed: Path, harness: str) -> None:
        self._armed, self._harness = armed, harness
        self._mark = 0
        self._plan: dict[str, Any] = {}
        self._left = 0
        self._lock = threading.Lock()
        self.synced: dict[int, tuple[str, int]] = {}
        """By descriptor of a journal's segment: its path, and how much of it is on the disk for certain."""

    def passes(self, step: str) -> None:
        """A step comes by; the fault that waits for it happens now."""
        with self._lock:
            with suppress(FileNotFoundError):
                mark = self._armed.stat().st_mtime_ns
                if mark != self._mark:
                    self._mark, self._plan = mark, json.loads(self._armed.read_text())
                    self._left = self._plan["occurrence"]
            if not self._plan or self._plan["step"] != step:
                return
            self._left -= 1
            if self._left:
                return
            fault, self._plan = self._plan["fault"], {}
            self._happens(step, fault)

    def _happens(self, step: str, fault: str) -> None:
        log.info("%s at %s", fault, step)
        if fault in ("broker", "power"):
            self._tell("hit")  # nobody is left to say so afterwards
            self._die(fault)
        if fault == "analyst":
            for child in psutil.Process().children():
                child.kill()
        else:
            self._tell(fault)
        self._tell("hit")  # when it is done, or what heals could come before it

    def _die(self, fault: str) -> None:
        if fault == "power":
            for path, length in [*self.synced.values()]:
                with suppress(FileNotFoundError):
                    os.truncate(path, length)
        os.kill(os.getpid(), signal.SIGKILL)

    def _tell(self, word: str) -> None:
        """Have the harness do it, and wait until it is done."""
        with socket.socket(socket.AF_UNIX) as to:
            to.settimeout(30)
            to.connect(self._harness)
            to.sendall(word.encode() + b"\n")
            to.recv(1)


def wrap(step: Step, trap: Trap) -> None:
    """Let `trap` see every call that the step is about."""
    module, _, path = step.where.partition(":")
    *owners, name = path.split(".")
    owner: Any = importlib.import_module(f"gov.{module}")
    for each in owners:
        owner = getattr(owner, each)
    setattr(owner, name, wrapped(getattr(owner, name), step, trap))


def wrapped(function: Callable[..., Any], step: Step, trap: Trap) -> Callable[..., Any]:
    """`function`, with the trap on the step's side of it."""

    def passes(when: str, args: tuple[Any, ...]) -> None:
        if when == step.when and (step.only is None or step.only(*args)):
            trap.passes(step.name)

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def later(*args: Any, **more: Any) -> Any:
            passes("before", args)
            answer = await function(*args, **more)
            passes("after", args)
            return answer

        return later

    @functools.wraps(function)
    def now(*args: Any, **more: Any) -> Any:
        passes("before", args)
        answer = function(*args, **more)
        passes("after", args)
        return answer

    return now


def follow_disk(trap: Trap) -> None:
    """Remember how much of the journal is synced: that much survives a loss of power."""
    opened, synced, closed = disk.Disk.open_append, disk.Disk.sync, disk.Disk.close

    def open_append(self: disk.Disk, path: Path) -> int:
        fd = opened(self, path)
        if path.parent.name == journal.JOURNAL:
            trap.synced[fd] = (str(path), 0)
        return fd

    def sync(self: disk.Disk, fd: int) -> None:
        length = os.fstat(fd).st_size
        synced(self, fd)
        if fd in trap.synced:
            trap.synced[fd] = (trap.synced[fd][0], length)

    def close(self: disk.Disk, fd: int) -> None:
        trap.synced.pop(fd, None)
        closed(self, fd)

    disk.Disk.open_append = open_append  # type: ignore[method-assign]
    disk.Disk.sync = sync  # type: ignore[method-assign]
    disk.Disk.close = close  # type: ignore[method-assign]


def serve(order: dict[str, Any]) -> int:
    """Be a broker."""
    with open(order["log"], "ab") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    trap = Trap(Path(order["armed"]), order["harness"])
    follow_disk(trap)
    # The product's own clocks are right for people; a seed should not wait that long.
    targets.LOOK_EVERY, targets.PATIENCE = 0.25, 3.0
    plants.plant(order.get("plant") or "")
    for step in STEPS:
        wrap(step, trap)
    sys.argv = ["gov.broker", "--config", order["config"], "--ready-file", order["ready"]]
    return main()


def nursery() -> None:
    """Fork a broker for each line, and print its pid. Nobody is waited for: the kernel buries them."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if not pid:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.close(0)
            os.open(os.devnull, os.O_RDONLY)
            os._exit(serve(order))
        print(pid, flush=True)


if __name__ == "__main__":
    nursery()
