"""One lease after another."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gov.client.leases import MARGIN, Leases
from gov.control.access import LeaseGrant, LeaseView
from gov.errors import Denied, GovError, Unreachable


class Desk:
    """Gives leases of a minute by a clock that tests turn."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.given = 0
        self.refusal: GovError | None = None

    def take(self) -> LeaseGrant:
        """The next lease."""
        if self.refusal:
            raise self.refusal
        self.given += 1
        view = LeaseView(
            id=f"ls-{self.given}", principal="alice", target="prod", scope="read", state="active", purpose="",
            reason="", rule="r", created_at=self.said(0), expires_at=self.said(600),
        )  # fmt: skip
        return LeaseGrant(lease=view, host="h", port=1, user="u", password="p", database="d", ca="", environment="e")

    def said(self, seconds: float) -> str:
        """So many seconds from now, as the API says it."""
        return datetime.fromtimestamp(self.now + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def desk() -> Desk:
    """It gives leases of ten minutes."""
    return Desk()


@pytest.fixture
def leases(desk: Desk) -> Leases:
    """Taken at the desk."""
    return Leases(desk.take, clock=lambda: desk.now)


def current(leases: Leases, refused: str = "") -> str:
    """The id of the lease to use."""
    return leases.current(refused=refused).lease.id


def test_one_lease_serves_until_it_is_about_to_end(desk: Desk, leases: Leases) -> None:
    """Then it is the next one."""
    assert [current(leases), current(leases)] == ["ls-1", "ls-1"]
    desk.now += 600 - MARGIN - 1
    assert current(leases) == "ls-1"
    desk.now += 2
    assert current(leases) == "ls-2"


def test_a_lease_that_the_gateway_refuses_is_replaced_once(desk: Desk, leases: Leases) -> None:
    """By whoever is the first to say so: the others get the one that was taken then."""
    assert current(leases) == "ls-1"
    assert [current(leases, "ls-1"), current(leases, "ls-1")] == ["ls-2", "ls-2"]


def test_while_the_broker_is_away_a_lease_serves_to_its_end(desk: Desk, leases: Leases) -> None:
    """A broker that is down is no reason to stop; a refusal by policy is, at once."""
    current(leases)
    desk.refusal = Unreachable("away", hint="")
    desk.now += 599
    assert current(leases) == "ls-1"
    desk.now += 2
    with pytest.raises(Unreachable):
        leases.current()


def test_policy_has_its_say_at_every_renewal(desk: Desk, leases: Leases) -> None:
    """Who is denied the next lease does not go on under the old one."""
    current(leases)
    desk.refusal = Denied("no more", hint="")
    desk.now += 590
    with pytest.raises(Denied):
        leases.current()


def test_what_is_given_up_is_told_once(desk: Desk, leases: Leases) -> None:
    """Those that have not ended by themselves."""
    current(leases)
    desk.now += 595
    current(leases)
    desk.now += 10

    assert leases.given_up() == ["ls-2"]
    assert leases.given_up() == []
