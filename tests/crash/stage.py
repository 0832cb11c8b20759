"""What a seed plays on: a PostgreSQL, an identity provider and a broker, each of which can be killed and comes back."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
from psycopg.conninfo import make_conninfo

from crash.proxy import Proxy
from gov.broker import keys
from gov.client.access import Access
from gov.client.api import Broker
from gov.client.checkpoints import Witness
from gov.client.config import Contexts, Places
from gov.client.login import device_login
from gov.control.access import LeaseGrant
from gov.demo.cluster import Cluster, free_port, is_free
from gov.demo.issuer_client import approve_device
from gov.demo.process import clean_environment
from gov.errors import GovError
from gov.lease.names import installation
from gov.target import bootstrap

PATIENCE = 60.0
LOGIN_EVERY = 500.0
"""Seconds between two logins: approvers must have logged in within 15 minutes."""
PEOPLE = ("alice", "bob", "dave")

CONFIG = """\
listen: {{ gateway: 127.0.0.1:{gateway}, api: 127.0.0.1:{api} }}
public: {{ gateway: 127.0.0.1:{gateway}, api: https://127.0.0.1:{api} }}
identity: [{{ issuer: "{issuer}", client_id: gov-cli, audience: gov }}]
state: sqlite:///state.db
keys: ../keys
audit: {{ directory: audit }}
policy: [../policy.yaml]
janitor: {{ every: 1s }}
targets: {{ prod: {{ dsn: "{dsn}", tls: off, environment: production }} }}
"""
POLICY = """\
version: 1
access:
  - { name: read, groups: [engineering], targets: [prod], scope: read, max_ttl: 8h }
  - { name: write, groups: [engineering], targets: [prod], scope: write, max_ttl: 1h }
classify:
  - { columns: [public.customers.email], as: pii.contact }
masking:
  - { name: partial, data: pii.contact, with: partial, unmask: { approvers: [dba], max_ttl: 10m } }
guardrails:
  - { name: ddl, when: { effects: [drop, truncate, alter] }, then: hold, approvers: [dba], expires: 1m }
  - name: pair
    when: { effects: [update], relations: [public.vault] }
    then: hold
    approvers: [dba]
    count: 2
    expires: 1m
  - name: unbounded
    when: { effects: [update], relations: [public.slate], where: missing }
    then: hold
    approvers: [dba]
    expires: 1m
roles:
  auditor: { groups: [dba] }
  operator: { groups: [dba] }
"""
SCHEMA = """
CREATE TABLE customers(id int PRIMARY KEY, email text, note text);
CREATE TABLE marks(mark text);
CREATE TABLE gate(mark text);
CREATE TABLE slate(id int PRIMARY KEY, note text NOT NULL DEFAULT '');
CREATE TABLE vault(id int PRIMARY KEY, note text NOT NULL DEFAULT '');
INSERT INTO customers SELECT n, 'canary-' || n || '@example.com' FROM generate_series(1, 20) AS n;
INSERT INTO slate SELECT generate_series(1, 3);
INSERT INTO vault SELECT generate_series(1, 2);
"""
WITNESS = """
CREATE SCHEMA witness;
CREATE TABLE witness.ddl(text text);
CREATE FUNCTION witness.saw() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS
$$ BEGIN INSERT INTO witness.ddl VALUES (pg_catalog.current_query()); END $$;
CREATE EVENT TRIGGER saw ON ddl_command_end WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION witness.saw();
"""
"""What was altered, by which text: an effect that shows how often it came about."""
MARK = re.compile(r"mk_[0-9]+_[0-9]+_[0-9a-f]{4}")


class Stage:
    """Everything, in one directory."""

    def __init__(self, directory: Path, *, plant: str = "") -> None:
        self.directory, self.plant = directory, plant
        self._starting = threading.RLock()
        self.hit = threading.Event()
        """Set when the armed fault has happened."""
        self.proxy = Proxy()
        self._gate: psycopg.Connection[Any] | None = None
        self._orphans: list[psutil.Process] = []
        self.cluster = Cluster(directory / "cluster")
        self.cluster.start()
        self._build()
        self.server_log = Path(json.loads((directory / "cluster" / "cluster.json").read_text())["home"]) / "server.log"
        self._issuer_port = free_port()
        (directory / "issuer").mkdir()
        self.issuer_url = f"http://127.0.0.1:{self._issuer_port}"
        self._issuer: subprocess.Popen[bytes] | None = None
        self.start_issuer()
        self._nursery = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("launcher.py"))], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=clean_environment(),
        )  # fmt: skip
        self._listen()
        self.broker_pid = 0
        self.site = directory
        self._sites = 0
        self._people: dict[str, Broker] = {}
        self._logged_in = 0.0
        (directory / "policy.yaml").write_text(POLICY)

    # PostgreSQL

    def _build(self) -> None:
        with psycopg.connect(self.cluster.admin_dsn, autocommit=True) as admin:
            admin.execute("CREATE DATABASE shop")
            for setting in ("log_statement = 'all'", "log_line_prefix = '%u|'", "restart_after_crash = off"):
                admin.execute(f"ALTER SYSTEM SET {setting}")
        self.admin("CREATE ROLE owner; GRANT CREATE ON SCHEMA public TO owner; SELECT pg_reload_conf()")
        self.admin(bootstrap.sql("broker", "shop", ["owner"], ["public"]))
        self.admin(f"ALTER ROLE broker PASSWORD 'broker'; SET ROLE owner; {SCHEMA}")
        self.admin(WITNESS)
        self.proxy.to = self.cluster.port

    def admin(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Run `sql` as superuser, past everything; its rows."""
        with psycopg.connect(self.cluster.admin_dsn_of("shop"), autocommit=True) as connection:
            cursor = connection.execute(sql.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def close_gate(self) -> None:
        """Nobody writes to the table `gate`: whoever tries waits, and does not notice that its client is gone."""
        if self._gate is not None:
            with suppress(psycopg.Error):
                self._gate.execute("SELECT 1")
                return
        self._gate = psycopg.connect(self.cluster.admin_dsn_of("shop"))
        self._gate.execute("LOCK TABLE gate IN EXCLUSIVE MODE")

    def kill_postgres(self) -> None:
        """SIGKILL the postmaster; its children find out by themselves, as they would."""
        process = self.cluster.process
        assert process is not None
        self._orphans = psutil.Process(process.pid).children()
        os.kill(process.pid, signal.SIGKILL)
        until(lambda: not self.cluster.running)

    def start_postgres(self) -> None:
        """Start it again, once the children of the one before are gone."""
        if self.cluster.running:
            return
        _, alive = psutil.wait_procs(self._orphans, timeout=5)
        for each in alive:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        psutil.wait_procs(alive, timeout=5)
        self.cluster.start()
        self.proxy.to = self.cluster.port

    # the identity provider

    def start_issuer(self) -> None:
        """Start it, on its own port; nothing happens when it runs."""
        if self._issuer is not None and self._issuer.poll() is None:
            return
        ready = self.directory / "issuer" / "ready.json"
        ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", "gov.demo.issuer", "--dir", str(self.directory / "issuer"),
                   "--port", str(self._issuer_port), "--ready-file", str(ready)]  # fmt: skip
        self._issuer = subprocess.Popen(command, env=clean_environment())
        until(ready.exists)

    def kill_issuer(self) -> None:
        """SIGKILL."""
        assert self._issuer is not None
        self._issuer.kill()
        self._issuer.wait()

    # the broker

    def new_site(self) -> None:
        """A broker with an empty state and an empty log; the keys stay."""
        self._sites += 1
        self.site = self.directory / f"site-{self._sites}"
        self.site.mkdir()
        dsn = make_conninfo(host="127.0.0.1", port=self.proxy.port, user="broker", password="broker", dbname="shop")
        self._api, self.gateway = free_port(), free_port()
        self.config = self.site / "broker.yaml"
        self.config.write_text(
            CONFIG.format(gateway=self.gateway, api=self._api, issuer=self.issuer_url, dsn=dsn)
        )
        self.disarm()
        self.start_broker()
        self._people.clear()

    def start_broker(self) -> None:
        """Start it and wait until it serves; nothing happens when it runs."""
        with self._starting:
            self._start_broker(time.monotonic() + PATIENCE)

    def _start_broker(self, deadline: float) -> None:
        while not self.broker_runs:
            ready = self.site / "ready.json"
            ready.unlink(missing_ok=True)
            until(lambda: is_free(self._api) and is_free(self.gateway))
            order = {
                "config": str(self.config), "ready": str(ready), "log": str(self.log), "plant": self.plant,
                "armed": str(self.armed), "harness": str(self.directory / "control"),
            }  # fmt: skip
            assert self._nursery.stdin is not None
            assert self._nursery.stdout is not None
            self._nursery.stdin.write(json.dumps(order) + "\n")
            self._nursery.stdin.flush()
            self.broker_pid = int(self._nursery.stdout.readline())
            while self.broker_runs and not ready.exists():
                time.sleep(0.01)
            if time.monotonic() > deadline:
                raise AssertionError(f"the broker does not come up: {self.log.read_text()[-2000:]}")

    def clear(self) -> None:
        """Kill the broker, and take away every role that it left."""
        self.kill_broker()
        for pid, in self.admin("SELECT pid FROM pg_stat_activity WHERE datname = 'shop' AND pid <> pg_backend_pid()"
                               " AND usename IS DISTINCT FROM 'postgres'"):
            self.admin("SELECT pg_terminate_backend(%s)", pid)
        for role, in self.admin("SELECT rolname FROM pg_roles WHERE rolname ~ '^gov_[lo]_'"):
            self.admin(f"DROP OWNED BY {role}; DROP ROLE {role}")

    @property
    def broker_runs(self) -> bool:
        """Whether the broker's process is there."""
        return bool(self.broker_pid) and psutil.pid_exists(self.broker_pid)

    def kill_broker(self, word: signal.Signals = signal.SIGKILL) -> None:
        """Send it `word` and wait for its end; nothing where none was started: pid 0 would be all of our own group."""
        if not self.broker_pid:
            return
        with suppress(ProcessLookupError):
            os.kill(self.broker_pid, word)
        until(lambda: not self.broker_runs)

    @property
    def log(self) -> Path:
        """What the broker said on standard error."""
        return self.site / "log"

    @property
    def installation(self) -> str:
        """The six characters of this broker's roles."""
        return installation(keys.broker_key(self.directory / "keys"))

    # people

    def person(self, name: str) -> Broker:
        """The broker as alice (engineering), bob or dave (dba) sees it."""
        self.log_in()
        return self._people[name]

    def log_in(self) -> None:
        """Log everybody in, where that was long ago."""
        if self._people and time.monotonic() - self._logged_in < LOGIN_EVERY:
            return
        self._logged_in = time.monotonic()
        for name in PEOPLE:
            places = Places.below(self.site / "users" / f"{name}-{int(self._logged_in)}")
            url = f"https://127.0.0.1:{self._api}"

            def confirm(challenge: Any, name: str = name) -> None:
                approve_device(self.issuer_url, challenge.user_code, name)

            device_login(url, places=places, ca_file=self.directory / "keys" / "ca.pem", show=confirm)
            context = Contexts(places).current({})
            self._people[name] = Broker(
                context, token=Access(context, places, {}).token, witness=Witness(context, places)
            )

    def connect(self, grant: LeaseGrant) -> psycopg.Connection[Any]:
        """A session through the gateway."""
        return psycopg.connect(
            host=grant.host, port=grant.port, user=grant.user, password=grant.password, dbname=grant.database,
            sslmode="verify-full", sslrootcert=str(self.directory / "keys" / "ca.pem"), autocommit=True,
            connect_timeout=10, prepare_threshold=None,
        )  # fmt: skip

    # faults

    @property
    def armed(self) -> Path:
        """Where the launcher reads what shall happen."""
        return self.site / "armed.json"

    def arm(self, step: str, occurrence: int, fault: str) -> None:
        """From now on: when `step` comes by for the n-th time, `fault` happens, once."""
        self.hit.clear()
        self._write_armed({"step": step, "occurrence": occurrence, "fault": fault})

    def disarm(self) -> None:
        """Nothing more happens."""
        self._write_armed({})

    def _write_armed(self, plan: dict[str, Any]) -> None:
        fresh = self.armed.with_suffix(".new")
        fresh.write_text(json.dumps(plan or {"step": "", "occurrence": 0, "fault": ""}))
        os.replace(fresh, self.armed)

    def _listen(self) -> None:
        """What the launcher asks for over the socket, it gets."""
        self._control = socket.socket(socket.AF_UNIX)
        self._control.bind(str(self.directory / "control"))
        self._control.listen(16)
        does: dict[str, Callable[[], object]] = {
            "postgres": self.kill_postgres, "issuer": self.kill_issuer, "cut": self.proxy.cut,
            "hang": self.proxy.hang, "hit": self.hit.set,
        }  # fmt: skip

        def answer() -> None:
            while True:
                try:
                    asked, _ = self._control.accept()
                except OSError:
                    return
                with asked, suppress(OSError):
                    word = asked.recv(64).decode().strip()
                    if word:
                        does[word]()
                    asked.sendall(b".")

        threading.Thread(target=answer, daemon=True).start()

    def heal(self, chance: random.Random) -> None:
        """Bring back whatever was killed or cut, a moment later."""
        time.sleep(chance.choice((0, 0.02, 0.1, 0.4)))
        self.proxy.mend()
        self.start_postgres()
        self.start_issuer()
        self.start_broker()

    @contextmanager
    def unhurt(self) -> Any:
        """Everything runs and is ended afterwards."""
        try:
            yield self
        finally:
            self.close()

    def close(self) -> None:
        """End everything."""
        if self.broker_runs:
            self.kill_broker()
        assert self._nursery.stdin is not None
        self._nursery.stdin.close()
        self._nursery.wait(20)
        if self._issuer is not None:
            self._issuer.kill()
            self._issuer.wait()
        self.proxy.close()
        self._control.close()
        psutil.wait_procs(self._orphans, timeout=5)
        self.cluster.remove()


def until(holds: Callable[[], object], patience: float = PATIENCE) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < deadline, "it does not come about"
        time.sleep(0.01)


FAILURES = (psycopg.Error, GovError, httpx.HTTPError, OSError)
"""What a client may meet while things break."""
