"""The last refusal, from the trail: it outlives the broker that refused. More of it in `tests/live/test_why.py`."""

from __future__ import annotations

import json
from collections.abc import Iterator

import psycopg
import pytest

from broker.rig import POLICY, governed
from broker.site import Site
from gov.client.api import Broker
from gov.control.access import LeaseAsk
from gov.control.requests import Submit
from gov.control.statements import Refusal
from gov.demo.cluster import Cluster
from servers import RunningIssuer


@pytest.fixture(scope="module")
def hasty(cluster: Cluster, issuer: RunningIssuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A broker at which a request waits for a second only."""
    with governed(cluster) as shop:
        site = Site(tmp_path_factory.mktemp("hasty"), shop, issuer.url)
        site.policy.write_text(POLICY.replace("approvers: [dba]", "approvers: [dba]\n    expires: 1s"))
        site.start()
        yield site
        site.end()


def test_refusals_outlive_the_broker(hasty: Site) -> None:
    """Timed out in a session, withdrawn by its own requester, denied: after a restart too, and from the log alone."""
    alice = hasty.as_user("alice")
    with hasty.session(alice.lease(LeaseAsk(target="prod"))) as session:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("insert into orders values (2, 1, 1)")
        _withdraws(session, alice)
        assert _refusal(alice).statement == "insert into orders values (2, 1, 1)"  # not what was taken back
        with pytest.raises(psycopg.errors.QueryCanceled):
            session.execute("drop table orders")
    late = _refusal(alice)
    assert (late.outcome, late.statement, late.approvers) == ("timed out", "drop table orders", ["dba"])
    assert late.told == f"nobody answered {late.request} in time"

    hasty.end()
    hasty.start()

    assert _refusal(alice) == late
    assert hasty.as_user("bob").why().refusal is None


def test_a_request_that_nobody_answered(hasty: Site) -> None:
    """`--no-wait`: nobody was there when it expired, so that is when one asks why."""
    alice = hasty.as_user("alice")
    asked = alice.submit(Submit(target="prod", statement="truncate orders", reason="tidy"))
    while alice.request(asked.request or "").state == "pending":
        pass

    why = alice.why()
    assert why.refusal is not None
    assert (why.refusal.kind, why.refusal.outcome, why.now) == ("request", "timed out", "hold")
    assert why.next[0].command == "gov exec prod --reason tidy --no-wait -c 'truncate orders'"


def test_reading_why_is_in_the_trail(hasty: Site) -> None:
    """As every read of the log is."""
    alice, bob = hasty.as_user("alice"), hasty.as_user("bob")
    alice.why()

    entries = bob.entries(kind="log.read", principal="alice").entries
    assert entries[-1].fields["what"] == "refusal"


def _refusal(broker: Broker) -> Refusal:
    found = broker.why().refusal
    assert found is not None
    return found


def _withdraws(session: psycopg.Connection[tuple[object, ...]], alice: Broker) -> None:
    """Have a held statement taken back by whoever sent it."""

    def take_back(notice: psycopg.errors.Diagnostic) -> None:
        if notice.sqlstate == "01G01":
            alice.withdraw(json.loads(notice.context or "{}")["request"])

    session.add_notice_handler(take_back)
    with pytest.raises(psycopg.errors.QueryCanceled):
        session.execute("alter table orders add column note text")
    session.remove_notice_handler(take_back)
