"""The broker's own connections to one target: a few, pinned, and never used for anybody's SQL.

Every connection has `search_path = ''`, so that no name that we write can be caught by somebody
else's object, and timeouts, so that nothing of ours queues for long in front of other people's work.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

import psycopg
from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus

from gov.errors import Unavailable, Unreachable
from gov.target import tls
from gov.target.address import Address

Connection = AsyncConnection[tuple[object, ...]]

SIZE = 3
"""Connections at most: one that waits for a lock must not keep a lease from ending."""
CONNECT_WITHIN = 6.0
"""Seconds for a new connection, all of start-up included."""
PING_WITHIN = 1.5
"""Seconds in which a connection that rested must prove that it lives."""
RESTED = 1.0
"""Seconds without use after which a connection is asked before it is trusted."""
WAIT_WITHIN = 20.0
"""Seconds that a task waits for a free connection."""

_PIN = """
SET search_path = '';
SET statement_timeout = '10s';
SET lock_timeout = '2s';
SET idle_in_transaction_session_timeout = '30s';
SET standard_conforming_strings = on;
SET client_min_messages = error;
"""


class Connections:
    """Up to `SIZE` connections, made when needed and replaced when lost."""

    def __init__(self, name: str, address: Address) -> None:
        self._name = name
        self._address = address
        self._free = asyncio.Semaphore(SIZE)
        self._idle: list[tuple[Connection, float]] = []
        self.default_search_path: tuple[str, ...] = ("public",)
        """The schemas of a new session's `search_path` that exist, as the last connection found them."""
        self.server_version = 0

    @asynccontextmanager
    async def borrow(self) -> AsyncIterator[Connection]:
        """A connection in autocommit mode, for one piece of work.

        Raises:
            Unreachable: The target does not answer, or went away in the middle.
            Unavailable: Every connection is busy for too long.
        """
        try:
            await asyncio.wait_for(self._free.acquire(), WAIT_WITHIN)
        except TimeoutError:
            raise Unavailable(f"target {self._name} is busy", hint="try again in a moment") from None
        try:
            connection = await self._ready()
            try:
                yield connection
            except psycopg.OperationalError as error:
                if connection.closed:
                    raise self._unreachable(error) from error
                raise
            finally:
                await self._give_back(connection)
        finally:
            self._free.release()

    @asynccontextmanager
    async def work(self) -> AsyncIterator[Connection]:
        """`borrow`, and what PostgreSQL refuses leaves as an error of ours.

        Raises:
            Unavailable: With the message and SQLSTATE that nobody inside expected.
        """
        try:
            async with self.borrow() as connection:
                yield connection
        except psycopg.Error as error:
            reason = error.diag.message_primary or str(error) or type(error).__name__
            raise Unavailable(
                f"target {self._name} refused gov's own work: {reason}",
                hint=f"gov broker check {self._name}",
                detail=f"SQLSTATE {error.sqlstate}",
            ) from error

    async def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            await self._idle.pop()[0].close()

    async def _ready(self) -> Connection:
        while self._idle:
            connection, since = self._idle.pop()
            if monotonic() - since < RESTED or await _lives(connection):
                return connection
            await connection.close()
        return await self._connect()

    async def _connect(self) -> Connection:
        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                connection = await AsyncConnection.connect(
                    self._address.conninfo, autocommit=True, prepare_threshold=None
                )
                await self._pin(connection)
                return connection
        except (psycopg.Error, TimeoutError) as error:
            if reason := await self._distrust(error):
                raise Unreachable(
                    f"target {self._name} cannot be trusted: {reason}", hint=tls.hint(reason, self._address),
                    detail=f"{self._address.host}:{self._address.port}, tls: verify-full",
                ) from error
            raise self._unreachable(error) from error

    async def _distrust(self, error: Exception) -> str | None:
        """Why TLS failed, where it is that."""
        said = str(error)
        if self._address.tls == "off" or not any(word in said for word in ("SSL", "certificate")):
            return None
        return await tls.distrust(self._address)

    async def _pin(self, connection: Connection) -> None:
        cursor = await connection.execute("SELECT pg_catalog.current_schemas(false)::pg_catalog.text[]")
        row = await cursor.fetchone()
        found = row[0] if row else []
        assert isinstance(found, list)
        await connection.execute(_PIN)
        self.default_search_path = tuple(str(schema) for schema in found if schema != self._address.broker)
        self.server_version = connection.info.server_version

    async def _give_back(self, connection: Connection) -> None:
        if not connection.closed and connection.info.transaction_status is TransactionStatus.IDLE:
            self._idle.append((connection, monotonic()))
        else:
            await connection.close()

    def _unreachable(self, error: Exception) -> Unreachable:
        reason = str(error).strip().splitlines()
        return Unreachable(
            f"target {self._name} does not answer",
            hint=f"gov broker check {self._name}",
            detail=reason[0] if reason else type(error).__name__,
        )


async def _lives(connection: Connection) -> bool:
    try:
        async with asyncio.timeout(PING_WITHIN):
            await connection.execute("SELECT 1")
    except (psycopg.Error, TimeoutError):
        return False
    return True
