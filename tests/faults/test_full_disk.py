"""A real broker on a disk that fills up: statements are refused, none of them runs, and it heals by itself."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from broker import conftest
from broker.rig import Shop
from broker.site import CONFIG, Site
from faults.small_disk import SmallDisk, mounted
from gov.audit.note import signing_key
from gov.audit.verify import verify
from gov.client.api import Broker
from gov.control.access import LeaseAsk, LeaseGrant
from gov.errors import Unavailable
from gov.store.disk import Files
from gov.store.search import Filters, search
from live import door
from servers import RunningIssuer

issuer, shop = conftest.issuer, conftest.shop
PATIENCE = 60.0
"""Seconds for what the broker does within five on an idle machine."""
READ, WRITE = LeaseAsk(target="prod"), LeaseAsk(target="prod", scope="write", reason="a test")
EXT4 = pytest.param("ext4", marks=pytest.mark.skipif("GOV_TEST_LONG" not in os.environ, reason="GOV_TEST_LONG=1"))
"""The same as tmpfs, and slower."""
UPDATE = "UPDATE orders SET amount = amount + 1"


class Small(Site):
    """A broker whose log, state, or both are on a small disk."""

    def __init__(self, directory: Path, shop: Shop, issuer: str, disk: SmallDisk, *, log: bool, state: bool) -> None:
        super().__init__(directory, shop, issuer)
        self.disk = disk
        self.log_directory = (disk.directory if log else directory) / "audit"
        text = CONFIG.format(gateway=self.gateway, api=self.api, issuer=issuer, dsn=shop.broker_dsn)
        text = text.replace("directory: audit", f"directory: {self.log_directory}")
        if state:
            text = text.replace("sqlite:///state.db", f"sqlite:///{disk.directory}/state.db")
        self.config.write_text(text)

    def fill(self) -> None:
        """No room any more."""
        assert self.process is not None
        self.disk.fill(self.process.pid)

    def empty(self) -> None:
        """Room again."""
        assert self.process is not None
        self.disk.empty(self.process.pid)

    def proven(self) -> int:
        """How many entries the log provably has."""
        key = signing_key((self.directory / "keys" / "audit.key").read_text().strip())
        return verify(Files(self.log_directory), key.verifier).size

    def logged(self, text: str) -> int:
        """How many statements of that text the log has."""
        found = search(Files(self.log_directory), Filters(kind="statement"))
        return sum((each.payload or {}).get("text") == text for each in found)

    @property
    def updates(self) -> int:
        """How often the order was changed on the target."""
        return int(self.shop.admin("SELECT amount FROM orders")[0][0]) - 10


@pytest.fixture
def place(tmp_path: Path, shop: Shop, issuer: RunningIssuer) -> Iterator[Callable[..., Small]]:
    """Call it with a kind of disk, and what stands on it, for a broker that serves."""
    made: list[Any] = []

    def make(kind: str, *, log: bool = True, state: bool = True) -> Small:
        context = mounted(tmp_path / "disk", kind)
        disk = context.__enter__()
        made.append(lambda: context.__exit__(None, None, None))
        site = Small(tmp_path, shop, issuer.url, disk, log=log, state=state)
        made.append(lambda: site.process and site.kill())
        site.start()
        return site

    yield make
    for undo in reversed(made):
        undo()


def refused(act: Callable[[], object]) -> Any:
    """The error in which `act` ends at last; until then it may succeed."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            act()
        except (psycopg.Error, Unavailable) as error:
            return error
    raise AssertionError("never refused")


def served(act: Callable[[], object]) -> None:
    """Wait until `act` succeeds."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            act()
            return
        except (psycopg.Error, Unavailable):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def well(person: Broker) -> None:
    """Do nothing when the journal is.

    Raises:
        Unavailable: It is not.
    """
    status = person.status()
    if status.journal != "ok":
        raise Unavailable(status.journal_detail)


class Psql:
    """An interactive psql, by its pipes."""

    def __init__(self, site: Site, grant: LeaseGrant) -> None:
        environment = {
            "PATH": os.environ["PATH"], "PGPASSWORD": grant.password, "PGSSLMODE": "verify-full",
            "PGSSLROOTCERT": str(site.ca_file),
        }  # fmt: skip
        words = ["-X", "-q", "-t", "-A", "-v", "VERBOSITY=verbose", "-h", grant.host, "-p", str(grant.port)]
        self.process = subprocess.Popen(
            [door.program("psql"), *words, "-U", grant.user, "-d", grant.database], env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=1,
        )  # fmt: skip

    def says(self, statement: str) -> str:
        """What it prints for one statement."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{statement};\n\\echo --done\n")
        return "".join(iter(self.process.stdout.readline, "--done\n"))


@pytest.mark.parametrize("kind", ["tmpfs", EXT4, "limit"])
def test_nothing_runs_on_a_full_disk(place: Callable[..., Small], kind: str) -> None:
    """58000 in open sessions, which live on; no update reaches the target; room again, and all is served and there."""
    site = place(kind)
    alice = site.as_user("alice")
    with site.session(alice.lease(READ)) as reader, site.session(alice.lease(WRITE)) as writer:
        psql = Psql(site, alice.lease(READ))
        assert psql.says("SELECT 'before'") == "before\n"
        writer.execute(UPDATE)

        site.fill()
        done = [1]
        error = refused(lambda: (writer.execute(UPDATE), done.append(1)))
        assert (error.sqlstate, "audit" in str(error)) == ("58000", True)
        assert refused(lambda: reader.execute("SELECT 1")).sqlstate == "58000"
        for _ in range(5):
            assert refused(lambda: (writer.execute(UPDATE), done.append(1))).sqlstate == "58000"
        assert site.updates == len(done)
        assert refused(lambda: alice.lease(READ)).what
        assert "58000" in refused_psql(psql)
        status = alice.status()
        assert (status.journal, "audit" in status.journal_detail) == ("failing", True)

        site.empty()
        served(lambda: reader.execute("SELECT 2"))
        served(lambda: writer.execute(UPDATE))
        assert psql.says("SELECT 'after'") == "after\n"
        served(lambda: alice.lease(READ))
        assert site.updates == site.logged(UPDATE) == len(done) + 1
        served(lambda: well(alice))  # the tree is a second behind
        psql.process.kill()
        psql.process.communicate()

    assert site.end() == 0
    assert site.shop.roles() == []
    assert site.proven() > 0
    assert site.logged(UPDATE) == len(done) + 1
    command = [str(Path(sys.executable).with_name("gov")), "audit", "verify", "--dir", str(site.log_directory)]
    key = (site.log_directory / "key.pub").read_text().strip()
    checked = subprocess.run([*command, "--key", key], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def refused_psql(psql: Psql) -> str:
    """What psql prints once a statement of its is refused."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if "ERROR" in (said := psql.says("SELECT 'during'")):
            return said
    raise AssertionError("never refused")


@pytest.mark.skipif("GOV_TEST_LONG" not in os.environ, reason="GOV_TEST_LONG=1, and as root")
@pytest.mark.parametrize("busy", [False, True])
def test_a_frozen_disk_keeps_nobody(place: Callable[..., Small], busy: bool) -> None:
    """A suspended file system blocks every write in the kernel: refused after a pause, cut off in full swing."""
    site = place("ext4", state=False)
    alice = site.as_user("alice")
    with site.session(alice.lease(READ)) as reader, site.session(alice.lease(WRITE)) as writer:
        writer.execute(UPDATE)
        time.sleep(0.5)
        with frozen(site.disk.directory, reader if busy else None):
            error = refused(lambda: reader.execute("SELECT 1"))
            assert (error.sqlstate, reader.closed) == ((None, True) if busy else ("58000", False))
            if not busy:
                assert refused(lambda: writer.execute(UPDATE)).sqlstate == "58000"
                assert "does not answer" in alice.status().journal_detail
            assert site.updates == 1
        if busy:
            served(lambda: alice.status())
        else:
            served(lambda: writer.execute(UPDATE))

    assert site.end() == 0
    assert site.updates == site.logged(UPDATE) == (1 if busy else 2)
    assert site.proven() > 0


@contextmanager
def frozen(directory: Path, busy: psycopg.Connection[Any] | None) -> Iterator[None]:
    """Let no write to the file system come back meanwhile; `busy` reads and reads until it is cut off."""
    def reads() -> None:
        with suppress(psycopg.Error):
            while busy:
                busy.execute("SELECT 1")

    thread = threading.Thread(target=reads)
    thread.start()
    if busy:
        time.sleep(0.5)
    subprocess.run(["fsfreeze", "--freeze", str(directory)], check=True)
    try:
        thread.join()
        yield
    finally:
        subprocess.run(["fsfreeze", "--unfreeze", str(directory)], check=True)


@pytest.mark.parametrize("kind", ["tmpfs", EXT4])
def test_a_state_on_a_full_disk_gives_no_lease(place: Callable[..., Small], kind: str) -> None:
    """Asking ends in a clear error and leaves no role; what runs goes on; room again, and leases are given."""
    site = place(kind, log=False)
    alice = site.as_user("alice")
    with site.session(alice.lease(READ)) as reader:
        site.fill()
        given = []
        error = refused(lambda: given.append(alice.lease(READ)))
        assert "the store does not answer: database or disk is full" in error.what
        assert reader.execute("SELECT 1").fetchone() == (1,)

        site.empty()
        served(lambda: given.append(alice.lease(READ)))
        assert len(site.shop.roles()) == len(given) + 1

    assert site.end() == 0
    assert site.shop.roles() == []
    assert site.proven() > 0
