"""asyncpg through the gateway: binary throughout, prepared throughout, and Flush where others Sync."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import asyncpg
import psycopg
import pytest

from live.wire import Lease, trust

MASKED = ("s***@e***.com", "[redacted]", date(1970, 1, 1))
Said = Callable[[Lease, Callable[[Any], Awaitable[Any]]], Any]


@pytest.fixture
def talk() -> Said:
    """Call it with a lease and what to do with a connection."""

    def run(lease: Lease, what: Callable[[Any], Awaitable[Any]]) -> Any:
        async def session() -> Any:
            async with asyncio.timeout(60):
                connection = await asyncpg.connect(
                    host=lease["pghost"], port=lease["pgport"], user=lease["pguser"], password=lease["pgpassword"],
                    database=lease["pgdatabase"], ssl=trust(lease),
                )  # fmt: skip
                try:
                    return await what(connection)
                finally:
                    await connection.close()

        return asyncio.run(session())

    return run


def test_values_are_masked(talk: Said, reader: Lease) -> None:
    """By fetch, by prepared statement, by cursor and in a whole row."""

    async def ask(connection: Any) -> list[tuple[Any, ...]]:
        text = "select email, ssn, dob from customers where id = $1"
        fetched = tuple(await (await connection.prepare(text)).fetchrow(1))
        async with connection.transaction():
            walked = [tuple(row) async for row in connection.cursor(text, 1)]
        whole = await connection.fetchval("select c from customers c where id = 1")
        return [
            tuple(await connection.fetchrow(text, 1)), fetched, *walked,
            (whole["email"], whole["ssn"], whole["dob"]),
        ]  # fmt: skip

    assert talk(reader, ask) == [MASKED] * 4


def test_a_query_after_prepare(talk: Said, reader: Lease) -> None:
    """`prepare` flushes and does not sync; a transaction may begin right behind it."""

    async def ask(connection: Any) -> tuple[Any, ...]:
        prepared = await connection.prepare("select email, ssn, dob from customers where id = $1")
        async with connection.transaction():
            return tuple(await prepared.fetchrow(1))

    assert talk(reader, ask) == MASKED


def test_refusals(talk: Said, reader: Lease) -> None:
    """Each is the driver's own exception for its SQLSTATE, and the connection goes on."""

    async def ask(connection: Any) -> None:
        for text, kind in (
            ("copy orders to program 'id'", asyncpg.InsufficientPrivilegeError),
            ("do $$ begin perform 1; end $$", asyncpg.FeatureNotSupportedError),
            ("select 1/0", asyncpg.DivisionByZeroError),
            ("select nothing", asyncpg.UndefinedColumnError),
            ("selec", asyncpg.PostgresSyntaxError),
        ):
            for way in (connection.fetch, connection.execute):
                with pytest.raises(kind):
                    await way(text)
                assert await connection.fetchval("select 1") == 1

    talk(reader, ask)


def test_transactions(talk: Said, writer: Lease) -> None:
    """A refusal inside fails the transaction; nested ones are savepoints."""

    async def ask(connection: Any) -> int:
        async def refused() -> None:
            async with connection.transaction():
                await connection.execute("update orders set status = 'lost' where id = 1")
                await connection.execute("set role shop_owner")

        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await refused()
        async with connection.transaction():
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with connection.transaction():
                    await connection.execute("set role shop_owner")
            assert await connection.fetchval("select 1") == 1
        lost: int = await connection.fetchval("select count(*) from orders where status = 'lost'")
        return lost

    assert talk(writer, ask) == 0


def test_copy(talk: Said, writer: Lease) -> None:
    """Records in, queries and tables out, masked."""

    async def ask(connection: Any) -> tuple[bytes, bytes]:
        transaction = connection.transaction()
        await transaction.start()
        records = [(-n, 1, n, n, None, "x") for n in range(1, 1001)]
        assert await connection.copy_records_to_table("pgbench_history", records=records) == "COPY 1000"
        await transaction.rollback()
        table, query = io.BytesIO(), io.BytesIO()
        await connection.copy_from_table("customers", output=table, columns=["id", "email", "ssn"])
        await connection.copy_from_query("select email from customers where id = $1", 1, output=query)
        return table.getvalue(), query.getvalue()

    table, query = talk(writer, ask)
    assert b"1\ts***@e***.com\t[redacted]\n" in table
    assert b"@example" not in table
    assert query == b"s***@e***.com\n"


def test_held_and_answered(talk: Said, writer: Lease, spare: str, approve: Callable[[str], object],
                           deny: Callable[[str], object]) -> None:  # fmt: skip
    """Held, denied, held, approved: the notice says what for."""

    async def ask(connection: Any) -> str:
        answers = [deny, approve]
        loop = asyncio.get_running_loop()

        def hear(_: Any, message: Any) -> None:
            if found := re.search(r"\(request (rq-\w+)\)", message.message):
                loop.run_in_executor(None, answers.pop(0), found[1])

        connection.add_log_listener(hear)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="not today"):
            await connection.execute(f"delete from {spare}")
        assert await connection.fetchval("select 1") == 1
        said: str = await (await connection.prepare(f"delete from {spare} returning n")).fetch()
        return said

    assert len(talk(writer, ask)) == 5


def test_cancel_by_timeout(talk: Said, reader: Lease) -> None:
    """`timeout=` cancels what runs, and withdraws what is held."""

    async def ask(connection: Any) -> int:
        with pytest.raises(TimeoutError):
            await connection.fetch("select count(*) from orders a, orders b", timeout=0.5)
        with pytest.raises(TimeoutError):
            await connection.execute("delete from orders", timeout=0.5)
        one: int = await connection.fetchval("select 1")
        return one

    assert talk(reader, ask) == 1


def test_many_at_once(talk: Said, reader: Lease) -> None:
    """A pool gives back its connections with its own reset query, and hands them out again."""

    async def ask(_: Any) -> list[int]:
        pool = await asyncpg.create_pool(
            host=reader["pghost"], port=reader["pgport"], user=reader["pguser"], password=reader["pgpassword"],
            database=reader["pgdatabase"], ssl=trust(reader), min_size=2, max_size=4,
        )  # fmt: skip
        async with pool:
            return list(await asyncio.gather(*(pool.fetchval("select $1::int", n) for n in range(40))))

    assert talk(reader, ask) == list(range(40))


def test_executemany(talk: Said, writer: Lease) -> None:
    """Many parameters for one statement, in one group."""

    async def ask(connection: Any) -> int:
        transaction = connection.transaction()
        await transaction.start()
        await connection.executemany("update orders set status = $1 where id = $2", [("lost", n) for n in range(1, 51)])
        lost: int = await connection.fetchval("select count(*) from orders where status = 'lost'")
        await transaction.rollback()
        return lost

    assert talk(writer, ask) == 50


def test_introspection_of_types_is_never_held(talk: Said, reader: Lease, admin: psycopg.Connection[Any]) -> None:
    """Each new composite, array, range or enum makes asyncpg ask the catalogs first, every time anew."""
    admin.execute("CREATE TYPE public.mood AS ENUM ('sad', 'ok')")
    try:

        async def ask(connection: Any) -> list[Any]:
            found = []
            for _ in range(3):
                found += [
                    await connection.fetchval("select 'ok'::mood"),
                    await connection.fetchval("select array['sad', 'ok']::mood[]"),
                    await connection.fetchval("select int4range(1, 5)"),
                    await connection.fetchval("select array[numrange(1, 2)]"),
                    (await connection.fetchval("select o from orders o where id = 1"))["id"],
                    (await connection.fetchval("select array_agg(c) from customers c where id < 3"))[1]["email"],
                ]
                await connection.reload_schema_state()
            await connection.set_type_codec("jsonb", encoder=str, decoder=len, schema="pg_catalog")
            found.append(await connection.fetchval("select notes from customers where id = 1"))
            return found

        *found, length = talk(reader, ask)
    finally:
        admin.execute("DROP TYPE public.mood")

    assert found[:2] == ["ok", ["sad", "ok"]]
    assert found[4:6] == [1, "z***@e***.net"]
    assert found[:6] * 3 == found
    assert length > 10


def test_the_same_fetch_again_and_again(talk: Said, reader: Lease) -> None:
    """From its cache of statements, from a prepared one and through a cursor: the same masked rows each time."""

    async def ask(connection: Any) -> list[list[tuple[Any, ...]]]:
        text = "select id, email, ssn, dob from customers where id between $1 and $2 order by id"
        prepared = await connection.prepare(text)
        found = [await connection.fetch(text, 1, 20) for _ in range(200)]
        found += [await prepared.fetch(1, 20) for _ in range(50)]
        async with connection.transaction():
            cursor = await connection.cursor(text, 1, 20)
            found.append(await cursor.fetch(12) + await cursor.fetch(100))
        return [[tuple(row) for row in rows] for rows in found]

    first, *others = talk(reader, ask)

    assert len(first) == 20
    assert first[0] == (1, *MASKED)
    assert all(each == first for each in others)


def test_listening(talk: Said, reader: Lease) -> None:
    """Nobody listens on a channel that policy does not vouch for; UNLISTEN, which pools send, passes."""

    async def ask(connection: Any) -> int:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="nobody vouches for the channel prices"):
            await connection.add_listener("prices", print)
        await connection.execute("unlisten *")
        one: int = await connection.fetchval("select 1")
        return one

    assert talk(reader, ask) == 1
