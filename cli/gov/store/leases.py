"""Leases in the store, from the intent to make one to the proof that its role is gone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import ColumnElement, Connection, RowMapping, delete, insert, select, update

from gov.identity.principal import Principal
from gov.lease.lease import Lease, LeaseState
from gov.store.database import LEASES, Database, Document
from gov.terms import LeaseId

_DOCUMENT = Document(Lease)


class Leases:
    """Every lease, until retention lets it go."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, lease: Lease) -> None:
        """Store `lease`, in place of the one with its id if there is one. On the disk when this returns.

        Raises:
            Unavailable: The store does not take it.
        """
        with self._database.write() as connection:
            connection.execute(delete(LEASES).where(LEASES.c.id == lease.id))
            connection.execute(insert(LEASES).values(_row(lease)))

    def get(self, lease: LeaseId) -> Lease | None:
        """The lease with that id."""
        return self._one(LEASES.c.id == lease)

    def by_role(self, role: str) -> Lease | None:
        """The lease that this ephemeral role was made for."""
        return self._one(LEASES.c.role == role)

    def unfinished(self) -> list[Lease]:
        """Leases whose role may still be on its target, oldest first: all but the ended ones."""
        query = select(LEASES).where(LEASES.c.state != LeaseState.ENDED.value).order_by(LEASES.c.created_at)
        with self._database.read() as connection:
            return [_lease(row) for row in connection.execute(query).mappings()]

    def all(self, limit: int = 1000) -> list[Lease]:
        """The newest leases, whatever their state, newest first."""
        query = select(LEASES).order_by(LEASES.c.created_at.desc()).limit(limit)
        with self._database.read() as connection:
            return [_lease(row) for row in connection.execute(query).mappings()]

    def set_state(
        self, lease: LeaseId, expected: LeaseState, state: LeaseState, because: str = ""
    ) -> Lease | None:
        """The lease, moved from `expected` to `state`; None when it was not there or not in that state.

        Raises:
            Unavailable: The store does not answer.
        """
        with self._database.write() as connection:
            found = _select(connection, lease)
            if found is None or found.state is not expected:
                return None
            moved = replace(found, state=state, ended_because=because or found.ended_because)
            connection.execute(update(LEASES).where(LEASES.c.id == lease).values(_row(moved)))
            return moved

    def forget(self, before: float, whose: Callable[[Principal], bool] = lambda principal: True) -> int:
        """Let go what has ended, and was made before that time, seconds since the epoch; how many there were.

        Of these, what `whose` says of whose it was. What is gone is in no file of the store.

        Raises:
            Unavailable: The store does not take it.
        """
        old = (LEASES.c.created_at < before) & (LEASES.c.state == LeaseState.ENDED.value)
        with self._database.write() as connection:
            found = map(_lease, connection.execute(select(LEASES).where(old)).mappings())
            gone = [each.id for each in found if whose(each.principal)]
            for each in gone:
                connection.execute(delete(LEASES).where(LEASES.c.id == each))
        self._database.scrub()
        return len(gone)

    def _one(self, condition: ColumnElement[bool]) -> Lease | None:
        with self._database.read() as connection:
            row = connection.execute(select(LEASES).where(condition)).mappings().one_or_none()
            return _lease(row) if row else None


def _select(connection: Connection, lease: LeaseId) -> Lease | None:
    row = connection.execute(select(LEASES).where(LEASES.c.id == lease)).mappings().one_or_none()
    return _lease(row) if row else None


def _lease(row: RowMapping) -> Lease:
    return _DOCUMENT.read(row["document"])


def _row(lease: Lease) -> dict[str, object]:
    return {
        "id": lease.id,
        "state": lease.state.value,
        "role": lease.role,
        "target": lease.target,
        "created_at": lease.created_at,
        "document": _DOCUMENT.write(lease),
    }
