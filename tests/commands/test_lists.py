"""What is open: targets, leases, sessions; and ending it."""

from __future__ import annotations

import json
import re

import pytest

from commands.fake_broker import FakeBroker, Gov, moment
from gov.control.access import LeaseView, SessionView

LEASE = LeaseView(id="ls-1", principal="alice", target="prod", scope="read", state="active", purpose="",
                  reason="look \x1b[31m", rule="r", created_at="2026-01-31T12:00:00Z",
                  expires_at="2026-01-31T13:00:00Z", sessions=1)
SESSION = SessionView(id="ss-1", lease="ls-1", principal="alice", target="prod", scope="read",
                      client="psql from 127.0.0.1:5", state="held", started_at="2026-01-31T12:00:00Z",
                      statements=3, backend_pid=7, request="rq-1")


def test_targets(gov: Gov, broker: FakeBroker) -> None:
    """Each with its scopes, the longest lease, and what must be said for it."""
    assert gov("targets").out.splitlines() == [
        "TARGET  ENVIRONMENT  DATABASE  STATUS  SCOPES",
        "prod    production   shop      up      read (8h), write (1h, reason)"]


def test_leases(gov: Gov, broker: FakeBroker) -> None:
    """Open ones, escaped; `--stuck` keeps those whose role could not be dropped."""
    broker.leases = [LEASE, LEASE.model_copy(update={"id": "ls-2", "state": "stuck"})]

    assert "look \\x1b[31m" in gov("leases").out
    assert [lease["id"] for lease in json.loads(gov("leases", "--stuck", "--json").out)] == ["ls-2"]


def test_stuck_leases_say_what_is_in_the_way(gov: Gov, broker: FakeBroker) -> None:
    """How often it was tried, when the next try comes, why the last one failed; escaped."""
    tried = {"state": "ending", "tries": 4, "last_error": "owns\x1b[31m a table", "next_try": moment(90)}
    broker.leases = [LEASE, LEASE.model_copy(update={"id": "ls-2", **tried})]

    head, line = gov("leases", "--stuck").out.splitlines()

    assert head.split()[-4:] == ["NEXT", "IN", "THE", "WAY"]
    assert line.split()[:5] == ["ls-2", "alice", "prod", "ending", "4"]
    assert re.search(r"in \d+s", line)
    assert line.endswith("owns\\x1b[31m a table")
    assert json.loads(gov("leases", "--stuck", "--json").out)[0]["tries"] == 4
    broker.leases = [LEASE]
    assert "no lease is stuck" in gov("leases", "--stuck").err


def test_sessions(gov: Gov, broker: FakeBroker) -> None:
    """A held session names its request."""
    broker.sessions = [SESSION.model_copy(update={"started_at": moment(-300)})]

    line = gov("sessions").out.splitlines()[1]

    assert "held rq-1" in line
    assert "5m ago" in line
    assert line.endswith("psql from 127.0.0.1:5")


@pytest.mark.parametrize(("words", "body"), [
    (("ss-1",), {"id": "ss-1", "user": None}), (("--user", "alice"), {"id": None, "user": "alice"})])
def test_kill(gov: Gov, broker: FakeBroker, words: tuple[str, ...], body: dict[str, object]) -> None:
    """What was ended is named."""
    assert gov("kill", *words).out == "ended lease ls-0\nended session ss-1\n"
    assert broker.asked == [("/v1/kill", body)]


@pytest.mark.parametrize("words", [(), ("ss-1", "--user", "alice")])
def test_kill_needs_one_of_both(gov: Gov, broker: FakeBroker, words: tuple[str, ...]) -> None:
    """Neither nothing nor two things are ended."""
    assert gov("kill", *words).status == 2
    assert broker.asked == []
