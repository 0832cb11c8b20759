"""What runs as an owner, after a yes where it needs one, returns no value of a row, whatever goes wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import psycopg
import pytest

from bypass.canaries import leaked
from bypass.corpus import SIMPLE, Attempt
from bypass.elevated import ELEVATED, elevated, undone
from gov.client.api import Broker
from gov.control.requests import ApproveAsk
from live import door
from live.wire import Lease, dialled

Environment = Callable[[str], dict[str, str]]


@pytest.fixture(scope="module")
def lease(as_user: Environment) -> Lease:
    """Dave's, who may define and for whom all is masked."""
    return door.credentials(as_user("dave"), "--scope", "admin", "--reason", "a test")


@pytest.fixture(scope="module")
def bob(as_user: Environment) -> Iterator[Broker]:
    """The broker as Bob, who says yes to everything."""
    with Broker.current(as_user("bob")) as broker:
        yield broker


@pytest.mark.parametrize("attempt", [*ELEVATED[:-5:5], *ELEVATED[-5:]], ids=lambda each: each.name)
def test_errors_of_the_owner_quote_nothing(
    attempt: Attempt, lease: Lease, bob: Broker, canaries: psycopg.Connection[Any]
) -> None:
    """The client hears SQLSTATE, names and a sentence of ours. `elevated.py` plays them all, in both forms."""
    heard, said = elevated(attempt, lease, lambda request: bob.approve(request, ApproveAsk()), SIMPLE)
    undone(canaries)
    assert not leaked(heard), attempt.why
    assert said.states


def entries(environment: Mapping[str, str], *words: str) -> list[dict[str, Any]]:
    """What `gov audit search` shows somebody."""
    found: list[dict[str, Any]] = json.loads(door.gov(environment, "audit", "search", "--json", *words))
    return found


def test_who_reads_their_own_trail_reads_no_value(
    as_user: Environment, bob: Broker, canaries: psycopg.Connection[Any]
) -> None:
    """Alice's own entries say what she was told; what the database had said is for auditors."""
    alice = as_user("alice")
    with dialled(door.credentials(alice, "--scope", "write", "--reason", "a test")) as wire:
        wire.query("alter table customers alter column email type int using email::int",
                   held=lambda request: bob.approve(request, ApproveAsk()))
        assert not leaked(bytes(wire.heard))
    shown = entries(alice, "--limit", "5")
    done = next(each for each in shown if each["kind"] == "statement.done" and each["fields"]["sqlstate"] == "22P02")
    assert not leaked(json.dumps(shown).encode())
    assert not leaked(door.gov(alice, "audit", "show", str(done["index"])).encode())
    assert not leaked(door.gov(alice, "why").encode())
    assert "does not fit" in done["payload"]["error"]
    auditors = entries(as_user("carol"), "--limit", "20")
    assert leaked(json.dumps(auditors).encode())
