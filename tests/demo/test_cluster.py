"""The embedded server: starts, comes back as it was, stands beside others, leaves nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from gov.demo.cluster import PORTS, Cluster


def _one(dsn: str, query: str) -> object:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def test_it_is_postgresql_18_on_loopback_below_the_ephemeral_ports(cluster: Cluster) -> None:
    """What runs is version 18, reached over TCP on 127.0.0.1 and no other way."""
    assert int(str(_one(cluster.admin_dsn, "SHOW server_version_num"))) // 10_000 == 18
    assert _one(cluster.admin_dsn, "SHOW listen_addresses") == "127.0.0.1"
    assert _one(cluster.admin_dsn, "SHOW unix_socket_directories") == ""
    assert cluster.port in PORTS


def test_a_wrong_password_is_refused(cluster: Cluster) -> None:
    """SCRAM is asked of everybody; the superuser too."""
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(cluster.dsn("postgres", "guess", "postgres"))


def test_it_comes_back_as_it_was(tmp_path: Path) -> None:
    """Stop and start keep port, password and data; a second start of a running one changes nothing."""
    one = Cluster(tmp_path)
    try:
        one.start()
        before = one.admin_dsn
        with psycopg.connect(before) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        one.stop()
        assert not one.running
        one.start()
        pid = one.pid
        Cluster(tmp_path).start()

        assert one.admin_dsn == before
        assert _one(before, "SELECT answer FROM kept") == 42
        assert Cluster(tmp_path).pid == pid
    finally:
        one.remove()


def test_it_recovers_after_a_kill(tmp_path: Path) -> None:
    """After kill -9 it is not running, and the next start serves again."""
    one = Cluster(tmp_path)
    try:
        one.start()
        assert one.pid is not None
        os.kill(one.pid, signal.SIGKILL)
        one.stop()
        one.start()

        assert _one(one.admin_dsn, "SELECT 1") == 1
    finally:
        one.remove()


def test_two_stand_side_by_side_and_leave_nothing(tmp_path: Path) -> None:
    """Each has its own port; after remove no process and no file is left."""
    pair = [Cluster(tmp_path / "one"), Cluster(tmp_path / "two")]
    try:
        for each in pair:
            each.start()
        homes = [each._home for each in pair]
        assert pair[0].port != pair[1].port
    finally:
        for each in pair:
            each.remove()

    assert not any(each.running for each in pair)
    assert not any(home.exists() for home in homes)
    assert not any(list(each.directory.iterdir()) for each in pair)


def test_a_stale_pid_file_never_ends_a_stranger(tmp_path: Path) -> None:
    """A pid that somebody else has by now is not running for us, and stop leaves it alone."""
    (tmp_path / "postgres.pid").write_text(f'{os.getpid()}\n["postgres", "-D", "{tmp_path}"]\n')
    one = Cluster(tmp_path)
    assert not one.running
    one.stop()  # would have interrupted this very test


def test_a_fresh_database_is_empty_and_private(fresh_database: Callable[[], str]) -> None:
    """The fixture gives a new database each time."""
    one, two = fresh_database(), fresh_database()
    with psycopg.connect(one) as connection:
        connection.execute("CREATE TABLE here (id int)")

    assert _one(two, "SELECT count(*) FROM pg_class WHERE relname = 'here'") == 0
