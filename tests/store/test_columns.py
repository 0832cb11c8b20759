"""Accepted columns and released tables outlive the broker that wrote them."""

from __future__ import annotations

from pathlib import Path

from gov.policy.accepted import Accepted
from gov.store.columns import Columns
from gov.store.database import Database
from gov.store.releases import Releases
from gov.terms import Relation, TargetName

PROD, TEST = TargetName("prod"), TargetName("test")
T, U = Relation("public", "t"), Relation('od"d', "u")


def test_what_is_accepted_is_read_as_it_was_written(tmp_path: Path) -> None:
    """By another that opens the store later; each target by itself."""
    first = Database(f"sqlite:///{tmp_path}/state.db")
    Columns(first).put(PROD, {T: Accepted(7, {"id": 1, "ssn": 3}), U: Accepted(8, {})})
    Columns(first).put(TEST, {T: Accepted(9, {"x": 1})})
    Columns(first).put(PROD, {T: Accepted(7, {"id": 1})}, gone=[U])
    first.close()

    second = Database(f"sqlite:///{tmp_path}/state.db")
    assert Columns(second).of(PROD) == {T: Accepted(7, {"id": 1})}
    assert Columns(second).of(TEST) == {T: Accepted(9, {"x": 1})}
    second.close()


def test_what_is_released_stays_so_until_it_is_cleared(tmp_path: Path) -> None:
    """Releasing again is no mistake; the newest who did is named."""
    first = Database(f"sqlite:///{tmp_path}/state.db")
    Releases(first).put(PROD, {T: "bob", U: "bob"})
    Releases(first).put(PROD, {T: "dave"})
    Releases(first).put(TEST, {T: "bob"})
    first.close()

    second = Database(f"sqlite:///{tmp_path}/state.db")
    assert Releases(second).of(PROD) == {T: "dave", U: "bob"}
    Releases(second).clear(PROD)
    assert (Releases(second).of(PROD), Releases(second).of(TEST)) == ({}, {T: "bob"})
    second.close()
