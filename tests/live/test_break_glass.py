"""Break glass, through the installed commands: who goes ahead alone, who cannot, and that everybody hears of it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gov.client.api import Broker
from gov.control.requests import ApproveAsk, DataSetAsk, RequestView, Submit, UnmaskAsk
from gov.demo.stage import Stage
from gov.errors import AlreadySettled, Denied, UsageError
from live import door

Environment = Callable[[str], dict[str, str]]
Admin = psycopg.Connection[Any]
WHY = "INC-31: checkout is down"
RULES = """
break_glass:
  - { name: on-call, users: [alice], targets: [prod], rules: [unbounded-write, contact-is-partial], max_ttl: 10m }
"""
UPDATE = "update products set price = price"
WRITE = ("--scope", "write", "--reason", WHY)


@pytest.fixture(scope="module")
def policy(demo: Stage) -> str:
    """The demo's policy, with a rule that lets Alice go ahead alone."""
    return demo.policy_file.read_text(encoding="utf-8") + RULES


@pytest.fixture(scope="module")
def bob(as_user: Environment) -> Iterator[Broker]:
    """The broker as Bob, an approver."""
    with Broker.current(as_user("bob")) as broker:
        yield broker


@pytest.fixture(scope="module", autouse=True)
def in_force(demo: Stage, bob: Broker, policy: str) -> Iterator[None]:
    """The policy, for these tests."""
    with door.ruled(demo, bob, policy):
        yield


@pytest.fixture
def alice(as_user: Environment) -> Iterator[Broker]:
    """The broker as Alice."""
    with Broker.current(as_user("alice")) as broker:
        yield broker


def ran(environment: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """`gov WORDS`, however it ends."""
    return subprocess.run(["gov", *words], env=environment, capture_output=True, text=True, timeout=door.PATIENCE)


def waiting(broker: Broker) -> RequestView:
    """The request that waits, as soon as there is one."""
    until = time.monotonic() + door.PATIENCE
    while time.monotonic() < until:
        if found := [each for each in broker.requests() if each.state == "pending"]:
            return found[-1]
        time.sleep(0.05)
    raise AssertionError("nothing waits")


def newest(broker: Broker) -> RequestView:
    """The newest request of all."""
    return broker.requests(all=True)[-1]


def glass(environment: Mapping[str, str]) -> list[dict[str, Any]]:
    """What `gov audit ask break-glass` answers an auditor."""
    found = json.loads(door.gov(environment, "audit", "ask", "break-glass", "--json"))
    rows: list[dict[str, Any]] = found["rows"] if isinstance(found, dict) else found
    return rows


def test_a_statement_goes_ahead_alone(as_user: Environment, bob: Broker, tmp_path: Path) -> None:
    """In one command: it runs, says so, names nobody as approver, and the approvers and the auditor read it."""
    user, auditor = as_user("alice"), as_user("bob")
    with door.running(["gov", "requests", "--watch"], auditor, tmp_path / "watch") as watch:
        explained = door.gov(user, "explain", "prod", "--scope", "write", "-c", UPDATE)
        assert "alone      by on-call" in explained
        done = ran(user, "exec", "prod", *WRITE, "--break-glass", "-c", UPDATE)
        assert (done.returncode, done.stdout.split()[0]) == (0, "UPDATE"), done.stderr
        assert "alice goes ahead alone, by break glass (rule on-call)" in done.stderr
        request = newest(bob)
        watch.says(f"BREAK GLASS  alice goes ahead alone, by on-call: {WHY}")
    assert (request.state, request.break_glass, request.statement) == ("spent", "on-call", UPDATE)
    assert [(each.approver, each.break_glass, each.reason) for each in request.answers] == [("alice", "on-call", WHY)]
    told = [each for each in glass(auditor) if request.id in str(each) or each["about"] == UPDATE]
    assert {"request.answered yes", "request.spent", "hold, done"} <= {each["what"] for each in told}
    assert any(str(each["about"]).endswith(f"approved: {WHY}") for each in told)
    assert all(each["approved_by"] == ["alone, by break glass (on-call)"] for each in told)
    again = ran(user, "approve", request.id, "--break-glass", "--reason", WHY)
    assert (again.returncode, "is spent already" in again.stderr) == (6, True)


def test_from_a_second_terminal(as_user: Environment, alice: Broker, admin: Admin, tmp_path: Path) -> None:
    """Any client waits; its user breaks the glass beside it, bounded if they like."""
    user = as_user("alice")
    before = admin.execute("select count(*) from products").fetchone()
    assert before is not None
    for bound, status in ((before[0], 0), (1, 4)):
        command = ["gov", "exec", "prod", *WRITE, "-c", UPDATE]
        with door.running(command, user, tmp_path / f"out{status}") as child:
            child.says(r"in an emergency: gov approve rq-\w+ --break-glass")
            asked = waiting(alice)
            own = ran(user, "approve", asked.id, "--yes")
            assert (own.returncode, "--break-glass" in own.stderr) == (4, True)
            bare = ran(user, "approve", asked.id, "--break-glass", "--yes")
            assert (bare.returncode, "owes a reason" in bare.stderr) == (2, True)
            with pytest.raises(UsageError, match="owes a reason"):
                alice.approve(asked.id, ApproveAsk(break_glass=True, reason=" "))
            rest = ("--break-glass", "--reason", WHY, "--yes", "--max-rows", str(bound))
            said = door.gov(user, "approve", asked.id, *rest)
            assert "you go ahead alone by on-call" in said
            assert child.ends() == status, child.printed


def test_who_and_what_may_not(as_user: Environment, alice: Broker, bob: Broker) -> None:
    """Another rule's hold, a deny, somebody else, an agent, a data set: each is told, and nothing runs."""
    user = as_user("alice")
    drop = ran(user, "exec", "prod", "--reason", WHY, "--break-glass", "-c", "drop table payments")
    assert (drop.returncode, "no break-glass rule lets alice" in drop.stderr) == (4, True)
    assert newest(bob).state == "withdrawn"
    denied = ran(user, "exec", "prod", "--reason", WHY, "--break-glass", "-c", "copy products to '/tmp/x'")
    assert (denied.returncode, "no-server-files" in denied.stderr) == (4, True)
    assert ran(user, "exec", "prod", "--break-glass", "-c", "select 1").returncode == 2

    asked = alice.submit(Submit(target="prod", scope="write", statement=UPDATE, reason=WHY)).request or ""
    yes = ApproveAsk(break_glass=True, reason=WHY)
    for other in ("bob", "assistant"):
        with Broker.current(as_user(other)) as broker, pytest.raises(Denied, match="not your own"):
            broker.approve(asked, yes)
    with Broker.current(as_user("assistant")) as agent:
        theirs = agent.unmask(UnmaskAsk(target="prod", columns=["customers.email"], reason=WHY)).request or ""
        with pytest.raises(Denied, match="no break-glass rule"):
            agent.approve(theirs, yes)
    with pytest.raises(Denied, match="not your own"):
        alice.approve(theirs, yes)
    assert alice.request(asked).state == alice.request(theirs).state == "pending"
    alice.withdraw(theirs)

    with Broker.current(as_user("alice")) as broker:
        ask = DataSetAsk(name="glass", target="prod", statement="select id from products", purpose="train:x")
        dataset = broker.ask_dataset(ask).request
        with pytest.raises(Denied, match="no break-glass rule"):
            broker.approve(dataset, yes)
        broker.withdraw(dataset)

    # `--no-wait`, and then alone: once.
    alice.approve(asked, yes)
    assert ran(user, "exec", "prod", "--request", asked).returncode == 0
    with pytest.raises(AlreadySettled):
        alice.approve(asked, yes)


def test_masks(
    as_user: Environment, alice: Broker, demo: Stage, bob: Broker, policy: str, tmp_path: Path
) -> None:
    """Lifted alone where the rule names the mask, for as long as it says; gone with the rule; traced as alone."""
    user = as_user("alice")
    query = "select email from customers where id = 1"
    done = ran(user, "exec", "prod", "--reason", WHY, "--break-glass", "--unmask", "customers.email", "-c", query)
    assert (done.returncode, "*" in done.stdout) == (0, False), done.stderr
    (lease,) = [each for each in alice.leases() if each.approval == newest(bob).id]
    begun, ends = (time.strptime(each, "%Y-%m-%dT%H:%M:%SZ") for each in (lease.created_at, lease.expires_at))
    assert time.mktime(ends) - time.mktime(begun) == 600
    assert "alone, by break glass: rule on-call" in door.gov(as_user("bob"), "trace", "customers.email")
    (read,) = [each for each in glass(as_user("bob")) if each["about"] == query]
    assert read["approved_by"] == ["alone, by break glass (on-call)"]
    path = tmp_path / "address.csv"
    door.gov(user, "exec", "prod", "--reason", WHY, "--unmask", "customers.email", "-c", query, "-o", str(path))
    assert "alone     alice, by break glass (rule on-call)" in door.gov(user, "receipt", "show", str(path))

    with door.ruled(demo, bob, policy.replace(", contact-is-partial], max_ttl: 10m", "]")):
        until = time.monotonic() + door.PATIENCE
        while lease.id in [each.id for each in alice.leases()]:
            assert time.monotonic() < until, "the lease outlives the rule"
            time.sleep(0.05)
        asked = alice.unmask(UnmaskAsk(target="prod", columns=["customers.email"], reason=WHY)).request or ""
        with pytest.raises(Denied, match="no break-glass rule"):
            alice.approve(asked, ApproveAsk(break_glass=True, reason=WHY))
        alice.withdraw(asked)


def test_a_receipt_names_no_approver(as_user: Environment, tmp_path: Path) -> None:
    """It says that its person went ahead alone, and by which rule."""
    path = tmp_path / "prices.csv"
    returning = f"{UPDATE} returning name, price"
    door.gov(as_user("alice"), "exec", "prod", *WRITE, "--break-glass", "-c", returning, "-o", str(path))
    shown = door.gov(as_user("alice"), "receipt", "show", str(path))
    assert "alone     alice, by break glass (rule on-call)" in shown
    assert "approved" not in shown


def test_policy_changes_while_it_waits(
    as_user: Environment, alice: Broker, bob: Broker, demo: Stage, policy: str, tmp_path: Path
) -> None:
    """The rule goes before the answer, or a rule forbids it by then: alone or approved, it does not run."""
    user = as_user("alice")
    command = ["gov", "exec", "prod", *WRITE, "-c", UPDATE]
    forbidding = policy.replace("guardrails:\n", """guardrails:
  - { name: frozen, when: { effects: [update], relations: public.products }, then: deny, message: "prices are frozen" }
""")
    with door.running(command, user, tmp_path / "gone") as child:
        asked = waiting(alice)
        with door.ruled(demo, bob, policy.replace("users: [alice]", "users: [dave]")):
            with pytest.raises(Denied, match="no break-glass rule"):
                alice.approve(asked.id, ApproveAsk(break_glass=True, reason=WHY))
            assert alice.request(asked.id).state == "pending"
            alice.withdraw(asked.id)
            child.ends()
    for approver, answer in ((bob, ApproveAsk()), (alice, ApproveAsk(break_glass=True, reason=WHY))):
        with door.running(command, user, tmp_path / "forbidden") as child:
            asked = waiting(alice)
            with door.ruled(demo, bob, forbidding):
                approver.approve(asked.id, answer)
                assert child.ends() == 4, child.printed
                assert "prices are frozen" in child.printed
        assert alice.request(asked.id).state == "withdrawn"
