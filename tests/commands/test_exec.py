"""`gov exec` against a real database through TLS."""

from __future__ import annotations

import io
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import psycopg
import pyarrow
import pyarrow.parquet
import pytest

from commands.fake_broker import FakeBroker, Gov, pending
from commands.terminal import terminal
from gov.broker.authority import own
from gov.control.requests import Submitted
from gov.errors import Denied, Unverified


def test_rows_come_as_a_table(gov: Gov, prod: FakeBroker) -> None:
    """Names, a line, aligned values, the count: as psql shows them."""
    ran = gov("exec", "prod", "-c", "select 1 as n, 'ä' as s union all select 22, null order by 1")

    assert ran.out == " n  | s\n----+------\n  1 | ä\n 22 | NULL\n(2 rows)\n\n"
    assert ran.status == 0


def test_named_parameters_are_bound(gov: Gov, prod: FakeBroker) -> None:
    """A value goes beside the statement: quotes in it are data, a cast next to the name is a cast."""
    ran = gov("exec", "prod", "-c", "select :who::text as who, ':who' as kept", "-p", "who=o'brien; --",
              "--format", "jsonl")

    assert json.loads(ran.out) == {"who": "o'brien; --", "kept": ":who"}


def test_an_unused_parameter_is_a_slip(gov: Gov, prod: FakeBroker) -> None:
    """A name that no statement has ends the command before anything is sent."""
    ran = gov("exec", "prod", "-c", "select :id", "-p", "idd=1")

    assert (ran.status, ran.out) == (2, "")
    assert "no statement has :idd" in ran.err


@pytest.mark.parametrize(("format", "expected"), [
    ("csv", 'a,b\n1,"x,""y"""\n,""\n'),
    ("jsonl", '{"a": 1, "b": "x,\\"y\\""}\n{"a": null, "b": ""}\n'),
    ("json", '[\n  {"a": 1, "b": "x,\\"y\\""},\n  {"a": null, "b": ""}\n]\n'),
])
def test_formats(gov: Gov, prod: FakeBroker, format: str, expected: str) -> None:
    """Each format keeps NULL and the empty string apart."""
    query = "select * from (values (1, 'x,\"y\"'), (null, '')) as t (a, b)"

    assert gov("exec", "prod", "-c", query, "--format", format).out == expected


@pytest.mark.parametrize(("format", "warned"), [("json", True), ("jsonl", True), ("csv", False), ("table", False)])
def test_columns_of_one_name(gov: Gov, prod: FakeBroker, format: str, warned: bool) -> None:
    """Whoever reads an object with a name twice gets one of the values: that is said."""
    ran = gov("exec", "prod", "-c", "select 1 as a, 2 as b, 3 as a", "--format", format)

    assert ran.status == 0
    assert ("gov: more than one column is named a; readers of JSON keep one: name them with AS\n" in ran.err) is warned


def test_types_in_json(gov: Gov, prod: FakeBroker) -> None:
    """Numbers keep every digit, documents and arrays are themselves, the rest is PostgreSQL's text."""
    ran = gov("exec", "prod", "--format", "json", "-c", """
        select 12345678901234567890.10::numeric as n, 'NaN'::float8 as f, true as b,
               '{"k":  [1,  "a b"]}'::json as j, array['a"b', null, 'NULL'] as t, '{{1,2},{3,4}}'::int[] as i,
               interval '1 day' as d
    """)

    assert '"n": 12345678901234567890.10' in ran.out
    assert json.loads(ran.out)[0] == {
        "n": pytest.approx(12345678901234567890.10), "f": "NaN", "b": True, "j": {"k": [1, "a b"]},
        "t": ['a"b', None, "NULL"], "i": [[1, 2], [3, 4]], "d": "1 day",
    }


def test_a_large_result_streams_to_a_file(gov: Gov, prod: FakeBroker, tmp_path: Path) -> None:
    """The format follows the ending; rows and time are told on standard error."""
    path = tmp_path / "numbers.csv"

    ran = gov("exec", "prod", "-c", "select generate_series(1, 50000) as n", "-o", str(path))

    assert (ran.status, ran.out) == (0, "")
    assert path.read_text().splitlines() == ["n", *map(str, range(1, 50001))]
    assert "50,000 rows" in ran.err


def test_columns_stream_to_a_file(gov: Gov, prod: FakeBroker, tmp_path: Path) -> None:
    """Parquet and Arrow by the file's ending, with the database's own types; COPY has a form of its own."""
    path, query = tmp_path / "numbers.parquet", "select n, (n / 4.0)::numeric(9,2) as q from generate_series(1, 3000) n"

    ran = gov("exec", "prod", "-c", "set datestyle = german", "-c", query, "-o", str(path))
    assert (ran.status, ran.out) == (0, "")
    read = pyarrow.parquet.read_table(path)
    assert read.schema.types == [pyarrow.int32(), pyarrow.decimal128(9, 2)]
    assert read.column("q").to_pylist()[:3] == [Decimal("0.25"), Decimal("0.50"), Decimal("0.75")]
    assert (read.num_rows, "3,000 rows" in ran.err) == (3000, True)
    assert gov("exec", "prod", "-c", "select 1 as n", "-o", str(tmp_path / "n.arrow")).status == 0
    assert pyarrow.ipc.open_file(tmp_path / "n.arrow").read_all().to_pylist() == [{"n": 1}]

    for text, said in (("copy (select 1) to stdout", "COPY writes a form of its own"),
                       ("set work_mem = '4MB'", "no statement"),
                       ("select 'infinity'::date as ends", "the column ends holds")):
        ran = gov("exec", "prod", "-c", text, "-o", str(tmp_path / "none.parquet"))
        assert (ran.status in (1, 2), said in ran.err) == (True, True), ran.err
    assert sorted(each.name for each in tmp_path.iterdir() if each.suffix in (".arrow", ".parquet", ".partial")) == [
        "n.arrow", "numbers.parquet"]


def test_a_receipt_lies_beside_the_file(gov: Gov, prod: FakeBroker, tmp_path: Path) -> None:
    """The broker hears the file's digest, its size, the rows that came and the session; pipes and screens get none."""
    path = tmp_path / "a.csv"

    ran = gov("exec", "prod", "-c", "select generate_series(1, 3) as n", "-c", "select 1", "-o", str(path))
    assert (ran.status, f"{path}.receipt.json: rc-1, entry 7" in ran.err) == (0, True)
    assert ((tmp_path / "a.csv.receipt.json").read_text(), (tmp_path / "a.csv.tlog-proof").read_text()) == (
        "envelope\n", "proof\n")
    (claim,) = [body["files"][0] for where, body in prod.asked if where == "/v1/receipts"]
    assert claim.pop("session").startswith("ls-0/")
    assert claim == {"name": "a.csv", "sha256": sha256(path.read_bytes()).hexdigest(), "bytes": path.stat().st_size,
                     "rows": 4, "format": "csv"}

    for more in (("-o", "/dev/null", "--format", "csv"), ("-o", str(path), "--no-receipt"), ()):
        assert gov("exec", "prod", "-c", "select 1", *more).status == 0
    assert len([where for where, _ in prod.asked if where == "/v1/receipts"]) == 1


def test_without_a_receipt(gov: Gov, prod: FakeBroker, tmp_path: Path) -> None:
    """What came is kept when there is only no receipt, and the way to ask again is said; else nothing is left."""
    path = tmp_path / "a.csv"
    (tmp_path / "a.csv.receipt.json").write_text("of an older file")

    prod.unreceipted = Denied("not today", hint="ask tomorrow")
    ran = gov("exec", "prod", "-c", "select 1 as n", "-o", str(path))
    assert (ran.status, path.read_text()) == (4, "n\n1\n")
    assert re.search(r"hint: gov receipt issue \S+/a.csv --session ls-0/\d+", ran.err)
    assert not (tmp_path / "a.csv.receipt.json").exists()

    prod.unreceipted = Unverified("5 rows were relayed", hint="run it again")
    ran = gov("exec", "prod", "-c", "select 2 as n", "-o", str(tmp_path / "b.csv"))
    assert (ran.status, (tmp_path / "b.csv").exists()) == (8, False)


def test_copy_writes_the_very_bytes(gov: Gov, prod: FakeBroker, tmp_path: Path) -> None:
    """A binary COPY is no text, and nothing of it is lost."""
    path = tmp_path / "out.csv"

    ran = gov("exec", "prod", "-c", "copy (select 255::int2, 'é') to stdout (format binary)", "-o", str(path))

    assert ran.status == 0
    assert path.read_bytes().startswith(b"PGCOPY\n\xff\r\n\0")
    assert b"\x00\xff" in path.read_bytes()


def test_a_failed_run_leaves_the_old_file(gov: Gov, prod: FakeBroker, tmp_path: Path) -> None:
    """The file appears whole or not at all, and nothing lies beside it."""
    path = tmp_path / "out.csv"
    path.write_text("old")

    ran = gov("exec", "prod", "-c", "select 1", "-c", "select 1/0", "-o", str(path))

    assert (ran.status, path.read_text()) == (1, "old")
    assert [entry.name for entry in tmp_path.iterdir() if "out.csv" in entry.name] == ["out.csv"]


def test_the_first_error_ends_the_run(gov: Gov, prod: FakeBroker) -> None:
    """What came before it has been shown; what follows is not sent."""
    ran = gov("exec", "prod", "-c", "create table t (n int); insert into t values (1); selec 1; drop table t")

    assert ran.status == 1
    assert ran.out == "CREATE TABLE\nINSERT 0 1\n"
    assert 'gov: error: syntax error at or near "selec" (SQLSTATE 42601)' in ran.err
    assert "gov: detail: LINE 1: selec 1\ngov: detail:         ^\n" in ran.err


def test_statements_from_a_file(gov: Gov, prod: FakeBroker, tmp_path: Path) -> None:
    """A file is cut as psql cuts it."""
    path = tmp_path / "a.sql"
    path.write_text("select $$;$$ as a; -- ;\nselect 2 as b")

    ran = gov("exec", "prod", "-f", str(path), "--format", "csv")

    assert ran.out == "a\n;\nb\n2\n"


def test_statements_from_standard_input(
    gov: Gov, prod: FakeBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without -c and -f the statements are piped in."""
    monkeypatch.setattr("sys.stdin", io.StringIO("select 1 as a"))

    assert gov("exec", "prod", "--format", "csv").out == "a\n1\n"


def test_copy_out_and_in(gov: Gov, prod: FakeBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    """COPY TO STDOUT gives its own bytes, COPY FROM STDIN reads standard input."""
    gov("exec", "prod", "-c", "create table t (a int, b text)")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"1\tx\n2\t\\N\n")))

    assert gov("exec", "prod", "-c", "copy t from stdin").out == "COPY 2\n"
    assert gov("exec", "prod", "-c", "copy t to stdout", "--format", "csv").out == "1\tx\n2\t\\N\n"


def test_notices_are_said_on_standard_error(gov: Gov, prod: FakeBroker) -> None:
    """A hold is announced with rule, approvers and the way to withdraw; markup in it is harmless."""
    gov("exec", "prod", "-c", """
        create function held() returns int language plpgsql as $f$ begin
          raise notice using errcode = '01G01', message = 'held', detail =
            '{"request": "rq-1", "rule": "r", "approvers": ["dba"], "reasons": ["be\\u001bcause"]}';
          raise notice using errcode = '01G02', message = 'still waiting';
          raise notice using errcode = '01G03', message = 'approved by bob';
          return 7; end $f$""")

    ran = gov("exec", "prod", "-c", "select held()", "--format", "csv")

    assert ran.out == "held\n7\n"
    assert ran.err.splitlines() == [
        "gov: held by rule r; waiting for dba; Ctrl-C withdraws", "gov: because be\\x1bcause",
        "gov: they answer with: gov approve rq-1", "gov: approved by bob",
    ]


def test_no_wait_prints_the_request(gov: Gov, broker: FakeBroker) -> None:
    """A statement that needs approval is left with the broker: status 6, and the request as JSON."""
    broker.submitted = Submitted(verdict="hold", reasons=["needs a dba"], request="rq-1", state="pending",
                                 expires_at="2030-01-01T00:00:00Z")

    ran = gov("exec", "prod", "--no-wait", "-c", "drop table orders", "--reason", "tidy")

    assert ran.status == 6
    assert json.loads(ran.out) == {
        "request": "rq-1", "state": "pending", "expires_at": "2030-01-01T00:00:00Z"}
    (path, body), = broker.asked
    assert (path, body["statement"], body["reason"]) == ("/v1/requests", "drop table orders", "tidy")


def test_no_wait_runs_what_is_allowed(gov: Gov, prod: FakeBroker) -> None:
    """When nothing needs approval the statement just runs."""
    assert gov("exec", "prod", "--no-wait", "-c", "select 1 as a", "--format", "csv").out == "a\n1\n"


def test_no_wait_says_why_it_is_denied(gov: Gov, broker: FakeBroker) -> None:
    """Status 4, the first reason as the error, the rest as detail, and where to read on."""
    broker.submitted = Submitted(verdict="deny", reasons=["no server files", "rule no-server-files"])

    ran = gov("exec", "prod", "--no-wait", "-c", "copy t to '/tmp/x'")

    assert ran.status == 4
    assert ran.err.splitlines() == [
        "gov: error: no server files", "gov: detail: rule no-server-files",
        "gov: hint: gov explain prod -c 'copy t to '\"'\"'/tmp/x'\"'\"''"]


def test_an_approved_request_runs_its_own_statement(gov: Gov, prod: FakeBroker) -> None:
    """The stored text runs under a lease that names the request and ends with it."""
    prod.requests["rq-1"] = pending("rq-1", state="approved", statement="select 42 as a", reason="tidy")

    ran = gov("exec", "prod", "--request", "rq-1", "--format", "csv")

    assert (ran.status, ran.out) == (0, "a\n42\n")
    assert prod.asked[0][1]["request"] == "rq-1"
    assert prod.asked[0][1]["reason"] == "tidy"
    assert prod.leases == []


@pytest.mark.parametrize(("state", "status"), [
    ("pending", 6), ("denied", 5), ("expired", 6), ("withdrawn", 6), ("spent", 6)])
def test_a_request_in_another_state_does_not_run(
    gov: Gov, broker: FakeBroker, state: str, status: int
) -> None:
    """The exit status says what became of it."""
    broker.requests["rq-1"] = pending("rq-1", state=state)

    assert gov("exec", "prod", "--request", "rq-1").status == status
    assert broker.asked == []


@pytest.mark.parametrize("words", [
    ("--request", "rq-1", "-c", "select 1"), ("-c", "select 1", "-p", "x"), ("-f", "/no/such.sql"),
    ("-c", "select 1", "-o", "out.xlsx"), ("-c", "select 1", "--ttl", "soon"),
    ("--no-wait", "-c", "select 1; select 2"),
])
def test_words_that_do_not_fit(gov: Gov, broker: FakeBroker, words: tuple[str, ...]) -> None:
    """Usage errors have status 2, a hint, and send nothing."""
    ran = gov("exec", "prod", *words)

    assert ran.status == 2
    assert "gov: hint: " in ran.err
    assert broker.asked == []


def test_an_unreachable_gateway(gov: Gov, broker: FakeBroker) -> None:
    """Status 7 when nobody listens where the lease points."""
    ran = gov("exec", "prod", "-c", "select 1")

    assert ran.status == 7
    assert ran.err.startswith("gov: error: ")


def test_a_gateway_with_another_certificate_is_not_trusted(
    gov: Gov, prod: FakeBroker, tmp_path: Path
) -> None:
    """The root comes with the lease; a gateway that it did not sign gets no password."""
    (tmp_path / "other").mkdir()
    prod.ca = own(tmp_path / "other", (), datetime.now(UTC)).root

    ran = gov("exec", "prod", "-c", "select 1")

    assert ran.status == 7
    assert "certificate" in ran.err


def test_an_interrupt_cancels(prod: FakeBroker, tmp_path: Path) -> None:
    """Ctrl-C ends with 130, stops the statement at the server, and leaves no file."""
    marker = f"interrupted {tmp_path.name}"
    words = ["exec", "prod", "-c", f"select '{marker}', pg_sleep(60)", "-o", str(tmp_path / "out.csv")]
    running = "select count(*) from pg_stat_activity where query like %s and state = 'active'"
    pattern = (f"select '{marker}%",)
    with (
        psycopg.connect(prod.dsn, autocommit=True) as admin,
        subprocess.Popen([sys.executable, "-c", "from gov.commands import main; main()", *words],
                         stderr=subprocess.PIPE, text=True) as child,
    ):
        until(lambda: admin.execute(running, pattern).fetchone() == (1,))

        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=20)

        assert (child.returncode, "Traceback" in err) == (130, False)
        until(lambda: admin.execute(running, pattern).fetchone() == (0,))
    assert not [entry for entry in tmp_path.iterdir() if "out.csv" in entry.name]


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that happens elsewhere."""
    for _ in range(200):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it never happened")


def test_a_signal_cancels_as_ctrl_c_does(prod: FakeBroker, tmp_path: Path) -> None:
    """The statement stops at the server, and no part of a file is left."""
    marker = f"signalled {tmp_path.name}"
    words = ["exec", "prod", "-c", f"select '{marker}', pg_sleep(60)", "-o", str(tmp_path / "out.csv")]
    running = "select count(*) from pg_stat_activity where query like %s and state = 'active'"
    pattern = (f"select '{marker}%",)
    with (
        psycopg.connect(prod.dsn, autocommit=True) as admin,
        subprocess.Popen([sys.executable, "-c", "from gov.commands import main; main()", *words],
                         stderr=subprocess.PIPE, text=True) as child,
    ):
        until(lambda: admin.execute(running, pattern).fetchone() == (1,))

        child.terminate()
        _, err = child.communicate(timeout=20)

        assert (child.returncode, err) == (143, "")
        until(lambda: admin.execute(running, pattern).fetchone() == (0,))
    assert not [entry for entry in tmp_path.iterdir() if "out.csv" in entry.name]


def test_a_file_that_cannot_be_written(gov: Gov, prod: FakeBroker) -> None:
    """A full disk is said plainly."""
    ran = gov("exec", "prod", "-c", "select 1", "--format", "csv", "-o", "/dev/full")

    assert (ran.status, ran.err.splitlines()[0]) == (1, "gov: error: /dev/full: no space left on device")


def test_the_last_line_counts(gov: Gov, prod: FakeBroker, tmp_path: Path) -> None:
    """Rows, bytes as they are in the file, seconds and rate; nothing of it where the data goes."""
    path = tmp_path / "out.csv"

    ran = gov("exec", "prod", "-c", "select 'ä' as s from generate_series(1, 1200)", "-o", str(path))

    assert ran.out == ""
    size = path.stat().st_size
    assert size == len("s\n") + 1200 * len("ä\n".encode())
    said = rf"{re.escape(str(path))}: 1,200 rows, {size / 1000:.1f} kB in \d+\.\ds, [\d.]+ \w+/s\n"
    assert re.fullmatch(said, ran.err.splitlines(keepends=True)[-1])


def test_progress_is_shown_to_whoever_looks_on(prod: FakeBroker, tmp_path: Path) -> None:
    """On a terminal: the time while nothing comes, then rows, bytes and rate; then the line goes away."""
    path = tmp_path / "out.csv"
    slow = "select n, pg_sleep(case n when 1 then 1.5 when 3000 then 1.5 else 0 end) from generate_series(1, 3000) n"

    with terminal("exec", "prod", "-c", slow, "-o", str(path)) as screen:
        screen.sees("no row yet  0:0[01]")
        screen.sees(r"[\d,]+ rows  [\d.]+ kB  [\d.]+ k?B/s  0:0\d")
        screen.sees(r"out.csv: 3,000 rows, [\d.]+ kB in \d\.\ds, [\d.]+ k?B/s")
        assert screen.ends() == 0


def test_a_result_on_the_terminal_has_no_progress(prod: FakeBroker) -> None:
    """Rows and a line that is drawn over and over do not go together."""
    with terminal("exec", "prod", "-c", "select pg_sleep(1.5), 'here'") as screen:
        said = screen.until_end()

    assert "here" in said
    assert "no row yet" not in said


def test_a_long_result_is_never_held_whole(prod: FakeBroker, tmp_path: Path) -> None:
    """Of 60 MB of rows a few MB are in memory at any time."""
    code = (
        "import resource, sys; from gov.commands import run\n"
        "def export(sql): run(['exec', 'prod', '-c', sql, '-o', sys.argv[2]])\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "export('select 1'); before = peak(); export(sys.argv[1]); print(peak() - before)"
    )
    many = "select repeat('x', 1000) from generate_series(1, 60000)"

    ran = subprocess.run([sys.executable, "-c", code, many, str(tmp_path / "out.csv")], capture_output=True, text=True)

    assert (tmp_path / "out.csv").stat().st_size > 60_000_000
    assert int(ran.stdout) < 16_000  # kB
