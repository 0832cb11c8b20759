"""A demo for a run by hand, and the leases to attack it with."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from gov.demo.process import clean_environment
from gov.demo.service import Plan
from gov.demo.sign_in import sign_in
from gov.demo.stage import Stage
from live import door
from live.wire import Lease

WORDS = {"read": (), "write": ("--scope", "write", "--reason", "a test")}
"""What `gov credentials` is told for each scope."""


class Lax(Stage):
    """A demo whose broker is `live/allow_everything.py`: its analysis vouches for everything."""

    def _broker(self, elsewhere: bool) -> Plan:
        plan = super()._broker(elsewhere)
        launcher = str(Path(door.__file__).with_name("allow_everything.py"))
        return replace(plan, command=(sys.executable, launcher, "--config", plan.command[-1]))


@contextmanager
def standing(kind: type[Stage] = Stage) -> Iterator[Stage]:
    """A demo of its own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="gov-bypass-") as directory:
        stage = kind(Path(directory) / "demo")
        stage.up(lambda line: print(f"# {line}", file=sys.stderr))
        try:
            yield stage
        finally:
            stage.down()


def somebody(stage: Stage, name: str) -> dict[str, str]:
    """The environment of one of the demo's people, signed in."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return clean_environment() | sign_in(stage, name) | {"PATH": path}


def alices(stage: Stage, scope: str) -> Lease:
    """A lease of Alice's."""
    return door.credentials(somebody(stage, "alice"), *WORDS[scope])
