"""A demo to be attacked: its broker can be looked into, and a neighbour says whether anybody else notices."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from gov.demo.service import Plan
from gov.demo.stage import Stage
from live.wire import Lease, dialled

PATIENCE = 60.0
PLANT = "PLANTED_LEAK"
"""Variable of the environment: what a watched broker shall leak."""


@dataclass(frozen=True)
class Seen:
    """What the broker's process holds."""

    rss: int
    """Bytes."""
    fds: int
    tasks: Mapping[str, int]
    """asyncio's, by the name of their coroutine."""
    objects: int
    """That Python's collector knows."""


class Watched(Stage):
    """A demo whose broker is `watched`."""

    def _broker(self, elsewhere: bool) -> Plan:
        plan = super()._broker(elsewhere)
        launcher = str(Path(__file__).with_name("watched.py"))
        return replace(plan, command=(sys.executable, launcher, "--config", plan.command[-1]))

    def look(self) -> Seen:
        """What the broker holds now."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE)
            connection.connect(str(self.directory / "watch"))
            return Seen(**json.loads(connection.makefile().readline()))


class Narrow(Watched):
    """The same with little room, and little time to get in."""

    LIMITS = """
limits:
  half_open: 60
  half_open_per_address: 40
  sessions_per_lease: 4
  message_bytes: 65536
  pending_bytes: 65536
  prepared_per_session: 50
  prepared_bytes: 65536
  unread_seconds: 1
"""
    STARTUP_WITHIN = 3.0
    """Seconds; its broker finds them in the environment."""

    def _configure(self) -> None:
        super()._configure()
        file = self.directory / "broker.yaml"
        if "limits:" not in (text := file.read_text()):
            file.write_text(text + self.LIMITS)


def broker_of(stage: Stage) -> psutil.Process:
    """The process of a demo's broker."""
    process = stage.processes["broker"]
    assert process is not None
    return psutil.Process(process.pid)


class Neighbour:
    """A session that does what sessions do, and notes how long each statement took."""

    def __init__(self, lease: Lease, text: str) -> None:
        self._lease, self._text = lease, text
        self.waits: list[float] = []
        """Seconds of each statement so far."""
        self.trouble: Exception | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            with dialled(self._lease) as wire:
                wire.socket.settimeout(PATIENCE)
                while not self._stop.is_set():
                    began = time.monotonic()
                    said = wire.query(self._text.format(n=len(self.waits) + 1))
                    self.waits.append(time.monotonic() - began)
                    assert not said.states, said.error
                    wire.forget()
                    self._stop.wait(0.02)
        except Exception as trouble:
            self.trouble = trouble

    def answers(self, more: int = 3) -> None:
        """Wait for so many more statements of it to be answered."""
        wanted, deadline = len(self.waits) + more, time.monotonic() + PATIENCE
        while len(self.waits) < wanted:
            assert self.trouble is None, self.trouble
            assert time.monotonic() < deadline, "the neighbour waits and waits"
            time.sleep(0.01)

    @property
    def longest(self) -> float:
        """Seconds."""
        return max(self.waits)


@contextmanager
def neighbour(lease: Lease, text: str = "select full_name, email from customers where id = 1") -> Iterator[Neighbour]:
    """Somebody whose session must go on as if nothing was; `{n}` in the text counts its statements.

    Raises:
        AssertionError: A statement of theirs failed.
    """
    found = Neighbour(lease, text)
    found._thread.start()
    found.answers(1)
    yield found
    found.answers()
    found._stop.set()
    found._thread.join(PATIENCE)
    assert found.trouble is None, found.trouble
