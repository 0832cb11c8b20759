"""`gov connect TARGET -- CMD` with the system's own tools: governed, and nothing stays open behind them."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from gov.client.api import Broker
from live import door

AsUser = Callable[[str], dict[str, str]]


def leases(environment: door.Environment) -> set[str]:
    """The ids of one's open leases."""
    with Broker.current(environment) as broker:
        return {lease.id for lease in broker.leases()}


def connect(environment: door.Environment, *command: str) -> subprocess.CompletedProcess[str]:
    """`gov connect prod -- COMMAND`."""
    words = ["gov", "connect", "prod", "--", *command]
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=door.PATIENCE)


def test_psql(as_user: AsUser) -> None:
    """Over verified TLS, masked; its exit status is ours; its lease is gone when it is."""
    alice, psql = as_user("alice"), door.program("psql")
    before = leases(alice)

    ran = connect(alice, psql, "-XAtc", "select email like '%***%' from customers where id = 1", "-c", "\\conninfo")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("t\n")
    assert "SSL connection" in ran.stdout
    failed = connect(alice, psql, "-XAtc", "select boom")
    assert (failed.returncode, "does not exist" in failed.stderr) == (1, True)

    assert leases(alice) == before


def test_a_signal_reaches_the_statement(as_user: AsUser, admin: psycopg.Connection[Any], tmp_path: Path) -> None:
    """SIGINT goes to psql, which cancels what it runs; then the lease ends as ever."""
    alice, psql = as_user("alice"), door.program("psql")
    before, slow = leases(alice), "select count(*) from generate_series(1, 2000000000) as connected"
    with door.running(["gov", "connect", "prod", "--", psql, "-Xc", slow], alice, tmp_path / "out") as child:
        door.eventually(admin, "select true from pg_stat_activity where state = 'active' and query = %s", slow)
        child.process.send_signal(signal.SIGINT)

        assert child.ends() == 1
    assert "canceling statement due to user request" in child.printed
    assert leases(alice) == before
