"""The prompt's session: one connection with a lease, and another in its place when it has ended.

A statement is never sent twice, and none is sent to a new session whose author thinks of the old one:
when a transaction, a setting or a prepared statement went with it, the prompt asks again first.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.pq import TransactionStatus

from gov.commands.opening import connect
from gov.commands.turning import Turn
from gov.commands.wallet import Grant
from gov.ui import times

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.errors import Diagnostic

NAME = "gov connect"
MARGIN = 30.0
"""Seconds of a lease below which the next statement goes to a new one."""
_FATAL = ("FATAL", "PANIC")
_KEEPS = ("SET", "PREPARE", "LISTEN", "DECLARE CURSOR", "CREATE TABLE", "CREATE VIEW", "LOAD")
"""Tags of statements that may leave something in the session that a new one has not."""
_TRANSACTION = {TransactionStatus.INTRANS: "in transaction", TransactionStatus.INERROR: "failed transaction",
                TransactionStatus.ACTIVE: "in transaction"}


class Session:
    """What is connected, and what would be missed if it were not."""

    def __init__(self, grant: Grant, renew: Callable[[bool], Grant], on_notice: Callable[[Diagnostic], None]) -> None:
        """`renew` gives the lease to use from now on; with True a new one even where the old one lives.

        `on_notice` hears what is said while no statement runs; it may come from a redraw of the prompt.
        """
        self.grant = grant
        self._renew = renew
        self._on_notice = on_notice
        self._turn: Turn | None = None
        self._lost = ""
        self._open = ""
        self._kept: set[str] = set()
        self.connection: Connection[Any] = self._connected()

    @property
    def left(self) -> float:
        """Seconds of the lease."""
        return times.left(self.grant.lease.lease.expires_at)

    @property
    def unmasked_by(self) -> str:
        """The id of the lease when an approval has lifted masks for it, else empty."""
        lease = self.grant.lease.lease
        return lease.id if lease.unmasked else ""

    @property
    def transaction(self) -> str:
        """`in transaction`, `failed transaction`, or empty. Of a lost session: as it was last."""
        if not self.connection.closed:
            status = TransactionStatus(self.connection.info.transaction_status)
            if status != TransactionStatus.UNKNOWN:
                self._open = _TRANSACTION.get(status, "")
        return self._open

    @property
    def missed(self) -> str:
        """What a new session would not have, in words; empty for nothing."""
        return "the transaction" if self.transaction else " and ".join(sorted(self._kept))

    def lost(self) -> str:
        """Why the session is over, or empty. Looks at the connection without waiting."""
        if not self.connection.closed and self._turn is None:
            self._look()
        return (self._lost or "the connection was lost") if self.connection.closed else ""

    def begin(self, text: str, parameters: tuple[str, ...] = ()) -> Turn:
        """A statement that is about to run; `end` it."""
        self._turn = Turn(self.connection, text, parameters)
        return self._turn

    def end(self, tags: list[str]) -> None:
        """The statement has ended, and these are the tags it left."""
        self._turn = None
        for tag in tags:
            if tag in ("DISCARD ALL", "RESET"):
                self._kept.clear()
            if tag in _KEEPS:
                self._kept.add(f"what {tag} did")
        _ = self.transaction  # as it is now, for when the connection is gone

    @property
    def due(self) -> bool:
        """Whether the next statement needs another session: this one is over, or about to be."""
        return bool(self.lost()) or (self.left < MARGIN and not self.missed)

    def again(self, *, fresh: bool = False) -> None:
        """A new session in place of this one, with a new lease when the old one has ended (or `fresh`).

        Raises:
            Denied: Policy gives no lease any more.
            Unreachable: Nobody answers.
        """
        self.move(self._renew(fresh))

    def move(self, grant: Grant) -> None:
        """A new session under the lease `grant`, in place of this one.

        Raises:
            Unreachable: The gateway does not answer.
        """
        self.connection.close()
        self.grant = grant
        self.connection = self._connected()

    def close(self) -> None:
        """End it."""
        self.connection.close()

    def _connected(self) -> Connection[Any]:
        made = connect(self.grant, NAME, self._notice)
        self._lost, self._open = "", ""
        self._kept.clear()
        return made

    def _look(self) -> None:
        """Take in what the server said by itself: a notice, or why it ended the session."""
        pgconn = self.connection.pgconn
        try:
            while select.select([pgconn.socket], [], [], 0)[0]:
                pgconn.consume_input()
                pgconn.notifies()  # has libpq parse what it read
        except (psycopg.Error, OSError, ValueError):
            with suppress(psycopg.Error):
                self.connection.close()

    def _notice(self, notice: Diagnostic) -> None:
        """Called from whichever thread reads the connection."""
        if notice.severity_nonlocalized in _FATAL:
            self._lost = notice.message_primary or ""
        elif self._turn:
            self._turn.notice(notice)
        else:
            self._on_notice(notice)
