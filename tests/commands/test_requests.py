"""Requests listed, shown, approved and denied."""

from __future__ import annotations

import json

import pytest

from commands.fake_broker import FakeBroker, Gov, pending
from commands.terminal import terminal


def test_the_list(gov: Gov, broker: FakeBroker) -> None:
    """A line for each request; the statement on one line, escaped."""
    broker.requests["rq-1"] = pending("rq-1", statement="drop table\n  \x1b[2Jorders")

    ran = gov("requests")

    assert ran.out.splitlines()[0].split() == [
        "REQUEST", "STATE", "WHO", "TARGET", "EXPIRES", "RULE", "STATEMENT"]
    assert "rq-1" in ran.out
    assert "drop table \\x1b[2Jorders" in ran.out


def test_the_list_as_json(gov: Gov, broker: FakeBroker) -> None:
    """A list of objects with the fields of the contract."""
    broker.requests["rq-1"] = pending("rq-1")

    (said,) = json.loads(gov("requests", "--json").out)

    assert {"id", "state", "statement", "requester", "on_behalf_of", "target", "rule", "reason",
            "created_at", "expires_at"} <= said.keys()


def test_an_empty_list(gov: Gov, broker: FakeBroker) -> None:
    """Nothing on standard output; JSON is still a list."""
    assert gov("requests").out == ""
    assert json.loads(gov("requests", "--json").out) == []


def test_approve(gov: Gov, broker: FakeBroker) -> None:
    """The statement and all that is known are shown, then it is answered with the bound."""
    broker.requests["rq-1"] = pending("rq-1", may_answer=True)

    ran = gov("approve", "rq-1", "--yes", "--max-rows", "3", "--reason", "fine")

    assert ran.status == 0
    assert "    drop table orders\n" in ran.out
    assert "  reason       tidy up\n" in ran.out
    assert ran.out.endswith("rq-1 approved\n")
    assert broker.asked == [("/v1/requests/rq-1/approve", {"max_rows": 3, "reason": "fine"})]


@pytest.mark.parametrize(("changes", "status", "said"), [
    ({"mine": True, "may_answer": False}, 4, "rq-1 is your own request"),
    ({"mine": False, "may_answer": False}, 4, "you may not answer rq-1"),
    ({"state": "expired", "may_answer": True}, 6, "rq-1 is expired already"),
    ({"state": "approved", "may_answer": True}, 6, "rq-1 is approved already"),
])
def test_approve_is_refused(
    gov: Gov, broker: FakeBroker, changes: dict[str, object], status: int, said: str
) -> None:
    """Nothing is sent when the answer is known; the status says why."""
    broker.requests["rq-1"] = pending("rq-1", **changes)

    ran = gov("approve", "rq-1", "--yes")

    assert ran.status == status
    assert ran.err.startswith(f"gov: error: {said}\n")
    assert broker.asked == []


def test_approve_needs_somebody_to_ask(gov: Gov, broker: FakeBroker) -> None:
    """Off a terminal and without --yes nothing is answered."""
    broker.requests["rq-1"] = pending("rq-1", may_answer=True)

    ran = gov("approve", "rq-1")

    assert (ran.status, broker.asked) == (2, [])
    assert ran.err.endswith("gov: hint: gov approve rq-1 --yes\n")


@pytest.mark.parametrize("words", [("approve", "rq-9", "--yes"), ("deny", "rq-9", "--reason", "x")])
def test_no_such_request(gov: Gov, broker: FakeBroker, words: tuple[str, ...]) -> None:
    """Status 2."""
    assert gov(*words).status == 2


def test_the_inbox_off_a_terminal(gov: Gov, broker: FakeBroker) -> None:
    """Without an id what waits is listed; with nothing waiting that is all right."""
    assert gov("approve").status == 0
    broker.requests["rq-1"] = pending("rq-1", may_answer=True)
    broker.requests["rq-2"] = pending("rq-2", mine=True)

    ran = gov("approve")

    assert ran.status == 2
    assert "rq-1" in ran.out
    assert "rq-2" not in ran.out


def test_deny(gov: Gov, broker: FakeBroker) -> None:
    """The reason goes to the requester."""
    broker.requests["rq-1"] = pending("rq-1", may_answer=True)

    ran = gov("deny", "rq-1", "--reason", "use the archive job")

    assert (ran.status, ran.out) == (0, "rq-1 denied\n")
    assert broker.requests["rq-1"].answers[0].reason == "use the archive job"


def test_answered_already(gov: Gov, broker: FakeBroker) -> None:
    """Status 6 when somebody else was quicker."""
    broker.requests["rq-1"] = pending("rq-1", state="denied")

    assert gov("deny", "rq-1", "--reason", "x").status == 6


def test_explain(gov: Gov, broker: FakeBroker) -> None:
    """The verdict first, then why, who, what; the same fields as JSON."""
    ran = gov("explain", "prod", "-c", "drop table orders")

    assert ran.out.splitlines() == [
        "hold by rule destructive-needs-dba", "  because    drop is destructive", "  approvers  dba",
        "  effects    drop", "  writes     public.orders"]
    assert json.loads(gov("explain", "prod", "-c", "x", "--json").out)["verdict"] == "hold"
    assert broker.asked[0] == (
        "/v1/explain", {"target": "prod", "scope": "read", "statement": "drop table orders"})


@pytest.mark.parametrize(("typed", "state"), [("y", "approved"), ("n", "pending"), ("", "pending")])
def test_on_a_terminal_it_asks(broker: FakeBroker, typed: str, state: str) -> None:
    """Only a clear yes lets the statement run."""
    broker.requests["rq-1"] = pending("rq-1", may_answer=True)

    with terminal("approve", "rq-1") as bob:
        bob.sees("drop table orders")
        bob.sees("let it run.*: ")
        bob.types(f"{typed}\r")
        bob.sees("rq-1 approved" if state == "approved" else "gov deny rq-1 --reason")
        status = bob.ends()

    assert (status, broker.requests["rq-1"].state) == (0, state)


@pytest.mark.parametrize("typed", ["2", "rq-2"])
def test_the_inbox_on_a_terminal(broker: FakeBroker, typed: str) -> None:
    """A number or an id picks the request; one's own are not offered."""
    broker.requests["rq-0"] = pending("rq-0", mine=True)
    broker.requests["rq-1"] = pending("rq-1", may_answer=True)
    broker.requests["rq-2"] = pending("rq-2", may_answer=True, statement="truncate payments")

    with terminal("approve") as bob:
        bob.sees("1 +rq-1")
        bob.sees("2 +rq-2")
        bob.sees("which.*: ")
        bob.types("7\r")
        bob.sees("a number from 1 to 2, or an id")
        bob.types("what?\r")
        bob.sees("a number from 1 to 2, or an id")
        bob.sees("which.*: ")
        bob.types(f"{typed}\r")
        bob.sees("let it run.*: ")
        bob.types("y\r")
        bob.ends()

    assert [view.state for view in broker.requests.values()] == ["pending", "pending", "approved"]


def test_watching(broker: FakeBroker) -> None:
    """Each request is a line when it appears, and another when it is answered."""
    with terminal("requests", "--watch") as bob:
        broker.requests["rq-1"] = pending("rq-1")
        bob.sees("rq-1 +pending +alice on prod")
        broker.requests["rq-1"] = pending("rq-1", state="denied")
        bob.sees("rq-1 +denied")
        bob.types("\x03")
        status = bob.ends()

    assert status == 130
