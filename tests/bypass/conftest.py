"""A database with canaries in it, and leases to attack it with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from bypass import corpus
from bypass.canaries import FILE, planted
from bypass.playing import Seats
from bypass.standing import WORDS
from gov.demo.stage import Stage
from live import door
from live.wire import Lease


@pytest.fixture(scope="session")
def lease_for(as_user: Callable[[str], dict[str, str]]) -> Callable[[str], Lease]:
    """Call it with a scope for a lease of Alice's."""
    return lambda scope: door.lease(as_user("alice"), "alice", *WORDS[scope])


@pytest.fixture(scope="module")
def admin(demo: Stage) -> Iterator[psycopg.Connection[Any]]:
    """The target as its superuser sees it, past the gateway."""
    with psycopg.connect(demo.cluster.admin_dsn_of("shop"), autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def canaries(admin: psycopg.Connection[Any]) -> Iterator[psycopg.Connection[Any]]:
    """Canaries in every masked column, for as long as a module runs."""
    with planted(admin):
        yield admin


@pytest.fixture(scope="module")
def seats() -> Iterator[Seats]:
    """Sessions for attempts that need none of their own."""
    made = Seats()
    yield made
    made.close()


@pytest.fixture(scope="session")
def files() -> Iterator[dict[str, str]]:
    """`file` is one that the database host could read, `owned` one that an attempt would leave behind."""
    stem = Path("/tmp") / f"gov-bypass-{uuid4().hex}"
    file, owned = stem.with_suffix(".txt"), stem.with_suffix(".owned")
    file.write_bytes(FILE + b"\n")
    file.chmod(0o644)
    yield {"file": str(file), "owned": str(owned)}
    file.unlink()
    owned.unlink(missing_ok=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How much of what the corpus holds."""
    terminalreporter.write_sep("-", "the corpus of attacks, by aim and form")
    for line in corpus.lines():
        terminalreporter.write_line(line)
