"""The permanent corpus of attempts to get around gov; once a way is found, it stays here for good."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bypass.canaries import leaked, state
from bypass.corpus import AIMS, FORMS, Attempt, attempts, census
from bypass.playing import Seats, play
from live.wire import Lease, dialled

READS = list(attempts(*(f"attacks/{name}.sql" for name in (
    "values", "names", "copies", "functions", "catalogs", "errors", "newer"))))  # fmt: skip
EFFECTS = list(attempts(*(f"attacks/{name}.sql" for name in ("effects", "scope", "exfiltrate", "newer_effects"))))
LeaseFor = Callable[[str], Lease]


class Sight:
    """The database as it was last seen: to look again costs as much as an attempt."""

    def __init__(self, admin: psycopg.Connection[Any]) -> None:
        self._admin = admin
        self._seen: tuple[Any, ...] | None = None

    def last(self) -> tuple[Any, ...]:
        """As it was when somebody looked last."""
        return self.now() if self._seen is None else self._seen

    def now(self) -> tuple[Any, ...]:
        """As it is."""
        self._seen = state(self._admin)
        return self._seen

    def forget(self) -> None:
        """Something may change it, if only a sequence, to which a rollback gives nothing back."""
        self._seen = None


@pytest.fixture(scope="module")
def sight(admin: psycopg.Connection[Any], canaries: object) -> Sight:
    """What the tests of this module see of the database; whichever of them runs first."""
    return Sight(admin)


@pytest.mark.parametrize("attempt", READS, ids=lambda each: each.name)
def test_no_canary_comes_back(
    attempt: Attempt, lease_for: LeaseFor, files: dict[str, str], seats: Seats, sight: Sight
) -> None:
    """Whatever is asked and in whatever form, no byte that returns is of a masked value."""
    if attempt.scope == "write":
        sight.forget()
    for played in play(attempt, lease_for(attempt.scope), files, around=attempt.scope == "write", seats=seats):
        assert not leaked(played.heard), f"{attempt.why}, {played.form}: {attempt.messages}"


def test_reads_have_changed_nothing(sight: Sight, lease_for: LeaseFor, files: dict[str, str]) -> None:
    """In read scope nothing is changed by the way, whichever of them it is."""
    before = sight.now()
    for attempt in READS:
        if attempt.scope == "read" and attempt.function:
            list(play(attempt, lease_for("read"), files))
    assert sight.now() == before


@pytest.mark.parametrize("attempt", EFFECTS, ids=lambda each: each.name)
def test_no_effect_happens(
    attempt: Attempt, lease_for: LeaseFor, sight: Sight, files: dict[str, str], seats: Seats
) -> None:
    """Without a yes nothing dangerous happens: it is refused or held, and all is as before."""
    before = sight.last()
    for played in play(attempt, lease_for(attempt.scope), files, seats=seats):
        assert played.stopped, f"{attempt.why}, {played.form}: {played.replies.tags}"
        assert not leaked(played.heard), attempt.why
    assert sight.now() == before, attempt.why
    assert not Path(files["owned"]).exists()


def test_every_aim_is_tried_in_every_form() -> None:
    """The counts that the runner prints: many, distinct, and no corner empty."""
    found = census(attempts("attacks"))
    assert {aim for aim, _ in found} == set(AIMS)
    assert [(aim, form) for aim in AIMS for form in FORMS if not found[aim, form]] == []
    assert sum(found[aim, "all"] for aim in AIMS) >= 500
    assert min(found[aim, "all"] for aim in AIMS) >= 30
    assert census(attempts("harmless"))["", "all"] >= 250


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


@pytest.mark.parametrize("coded", [
    "ssn", "upper(ssn)", "reverse(ssn)", "encode(ssn::bytea, 'hex')", "encode(upper(ssn)::bytea, 'hex')",
    "encode(ssn::bytea, 'base64')", "encode(('a' || ssn)::bytea, 'base64')", "encode(('ab' || ssn)::bytea, 'base64')",
    "ssn::bytea", "initcap(ssn)", "encode((email || ssn)::bytea, 'base64')", "dob", "to_char(dob, 'DD.MM.YYYY')",
])  # fmt: skip
def test_canaries_are_found_in_disguise(canaries: psycopg.Connection[Any], coded: str) -> None:
    """In either case, backwards, in hex and in base64, wherever they begin in it; in text and in binary."""
    for binary in (False, True):
        with canaries.cursor(binary=binary) as cursor:
            cursor.execute(f"SELECT {coded} FROM customers WHERE id = 5".encode())
            assert cursor.pgresult is not None
            value = cursor.pgresult.get_value(0, 0) or b""
        assert leaked(len(value).to_bytes(4) + value), (coded, binary, value)
