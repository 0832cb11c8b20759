"""The broker's own connections: pinned, replaced when lost, honest when the target is down."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable

import psycopg
import pytest

from gov.errors import Unavailable, Unreachable
from gov.target.address import parse
from gov.target.connection import SIZE, Connections
from gov.target.target import Target
from gov.terms import TargetName
from target.world import Shop, outcome


def working(shop: Shop, work: Callable[[Connections], Awaitable[None]]) -> None:
    """Run `work` with connections of their own."""

    async def run() -> None:
        connections = Connections("prod", parse("prod", shop.broker_dsn, "off"))
        try:
            await work(connections)
        finally:
            await connections.close()

    asyncio.run(run())


def test_no_name_can_be_caught(shop: Shop) -> None:
    """Whatever the role's own settings say, search_path is empty and locks are waited for briefly."""
    with shop.admin() as admin:
        admin.execute(f"ALTER ROLE {shop.broker} SET search_path = public")
        admin.execute(f"ALTER ROLE {shop.broker} SET lock_timeout = 0")

    async def work(connections: Connections) -> None:
        async with connections.borrow() as connection:
            cursor = await connection.execute(
                "SELECT current_setting('search_path'), current_setting('lock_timeout'),"
                " current_setting('statement_timeout')"
            )
            assert await cursor.fetchone() == ('""', "2s", "10s")

    working(shop, work)


def test_the_default_search_path_is_that_of_the_database(shop: Shop) -> None:
    """Schemas that exist, in order; that is what a lease's role is pinned to."""
    with shop.admin() as admin:
        admin.execute(f'CREATE SCHEMA "a b"; GRANT USAGE ON SCHEMA "a b" TO {shop.broker}')
        admin.execute(f'ALTER DATABASE {shop.database} SET search_path = "a b", missing, "$user", public')

    async def run() -> tuple[str, ...]:
        target = shop.target()
        await target.open()
        path = (await target.catalog()).search_path
        await target.close()
        return path

    assert asyncio.run(run()) == ("a b", "public")


def test_a_lost_connection_is_replaced(shop: Shop) -> None:
    """The work it was lost in says so; the next work has a new one."""

    async def work(connections: Connections) -> None:
        async def lose() -> None:
            async with connections.work() as connection:
                with shop.admin() as admin:
                    admin.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
                await connection.execute("SELECT 1")

        with pytest.raises(Unreachable):
            await lose()
        async with connections.work() as connection:
            await connection.execute("SELECT 1")

    working(shop, work)


def test_a_connection_lost_at_rest_is_noticed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database was restarted in between: nobody's work fails for it."""
    monkeypatch.setattr("gov.target.connection.RESTED", 0.0)

    async def work(connections: Connections) -> None:
        async with connections.work() as connection:
            pid = connection.info.backend_pid
        with shop.admin() as admin:
            admin.execute("SELECT pg_terminate_backend(%s, 1000)", (pid,))
        async with connections.work() as connection:
            assert connection.info.backend_pid != pid

    working(shop, work)


def test_an_open_transaction_never_comes_back(shop: Shop) -> None:
    """A task that was cancelled in the middle leaves nothing behind for the next."""

    async def work(connections: Connections) -> None:
        async with connections.work() as connection:
            await connection.execute("BEGIN")
            pid = connection.info.backend_pid
        async with connections.work() as connection:
            assert connection.info.backend_pid != pid

    working(shop, work)


def test_there_are_never_more_than_a_few(shop: Shop) -> None:
    """Forty tasks at once share them."""

    async def work(connections: Connections) -> None:
        async def one() -> int:
            async with connections.work() as connection:
                await connection.execute("SELECT pg_sleep(0.01)")
                return connection.info.backend_pid

        assert len(set(await asyncio.gather(*(one() for _ in range(40))))) <= SIZE

    working(shop, work)


def test_what_postgresql_refuses_is_unavailable(shop: Shop) -> None:
    """An error nobody expected is no error of the person; its SQLSTATE is kept."""

    async def work(connections: Connections) -> None:
        async def divide() -> None:
            async with connections.work() as connection:
                await connection.execute("SELECT 1/0")

        with pytest.raises(Unavailable, match="division by zero") as refused:
            await divide()
        assert refused.value.detail == "SQLSTATE 22012"

    working(shop, work)


def test_a_target_that_refuses_is_unreachable() -> None:
    """Nothing listens there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        target = Target(TargetName("prod"), f"host=127.0.0.1 port={port} dbname=a user=b", "x", b"k" * 32, tls="off")
        with pytest.raises(Unreachable, match="target prod does not answer"):
            asyncio.run(target.open())


def test_a_target_that_is_silent_is_unreachable_in_time() -> None:
    """It accepts and says nothing: eight seconds at most."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        target = Target(TargetName("prod"), f"host=127.0.0.1 port={port} dbname=a user=b", "x", b"k" * 32, tls="off")
        began = time.monotonic()
        with pytest.raises(Unreachable):
            asyncio.run(target.ping())
        assert time.monotonic() - began < 8


def test_a_wrong_password_is_said(shop: Shop) -> None:
    """The detail is PostgreSQL's own sentence."""
    target = shop.target()
    wrong = Target(target.name, shop.broker_dsn.replace("password=broker", "password=wrong"), "x", b"k" * 32, tls="off")
    with pytest.raises(Unreachable) as refused:
        asyncio.run(wrong.ping())
    assert "password authentication failed" in refused.value.detail


def test_a_cancelled_task_leaves_no_half_profile(shop: Shop) -> None:
    """Cancelled anywhere while it is built, a profile is whole or not there, and the next one works."""

    async def run() -> None:
        target = shop.target()
        await target.open()
        content = outcome(await target.catalog())
        for after in (0.001, 0.004, 0.008, 0.012, 0.016):
            task = asyncio.create_task(target.profile(content))
            await asyncio.sleep(after)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        profile = await target.profile(content)
        assert shop.roles("gov_p_") == [profile.role]
        await target.close()

    asyncio.run(run())


def test_the_broker_needs_no_superuser(shop: Shop) -> None:
    """All of these tests run as it; so say its rights."""
    with psycopg.connect(shop.broker_dsn) as broker:
        row = broker.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()

    assert row == (False,)
