"""What several tests share: a real PostgreSQL 18, databases of their own in it, and a whole demo.

Every pytest worker has its own; a server takes half a second to make, a demo about three.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from gov.demo.cluster import Cluster
from gov.demo.process import clean_environment
from gov.demo.sign_in import sign_in
from gov.demo.stage import Stage

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background job: programs under test must hear ^C
    signal.signal(signal.SIGINT, signal.default_int_handler)


def unsynced(cluster: Cluster) -> None:
    """Let a server that ends with the tests leave its disk alone: databases come and go in a tenth of the time."""
    with psycopg.connect(cluster.admin_dsn, autocommit=True) as admin:
        admin.execute("ALTER SYSTEM SET fsync = off")
        admin.execute("ALTER SYSTEM SET full_page_writes = off")
        admin.execute("SELECT pg_reload_conf()")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A running PostgreSQL 18 with `.admin_dsn` (its superuser), `.host` and `.port`."""
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        made.start()
        unsynced(made)
        yield made
    finally:
        made.remove()


@pytest.fixture
def fresh_database(cluster: Cluster) -> Iterator[Callable[[], str]]:
    """Call it for the superuser's DSN of a new, empty database; it goes when the test ends.

    Roles belong to the whole server: give those that you make names nobody else would.
    """
    names: list[str] = []

    def make() -> str:
        names.append(f"fresh_{uuid4().hex[:12]}")
        with psycopg.connect(cluster.admin_dsn, autocommit=True) as admin:
            admin.execute(f'CREATE DATABASE "{names[-1]}" STRATEGY file_copy')
        return cluster.admin_dsn_of(names[-1])

    yield make
    with psycopg.connect(cluster.admin_dsn, autocommit=True) as admin:
        for name in names:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A whole demo, database, issuer and broker, shared by the tests of one worker: leave it as it was."""
    stage = Stage(tmp_path_factory.mktemp("demo"))
    stage.up(lambda line: None)
    unsynced(stage.cluster)
    yield stage
    stage.down()


@pytest.fixture(scope="session")
def as_user(demo: Stage) -> Callable[[str], dict[str, str]]:
    """Call it with a name of the demo for an environment in which `gov` is signed in as them.

    The empty name is somebody who never signed in.
    """
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    base = clean_environment() | {"PATH": path, "NO_COLOR": "1", "COLUMNS": "200"}
    nobody = {"GOV_CONFIG_DIR": str(demo.directory / "users" / "nobody"), "GOV_BROKER": demo.broker_url}

    @cache
    def signed_in(name: str) -> dict[str, str]:
        return base | (sign_in(demo, name) if name else nobody)

    return signed_in
