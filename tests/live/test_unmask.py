"""`--unmask`, from the asking to the end of the lease: by the real commands where they do more than ask the broker."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy

import gov
from commands.terminal import terminal
from gov.audit.telling import approvers
from gov.client.api import Broker
from gov.control.access import Kill, LeaseAsk
from gov.control.requests import ApproveAsk, DenyAsk, RequestView, UnmaskAsk
from gov.errors import AlreadySettled, Denied, LeaseEnded, NotApproved
from live import door
from live.wire import dialled

Environment = Callable[[str], dict[str, str]]
WHY = "a test of unmasking"
ASKING = ("--unmask", "customers.email", "--reason", WHY)
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
        time.sleep(0.05)
    raise AssertionError("nothing waits")


@pytest.fixture
def carol(as_user: Environment) -> Iterator[Broker]:
    """The broker as Carol, who may say yes."""
    with Broker.current(as_user("carol")) as broker:
        yield broker


@pytest.fixture
def alice(as_user: Environment) -> Iterator[Broker]:
    """The broker as Alice, who asks."""
    with Broker.current(as_user("alice")) as broker:
        yield broker


@pytest.fixture
def approved(alice: Broker, carol: Broker) -> str:
    """A request of Alice's that Carol has said yes to."""
    asked = alice.unmask(UnmaskAsk(target="prod", columns=["customers.email"], reason=WHY, ttl=600))
    return carol.approve(asked.request or "", ApproveAsk()).id


@pytest.fixture(scope="module")
def value(demo: Any) -> str:
    """What the first customer's address is."""
    with psycopg.connect(demo.cluster.admin_dsn_of("shop")) as admin:
        row = admin.execute("SELECT email FROM customers WHERE id = 1").fetchone()
    assert row is not None
    return str(row[0])


def lease_of(alice: Broker, request: str) -> str:
    """The lease that a request was spent on."""
    (lease,) = [each for each in alice.leases() if each.approval == request]
    assert lease.unmasked == ["public.customers.email"]
    return lease.id


def test_it_waits_for_the_answer_and_ends_with_its_lease(
    as_user: Environment, alice: Broker, carol: Broker, tmp_path: Path, value: str
) -> None:
    """`gov exec` goes on when Carol says yes, sees that column alone, now and the next time; then all is masked."""
    user = as_user("alice")
    command = ["gov", "exec", "prod", *ASKING, "-c", ONE, "--format", "csv"]
    with door.running(command, user, tmp_path / "out") as child:
        asked = waiting(carol)
        assert asked.statement == "unmask public.customers.email for 1h"
        assert (asked.reason, asked.rule, asked.approvers) == (WHY, "contact-is-partial", ["privacy"])
        with Broker.current(as_user("bob")) as bob, pytest.raises(Denied):
            bob.approve(asked.id, ApproveAsk())
        carol.approve(asked.id, ApproveAsk())
        assert child.ends() == 0, child.printed
        assert value in child.printed
        assert "[redacted]" in child.printed
        assert "waiting for privacy" in child.printed
    assert value in ran(user, "exec", "prod", *ASKING, "-c", ONE).stdout
    assert value not in ran(user, "exec", "prod", "-c", ONE).stdout

    carol.kill(Kill(id=lease_of(alice, asked.id)))
    after = ran(user, "exec", "prod", "--no-wait", *ASKING, "-c", ONE)
    assert after.returncode == 6
    request = json.loads(after.stdout)["request"]
    assert request != asked.id
    carol.deny(request, DenyAsk(reason="once is enough"))
    refused = ran(user, "exec", "prod", "--request", request, "-c", ONE)
    assert refused.returncode == 5
    assert "once is enough" in refused.stderr


def test_who_stops_waiting_withdraws_the_request(as_user: Environment, carol: Broker, tmp_path: Path) -> None:
    """Ctrl-C leaves nothing that could be approved behind somebody's back."""
    with door.running(["gov", "credentials", "prod", *ASKING], as_user("alice"), tmp_path / "out") as child:
        request = waiting(carol).id
        child.process.send_signal(signal.SIGINT)
        assert child.ends() == 128 + signal.SIGINT
    assert carol.request(request).state == "withdrawn"


def test_an_approval_is_used_later_and_once(as_user: Environment, alice: Broker, carol: Broker, value: str) -> None:
    """`--no-wait` asks, `--request` uses the yes with whatever tool, and the guardrails see a clear read."""
    user = as_user("alice")
    asked = ran(user, "connect", "prod", *ASKING, "--ttl", "10m", "--no-wait")
    assert asked.returncode == 6, asked.stderr
    request = json.loads(asked.stdout)["request"]
    spending = LeaseAsk(target="prod", request=request)
    with pytest.raises(NotApproved):
        alice.lease(spending)
    carol.approve(request, ApproveAsk())
    lease = json.loads(door.gov(user, "credentials", "prod", "--request", request, "--format", "json"))
    with pytest.raises(AlreadySettled):
        alice.lease(spending)
    with dialled(lease) as wire:
        assert wire.query(ONE).rows[0][0] == value
        bulk = wire.query("select email from customers", held=lambda request: wire.cancel())
        assert bulk.requests
        assert not bulk.rows
        assert wire.query("select query_to_xml('select ssn from customers', true, true, '')").states
    read = [each for each in carol.entries(limit=30).entries
            if each.kind == "statement" and each.fields.get("approval") == request]
    assert read[0].fields["unmasked"] == ["public.customers.email"]
    assert approvers(read[0]) == ["carol"]
    assert approvers(read[-1]) == []  # it was denied
    alice.end_lease(lease["lease"])


def test_the_prompt_goes_on_with_masks(
    as_user: Environment, alice: Broker, carol: Broker, approved: str, value: str
) -> None:
    """When the lease without the masks is over, the next statement is sent under an ordinary one, and that is said."""
    with terminal("connect", "prod", "--request", approved, size=(110, 30), **as_user("alice")) as prompt:
        prompt.shows(r"=>")
        prompt.types(f"{ONE};\r")
        prompt.shows(value)
        carol.kill(Kill(id=lease_of(alice, approved)))
        prompt.shows("your next statement connects again")
        prompt.types(f"\x0c{ONE};\r")
        prompt.shows("masked again: public.customers.email")
        prompt.shows(r"connected again, lease ls-\w+")
        prompt.shows(r" \w\*\*\*@\w\*\*\*")
        prompt.types("\x04")
        assert prompt.ends() == 0


def test_the_proxy_goes_on_with_masks(
    as_user: Environment, alice: Broker, carol: Broker, approved: str, value: str, tmp_path: Path
) -> None:
    """When the lease without the masks is over its sessions end, and whoever connects then sees masks."""
    command = ["gov", "proxy", "prod", "--port", "0", "--json", "--request", approved]
    with door.running(command, as_user("alice"), tmp_path / "out") as child:
        said = json.loads(child.says(r'(?m)^\{"pghost".*\}$')[0])
        place: dict[str, Any] = {
            "host": said["pghost"], "port": said["pgport"], "user": said["pguser"], "password": said["pgpassword"],
            "dbname": said["pgdatabase"], "sslmode": "disable", "autocommit": True,
        }
        with psycopg.connect(**place) as connection:
            assert connection.execute(ONE).fetchall()[0][0] == value
            carol.kill(Kill(id=lease_of(alice, approved)))
            with pytest.raises(psycopg.OperationalError):
                connection.execute("select 1")
        with psycopg.connect(**place) as connection:
            assert "***" in connection.execute(ONE).fetchall()[0][0]
        child.says("the approval is over: who connects now sees masks again")


def answered(carol: Broker, pending: Future[Any]) -> Any:
    """What comes of a call that waits, once Carol has said yes."""
    carol.approve(waiting(carol).id, ApproveAsk())
    return pending.result(door.PATIENCE)


def test_python_waits_too(
    as_user: Environment, alice: Broker, carol: Broker, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`gov.connect(unmask=…)` gives a connection once somebody has said yes; an engine ends with its approval."""
    for name, setting in as_user("alice").items():
        if name.startswith("GOV_"):
            monkeypatch.setenv(name, setting)
    asked = {"unmask": ["customers.email"], "reason": WHY}
    with ThreadPoolExecutor(1) as beside:
        connection = answered(carol, beside.submit(gov.connect, "prod", **asked))
        engine = answered(carol, beside.submit(gov.engine, "prod", **asked))
    with connection:
        assert connection.execute(ONE).fetchone()[::2] == (value, "[redacted]")
    with engine.connect() as session:
        assert session.execute(sqlalchemy.text(ONE)).one()[::2] == (value, "[redacted]")
    engine.dispose()
    for lease in alice.leases():
        if lease.unmasked:
            alice.end_lease(lease.id)
    with pytest.raises(LeaseEnded, match=r"the approval to unmask public\.customers\.email is over"):
        engine.connect()


def test_explain_says_what_to_type(as_user: Environment) -> None:
    """What somebody may see for the asking is said with the option; the mask that stays is said, too."""
    shown = door.gov(as_user("alice"), "explain", "prod", "-c", "select email, ssn from customers")
    assert "--unmask public.customers.email asks privacy" in shown
    assert "--unmask public.customers.ssn" not in shown
