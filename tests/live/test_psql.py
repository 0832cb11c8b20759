"""The system's psql through the gateway: nothing of it is changed, and nothing of it breaks."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from live.door import Running, eventually, program, running, variables
from live.wire import Lease

Psql = Callable[..., subprocess.CompletedProcess[str]]
HELD = r"held by rule ([\w-]+): waiting for dba \(request (rq-\w+)\)"


@pytest.fixture
def settings(reader: Lease, as_user: Callable[[str], dict[str, str]]) -> dict[str, str]:
    """An environment in which psql finds the gateway and nothing of whoever runs the tests."""
    return as_user("alice") | variables(reader) | {"PSQLRC": "/dev/null", "PAGER": "", "HOME": "/nonexistent"}


@pytest.fixture
def psql(settings: dict[str, str]) -> Psql:
    """Call it with words for psql; what it printed and how it ended."""
    command = [program("psql"), "--no-psqlrc"]

    def run(*words: str, script: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *words], env=settings, input=script, capture_output=True, text=True, timeout=60
        )

    return run


@pytest.fixture
def beside(settings: dict[str, str], tmp_path: Path) -> Callable[[str], Any]:
    """Call it with statements for a psql that runs while the test goes on."""
    command = [program("psql"), "--no-psqlrc", "-A", "-t"]
    return lambda *texts: running(
        [*command, *(word for text in texts for word in ("-c", text))], settings, tmp_path / "psql.out"
    )


def test_it_sees_masked_values(psql: Psql) -> None:
    """`select *` shows the shape of contacts and nothing of secrets."""
    shown = psql("-A", "-t", "-c", "select * from customers where id = 1")

    assert shown.stderr == ""
    assert "|s***@e***.com|[redacted]|+* *** *** **77|1970-01-01|[redacted]|" in shown.stdout


def test_it_describes_tables(psql: Psql) -> None:
    r"""`\d`, `\dt`, `\d+ TABLE`, `\du` and `\df` look as they do without a gateway in between."""
    shown = psql(script="\\d\n\\dt\n\\d+ customers\n\\di\n\\df\n\\dn\n\\dp\n\\du\n")

    assert shown.stderr == ""
    assert "public | customers_id_seq | sequence | shop_owner" in shown.stdout
    assert " email       | text " in shown.stdout
    assert '"customers_email_idx" UNIQUE, btree (email)' in shown.stdout


@pytest.mark.parametrize("text", [
    "copy customers to stdout",
    "copy public.customers (id, full_name, email, ssn) to stdout with (format csv, header)",
    "copy (select email, ssn, dob from customers where id < 4) to stdout",
    r"\copy customers to stdout",
    r"\copy (select * from customers order by id limit 3) to stdout csv",
])  # fmt: skip
def test_it_copies_out_masked(psql: Psql, text: str) -> None:
    """Both forms of COPY carry masks, of a table and of a query."""
    shown = psql("-c", text)

    assert shown.stderr == ""
    assert "***@e***" in shown.stdout
    assert "[redacted]" in shown.stdout
    assert "@example" not in shown.stdout


def test_it_copies_to_a_file(psql: Psql, tmp_path: Path) -> None:
    r"""`\copy (…) to` writes the client's own file, all rows of it."""
    file = tmp_path / "orders.csv"
    shown = psql("-c", rf"\copy (select id, amount from orders order by id) to '{file}' csv")

    assert shown.stdout == "COPY 100000\n"
    assert len(file.read_text().splitlines()) == 100_000


def test_an_error_leaves_the_session_usable(psql: Psql) -> None:
    """After the database's refusals and after ours the next statement runs."""
    shown = psql("-A", "-t", script="select 1/0;\nselec 1;\nselect pg_read_file('x');\nselect 'still here';\n")

    assert shown.stdout == "still here\n"
    assert "ERROR:  division by zero" in shown.stderr
    assert 'ERROR:  syntax error at or near "selec"\nLINE 1: selec 1;\n        ^' in shown.stderr
    assert "ERROR:  denied by rule no-server-files" in shown.stderr


def test_several_statements_in_one_message(psql: Psql) -> None:
    r"""`-c 'a; b'` and `\;` are one message each; all of it is judged, and all results come."""
    shown = psql("-A", "-t", "-c", "select 1; select email from customers where id = 1; select 3")
    piped = psql("-A", "-t", script=r"select 4 \; select ssn from customers where id = 1 \; select 6;")

    assert shown.stdout.split() == ["1", "s***@e***.com", "3"]
    assert piped.stdout.split() == ["4", "[redacted]", "6"]


def test_a_forbidden_one_among_several_stops_all(psql: Psql) -> None:
    """Of a message with one statement that is denied, nothing runs."""
    shown = psql("-A", "-t", "-c", "select 1; copy orders to program 'id'")

    assert shown.stdout == ""
    assert "denied by rule no-server-files" in shown.stderr


def test_a_drop_waits_and_runs_once_approved(
    psql: Psql, beside: Callable[..., Any], spare: str, approve: Callable[[str], object],
    admin: psycopg.Connection[Any],
) -> None:
    """DROP TABLE is held with a notice in psql itself, and runs when Bob says yes."""
    with beside(f"drop table {spare}", "select 'usable'") as child:
        rule, request = said(child)
        assert admin.execute("SELECT to_regclass(%s)", [spare]).fetchone() != (None,)
        approve(request)
        assert child.ends() == 0, child.printed

    assert rule == "destructive-needs-dba"
    assert "approved by bob" in child.printed
    assert child.printed.endswith("DROP TABLE\nusable\n")
    assert admin.execute("SELECT to_regclass(%s)", [spare]).fetchone() == (None,)


def test_a_denied_drop_says_why(
    beside: Callable[..., Any], deny: Callable[[str], object], admin: psycopg.Connection[Any]
) -> None:
    """Bob's reason is on the requester's screen, and the session goes on."""
    with beside("drop table orders", "select 'usable'") as child:
        _, request = said(child)
        deny(request)
        assert child.ends() == 0, child.printed

    assert f"ERROR:  bob denied {request}: not today" in child.printed
    assert child.printed.endswith("usable\n")
    assert admin.execute("SELECT count(*) FROM orders").fetchone() == (100_000,)


def test_ctrl_c_withdraws(beside: Callable[..., Any], as_user: Callable[[str], dict[str, str]]) -> None:
    """SIGINT while a statement is held withdraws the request; the statement is cancelled as any other."""
    with beside("truncate orders") as child:
        _, request = said(child)
        child.process.send_signal(signal.SIGINT)
        child.ends()

    assert f"ERROR:  {request} was withdrawn" in child.printed


def test_ctrl_c_stops_what_runs(beside: Callable[..., Any], admin: psycopg.Connection[Any], reader: Lease) -> None:
    """SIGINT reaches the very backend that runs the statement; the next one runs."""
    text = "select count(*) from orders a, orders b where a.amount < b.amount"
    with beside(text, "select 'usable'") as child:
        running = "SELECT 1 FROM pg_stat_activity WHERE usename = %s AND state = 'active' AND query LIKE %s"
        eventually(admin, running, reader["pguser"], f"{text}%")
        child.process.send_signal(signal.SIGINT)
        child.ends()

    assert "ERROR:  canceling statement due to user request" in child.printed


def test_delete_without_where_is_held(
    beside: Callable[..., Any], deny: Callable[[str], object], admin: psycopg.Connection[Any]
) -> None:
    """In read scope too: the approval would lend what the scope lacks."""
    with beside("delete from orders", "select 1") as child:
        rule, request = said(child)
        deny(request)
        child.ends()

    assert rule == "unbounded-write"
    assert child.printed.endswith("1\n")
    assert admin.execute("SELECT count(*) FROM orders").fetchone() == (100_000,)


def said(child: Running) -> tuple[str, str]:
    """The rule and the id in the notice."""
    found = child.says(HELD)
    return found[1], found[2]
