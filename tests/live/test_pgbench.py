"""pgbench through the gateway."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from live.door import program, variables
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
