"""The daemon starts whole or not at all, survives what is around it, and leaves nothing behind."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from broker.site import Site
from gov.audit.note import signing_key
from gov.audit.verify import verify
from gov.control.access import LeaseAsk
from gov.control.requests import ApproveAsk, Submit
from gov.demo.cluster import Cluster
from gov.errors import Unavailable, Unreachable
from gov.store.disk import Files
from gov.store.search import Filters, search
from servers import RunningIssuer

READ = LeaseAsk(target="prod")


@pytest.fixture
def site(issuer: RunningIssuer, shop: Any, tmp_path: Path) -> Iterator[Site]:
    """A broker that does not run yet."""
    site = Site(tmp_path, shop, issuer.url)
    yield site
    if site.process is not None:
        site.end(signal.SIGKILL)


def entries(site: Site, kind: str) -> list[dict[str, Any]]:
    """Fields and payload of every entry of a kind, newest first."""
    found = search(Files(site.directory / "audit"), Filters(kind=kind))
    return [{**each.fields, **(each.payload or {})} for each in found]


def verified(site: Site) -> int:
    """How many entries the log provably has."""
    key = (site.directory / "keys" / "audit.key").read_text().strip()
    return verify(Files(site.directory / "audit"), signing_key(key).verifier).size


def until(holds: Callable[[], bool]) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_it_serves_and_ends_in_good_order(site: Site) -> None:
    """SIGTERM: sessions hear 57P01, roles go, the last entry says why, the log verifies."""
    site.start()
    grant = site.as_user("alice").lease(READ)
    with site.session(grant) as session:
        assert site.shop.roles() == [grant.user]
        assert site.end() == 0
        with pytest.raises(psycopg.OperationalError) as ended:
            session.execute("SELECT 1")
    assert ended.value.sqlstate in ("57P01", None)
    assert site.shop.roles() == []
    assert [each["because"] for each in entries(site, "broker.stopped")] == ["told to stop"]
    assert [each["because"] for each in entries(site, "lease.ended")] == ["the broker stopped"]
    assert verified(site) > 0


def test_a_client_that_keeps_its_connection_does_not_hold_it_up(site: Site) -> None:
    """One that was answered and reads no more is cut off, not waited for."""
    site.start()
    with site.as_user("alice") as alice:
        alice.whoami()
        assert site.end() == 0
    assert "graceful" not in site.log


def test_keys_are_made_once_and_for_nobody_else(site: Site) -> None:
    """Mode 0600 in a directory of 0700, and the same keys after a restart."""
    site.start()
    site.end()
    keys = {path.name: path.read_bytes() for path in (site.directory / "keys").iterdir()}
    assert {"broker.key", "audit.key", "ca.key", "ca.pem", "server.key", "server.pem"} <= keys.keys()
    for name in ("broker.key", "audit.key", "ca.key", "server.key"):
        assert (site.directory / "keys" / name).stat().st_mode & 0o777 == 0o600
    site.start()
    site.end()
    assert {path.name: path.read_bytes() for path in (site.directory / "keys").iterdir()} == keys


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("policy.yaml", "version: 1\naccess:\n  - { nmae: x }\n", "policy.yaml:3:"),
        ("policy.yaml", "version: 1\naccess: [\n", "policy.yaml:3:"),
        ("broker.yaml", "listen: { gatewy: 1 }\n", "broker.yaml:1:11: listen.gatewy: unknown key"),
    ],
)
def test_a_broken_file_at_start_is_refused(site: Site, file: str, text: str, says: str) -> None:
    """Exit 2 with file, line and column, before anything was made."""
    (site.directory / file).write_text(text)

    assert site.spawn().wait(30) == 2
    assert says in site.log
    assert "Traceback" not in site.log
    assert not (site.directory / "keys").exists()


def test_keys_that_others_can_read_are_refused(site: Site) -> None:
    """It says which, and how to mend it."""
    site.start()
    site.end()
    (site.directory / "keys" / "broker.key").chmod(0o644)

    assert site.spawn().wait(30) == 2
    assert "chmod 600" in site.log


def test_an_address_that_is_taken(site: Site) -> None:
    """A second broker on the same directory or address says so and touches nothing."""
    site.start()
    first = site.process

    assert site.spawn().wait(30) == 7
    assert "another process writes the audit log" in site.log
    site.process = first
    assert site.as_user("alice").lease(READ).user in site.shop.roles()


def test_a_broken_policy_later_changes_nothing(site: Site) -> None:
    """The last good one stays, status says why, the trail too; mended, it is in force by itself."""
    site.start()
    alice, good = site.as_user("alice"), site.policy.read_text()
    before = alice.status()
    site.policy.write_text(good.replace("engineering", "enginering", 1) + "bogus: 1\n")
    until(lambda: alice.status().policy_error is not None)

    error = alice.status().policy_error
    assert error is not None
    assert "policy.yaml:" in error
    assert alice.status().policy_digest == before.policy_digest
    assert [each.scope for each in alice.targets()[0].scopes] == ["read", "write"]
    assert len(entries(site, "policy.refused")) == 1

    site.policy.write_text(good.replace("write\n    groups: [engineering]", "write\n    groups: [others]"))
    site.hang_up()
    until(lambda: alice.status().policy_error is None)
    assert [each.scope for each in alice.targets()[0].scopes] == ["read"]
    assert [each["version"] for each in entries(site, "policy.loaded")] == [2, 1]


def test_a_target_that_is_down_does_not_stop_the_broker(site: Site, cluster: Cluster) -> None:
    """It serves, says `down`, refuses leases at once, and finds the target when it comes back."""
    database = cluster.admin_dsn_of("postgres")
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(f"ALTER ROLE {site.shop.broker} NOLOGIN")
        site.start()
        alice = site.as_user("alice")
        assert [each.status for each in alice.targets()] == ["down"]
        begun = time.monotonic()
        with pytest.raises((Unreachable, Unavailable)):
            alice.lease(READ)
        assert time.monotonic() - begun < 8
        admin.execute(f"ALTER ROLE {site.shop.broker} LOGIN")
    until(lambda: alice.targets()[0].status == "up")
    assert alice.lease(READ).user in site.shop.roles()


def test_kill_9_with_a_session_a_hold_and_an_approval_open(site: Site) -> None:
    """After the next start: no role, nothing held ran, what waited in a session is withdrawn, the log holds."""
    site.start()
    alice, bob = site.as_user("alice"), site.as_user("bob")
    grant = alice.lease(READ)
    no_wait = alice.submit(Submit(target="prod", statement="DROP TABLE customers CASCADE")).request
    assert no_wait is not None
    bob.approve(no_wait, ApproveAsk())
    failed: list[BaseException] = []

    def drop() -> None:
        try:
            with site.session(grant) as session:
                session.execute("DROP TABLE orders")
        except psycopg.Error as error:
            failed.append(error)

    thread = threading.Thread(target=drop)
    thread.start()
    until(lambda: any(each.session for each in bob.requests()))
    (held,) = [each.id for each in bob.requests() if each.session]
    site.kill()
    thread.join(30)
    assert len(failed) == 1
    assert site.shop.roles() == [grant.user]

    site.start()
    assert site.shop.roles() == []
    assert bob.request(held).state == "withdrawn"
    assert bob.request(no_wait).state == "approved"
    with pytest.raises(Exception, match=r"settled|withdrawn|answer"):
        bob.approve(held, ApproveAsk())
    assert site.shop.admin("SELECT count(*) FROM orders") == [(1,)]
    assert [each["recovered"] for each in entries(site, "broker.started")] == [1, 0]
    until(lambda: verified(site) > 0)
    site.end()
    verified(site)


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.03])
def test_kill_9_while_leases_are_made(site: Site, delay: float) -> None:
    """Whenever the broker dies, the next start leaves no role that nobody owns."""
    site.start()
    alice = site.as_user("alice")

    def ask() -> None:
        try:
            while True:
                alice.lease(READ)
        except (Unreachable, Unavailable):
            return

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    until(lambda: len(site.shop.roles()) > 2)
    time.sleep(delay)
    site.kill()
    for thread in threads:
        thread.join(30)

    site.start()
    assert site.shop.roles() == []
    site.end()
    verified(site)
