"""Masked values in every kind of relation: no byte of them comes back, by whatever name they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from bypass import kinds
from bypass.canaries import leaked
from bypass.corpus import attempts
from bypass.playing import Seats, play
from gov.demo.stage import Stage
from live import door
from live.wire import Lease, dialled

KINDS = list(attempts("attacks/kinds.sql"))
REACHED = {
    "parted": 6, "parted_de": 2, "parted_fr": 2, "late": 2, "base": 7, "heir": 3, "grandheir": 1, "computed": 3,
    "unlogged": 3, "big": 1, "typed": 3, "of_type": 1, "numbered": 2, "uniq": 3, "shows": 6, "above": 6, "copied": 7,
    "remote": 7, "filed": 2, "lobs": 1, "masks": 5, "clear": 6, "booked": 1, "visits": 1, '"Odd ""name"': 1,
}  # fmt: skip
"""What alice reads, through its mask, and how many rows of it."""
WITHHELD = ("mixed", "filters", "systemic", "foreign_made", "ruled", "numbered_code_seq")
"""What would show raw values, and is given to nobody who is masked."""


@pytest.fixture(scope="module")
def leases(
    demo: Stage, admin: psycopg.Connection[Any], as_user: Callable[[str], dict[str, str]]
) -> Iterator[dict[str, Lease]]:
    """Alice's, by scope, while the kinds stand."""
    file = Path("/tmp") / f"gov-kinds-{uuid4().hex}.csv"
    with kinds.standing(demo, admin, as_user, file):
        yield {
            "read": door.credentials(as_user("alice")),
            "write": door.credentials(as_user("alice"), "--scope", "write", "--reason", "a test"),
        }


def test_no_canary_comes_back(leases: dict[str, Lease], files: dict[str, str], seats: Seats) -> None:
    """All attempts in all forms; in write scope within a transaction that is rolled back."""
    failed = [
        (attempt.name, attempt.why, played.form, leaked(played.heard))
        for attempt in KINDS
        for played in play(attempt, leases[attempt.scope], files, around=attempt.scope == "write", seats=seats)
        if leaked(played.heard)
    ]
    assert failed == [], "\n".join(map(str, failed))


def test_what_can_be_masked_is_read_and_the_rest_is_not(leases: dict[str, Lease]) -> None:
    """Each kind answers with its masks, or not at all; nothing is masked by being broken."""
    with dialled(leases["read"]) as wire:
        found = {name: len(wire.query(f"select * from kinds.{name}").rows) for name in REACHED}
        refused = {name: wire.query(f"select * from kinds.{name}").states for name in WITHHELD}
        computed = wire.query("select * from kinds.computed order by id").rows
    assert found == REACHED
    assert refused == {name: ["42501"] for name in WITHHELD}
    assert computed[0] == ("1", "[redacted]", "[redacted]", "0", "2", "[redacted]")
