"""The permanent corpus of attempts to get around gov; once a way is found, it stays here for good."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bypass.canaries import leaked, state
from bypass.corpus import Attempt, attempts
from bypass.playing import play
from live.wire import Lease, dialled

READS = list(attempts(*(f"attacks/{name}.sql" for name in (
    "values", "names", "copies", "functions", "catalogs", "errors"))))  # fmt: skip
EFFECTS = list(attempts("attacks/effects.sql"))
LeaseFor = Callable[[str], Lease]


@pytest.mark.parametrize("attempt", READS, ids=lambda each: each.name)
def test_no_canary_comes_back(
    attempt: Attempt, lease_for: LeaseFor, canaries: psycopg.Connection[Any], files: dict[str, str]
) -> None:
    """Whatever is asked and in whatever form, no byte that returns is of a masked value, and nothing is changed."""
    before = state(canaries)
    for played in play(attempt, lease_for(attempt.scope), files, around=attempt.scope == "write"):
        assert not leaked(played.heard), f"{attempt.why}, {played.form}: {attempt.messages}"
    if attempt.scope == "read":
        assert state(canaries) == before


@pytest.mark.parametrize("attempt", EFFECTS, ids=lambda each: each.name)
def test_no_effect_happens(
    attempt: Attempt, lease_for: LeaseFor, admin: psycopg.Connection[Any], files: dict[str, str]
) -> None:
    """Without a yes nothing dangerous happens: it is refused or held, and all is as before."""
    before = state(admin)
    for played in play(attempt, lease_for(attempt.scope), files):
        assert played.stopped, f"{attempt.why}, {played.form}: {played.replies.tags}"
    assert state(admin) == before, attempt.why
    assert not Path(files["owned"]).exists()


def test_canaries_would_be_found(canaries: psycopg.Connection[Any], lease_for: LeaseFor) -> None:
    """The superuser sees them all, so this test can fail; through the gateway only shapes are left."""
    row = canaries.execute("SELECT email, ssn, phone, dob::text, credit_card FROM customers LIMIT 1").fetchone()
    assert row is not None
    assert all(leaked(value.encode()) for value in row)
    assert canaries.execute(
        "SELECT count(*) FROM pg_stats WHERE tablename = 'customers' AND attname = 'ssn' AND"
        " histogram_bounds::text LIKE '%qxssn7%'"
    ).fetchone() == (1,)
    with dialled(lease_for("read")) as wire:
        rows = wire.query("select email, ssn from customers limit 1").rows
    assert rows == [("z***@q***.example", "[redacted]")]
