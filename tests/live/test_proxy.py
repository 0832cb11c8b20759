"""`gov proxy` as tools meet it: no TLS and no password at their end, everything governed all the same."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from gov.protocol import frames, startup
from live import door
from live.door import Environment, Running

AsUser = Callable[[str], dict[str, str]]
Settings = dict[str, Any]


class Served:
    """A proxy that runs, and what it printed for programs."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.settings: Settings = json.loads(running.says(r'(?m)^\{"pghost".*\}$')[0])

    @property
    def environment(self) -> dict[str, str]:
        """What a tool needs: nothing of TLS, and a password for a port only."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return clean | {name.upper(): str(value) for name, value in self.settings.items() if name.startswith("pg")}

    def connect(self, **options: Any) -> psycopg.Connection[Any]:
        """A psycopg connection, by the settings alone."""
        given = {"host": "pghost", "port": "pgport", "user": "pguser", "dbname": "pgdatabase", "password": "pgpassword"}
        known = {name: self.settings[key] for name, key in given.items() if key in self.settings}
        return psycopg.connect(**{"sslmode": "disable", "autocommit": True, **known, **options})


@pytest.fixture(scope="module")
def serve(as_user: AsUser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Served]]:
    """Call it with options for a proxy of Alice's that is ended with the module."""
    with ExitStack() as stack:

        def start(*options: str) -> Served:
            output = tmp_path_factory.mktemp("proxy") / "printed"
            command = ["gov", "proxy", "prod", "--json", *options]
            return Served(stack.enter_context(door.running(command, as_user("alice"), output)))

        yield start


@pytest.fixture(scope="module")
def here() -> Iterator[Path]:
    """A directory with a path that is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="gov-") as directory:
        yield Path(directory)


@pytest.fixture(scope="module")
def served(serve: Callable[..., Served], here: Path) -> Served:
    """A proxy on a socket, for tests that leave it as it is."""
    return serve("--socket", str(here / "shared"))


def psql(environment: Environment, *words: str) -> subprocess.CompletedProcess[str]:
    """What the system's psql prints, without the user's own settings."""
    command = [door.program("psql"), "-X", "-At", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=door.PATIENCE)


def test_psql_needs_no_tls_and_no_password(served: Served) -> None:
    """With the directory alone: user and database are the proxy's business; what comes is masked."""
    alone = {name: value for name, value in served.environment.items() if name not in ("PGUSER", "PGDATABASE")}

    ran = psql(alone, "-c", "select email like '%***%', current_user like 'gov%' from customers where id = 1")

    assert (ran.stdout, ran.stderr) == ("t|t\n", "")


def test_the_gateway_judges_through_it(served: Served) -> None:
    """A refusal is the gateway's own, with its hint; the session lives on."""
    ran = psql(served.environment, "-c", "create table x (n int)", "-c", "select 1")

    assert ran.stdout == "1\n"
    assert "ERROR:" in ran.stderr
    assert "HINT:" in ran.stderr


def test_another_database_is_refused_by_the_gateway(served: Served) -> None:
    """The client's word for the database passes when it says one of its own."""
    ran = psql(served.environment, "-d", "elsewhere", "-c", "select 1")

    assert ran.returncode == 2
    assert "the lease is for database `shop`, not `elsewhere`" in ran.stderr


def test_a_cancel_reaches_the_statement(served: Served, admin: psycopg.Connection[Any]) -> None:
    """The keys are the gateway's own, so a CancelRequest through the proxy stops what it means."""
    slow = "select count(*) from generate_series(1, 2000000000) as proxied"

    def stop() -> None:
        door.eventually(admin, "select true from pg_stat_activity where state = 'active' and query = %s", slow)
        connection.cancel_safe()

    with served.connect() as connection, ThreadPoolExecutor() as beside:
        stopping = beside.submit(stop)
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute(slow)
        stopping.result()
        assert connection.execute("select 1").fetchone() == (1,)


def test_held_and_approved(served: Served, approve: Callable[..., object], spare: str) -> None:
    """A held statement waits in a tool behind the proxy as in any other, and runs when somebody says yes."""

    def answer(notice: psycopg.errors.Diagnostic) -> None:
        if notice.sqlstate == "01G01":
            approve(json.loads(notice.context or "{}")["request"])

    with served.connect() as connection:
        connection.add_notice_handler(answer)
        connection.execute(f"drop table {spare}")
        assert connection.execute("select to_regclass(%s)", [spare]).fetchone() == (None,)


def test_many_clients_at_once(served: Served) -> None:
    """Each has a session of its own, all under the one lease."""
    with ExitStack() as stack:
        clients = [stack.enter_context(served.connect()) for _ in range(12)]
        rows = {client.execute("select current_user, pg_backend_pid()").fetchone() for client in clients}

    assert len({pid for _, pid in rows}) == 12
    assert len({user for user, _ in rows}) == 1


def test_a_client_that_does_not_read_fills_no_memory(served: Served) -> None:
    """What it does not take stays in the database; others are served meanwhile."""
    process = psutil.Process(served.running.process.pid)
    before = process.memory_info().rss
    with socket.socket(socket.AF_UNIX) as lazy:
        lazy.connect(served.settings["socket"])
        lazy.sendall(startup.build_startup("me", "me", {}))
        lazy.sendall(frames.build_query(b"select repeat('x', 1000) from generate_series(1, 300000)"))
        until_still(process)

        assert process.memory_info().rss - before < 30_000_000
        with served.connect() as other:
            assert other.execute("select 1").fetchone() == (1,)


def test_clients_that_leave_are_nobodys_fault(serve: Callable[..., Served], here: Path) -> None:
    """At any moment, and with bytes of any kind: no word of a gateway that does not answer, no trace, nothing left."""
    served = serve("--socket", str(here / "left"))
    process = psutil.Process(served.running.process.pid)
    handles, hello = process.num_fds(), startup.build_startup("me", "me", {})
    long = frames.build_query(b"select repeat('x', 1000) from generate_series(1, 20000)")
    for number in range(40):
        with socket.socket(socket.AF_UNIX) as rude:
            rude.connect(served.settings["socket"])
            rude.sendall(hello if number % 4 else hello[: number % len(hello)])
            if number % 4 > 1:
                rude.recv(500)
                rude.sendall(long if number % 4 == 2 else b"\xff" * 50)
                rude.recv(1000)

    with served.connect() as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    until_still(process)
    assert process.num_fds() <= handles
    said = served.running.printed.partition("Ctrl-C ends it, and every session through it\n")[2]
    assert said == ""


def until_still(process: psutil.Process) -> None:
    """Wait until the process does nothing any more: everybody waits for the one who does not read."""
    deadline, used = time.monotonic() + door.PATIENCE, -1.0
    while (now := process.cpu_times().user + process.cpu_times().system) != used:
        assert time.monotonic() < deadline
        used = now
        time.sleep(0.5)


def test_a_port_asks_for_its_password(serve: Callable[..., Served]) -> None:
    """Loopback says nothing of who connects, so there the password that was printed is asked for, by SCRAM."""
    served = serve("--port", "0")

    assert (served.settings["pghost"], served.settings["socket"]) == ("127.0.0.1", None)
    assert f"every user of this machine can reach port {served.settings['pgport']}" in served.running.printed
    with served.connect(require_auth="scram-sha-256") as connection:
        assert connection.execute("select count(*) from orders").fetchone() == (100_000,)
    with pytest.raises(psycopg.OperationalError, match="not the password of the proxy"):
        served.connect(password="guessed")
    wrong = psql(served.environment | {"PGPASSWORD": "guessed"}, "-c", "select 1")
    assert (wrong.returncode, "hint" in wrong.stderr.lower()) == (2, True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_the_kernel_says_who_knocks(serve: Callable[..., Served], here: Path) -> None:
    """Another user who gets as far as the socket is refused by uid."""
    served = serve("--socket", str(here / "knocked"))
    here.chmod(0o755)
    Path(served.settings["pghost"]).chmod(0o755)
    Path(served.settings["socket"]).chmod(0o666)
    with socket.socket(socket.AF_UNIX) as knock:
        os.seteuid(65534)
        try:
            knock.connect(served.settings["socket"])
        finally:
            os.seteuid(0)
        assert b"C28000\0Mthis proxy does not serve the user with uid 65534" in knock.recv(999)


def test_a_lease_that_was_ended_is_replaced(serve: Callable[..., Served], here: Path, as_user: AsUser) -> None:
    """Its sessions hear of it; whoever connects next is under a new lease, as policy still gives one."""
    served = serve("--socket", str(here / "replaced"))
    with served.connect() as connection:
        door.gov(as_user("bob"), "kill", served.settings["lease"])
        with pytest.raises(psycopg.errors.AdminShutdown):
            connection.execute("select 1")

    with served.connect() as connection:
        found = connection.execute("select current_user").fetchone()
    assert found is not None
    assert served.settings["lease"].removeprefix("ls-") not in found[0]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_the_end(
    number: signal.Signals, status: int, serve: Callable[..., Served], here: Path, as_user: AsUser
) -> None:
    """Sessions are told, the socket and its directory go, and the lease ends: nothing is left."""
    served = serve("--socket", str(here / "ended"))
    with served.connect() as connection:
        connection.execute("select 1")
        served.running.process.send_signal(number)

        assert served.running.ends() == status
        with pytest.raises(psycopg.errors.AdminShutdown):
            connection.execute("select 1")
    assert not Path(served.settings["pghost"]).exists()
    assert served.settings["lease"] not in door.gov(as_user("alice"), "leases")
    assert "Traceback" not in served.running.printed


def test_a_lease_of_minutes_is_followed_by_the_next(serve: Callable[..., Served], here: Path) -> None:
    """Before the lease ends, new connections come in under another."""
    served = serve("--socket", str(here / "short"), "--ttl", "4s")

    def user() -> Any:
        with served.connect() as connection:
            return connection.execute("select current_user").fetchone()

    first, deadline = user(), time.monotonic() + door.PATIENCE
    while user() == first:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_what_it_says_for_people(as_user: AsUser, tmp_path: Path, here: Path) -> None:
    """Exports for `eval`, and the psql command that works."""
    place = here / "said"
    with door.running(["gov", "proxy", "prod", "--socket", str(place)], as_user("alice"), tmp_path / "out") as running:
        running.says("Ctrl-C ends it")
        command = running.says(r"gov: (psql -h .*)")[1]
        script = "\n".join(line for line in running.printed.splitlines() if line.startswith("export "))
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        for line in (f"{command} -XAtc 'select 7'", f"{script}\npsql -XAtc 'select 7'"):
            ran = subprocess.run(["sh", "-c", line], env=clean, capture_output=True, text=True, timeout=door.PATIENCE)
            assert (ran.stdout, ran.stderr) == ("7\n", "")
        running.process.send_signal(signal.SIGTERM)
        assert running.ends() == 0


def test_who_gets_no_lease_gets_no_proxy(as_user: AsUser, here: Path) -> None:
    """Policy's refusal is the command's own, and nothing stays behind."""
    command = ["gov", "proxy", "prod", "--scope", "admin", "--reason", "x", "--socket", str(here / "none")]

    ran = subprocess.run(command, env=as_user("alice"), capture_output=True, text=True, timeout=door.PATIENCE)

    assert (ran.returncode, ran.stdout) == (4, "")
    assert ran.stderr.startswith("gov: error: ")
    assert not (here / "none").exists()
