"""The sessions that are open now: to list them, to end them, and to find the one a cancel key is for."""

from __future__ import annotations

import asyncio
import hmac
from contextlib import suppress
from typing import Protocol

from gov.control.access import SessionView
from gov.terms import LeaseId, Relation, SessionId, TargetName

QUIET_WITHIN = 2.0
"""Seconds that a change of tables waits for statements that are on their way."""
STILL_WITHIN = 0.25
"""Seconds in which a statement that was sent has begun."""
QUIET_AGAIN = 0.005
"""Seconds between two looks at them."""


class Live(Protocol):
    """A session as the registry knows it."""

    id: SessionId
    lease_id: LeaseId
    pid: int
    key: bytes

    def view(self) -> SessionView:
        """How it is now."""

    def end(self, because: str) -> None:
        """End it now: whatever runs is cancelled, the client hears 57P01."""

    async def drain(self, because: str, grace: float) -> None:
        """Take no new statement, let the running one have `grace` seconds, then end."""

    def sever(self) -> None:
        """Cut both connections, from another thread than the loop's."""

    def cancel(self) -> None:
        """The client wants what runs, or waits for approval, to stop."""

    @property
    def pending(self) -> bool:
        """Whether something that was sent to the database is not answered yet."""

    def reaches(self, target: TargetName, relations: frozenset[Relation]) -> bool:
        """Whether something that is on its way to the database may touch one of `relations`."""


class Sessions:
    """All sessions of this broker."""

    def __init__(self) -> None:
        self._live: dict[SessionId, Live] = {}
        self._by_pid: dict[int, set[SessionId]] = {}

    def add(self, session: Live) -> None:
        """A session was opened."""
        self._live[session.id] = session
        self._by_pid.setdefault(session.pid, set()).add(session.id)

    def remove(self, session: Live) -> None:
        """A session has ended."""
        self._live.pop(session.id, None)
        same = self._by_pid.get(session.pid, set())
        same.discard(session.id)
        if not same:
            self._by_pid.pop(session.pid, None)

    def views(self) -> list[SessionView]:
        """Every session, oldest first."""
        return [session.view() for session in self._live.values()]

    def count(self, lease_id: LeaseId | None = None) -> int:
        """Sessions of a lease, or all."""
        if lease_id is None:
            return len(self._live)
        return sum(session.lease_id == lease_id for session in self._live.values())

    def end(self, session_id: str, because: str) -> bool:
        """End one session; False when there is none of that id."""
        session = self._live.get(SessionId(session_id))
        if session is None:
            return False
        session.end(because)
        return True

    async def end_lease(self, lease_id: LeaseId, because: str) -> list[SessionId]:
        """End every session of a lease; their ids."""
        ended = self._of(lease_id)
        for session in ended:
            session.end(because)
        return [session.id for session in ended]

    async def drain(self, lease_id: LeaseId, grace: float, because: str = "the lease expired") -> None:
        """End every session of a lease softly, within `grace` seconds."""
        await asyncio.gather(*(session.drain(because, grace) for session in self._of(lease_id)))

    async def quiet(self, target: TargetName, relations: frozenset[Relation]) -> None:
        """Wait until nothing on its way to a target reaches any of `relations`.

        What the database has begun it holds locks for; this is about what it has not read yet.

        Raises:
            TimeoutError: Something still does, after as long as a lock would be waited for.
        """
        async with asyncio.timeout(QUIET_WITHIN):
            while any(session.reaches(target, relations) for session in self._live.values()):  # noqa: ASYNC110
                await asyncio.sleep(QUIET_AGAIN)

    def sever(self) -> None:
        """Cut every session off, from another thread: the loop is stuck and will not answer anybody.

        When it turns again it finds the connections gone, and forwards nothing of what it was at.
        """
        for session in list(self._live.values()):
            session.sever()

    async def still(self, lease_id: LeaseId) -> None:
        """Wait, not for long, until the database has begun what the sessions of a lease have sent.

        What it has begun keeps the rights that it began with. New statements wait for the one who waits here.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(STILL_WITHIN):
                while any(session.pending for session in self._of(lease_id)):  # noqa: ASYNC110
                    await asyncio.sleep(QUIET_AGAIN)

    async def end_all(self, because: str) -> None:
        """The broker stops."""
        for session in list(self._live.values()):
            session.end(because)

    def cancel(self, pid: int, key: bytes) -> None:
        """A CancelRequest came; a wrong key is ignored without a sign, as PostgreSQL does."""
        for session_id in self._by_pid.get(pid, ()):
            session = self._live[session_id]
            if hmac.compare_digest(session.key, key):
                session.cancel()

    def _of(self, lease_id: LeaseId) -> list[Live]:
        return [session for session in self._live.values() if session.lease_id == lease_id]
