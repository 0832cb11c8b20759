"""The SQL store on a disk that fails at any write, and a statement that fails at any place: whole values or none."""

from __future__ import annotations

import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError

from broker.rig import ALICE, a_request
from gov.approval.request import RequestState
from gov.errors import Unavailable
from gov.lease.lease import Lease, LeaseState
from gov.store.database import Database
from gov.store.leases import Leases
from gov.store.requests import Requests
from gov.terms import LeaseId, Scope, TargetName

LEASE = Lease(
    LeaseId("ls-000000000001"), ALICE, TargetName("prod"), Scope.READ, "gov_l_000000000001", "gov_p_1", "", "x" * 9000,
    "a-rule", LeaseState.CREATING, 1.0, 2.0, "verifier",
)  # fmt: skip
MOVED = replace(LEASE, state=LeaseState.ACTIVE)
REQUEST = a_request(statement="y" * 9000)
ANSWERED = replace(REQUEST, state=RequestState.APPROVED)


@contextmanager
def limited(length: int) -> Iterator[None]:
    """No file of this process may grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (length, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def failing(number: int, message: str) -> Iterator[list[str]]:
    """The so-many-th statement to SQLite, COMMIT too, ends in an error; the list has all that were sent."""
    sent: list[str] = []

    def fail(what: str) -> None:
        sent.append(what)
        if len(sent) == number:
            raise OperationalError(what, None, sqlite3.OperationalError(message))

    def executing(connection: Any, cursor: Any, statement: str, *more: Any) -> None:
        fail(statement)

    def committing(connection: Any) -> None:
        fail("COMMIT")

    event.listen(Engine, "before_cursor_execute", executing)
    event.listen(Engine, "commit", committing)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", executing)
        event.remove(Engine, "commit", committing)


CHANGES: list[tuple[Callable[[Database], object], Callable[[Database], object]]] = [
    (lambda it: Leases(it).put(MOVED), lambda it: Leases(it).get(LEASE.id)),
    (lambda it: Requests(it).replace(REQUEST, ANSWERED), lambda it: Requests(it).get(REQUEST.id)),
]
"""What is written, and how it is read back."""


def refusal(act: Callable[[], object]) -> Unavailable | None:
    """The error in which `act` ends, if it does."""
    try:
        act()
    except Unavailable as error:
        return error
    return None


def begun(path: Path) -> Database:
    """A store with a lease and a request."""
    database = Database(f"sqlite:///{path}")
    Leases(database).put(LEASE)
    Requests(database).put(REQUEST)
    return database


def checked(path: Path, database: Database) -> None:
    """The values are the old or the new ones, now and after the next start; then all is written again."""
    for write, read in CHANGES:
        found = read(database)
        assert found in (LEASE, MOVED, REQUEST, ANSWERED)
        write(database)
    database.close()
    again = Database(f"sqlite:///{path}")
    assert Leases(again).get(LEASE.id) == MOVED
    with again.read() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    again.close()


@pytest.mark.parametrize("which", [0, 1])
def test_a_write_that_fails_anywhere_changes_nothing(tmp_path: Path, which: int) -> None:
    """Wherever the disk ends under the log of SQLite: the error is clear, the value whole, the next write works."""
    refused = taken = 0
    for number, length in enumerate([*range(0, 90_000, 6_000), 1 << 30]):
        path = tmp_path / f"{number}.db"
        database = begun(path)
        write, read = CHANGES[which]
        before = read(database)
        with limited(length):
            error = refusal(lambda: write(database))  # noqa: B023 - called at once
        if error is None:
            taken += 1
        else:
            refused += 1
            assert read(database) == before
            assert (error.wire_state, error.hint) == ("58000", "gov broker status")
            assert error.what.startswith("the store does not answer: ")
        checked(path, database)

    assert refused > 3
    assert taken >= 1


@pytest.mark.parametrize("message", ["disk I/O error", "database or disk is full"])
@pytest.mark.parametrize("which", [0, 1])
def test_a_statement_that_fails_anywhere_changes_nothing(tmp_path: Path, which: int, message: str) -> None:
    """At BEGIN, at each statement and at COMMIT."""
    for number in range(1, 20):
        path = tmp_path / f"{number}.db"
        database = begun(path)
        write, read = CHANGES[which]
        before = read(database)
        with failing(number, message) as sent:
            error = refusal(lambda: write(database))  # noqa: B023 - called at once
        is_over = number > len(sent)
        assert is_over or (error and error.what == f"the store does not answer: {message}")
        assert (read(database) == before) is not is_over
        checked(path, database)
        if is_over:
            break

    assert sent[-1] == "COMMIT"
    assert number > 3
