"""`gov leases`: what is open, and the end of it."""

from __future__ import annotations

import json

import pytest

from commands.fake_broker import FakeBroker, Gov


@pytest.fixture
def two(broker: FakeBroker, gov: Gov) -> FakeBroker:
    """Alice holds two leases."""
    gov("credentials", "prod")
    gov("credentials", "prod", "--scope", "write", "--reason", "fix order 7")
    return broker


def test_ones_own_are_listed(two: FakeBroker, gov: Gov) -> None:
    """With or without `--mine`, as a table and as JSON."""
    for words in ((), ("--mine",)):
        assert [line.split()[:4] for line in gov("leases", *words).out.splitlines()[1:]] == [
            ["ls-0", "alice", "prod", "read"], ["ls-1", "alice", "prod", "write"]]
    assert [lease["id"] for lease in json.loads(gov("leases", "--json").out)] == ["ls-0", "ls-1"]


def test_some_are_ended(two: FakeBroker, gov: Gov) -> None:
    """By their ids, each said on a line or as JSON."""
    ran = gov("leases", "end", "ls-0")

    assert (ran.status, ran.out, ran.err) == (0, "ended lease ls-0\n", "")
    assert json.loads(gov("leases", "end", "ls-1", "--json").out) == {"leases": ["ls-1"], "sessions": []}
    assert two.leases == []


def test_what_was_ended_is_said_before_what_could_not_be(two: FakeBroker, gov: Gov) -> None:
    """One id is wrong: status 2, and nobody believes that nothing happened."""
    ran = gov("leases", "end", "ls-0", "ls-9", "ls-1")

    assert (ran.status, ran.out) == (2, "ended lease ls-0\n")
    assert ran.err == "gov: error: no lease is called `ls-9`\ngov: hint: gov leases\n"
    assert [lease.id for lease in two.leases] == ["ls-1"]


@pytest.mark.parametrize(("words", "error", "hint"), [
    (("--mine", "--all"), "yours or everybody's, not both", "gov leases --mine, or gov leases --all"),
    (("end",), "missing argument `ID…`", "gov leases end --help"),
    (("ned",), "no such command `ned`", ""),
])
def test_slips(gov: Gov, broker: FakeBroker, words: tuple[str, ...], error: str, hint: str) -> None:
    """Status 2 and what to type; the broker was not asked."""
    ran = gov("leases", *words)

    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith(f"gov: error: {error}")
    assert hint in ran.err


def test_a_shorter_lease_than_asked_for_is_said(broker: FakeBroker, gov: Gov) -> None:
    """Policy gives eight hours at most here; who asked for two days must know before it ends."""
    ran = gov("credentials", "prod", "--ttl", "2d")

    assert ran.err.startswith("gov: policy gives 8h, not the 2d that --ttl asks for\ngov: lease ls-0,")
    assert "policy gives" not in gov("credentials", "prod", "--ttl", "8h").err


@pytest.mark.parametrize("ttl", ["soon", "0", "-5m", "1h-", "h"])
def test_what_is_no_time(broker: FakeBroker, gov: Gov, ttl: str) -> None:
    """Status 2 with forms that work, before anything is asked."""
    ran = gov("credentials", "prod", "--ttl", ttl)

    assert (ran.status, broker.asked) == (2, [])
    assert ran.err == (f"gov: error: --ttl: `{ttl}` is not a length of time\n"
                       "gov: hint: --ttl 30m, --ttl 2h or --ttl 1h30m\n")
