r"""psql's backslash commands through the gateway, by the system's psql and by the server's own version."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pexpect
import psycopg
import pytest

from gov.demo.stage import Stage
from live.door import bundled, program, variables
from live.wire import Lease

DESCRIBING = r"""
\d
\d customers
\d+ customers
\d+ pgbench_accounts
\d customers_id_seq
\d customers_email_idx
\d public.*
\dS+ pg_class
\dS+ pg_stats
\da pg_catalog.s*
\dA+
\dAc+
\dAf+
\dAo+
\dAp+
\db
\db+
\dc
\dC
\dconfig work_mem
\dd
\ddp
\dD *.*
\des
\des+
\det
\deu
\dew+
\dE
\df
\df+ pg_catalog.lower
\dfnS ts*
\dfS+ pg_read_file
\dFd
\dFp+
\dFt
\dF+
\dg
\di
\di+
\dl
\dL+
\dm
\dn
\dn+
\do pg_catalog.=
\dO
\dp
\z customers
\dPti
\dRp
\dRs
\dRs+
\drds
\ds
\ds+
\dt
\dt+
\dtS pg_type
\dT
\dT+ *.*
\du
\du+ postgres
\dv
\dv+ information_schema.*
\dx
\dx+ plpgsql
\dX
\dy
\l
\l+ shop
\lo_list
\sf information_schema._pg_truetypid
\sf+ information_schema._pg_truetypid
\sv information_schema.columns
\sv+ pg_catalog.pg_stats
"""
Psql = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module", params=["the server's", "the system's"])
def command(request: pytest.FixtureRequest) -> tuple[str, dict[str, str]]:
    """Each psql there is, with what it needs in its environment."""
    return bundled("psql") if request.param == "the server's" else (program("psql"), {})


@pytest.fixture
def settings(reader: Lease, as_user: Callable[[str], dict[str, str]]) -> dict[str, str]:
    """An environment in which psql finds the gateway and nothing of whoever runs the tests."""
    return as_user("alice") | variables(reader) | {"PSQLRC": "/dev/null", "PAGER": "", "HOME": "/nonexistent"}


@pytest.fixture
def psql(command: tuple[str, dict[str, str]], settings: dict[str, str]) -> Psql:
    """Call it with a script, and words for psql; what it printed and how it ended."""
    name, lent = command

    def run(script: str, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [name, "-X", *words], env=settings | lent | more, input=script, capture_output=True, text=True, timeout=60
        )

    return run


@pytest.fixture
def ordinary(demo: Stage, admin: psycopg.Connection[Any]) -> Iterator[str]:
    """The DSN of a role without any privilege of its own, past the gateway."""
    name = f"ordinary_{uuid4().hex[:8]}"
    admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'ordinary'")
    yield demo.cluster.dsn(name, "ordinary", "shop")
    admin.execute(f"DROP ROLE {name}")


def since(psql: Psql) -> int:
    """The major version of a psql."""
    return int(psql("", "--version").stdout.split()[2].partition(".")[0])


def described(psql: Psql, *words: str, **more: str) -> dict[str, tuple[str, str]]:
    """Each command with what it printed as a result and as an error."""
    commands = [line for line in DESCRIBING.splitlines() if line]
    script = "".join(f"\\echo @@{n}\n\\warn @@{n}\n{line}\n" for n, line in enumerate(commands))
    said = psql(script, *words, **more)
    out, err = (re.split(r"^@@\d+\n", text, flags=re.MULTILINE) for text in (said.stdout, said.stderr))
    assert len(out) == len(err) == len(commands) + 1, said.stderr
    return dict(zip(commands, zip(out[1:], err[1:], strict=True), strict=True))


def compared(psql: Psql, dsn: str) -> tuple[dict[str, tuple[str, str]], dict[str, list[tuple[str, str]]]]:
    """What the gateway lets each command print, and where that is neither what is said past it before nor after."""
    before = described(psql, dsn, PGSSLMODE="disable")
    through = described(psql)
    after = described(psql, dsn, PGSSLMODE="disable")
    return through, {
        line: [said, before[line], after[line]]
        for line, said in through.items()
        if said not in (before[line], after[line])
    }


def test_the_describing_commands_say_what_they_say_to_anybody(psql: Psql, ordinary: str) -> None:
    r"""The whole `\d` family prints, line by line, what an ordinary role is told without a gateway in between."""
    through, different = compared(psql, ordinary)
    for _ in range(4):  # roles, sizes and schemas change beneath both: only what differs every time is a difference
        if different:
            different = {line: again for line, again in compared(psql, ordinary)[1].items() if line in different}

    assert not different, sorted(different)
    if since(psql) >= 18:  # an older one asks for columns that this server has no more
        refused = {line: err for line, (_, err) in through.items() if "ERROR" in err}
        assert set(refused) == {r"\db+", r"\dRs+"}, refused  # PostgreSQL's own: no ordinary role may see those


def test_copy_out_and_back_in(psql: Psql, writer: Lease, tmp_path: Path) -> None:
    r"""`\copy` writes the client's file and reads it; the transaction is rolled back."""
    file = tmp_path / "history.csv"
    file.write_text("".join(f"{n},1,{-n},{n}\n" for n in range(1, 501)))
    done = psql(
        "begin;\n"
        rf"\copy pgbench_history (tid, bid, aid, delta) from '{file}' csv" + "\n"
        "select count(*), sum(delta) from pgbench_history where aid < 0;\n"
        rf"\copy (select tid, bid, aid, delta from pgbench_history where aid < 0 order by tid) to '{file}.out' csv" "\n"
        "rollback;\n",
        "-At", **variables(writer),
    )  # fmt: skip

    assert done.stderr == ""
    assert done.stdout.splitlines() == ["BEGIN", "COPY 500", "500|125250", "COPY 500", "ROLLBACK"]
    assert Path(f"{file}.out").read_text() == file.read_text()


def test_copy_in_needs_the_scope(psql: Psql, tmp_path: Path) -> None:
    r"""In read scope `\copy … from` is refused before a row is sent, and the session goes on."""
    file = tmp_path / "history.csv"
    file.write_text("1,1,1,1\n")
    done = psql(rf"\copy pgbench_history (tid, bid, aid, delta) from '{file}' csv" + "\nselect 'usable';\n", "-At")

    assert done.stdout == "usable\n"
    assert "ERROR:  denied: copy_in is not within the scope read" in done.stderr
    assert "gov connect prod --scope write" in done.stderr


def test_results_go_where_they_are_sent(psql: Psql, tmp_path: Path) -> None:
    r"""`\gset`, `\gdesc`, `\gexec`, `\g FILE`, `\crosstabview`, variables and `FETCH_COUNT`."""
    file = tmp_path / "out"
    done = psql(
        r"select email, ssn, dob, balance from customers \gdesc" "\n"
        r"select email as e, ssn as s from customers where id = 1 \gset it_" "\n"
        r"\echo :it_e :it_s" "\n"
        r"\set wanted 's%'" "\n"
        "select count(*) > 0 from customers where email like :'wanted';\n"
        r"select 'select ' || n from generate_series(1, 2) n \gexec" "\n"
        r"select status, date_part('year', created_at)::int as year, count(*) from orders group by 1, 2"
        r" \crosstabview" "\n"
        r"\set FETCH_COUNT 100" "\n"
        rf"select id, amount from orders order by id limit 250 \g {file}" "\n",
        "-At",
    )  # fmt: skip

    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[:4] == ["email|text", "ssn|text", "dob|date", "balance|numeric"]
    assert lines[4:8] == ["s***@e***.com [redacted]", "t", "1", "2"]
    assert {line.partition("|")[0] for line in lines[8:]} >= {"new", "paid", "returned", "shipped"}
    assert len(file.read_text().splitlines()) == 250


def test_errors_are_shown_in_full(psql: Psql) -> None:
    r"""`\errverbose` shows the gateway's own errors as it shows PostgreSQL's, SQLSTATE and place included."""
    done = psql("select 1/0;\n\\errverbose\nset role postgres;\n\\errverbose\n", "-At")

    assert "ERROR:  22012: division by zero\nLOCATION:  int4div" in done.stderr
    assert re.search(r"ERROR:  42501: denied: .*\nHINT:  .*\nLOCATION:  gov:denied", done.stderr)


def test_on_error_rollback_and_autocommit(psql: Psql) -> None:
    """psql's own savepoints and its own BEGIN work, around a refusal of the gateway too."""
    done = psql(
        r"\set ON_ERROR_ROLLBACK on" "\n" r"\set AUTOCOMMIT off" "\n"
        "select 1;\nset role postgres;\nselect 1/0;\nselect 'still in it';\ncommit;\n",
        "-At",
    )  # fmt: skip

    assert done.stdout.splitlines() == ["1", "still in it", "COMMIT"]


def test_watch_bind_and_pipelines(psql: Psql) -> None:
    r"""What psql 16 to 18 have learnt: `\watch` with a count, `\bind`, `\parse`, `\bind_named`, pipelines."""
    if since(psql) < 18:
        pytest.skip("this psql has no pipelines yet")
    done = psql(
        r"select 'again' \watch c=2 i=0.05" "\n"
        r"select email from customers where id = $1 \bind 1 \g" "\n"
        r"select ssn from customers where id = $1 \parse named" "\n"
        r"\bind_named named 1 \g" "\n"
        r"\close_prepared named" "\n"
        r"\startpipeline" "\n"
        r"select email from customers where id = $1 \bind 2 \sendpipeline" "\n"
        r"set role postgres \bind \sendpipeline" "\n"
        r"select 'skipped' \bind \sendpipeline" "\n"
        r"\endpipeline" "\n"
        "select 'usable';\n",
        "-At",
    )  # fmt: skip

    assert [line for line in done.stdout.splitlines() if line] == [
        "again", "again", "s***@e***.com", "[redacted]", "z***@e***.net", "usable",
    ]  # fmt: skip
    assert "ERROR:  denied" in done.stderr


def test_tab_completion(settings: dict[str, str]) -> None:
    """Its questions about tables, columns and settings pass, in a terminal; the wheel's psql cannot complete."""
    psql = pexpect.spawn(
        program("psql"), ["-X"], env=settings | {"TERM": "dumb", "INPUTRC": "/dev/null"}, encoding="utf-8", timeout=60,
        dimensions=(24, 200),
    )  # fmt: skip
    try:
        psql.expect("shop=> ")
        for typed, completed in (
            ("select * from custom", "select * from customers"),
            ("update pgbench_tel", "update pgbench_tellers"),
            ("select full_name from customers where full_n", "where full_name"),
            ("set enable_seqs", "set enable_seqscan"),
            ("\\d pgbench_bra", "pgbench_branches"),
        ):
            psql.send(typed + "\t")
            psql.expect_exact(completed.removeprefix(typed) if completed.startswith(typed) else completed[-4:])
            psql.sendcontrol("u")
        psql.sendline("select 'us' || 'able';")
        psql.expect("usable")
    finally:
        psql.close(force=True)


def test_watch(psql: Psql, writer: Lease) -> None:
    r"""`\watch` runs a statement again and again until it fails, in every version; each run is a new one."""
    done = psql(
        "begin;\n"
        "with more as (insert into pgbench_history (tid, bid, aid, delta) values (1, 1, -1, 0) returning aid)"
        " select 6 / (3 - (select count(*) from pgbench_history where aid < 0)) from more \\watch 0.05\n"
        "rollback;\n",
        "-At", **variables(writer),
    )  # fmt: skip

    assert [line for line in done.stdout.splitlines() if line.isdigit()] == ["2", "3", "6"]
    assert "division by zero" in done.stderr
    assert done.stdout.splitlines()[-1] == "ROLLBACK"
