"""`--unmask`, from the asking to the end of the lease, by the real commands."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gov.client.api import Broker
from gov.control.models import ApproveAsk, DenyAsk, Kill, RequestView
from gov.errors import Denied
from live import door
from live.wire import dialled

Environment = Callable[[str], dict[str, str]]
ASKING = ("--unmask", "customers.email", "--reason", "a test of unmasking")
ONE = "select email, phone, ssn from customers where id = 1"


def ran(environment: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """`gov WORDS`, however it ends."""
    return subprocess.run(["gov", *words], env=environment, capture_output=True, text=True, timeout=door.PATIENCE)


def waiting(broker: Broker) -> RequestView:
    """The request to unmask that waits, as soon as there is one."""
    until = time.monotonic() + door.PATIENCE
    while time.monotonic() < until:
        if found := [each for each in broker.requests() if each.unmask and each.state == "pending"]:
            return found[0]
        time.sleep(0.1)
    raise AssertionError("nothing waits")


@pytest.fixture
def carol(as_user: Environment) -> Iterator[Broker]:
    """The broker as Carol, who may say yes."""
    with Broker.current(as_user("carol")) as broker:
        yield broker


@pytest.fixture
def value(admin: psycopg.Connection[Any]) -> str:
    """What the first customer's address is."""
    row = admin.execute("SELECT email FROM customers WHERE id = 1").fetchone()
    assert row is not None
    return str(row[0])


def test_it_waits_for_the_answer_and_ends_with_its_lease(
    as_user: Environment, carol: Broker, tmp_path: Path, value: str
) -> None:
    """`gov exec` goes on when Carol says yes, sees that column alone, now and the next time; then all is masked."""
    alice = as_user("alice")
    command = ["gov", "exec", "prod", *ASKING, "-c", ONE, "--format", "csv"]
    with door.running(command, alice, tmp_path / "out") as child:
        asked = waiting(carol)
        assert asked.statement == "unmask public.customers.email for 1h"
        assert (asked.reason, asked.rule, asked.approvers) == ("a test of unmasking", "contact-is-partial", ["privacy"])
        with Broker.current(as_user("bob")) as bob, pytest.raises(Denied):
            bob.approve(asked.id, ApproveAsk())
        carol.approve(asked.id, ApproveAsk())
        assert child.ends() == 0, child.printed
        assert value in child.printed
        assert "[redacted]" in child.printed
        assert "waiting for privacy" in child.printed
    assert value in ran(alice, "exec", "prod", *ASKING, "-c", ONE).stdout
    assert value not in ran(alice, "exec", "prod", "-c", ONE).stdout

    with Broker.current(alice) as mine:
        (lease,) = [each for each in mine.leases() if each.approval == asked.id]
        assert lease.unmasked == ["public.customers.email"]
        carol.kill(Kill(id=lease.id))
        after = ran(alice, "exec", "prod", "--no-wait", *ASKING, "-c", ONE)
        assert after.returncode == 6
        request = json.loads(after.stdout)["request"]
        assert request != asked.id
        carol.deny(request, DenyAsk(reason="once is enough"))
    refused = ran(alice, "exec", "prod", "--request", request, "-c", ONE)
    assert refused.returncode == 5
    assert "once is enough" in refused.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_stops_waiting_withdraws_the_request(
    as_user: Environment, carol: Broker, tmp_path: Path, number: signal.Signals
) -> None:
    """Ctrl-C and SIGTERM leave nothing that could be approved behind somebody's back."""
    with door.running(["gov", "credentials", "prod", *ASKING], as_user("alice"), tmp_path / "out") as child:
        request = waiting(carol).id
        child.process.send_signal(number)
        assert child.ends() == 128 + number
    assert carol.request(request).state == "withdrawn"


def test_an_approval_is_used_later_and_once(as_user: Environment, carol: Broker, value: str) -> None:
    """`--no-wait` asks, `--request` uses the yes with whatever tool, and the guardrails see a clear read."""
    alice = as_user("alice")
    asked = ran(alice, "connect", "prod", *ASKING, "--ttl", "10m", "--no-wait")
    assert asked.returncode == 6, asked.stderr
    request = json.loads(asked.stdout)["request"]
    assert ran(alice, "credentials", "prod", "--request", request).returncode == 6
    carol.approve(request, ApproveAsk())
    lease = json.loads(door.gov(alice, "credentials", "prod", "--request", request, "--format", "json"))
    assert ran(alice, "exec", "prod", "--request", request, "-c", ONE).returncode == 6
    with dialled(lease) as wire:
        assert wire.query(ONE).rows[0][0] == value
        bulk = wire.query("select email from customers", held=lambda request: wire.cancel())
        assert bulk.requests
        assert not bulk.rows
        assert wire.query("select query_to_xml('select ssn from customers', true, true, '')").states
    read = [each.fields for each in carol.entries(limit=30).entries
            if each.kind == "statement" and each.fields.get("approval") == request]
    assert read[0]["unmasked"] == ["public.customers.email"]
    with Broker.current(alice) as mine:
        mine.end_lease(lease["lease"])


PROGRAM = f"""
import gov
with gov.connect("prod", unmask=["customers.email"], reason="a test of unmasking") as connection:
    print(*connection.execute("{ONE}").fetchone())
"""


def test_python_waits_too(as_user: Environment, carol: Broker, tmp_path: Path, value: str) -> None:
    """`gov.connect(unmask=…)` gives a connection once somebody has said yes."""
    with door.running([sys.executable, "-c", PROGRAM], as_user("alice"), tmp_path / "out") as child:
        carol.approve(waiting(carol).id, ApproveAsk())
        assert child.ends() == 0, child.printed
        assert value in child.printed
        assert "[redacted]" in child.printed


def test_explain_says_what_to_type(as_user: Environment) -> None:
    """What somebody may see for the asking is said with the option; the mask that stays is said, too."""
    shown = door.gov(as_user("alice"), "explain", "prod", "-c", "select email, ssn from customers")
    assert "--unmask public.customers.email asks privacy" in shown
    assert "--unmask public.customers.ssn" not in shown
