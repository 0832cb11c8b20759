"""pgbench through the gateway."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from live.door import program, running, variables
from live.wire import Lease


@pytest.mark.parametrize("mode", ["simple", "extended", "prepared"])
def test_select_only(mode: str, reader: Lease, as_user: Callable[[str], dict[str, str]]) -> None:
    """`pgbench -n -S` runs in each of its protocol modes, with several clients."""
    done = subprocess.run(
        [program("pgbench"), "-n", "-S", "-M", mode, "-c", "2", "-t", "20"],
        env=as_user("alice") | variables(reader), capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "number of transactions actually processed: 40/40" in done.stdout
    assert not re.search("number of failed transactions: [1-9]", done.stdout)


@pytest.mark.parametrize("mode", ["simple", "extended", "prepared"])
def test_writes(mode: str, writer: Lease, as_user: Callable[[str], dict[str, str]], tmp_path: Path) -> None:
    """TPC-B's transaction, with its UPDATEs by key and its INSERT, runs in write scope; here it rolls back."""
    script = tmp_path / "tpcb.sql"
    script.write_text(
        "\\set aid random(1, 100000)\n\\set delta random(-5000, 5000)\nBEGIN;\n"
        "UPDATE pgbench_accounts SET abalance = abalance + :delta WHERE aid = :aid;\n"
        "SELECT abalance FROM pgbench_accounts WHERE aid = :aid;\n"
        "UPDATE pgbench_tellers SET tbalance = tbalance + :delta WHERE tid = 1;\n"
        "INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (1, 1, :aid, :delta, CURRENT_TIMESTAMP);\n"
        "ROLLBACK;\n"
    )
    done = subprocess.run(
        [program("pgbench"), "-n", "-f", str(script), "-M", mode, "-t", "10"],
        env=as_user("alice") | variables(writer), capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "number of transactions actually processed: 10/10" in done.stdout


@pytest.fixture
def balances(admin: psycopg.Connection[Any]) -> Iterator[psycopg.Connection[Any]]:
    """Every balance is zero and the history is empty, before and afterwards."""

    def cleared() -> None:
        admin.execute("TRUNCATE pgbench_history")
        for table, column in (("accounts", "abalance"), ("tellers", "tbalance"), ("branches", "bbalance")):
            admin.execute(f"UPDATE pgbench_{table} SET {column} = 0 WHERE {column} <> 0")

    cleared()
    yield admin
    cleared()


@pytest.mark.parametrize("mode", ["simple", "extended", "prepared"])
def test_its_own_script(
    mode: str, writer: Lease, as_user: Callable[[str], dict[str, str]], balances: psycopg.Connection[Any]
) -> None:
    """TPC-B as pgbench has it, committed, by two clients: every transaction counts, and the sums agree."""
    done = subprocess.run(
        [program("pgbench"), "-n", "-b", "tpcb-like", "-M", mode, "-c", "2", "-t", "10"],
        env=as_user("alice") | variables(writer), capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "number of transactions actually processed: 20/20" in done.stdout
    sums = balances.execute(
        "SELECT count(*), sum(delta), (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(tbalance) FROM"
        " pgbench_tellers), (SELECT sum(bbalance) FROM pgbench_branches) FROM pgbench_history"
    ).fetchone()
    assert sums is not None
    assert sums[0] == 20
    assert len(set(sums[1:])) == 1


def test_its_clearing_up_is_held(
    writer: Lease, as_user: Callable[[str], dict[str, str]], deny: Callable[[str], object], tmp_path: Path
) -> None:
    """Without `-n` pgbench begins with VACUUM and TRUNCATE: the one needs a wider scope, the other waits for Bob."""
    command = [program("pgbench"), "-c", "1", "-t", "1"]
    with running(command, as_user("alice") | variables(writer), tmp_path / "pgbench.out") as child:
        deny(child.says(r"held by rule destructive-needs-dba: waiting for dba \(request (rq-\w+)\)")[1])
        child.ends()

    assert "maintenance is not within the scope write" in child.printed
    assert "denied" in child.printed
    assert "not today" in child.printed
