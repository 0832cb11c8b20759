"""Leases go into the store and come out the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings

from gov.identity.principal import Principal
from gov.lease.lease import Lease, LeaseState
from gov.store.database import LEASES, Database
from gov.store.leases import Leases
from gov.terms import LeaseId, Scope, TargetName
from store import values

ALICE = Principal("https://id.example.com", "8f2c", "alice", frozenset({"engineering"}))


def lease(name: str, state: LeaseState, created_at: float = 1.0) -> Lease:
    """A lease of alice's."""
    return Lease(
        LeaseId(f"ls-{name}"), ALICE, TargetName("prod"), Scope.READ, f"gov_{name}", "p", "", "", "engineers",
        state, created_at, created_at + 60, "SCRAM-SHA-256$…",
    )


@pytest.fixture(name="leases")
def _leases(tmp_path: Path) -> Leases:
    return Leases(Database(f"sqlite:///{tmp_path}/state.db"))


@pytest.fixture(scope="module", name="database")
def _database() -> Iterator[Database]:
    with TemporaryDirectory() as directory:
        yield Database(f"sqlite:///{directory}/state.db")


@given(values.leases)
@settings(deadline=None, max_examples=25)
def test_a_lease_comes_back_as_it_was(database: Database, given_lease: Lease) -> None:
    """Every field survives, whatever is in it; the role finds it too."""
    with database.write() as connection:
        connection.execute(LEASES.delete())
    leases = Leases(database)

    leases.put(given_lease)

    assert leases.get(given_lease.id) == given_lease
    assert leases.by_role(given_lease.role) == given_lease


def test_what_is_stored_outlives_the_process(tmp_path: Path) -> None:
    """A second broker on the same file finds the lease."""
    Leases(Database(f"sqlite:///{tmp_path}/state.db")).put(lease("a", LeaseState.CREATING))

    assert Leases(Database(f"sqlite:///{tmp_path}/state.db")).unfinished() == [lease("a", LeaseState.CREATING)]


def test_unfinished_leases_are_those_whose_role_may_exist(leases: Leases) -> None:
    """All but the ended ones, oldest first."""
    for number, state in enumerate(LeaseState):
        leases.put(lease(str(number), state, created_at=100 - number))

    assert [found.state for found in leases.unfinished()] == [
        LeaseState.STUCK, LeaseState.ENDING, LeaseState.ACTIVE, LeaseState.CREATING,
    ]


def test_all_gives_the_newest_first(leases: Leases) -> None:
    """And no more than asked for."""
    for number in range(5):
        leases.put(lease(str(number), LeaseState.ENDED, created_at=number))

    assert [found.id for found in leases.all(2)] == ["ls-4", "ls-3"]


def test_putting_again_replaces(leases: Leases) -> None:
    """One id, one lease."""
    leases.put(lease("a", LeaseState.CREATING))
    leases.put(lease("a", LeaseState.ACTIVE))

    assert [found.state for found in leases.all()] == [LeaseState.ACTIVE]


def test_a_state_is_left_once(leases: Leases) -> None:
    """Of two that move a lease out of one state, one succeeds."""
    leases.put(lease("a", LeaseState.ACTIVE))

    first = leases.set_state(LeaseId("ls-a"), LeaseState.ACTIVE, LeaseState.ENDING, "expired")
    second = leases.set_state(LeaseId("ls-a"), LeaseState.ACTIVE, LeaseState.ENDING, "killed")

    assert (first is not None, second) == (True, None)
    assert leases.all()[0].ended_because == "expired"


def test_ended_leases_are_forgotten_when_they_are_old(tmp_path: Path) -> None:
    """With every byte of who had them and why, and no other."""
    leases = Leases(Database(f"sqlite:///{tmp_path}/state.db"))
    for name, state, at in (
        ("a", LeaseState.ENDED, 1.0), ("b", LeaseState.STUCK, 1.0), ("c", LeaseState.ACTIVE, 1.0),
        ("d", LeaseState.ENDED, 100.0),
    ):
        leases.put(replace(lease(name, state, at), reason=f"because of mrs brown {name}"))

    assert leases.forget(50.0, lambda who: who.subject != ALICE.subject) == 0
    assert leases.forget(50.0) == 1
    assert {each.id for each in leases.all()} == {"ls-b", "ls-c", "ls-d"}
    assert b"mrs brown a" not in b"".join(each.read_bytes() for each in tmp_path.iterdir())
