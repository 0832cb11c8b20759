"""A few of the random statements that `generated.py` sends by the ten thousand."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import psycopg
import pytest

from bypass.canaries import state
from bypass.generated import by_chance, generated, played
from gov.demo.stage import Stage
from live.wire import Lease


@pytest.mark.skipif(shutil.which("sqlsmith") is None, reason="sqlsmith is not installed")
def test_no_canary_comes_back(
    demo: Stage, canaries: psycopg.Connection, lease_for: Callable[[str], Lease]
) -> None:
    """Whatever sqlsmith thinks of, in both protocols, and nothing is changed."""
    before = state(canaries)
    outcomes, leaks = played(lease_for("read"), generated(demo.cluster.admin_dsn_of("shop"), 120, seed=7))
    assert leaks == []
    assert sum(outcomes.values()) >= 100
    assert outcomes["ran"] > 0
    assert state(canaries) == before


def test_random_numbers_are_no_canary_and_nothing_else_is_forgiven() -> None:
    """Sixteen digits a row say every six of them sooner or later; words and dates never."""
    assert by_chance("select pg_catalog.random() from orders", [b"873649"])
    assert by_chance("select pg_catalog.uuidv7() from orders", [b"564738"])
    assert not by_chance("select phone from customers", [b"873649"])
    assert not by_chance("select pg_catalog.random(), ssn from customers", [b"873649", b"qxssn7"])
    assert not by_chance("select pg_catalog.random(), dob from customers", [b"1777-03"])
