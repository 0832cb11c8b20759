"""A demo for a run by hand, and the leases to attack it with."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gov.demo.process import clean_environment
from gov.demo.sign_in import sign_in
from gov.demo.stage import Stage
from live import door
from live.wire import Lease

WORDS = {"read": (), "write": ("--scope", "write", "--reason", "a test")}
"""What `gov credentials` is told for each scope."""


@contextmanager
def standing() -> Iterator[Stage]:
    """A demo of its own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="gov-bypass-") as directory:
        stage = Stage(Path(directory) / "demo")
        stage.up(lambda line: print(f"# {line}", file=sys.stderr))
        try:
            yield stage
        finally:
            stage.down()


def alices(stage: Stage, scope: str) -> Lease:
    """A lease of Alice's."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = clean_environment() | sign_in(stage, "alice") | {"PATH": path}
    return door.credentials(environment, *WORDS[scope])
