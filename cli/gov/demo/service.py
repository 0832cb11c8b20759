"""A program of ours that listens: started, waited for, and started elsewhere when somebody took its port."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from gov.demo.cluster import is_free
from gov.demo.process import Process, clean_environment, load, spawn
from gov.errors import Unavailable

PATIENCE = 60.0
"""Seconds that a start may take on a busy machine."""
LAST = 12
"""Lines of a log that are shown."""
TRIES = 10
"""How often somebody else may be quicker at taking a port."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One way to start it."""

    command: tuple[str, ...]
    ports: tuple[int, ...]
    """Where it will listen."""
    ready: Callable[[], bool]
    """Whether it answers there."""


@dataclass(frozen=True, slots=True)
class Service:
    """A program by its files. `plan(elsewhere)` says how to start it, on other ports if `elsewhere`."""

    name: str
    pid_file: Path
    log: Path
    plan: Callable[[bool], Plan]

    def start(self, say: Callable[[str], None]) -> None:
        """Start it unless it runs, and wait until it is ready.

        Raises:
            Unavailable: It ends, or is not ready in time; the detail is the end of its log.
        """
        process = load(self.pid_file)
        if process and process.alive:
            return self._wait(process, self.plan(False))
        say(f"starting the {self.name}")
        for attempt in range(TRIES):
            plan = self.plan(attempt > 0)
            if not all(map(is_free, plan.ports)):
                continue
            process = spawn(plan.command, log=self.log, environment=clean_environment())
            process.save(self.pid_file)
            try:
                return self._wait(process, plan)
            except Unavailable:
                process.stop()
                self.pid_file.unlink(missing_ok=True)
                if all(map(is_free, plan.ports)):
                    raise  # it was not the ports
        raise Unavailable(f"the {self.name} finds no free port", hint="gov demo down")

    def _wait(self, process: Process, plan: Plan) -> None:
        deadline = time.monotonic() + PATIENCE
        while process.alive and time.monotonic() < deadline:
            if plan.ready():
                return
            time.sleep(0.05)
        lines = self.log.read_text(errors="replace").strip().splitlines()
        raise Unavailable(
            f"the {self.name} does not start",
            hint="please report it, with the lines above",  # the log may be gone with the directory
            detail="\n".join(lines[-LAST:]),
        )


def answers(url: str, *, ca_file: Path | None = None) -> bool:
    """Whether a GET of `url` is answered with success, under a certificate by that CA."""
    try:
        trust = ssl.create_default_context(cafile=ca_file) if ca_file else True
        # No proxy stands between us and our own machine, whatever the environment says.
        return httpx.get(url, verify=trust, trust_env=False, timeout=2.0).is_success
    except (httpx.HTTPError, OSError):
        return False
