"""pgcli through the gateway, in a terminal: its questions about the schema, its commands, and a query."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

from live.door import variables
from live.wire import Lease

pytest.importorskip("pgcli")

ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|[()][A-Z0-9]|[=>78])")


@pytest.fixture
def pgcli(reader: Lease, as_user: Callable[[str], dict[str, str]], tmp_path: Path) -> Iterator[Any]:
    """pgcli at its prompt, in a home of its own."""
    settings = as_user("alice") | variables(reader) | {
        "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config"), "TERM": "xterm-256color", "PAGER": "cat",
        "PROMPT_TOOLKIT_NO_CPR": "1",
    }  # fmt: skip
    child = pexpect.spawn(
        sys.executable, ["-W", "ignore", "-m", "pgcli.main", "--less-chatty"], env=settings, dimensions=(40, 200),
        encoding="utf-8", timeout=60,
    )  # fmt: skip
    try:
        child.expect("shop>")
        yield child
    finally:
        child.close(force=True)


def said(child: Any, text: str) -> str:
    """What comes of `text`, up to the time that pgcli prints under every answer."""
    child.send(text + "\r")
    child.expect(r"Time: [\d.]+s")
    shown: str = child.before
    return ESCAPES.sub("", shown)


def test_a_query_and_the_describing_commands(pgcli: Any, tmp_path: Path) -> None:
    """Masked rows, no error in any of pgspecial's questions, and a refusal that leaves it usable."""
    shown = said(pgcli, "select email, ssn from customers where id = 1;")
    assert "s***@e***.com" in shown
    assert "[redacted]" in shown

    for command, expected in (
        (r"\d customers", "credit_card"), (r"\d+ orders", "created_at"), (r"\dt", "pgbench_accounts"),
        (r"\l", "shop"), (r"\dn", "public"), (r"\du", "shop_owner"), (r"\ds", "orders_id_seq"),
        (r"\di", "customers_email_idx"), (r"\df pg_catalog.lower", "lower"), (r"\dT", "Schema"), (r"\dp", "customers"),
        (r"\dx", "plpgsql"), (r"\sf information_schema._pg_truetypid", "CREATE OR REPLACE FUNCTION"),
        (r"\dv", "Schema"),
    ):  # fmt: skip
        shown = said(pgcli, command)
        assert expected in shown, (command, shown)
        assert "denied" not in shown, (command, shown)

    assert "denied: roles belong to the broker" in said(pgcli, "set role postgres;")
    assert "usable" in said(pgcli, "select 'us' || 'able' as word;")
    pgcli.send("\\q\r")
    pgcli.expect(pexpect.EOF)

    logged = (tmp_path / "config" / "pgcli" / "log").read_text()
    assert "denied" not in logged.replace("denied: roles belong to the broker", ""), logged


def test_it_completes_what_it_has_learnt(pgcli: Any) -> None:
    """Its start-up questions have brought the names of tables and columns."""
    for _ in range(40):
        pgcli.send("select full_name from custom")
        found = pgcli.expect(["customers", pexpect.TIMEOUT], timeout=1.5)
        pgcli.sendcontrol("u")
        if found == 0:
            break
    assert found == 0
