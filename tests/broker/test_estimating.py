"""What the planner says of a statement before it runs: to whoever asks, and to whoever shall approve it."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

import psycopg
import pytest

from broker.rig import POLICY
from broker.site import Site
from gov.client.api import Broker
from gov.control.access import LeaseAsk
from gov.control.requests import RequestView, Submit
from gov.control.statements import ExplainAsk

HOLDING = POLICY.replace("roles:\n", """\
  - { name: unbounded, when: { effects: [update, delete], where: missing }, then: hold, approvers: [dba] }
roles:
""")
SERIES = "SELECT n, 1, 1 FROM generate_series(10, 509) n"


@pytest.fixture
def alice(site: Site) -> Broker:
    """The broker as an engineer sees it."""
    return site.as_user("alice")


@pytest.fixture
def bob(site: Site) -> Broker:
    """The broker as a dba sees it, who approves."""
    return site.as_user("bob")


@pytest.fixture(scope="module", autouse=True)
def full(site: Site) -> None:
    """501 orders, and a policy that holds who would change them all."""
    site.shop.admin(f"INSERT INTO orders {SERIES}; ANALYZE orders")
    bob = site.as_user("bob")
    before = bob.status().policy_digest
    site.policy.write_text(HOLDING)
    site.hang_up()
    for _ in range(600):
        if bob.status().policy_digest != before:
            return
        time.sleep(0.05)
    raise AssertionError("the policy is not taken up")


def test_what_is_explained_is_estimated(site: Site, alice: Broker) -> None:
    """What a query returns and a write changes, in whatever scope; not what runs code, and nothing stays behind."""

    def rows(text: str) -> int | None:
        return alice.explain(ExplainAsk(target="prod", statement=text)).estimated_rows

    assert rows("SELECT * FROM generate_series(1, 1000)") == 1000
    assert rows("SELECT email FROM customers LIMIT 1") == 1
    assert rows("DELETE FROM orders") == 501
    assert rows("WITH gone AS (UPDATE orders SET amount = 0 RETURNING id) SELECT count(*) FROM gone") == 501
    for unknown in ("DROP TABLE orders", "SELECT pg_read_file('/etc/passwd')", "SELECT 1; SELECT 2"):
        assert rows(unknown) is None
    assert site.shop.roles() == []


def test_whoever_approves_sees_the_estimate(site: Site, alice: Broker, bob: Broker) -> None:
    """For what waits in a session, in a transaction too, and for what waits alone; "not estimated" behind a lock."""
    asked = alice.submit(Submit(target="prod", statement="DELETE FROM orders")).request
    assert asked is not None
    assert _told(bob.request(asked)) == "about 501, the planner estimates"

    grant = alice.lease(LeaseAsk(target="prod"))
    with site.session(grant) as session:
        session.execute("BEGIN")
        session.execute("SELECT 1")
        waiting = threading.Thread(target=_swallow, args=(session, "UPDATE orders SET amount = 0"))
        waiting.start()
        held = _held(bob, "UPDATE orders SET amount = 0")
        session.cancel_safe()
        waiting.join()
    alice.end_lease(grant.lease.id)
    assert _told(held) == "about 501, the planner estimates"

    with psycopg.connect(site.shop.admin_dsn) as locking:
        locking.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        asked = alice.submit(Submit(target="prod", statement="DELETE FROM orders")).request
    assert asked is not None
    assert _told(bob.request(asked)) == "not estimated"


def _told(request: RequestView) -> str:
    return dict(request.facts)["rows"]


def _swallow(session: psycopg.Connection[object], text: str) -> None:
    with suppress(psycopg.Error):
        session.execute(text)


def _held(bob: Broker, text: str) -> RequestView:
    for _ in range(600):
        for request in bob.requests():
            if request.statement == text and request.state == "pending":
                return request
        time.sleep(0.05)
    raise AssertionError("it is not held")
