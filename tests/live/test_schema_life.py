"""Tables change under people who read them, through the gateway and past it, and nobody reads what is masked."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from gov.client.api import Broker
from gov.control.access import LeaseAsk, LeaseGrant
from gov.control.requests import ApproveAsk, Submit
from gov.demo.stage import Stage
from gov.policy import document
from live import door

Environment = Callable[[str], dict[str, str]]
Connection = psycopg.Connection[Any]
CANARY = "canary-123-45-6789"
LEASES: dict[str, LeaseGrant] = {}
"""Alice's read lease, by where her commands keep what is hers."""


def broker(as_user: Environment, name: str) -> Broker:
    """The broker as somebody's commands see it, without a process for each."""
    return Broker.current(as_user(name))


@pytest.fixture
def people(admin: Connection, as_user: Environment) -> Iterator[str]:
    """The name of a table of this test's own, with ten people whose `ssn` is masked."""
    name = f"people_{uuid4().hex[:8]}"
    admin.execute(f"CREATE TABLE public.{name} (id int PRIMARY KEY, ssn text, city text, old int DEFAULT 7)")
    admin.execute(f"INSERT INTO public.{name} SELECT n, '{CANARY}', 'city ' || n FROM generate_series(1, 10) AS n")
    admin.execute(f"ALTER TABLE public.{name} OWNER TO shop_owner")
    with broker(as_user, "bob") as bob:
        bob.sync("prod")
        yield name
        admin.execute(f"DROP TABLE IF EXISTS public.{name} CASCADE")
        bob.sync("prod")


@pytest.fixture
def changed(as_user: Environment, demo: Stage) -> Callable[[str], None]:
    """Call it with a DDL statement: alice asks for it, Bob says yes, alice has it run."""

    def change(statement: str) -> None:
        with broker(as_user, "alice") as alice, broker(as_user, "bob") as bob:
            request = alice.submit(Submit(target="prod", statement=statement)).request
            assert request is not None
            bob.approve(request, ApproveAsk())
            lease = alice.lease(LeaseAsk(target="prod", request=request))
        with psycopg.connect(**entering(lease, demo.ca_file), autocommit=True) as session:
            session.execute(statement.encode())

    return change


def parameters(as_user: Environment) -> dict[str, Any]:
    """A read lease of Alice's that is live now, as psycopg takes it."""
    environment = as_user("alice")
    with broker(as_user, "alice") as alice:
        known = LEASES.get(environment["GOV_CONFIG_DIR"])
        if known is None or known.lease.id not in {each.id for each in alice.leases()}:
            known = LEASES[environment["GOV_CONFIG_DIR"]] = alice.lease(LeaseAsk(target="prod"))
    return entering(known, Path(environment["GOV_CONFIG_DIR"]).parents[1] / "keys" / "ca.pem")


def entering(lease: LeaseGrant, ca_file: Path) -> dict[str, Any]:
    """What psycopg needs to enter with a lease."""
    return {
        "host": lease.host, "port": lease.port, "user": lease.user, "password": lease.password,
        "dbname": lease.database, "sslmode": "verify-full", "sslrootcert": str(ca_file),
    }  # fmt: skip


@contextmanager
def connected(as_user: Environment, **options: Any) -> Iterator[Connection]:
    """A session of Alice's in read scope."""
    with psycopg.connect(**parameters(as_user), autocommit=True, **options) as session:
        yield session


class Readers:
    """Sessions of one lease that read all the time, each in another way, until told to stop."""

    def __init__(self, as_user: Environment, queries: Sequence[tuple[str, dict[str, Any]]]) -> None:
        self.errors: list[str] = []
        self.rows: list[set[Any]] = [set() for _ in queries]
        self._rounds = [0 for _ in queries]
        self._stop = threading.Event()
        lease = parameters(as_user)
        self._threads = [
            threading.Thread(target=self._read, args=(number, lease, query, options))
            for number, (query, options) in enumerate(queries)
        ]

    def _read(self, number: int, lease: dict[str, Any], query: str, options: dict[str, Any]) -> None:
        try:
            with psycopg.connect(**lease, autocommit=True, **options) as session:
                while not self._stop.is_set():
                    self.rows[number].update(session.execute(query.encode()).fetchall())
                    self._rounds[number] += 1
                    self._stop.wait(0.01)
        except psycopg.Error as error:
            self.errors.append(f"{query}: {error}")

    def round(self) -> None:
        """Wait until each has read anew, twice, so that it has begun after this was called."""
        goal = [rounds + 2 for rounds in self._rounds]
        for _ in range(3000):
            if self.errors or all(now >= then for now, then in zip(self._rounds, goal, strict=True)):
                break
            self._stop.wait(0.02)
        assert not self.errors
        assert all(now >= then for now, then in zip(self._rounds, goal, strict=True)), "a reader hangs"

    def __enter__(self) -> Readers:
        for thread in self._threads:
            thread.start()
        self.round()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(door.PATIENCE)


def test_readers_live_through_approved_changes(
    people: str, as_user: Environment, changed: Callable[[str], None]
) -> None:
    """Simple, prepared and by `*`: what is altered is waited for, and no statement fails."""
    queries: list[tuple[str, dict[str, Any]]] = [
        (f"SELECT * FROM {people}", {"prepare_threshold": 0}),
        (f"SELECT id, ssn FROM {people}", {"prepare_threshold": 0}),
        (f"SELECT * FROM {people}", {"cursor_factory": psycopg.ClientCursor}),
        (f"SELECT city FROM {people}", {"prepare_threshold": None}),
    ]
    with Readers(as_user, queries) as readers:
        for change in (
            f"ALTER TABLE {people} ALTER ssn TYPE varchar(40)",
            f"ALTER TABLE {people} DROP COLUMN old, ADD COLUMN note text DEFAULT '{CANARY}'",
            f"ALTER TABLE {people} ALTER city TYPE varchar(40)",
        ):
            changed(change)
            readers.round()
    assert readers.errors == []
    assert CANARY not in str(readers.rows)
    assert (1, "[redacted]", "city 1", 7) in readers.rows[0]
    assert (1, "[redacted]", "city 1") in readers.rows[0]
    assert (1, "[redacted]") in readers.rows[1]


def test_pgbench_prepared_lives_through_a_change_and_a_reload(
    people: str, demo: Stage, as_user: Environment, changed: Callable[[str], None], tmp_path: Path
) -> None:
    """Its named statements are prepared anew, unseen: not one transaction fails."""
    script, output = tmp_path / "read.sql", tmp_path / "pgbench.txt"
    script.write_text(f"\\set id random(1, 10)\nSELECT id, ssn, city FROM {people} WHERE id = :id;\n")
    environment = as_user("alice") | door.variables(door.credentials(as_user("alice")))
    options = ["-n", "-M", "prepared", "-c", "3", "-R", "90", "-T", "60", "-P", "1", "-f", str(script)]
    with door.running([door.program("pgbench"), *options], environment, output) as child:
        child.says("progress: ")
        changed(f"ALTER TABLE {people} ALTER city TYPE varchar(40), DROP COLUMN old")
        before = demo.policy_file.read_text()
        try:
            demo.policy_file.write_text(before.replace("expires: 15m", "expires: 14m"))
            reloaded(demo, as_user)
            seen = child.printed.count("progress: ")
            until(lambda: child.printed.count("progress: ") >= seen + 2)
        finally:
            demo.policy_file.write_text(before)
            reloaded(demo, as_user)
        assert child.process.poll() is None, child.printed
        child.process.send_signal(signal.SIGINT)
    assert not re.search("ERROR|FATAL|aborted|[1-9][0-9]* failed", child.printed)


def reloaded(demo: Stage, as_user: Environment) -> None:
    """Wait until the broker has taken up the policy file as it is now."""
    digest = document.load([(str(demo.policy_file), demo.policy_file.read_text())]).digest
    with broker(as_user, "bob") as bob:
        until(lambda: bob.status().policy_digest == digest)


def until(condition: Callable[[], bool]) -> None:
    """Wait for it."""
    deadline = time.monotonic() + door.PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never happens"
        time.sleep(0.1)


@pytest.fixture
def past(demo: Stage) -> Iterator[Callable[[str], None]]:
    """Call it with SQL that a database administrator runs past gov."""
    with psycopg.connect(demo.cluster.admin_dsn_of("shop"), autocommit=True) as connection:
        connection.execute("SET ROLE shop_owner")
        yield lambda statement: connection.execute(statement.encode()) and None


def refused(as_user: Environment, query: str) -> psycopg.Error:
    """What alice hears."""
    with connected(as_user) as session, pytest.raises(psycopg.Error) as caught:
        session.execute(query.encode())
    return caught.value


def rows(as_user: Environment, query: str) -> list[Any]:
    """What alice gets."""
    with connected(as_user) as session:
        return session.execute(query.encode()).fetchall()


def test_a_new_column_is_closed_until_it_is_accepted(
    people: str, as_user: Environment, past: Callable[[str], None]
) -> None:
    """For `*` it is not there, by name it is refused with what to do; `gov policy accept` opens it, on record."""
    assert len(rows(as_user, f"SELECT * FROM {people}")[0]) == 4
    past(f"ALTER TABLE {people} ADD COLUMN passport text DEFAULT '{CANARY}'")
    broker(as_user, "bob").sync("prod")

    assert rows(as_user, f"SELECT * FROM {people} WHERE id = 1") == [(1, "[redacted]", "city 1", 7)]
    error = refused(as_user, f"SELECT passport FROM {people}")
    assert error.sqlstate == "42501"
    assert f"public.{people}.passport is closed" in str(error)
    assert f"gov policy accept prod public.{people}" in str(error)
    explained = json.loads(door.gov(as_user("alice"), "explain", "prod", "-c", f"SELECT * FROM {people}", "--json"))
    assert explained["closed"] == [f"public.{people}.passport"]

    denied = subprocess.run(
        ["gov", "policy", "accept", "prod"], env=as_user("alice"), capture_output=True, text=True, timeout=60
    )
    assert denied.returncode == 4
    assert "policy_admin" in denied.stderr
    accepted = door.gov(as_user("bob"), "policy", "accept", "prod", f"public.{people}", "--json")
    assert json.loads(accepted)["accepted"] == [f"public.{people}.passport"]
    assert rows(as_user, f"SELECT passport FROM {people} WHERE id = 1") == [(CANARY,)]
    entries = json.loads(door.gov(as_user("bob"), "audit", "search", "--kind", "columns.accepted", "--json"))
    assert f"public.{people}.passport" in json.dumps(entries)


def test_a_masked_column_under_another_name_stays_closed(
    people: str, as_user: Environment, past: Callable[[str], None]
) -> None:
    """Even under the name of one that is clear: what is accepted is a column, not a word."""
    assert len(rows(as_user, f"SELECT * FROM {people}")) == 10
    broker(as_user, "bob").release("prod", [f"public.{people}"])
    past(f"ALTER TABLE {people} DROP COLUMN city")
    past(f"ALTER TABLE {people} RENAME COLUMN ssn TO city")
    broker(as_user, "bob").sync("prod")

    assert rows(as_user, f"SELECT * FROM {people} WHERE id = 1") == [(1, 7)]
    assert refused(as_user, f"SELECT city FROM {people}").sqlstate == "42501"


def test_a_release_closes_the_table_until_the_sync(
    people: str, as_user: Environment, past: Callable[[str], None]
) -> None:
    """Its views make way for the migration; who reads meanwhile hears why, who, and what comes next."""
    with connected(as_user, prepare_threshold=0) as session:
        query = f"SELECT id, ssn FROM {people} WHERE id = 1"
        assert session.execute(query.encode()).fetchall() == [(1, "[redacted]")]
        with pytest.raises(psycopg.errors.DependentObjectsStillExist):
            past(f"ALTER TABLE {people} DROP COLUMN city")
        door.gov(as_user("bob"), "broker", "release", "prod", f"public.{people}")
        past(f"ALTER TABLE {people} DROP COLUMN city, ALTER ssn TYPE varchar(30)")
        with pytest.raises(psycopg.Error, match="released for a migration by bob") as caught:
            session.execute(query.encode())
        assert caught.value.sqlstate == "58000"
        assert "gov broker sync prod" in str(caught.value)
        assert session.execute("SELECT count(*) FROM orders").fetchall() == [(100_000,)]
        status = json.loads(door.gov(as_user("bob"), "broker", "status", "--json"))
        assert f"public.{people}" in status["targets"][0]["closed"]

        door.gov(as_user("bob"), "broker", "sync", "prod")
        assert session.execute(query.encode()).fetchall() == [(1, "[redacted]")]
        assert broker(as_user, "bob").status().targets[0].closed == {}


def test_a_view_that_somebody_dropped_is_put_up_again(
    people: str, as_user: Environment, past: Callable[[str], None]
) -> None:
    """ALTER … CASCADE past gov takes the masked views along; the next statements are served, masked."""
    with connected(as_user, prepare_threshold=0) as session:
        query = f"SELECT id, ssn FROM {people} WHERE id = 1"
        assert session.execute(query.encode()).fetchall() == [(1, "[redacted]")]
        past(f"ALTER TABLE {people} DROP COLUMN city CASCADE")

        heard: list[str] = []

        def served() -> bool:
            try:
                return session.execute(query.encode()).fetchall() == [(1, "[redacted]")]
            except psycopg.Error as error:
                heard.append(str(error))
                return False

        until(served)
        assert all("changed past gov" in each for each in heard)


def test_a_reader_waits_for_a_change_and_may_give_up(
    people: str, admin: Connection, demo: Stage, as_user: Environment
) -> None:
    """While an approved ALTER waits for somebody else's lock: one cancels, one waits and is served."""
    alice = as_user("alice")
    request = broker(as_user, "alice").submit(
        Submit(target="prod", statement=f"ALTER TABLE {people} DROP COLUMN old")
    ).request
    assert request is not None
    broker(as_user, "bob").approve(request, ApproveAsk())
    query = f"SELECT id, ssn FROM {people} WHERE id = 1".encode()
    heard: list[object] = []

    def read(session: Connection) -> None:
        try:
            heard.append(session.execute(query).fetchall())
        except psycopg.errors.QueryCanceled as error:
            heard.append(error.sqlstate)

    with connected(as_user) as one, connected(as_user) as other, psycopg.connect(
        demo.cluster.admin_dsn_of("shop")
    ) as holder:
        holder.execute(f"LOCK TABLE public.{people} IN ACCESS SHARE MODE".encode())
        spending = subprocess.Popen(["gov", "exec", "prod", "--request", request], env=alice, stderr=subprocess.PIPE)
        door.eventually(
            admin, "SELECT count(*) > 0 FROM pg_locks WHERE relation = %s::regclass AND NOT granted", f"public.{people}"
        )
        readers = [threading.Thread(target=read, args=(session,)) for session in (one, other)]
        for reader in readers:
            reader.start()
        until(lambda: one.cancel() or heard == ["57014"])
        holder.rollback()
        for reader in readers:
            reader.join(door.PATIENCE)
        spending.communicate(timeout=door.PATIENCE)
        assert spending.returncode == 0
        assert heard == ["57014", [(1, "[redacted]")]]
        read(one)
        assert heard[-1] == [(1, "[redacted]")]


def test_a_dropped_table_is_gone_for_its_readers(
    people: str, as_user: Environment, changed: Callable[[str], None]
) -> None:
    """As PostgreSQL says it: no such relation; and the session goes on."""
    with connected(as_user, prepare_threshold=0) as session:
        query = f"SELECT id, ssn FROM {people} WHERE id = 1".encode()
        assert session.execute(query).fetchall() == [(1, "[redacted]")]
        changed(f"DROP TABLE {people}")
        with pytest.raises(psycopg.Error) as caught:
            session.execute(query)
        assert "gov_m_" not in str(caught.value)
        assert session.execute("SELECT 1").fetchone() == (1,)
