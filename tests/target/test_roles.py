"""Ephemeral roles: what they can do, and that they end."""

from __future__ import annotations

import asyncio
import time

import psycopg
import pytest

from gov.errors import Unavailable
from gov.target import roles
from gov.target.target import Target
from gov.terms import LeaseId
from target.world import CUSTOMERS, ORDERS, SECRETS, Shop, login, mint, outcome

SPELLINGS = [
    "SELECT email FROM customers",
    "SELECT * FROM public.customers",
    'SELECT "email" FROM ONLY "customers"',
    "TABLE customers",
    "SELECT c FROM customers c",
    "SELECT c::text FROM customers c",
    "SELECT row_to_json(c) FROM customers c",
    "SELECT to_jsonb(c) FROM customers c",
    "SELECT json_agg(customers) FROM customers",
    "SELECT array_agg(ssn) FROM customers",
    "SELECT query_to_xml('select * from customers', true, false, '')",
    "SELECT ts_stat('select to_tsvector(email) from customers')",
    "SELECT count(*) FROM customers WHERE email LIKE 'canary%'",
    "SELECT id FROM customers ORDER BY ssn",
    "SELECT c2.id FROM orders o JOIN customers c2 ON c2.ssn = '123-45-6789'",
    "WITH x AS (SELECT email AS e FROM customers) SELECT e FROM x",
    "COPY customers TO STDOUT",
    "COPY (SELECT email FROM customers) TO STDOUT",
    "DO $$ DECLARE v text; BEGIN SELECT email INTO v FROM customers LIMIT 1; RAISE EXCEPTION '%', v; END $$",
    "SELECT lo_from_bytea(0, convert_to(email, 'utf8')) FROM customers",
    "CREATE TEMP TABLE t AS SELECT * FROM customers",
    "CREATE TEMP VIEW v AS SELECT email FROM customers; SELECT * FROM v",
    "DECLARE c CURSOR WITH HOLD FOR SELECT ssn FROM customers",
    "PREPARE p AS SELECT ssn FROM customers; EXECUTE p",
    "SELECT (email)::int FROM customers",
    "EXPLAIN ANALYZE SELECT email FROM customers",
    "SET ROLE {owner}",
    "SELECT * FROM pg_statistic",
]


def test_no_spelling_reads_a_raw_value(shop: Shop) -> None:
    """PostgreSQL itself refuses, whatever the text is, and its error says no value either."""

    async def run() -> None:
        target = shop.target()
        await target.open()
        _, upstream = await mint(target, await target.profile(outcome(await target.catalog())))
        with login(upstream) as session:
            for spelling in SPELLINGS:
                with pytest.raises(psycopg.Error) as refused:
                    session.execute(spelling.format(owner=shop.owner).encode()).fetchall()
                assert refused.value.sqlstate == "42501", spelling
                assert not any(secret in str(refused.value) for secret in SECRETS)
            seen = session.execute("SELECT * FROM pg_stats WHERE tablename = 'customers'").fetchall()
            assert seen
            assert not any(secret in str(seen) for secret in SECRETS)
        await target.close()

    asyncio.run(run())


def test_a_lease_reads_the_masked_view_and_the_clear_columns(shop: Shop) -> None:
    """Masked values have their shape; clear columns, system columns and other tables are as they are."""

    async def run() -> None:
        target = shop.target()
        await target.open()
        profile = await target.profile(outcome(await target.catalog()))
        _, upstream = await mint(target, profile)
        view = profile.views[CUSTOMERS]
        with login(upstream) as session:
            rows = session.execute(f'SELECT * FROM "{view.schema}"."{view.name}" ORDER BY id').fetchall()
            clear = session.execute("SELECT id, country, ctid, tableoid FROM customers ORDER BY id").fetchall()
            orders = session.execute("SELECT count(*) FROM orders").fetchall()
        await target.close()
        assert len(rows) == 2
        assert not any(secret in str(rows) for secret in SECRETS)
        assert [row[:2] for row in clear] == [(1, "de"), (2, "fr")]
        assert orders == [(2,)]
        assert ORDERS not in profile.views

    asyncio.run(run())


def test_read_scope_cannot_write(shop: Shop) -> None:
    """Neither data nor definitions."""

    async def run() -> None:
        target = shop.target()
        await target.open()
        _, upstream = await mint(target, await target.profile(outcome(await target.catalog())))
        with login(upstream) as session:
            for attempt in (
                "INSERT INTO orders VALUES (3, 1, 1)",
                "UPDATE orders SET amount = 0",
                "DELETE FROM orders",
                "TRUNCATE orders",
                "DROP TABLE orders",
                "CREATE TABLE mine()",
                "CREATE SCHEMA mine",
                "SELECT nextval('customers_id_seq')",
                "SELECT * FROM orders FOR UPDATE",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    session.execute(attempt.encode())
        await target.close()

    asyncio.run(run())


def test_write_scope_changes_clear_columns_only(shop: Shop) -> None:
    """INSERT takes every column; UPDATE of a masked one, and reading it back, are refused."""

    async def run() -> None:
        target = shop.target()
        await target.open()
        _, upstream = await mint(target, await target.profile(outcome(await target.catalog(), "write")))
        with login(upstream) as session:
            session.execute("INSERT INTO customers(email, ssn, country, balance) VALUES ('n', 'n', 'it', 1)")
            session.execute("UPDATE customers SET country = 'es' WHERE id = 1")
            session.execute("DELETE FROM orders WHERE id = 2")
            for attempt in (
                "UPDATE customers SET email = 'x'",
                "UPDATE customers SET country = email",
                "INSERT INTO customers(country) VALUES ('x') RETURNING email",
                "DELETE FROM customers WHERE ssn = '123-45-6789'",
                "TRUNCATE orders",
                "CREATE TRIGGER t BEFORE INSERT ON customers EXECUTE FUNCTION suppress_redundant_updates_trigger()",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    session.execute(attempt.encode())
            with pytest.raises(psycopg.errors.CheckViolation) as failed:
                session.execute("UPDATE customers SET balance = -1 WHERE id = 1")
            assert not any(secret in str(failed.value) for secret in SECRETS)
        await target.close()

    asyncio.run(run())


def test_the_role_has_no_attribute_and_one_membership(shop: Shop) -> None:
    """Minted as narrow as PostgreSQL allows, with the settings of a lease."""

    async def run() -> None:
        target = shop.target()
        await target.open()
        role, upstream = await mint(target, await target.profile(outcome(await target.catalog())))
        assert await target.intact(role)
        with login(upstream) as session:
            found = session.execute(
                "SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, rolinherit,"
                " rolvaliduntil - now() BETWEEN '1 minute' AND '3 minutes', current_setting('search_path'),"
                " current_setting('idle_session_timeout') FROM pg_roles WHERE rolname = current_user"
            ).fetchone()
            session.execute("ALTER ROLE CURRENT_USER SET statement_timeout = 7")
        assert found == (False, False, False, False, False, True, True, "public", "0")
        assert not await target.intact(role)
        await target.close()

    asyncio.run(run())


def test_revocation_ends_a_live_session(shop: Shop) -> None:
    """A session in the middle of a transaction is gone, and so is the role; twice is once."""

    async def run() -> None:
        target = shop.target()
        await target.open()
        role, upstream = await mint(target, await target.profile(outcome(await target.catalog())))
        with login(upstream) as session:
            session.execute("BEGIN; CREATE TEMP TABLE mine AS SELECT 1; LOCK TABLE mine")
            await target.revoke(role)
            with pytest.raises(psycopg.OperationalError):
                session.execute("SELECT 1")
        with pytest.raises(psycopg.OperationalError):
            login(upstream)
        await target.revoke(role)
        assert shop.roles("gov_l_") == []
        await target.close()

    asyncio.run(run())


def test_only_our_ephemeral_roles_can_be_revoked(shop: Shop) -> None:
    """A wrong name is a bug and touches nobody."""
    target = shop.target()
    for role in (shop.owner, "postgres", "gov_l_other_000000000000"):
        with pytest.raises(ValueError, match="no ephemeral role"):
            asyncio.run(target.revoke(role))


def test_parallel_mints_and_revocations(shop: Shop) -> None:
    """Twenty leases at once of two new profiles: all are made, and all end."""

    async def run() -> None:
        target = shop.target()
        await target.open()
        catalog = await target.catalog()

        async def lease(number: int) -> None:
            content = outcome(catalog, "write" if number % 2 else "read")
            role, upstream = await mint(target, await target.profile(content), lifetime=60.0)
            login(upstream).close()
            await target.revoke(role)

        async with asyncio.TaskGroup() as group:
            for number in range(20):
                group.create_task(lease(number))
        assert shop.roles("gov_l_") == []
        assert len(shop.roles("gov_p_")) == 2
        await target.close()

    asyncio.run(run())


def test_two_brokers_build_one_profile_at_once(shop: Shop) -> None:
    """Grants on one table from two connections would fail with XX000; they wait for each other."""

    async def run() -> None:
        targets = [shop.target() for _ in range(3)]
        await asyncio.gather(*(target.open() for target in targets))
        content = outcome(await targets[0].catalog())
        built = await asyncio.gather(*(target.profile(content) for target in targets))
        assert built[0] == built[1] == built[2]
        await asyncio.gather(*(target.close() for target in targets))

    asyncio.run(run())


def test_what_a_crash_left_is_replaced(shop: Shop) -> None:
    """Minting over a role of the same lease ends the old one first."""

    async def run() -> None:
        target = shop.target()
        await target.open()
        profile = await target.profile(outcome(await target.catalog()))
        lease = LeaseId("ls-0123456789ab")
        role, upstream = await mint(target, profile, lease)
        with login(upstream) as session:
            await target.mint(lease, role, profile, time.time() + 60)
            with pytest.raises(psycopg.OperationalError):
                session.execute("SELECT 1")
        login(upstream).close()
        await target.close()

    asyncio.run(run())


@pytest.mark.parametrize("step", ["minted", "fenced", "killed", "owns something"])
def test_a_sweep_finishes_what_a_crash_interrupted(shop: Shop, step: str) -> None:
    """After kill -9 at each step a new broker's sweep leaves no role without a lease."""

    async def crash(target: Target) -> str:
        await target.open()
        role, upstream = await mint(target, await target.profile(outcome(await target.catalog())))
        async with target._connections.borrow() as connection:
            if step in ("fenced", "killed"):
                await roles._fence(connection, role)
            if step == "killed":
                oid = await roles.oid_of(connection, role)
                assert oid is not None
                await roles._kill(connection, role, oid)
        if step == "owns something":
            with shop.admin() as admin:
                admin.execute(f"CREATE SCHEMA leftover AUTHORIZATION {role}")
            with login(upstream) as session:
                session.execute("CREATE TABLE leftover.t(); SELECT 1 FROM leftover.t")
        await target.close()
        return role

    async def run() -> None:
        role = await crash(shop.target())
        again = shop.target()
        assert role in await again.sweep([]), again.stuck
        assert again.stuck == {}
        await again.close()
        assert shop.roles("gov_l_") == []
        assert shop.roles("gov_o_") == []

    asyncio.run(run())


def test_a_sweep_spares_the_living_and_strangers(shop: Shop) -> None:
    """Live leases, other installations, and roles that only look like ours stay."""

    async def run() -> None:
        target, other = shop.target(), Shop(shop.server, shop.database, shop.owner, shop.broker).target()
        await target.open()
        await other.open()
        lease = LeaseId("ls-0123456789ab")
        role, _ = await mint(target, await target.profile(outcome(await target.catalog())), lease)
        theirs, _ = await mint(other, await other.profile(outcome(await other.catalog())))
        with shop.admin() as admin:
            admin.execute(f"CREATE ROLE gov_l_{target.installation}_handmade")
        again = shop.target()
        swept = await again.sweep([lease])
        assert role not in swept
        assert f"gov_l_{target.installation}_handmade" in shop.roles("gov_l_")
        with shop.admin() as admin:
            assert admin.execute("SELECT FROM pg_roles WHERE rolname = %s", (theirs,)).fetchone() is not None
        await other.revoke(theirs)
        await target.revoke(role)
        await asyncio.gather(target.close(), other.close(), again.close())

    asyncio.run(run())


def test_a_sweep_leaves_other_targets_alone(shop: Shop) -> None:
    """One broker, two targets on one cluster: each sweeps its own."""

    async def run() -> None:
        prod, crm = shop.target(), shop.target("crm")
        await prod.open()
        role, _ = await mint(prod, await prod.profile(outcome(await prod.catalog())))
        assert role not in await crm.sweep([])
        assert role in shop.roles("gov_l_")
        await prod.revoke(role)
        await asyncio.gather(prod.close(), crm.close())

    asyncio.run(run())


def test_what_cannot_end_is_said(shop: Shop) -> None:
    """A role that owns something in a database out of reach is stuck, and the words say where."""

    async def run() -> None:
        target = shop.target()
        await target.open()
        role, _ = await mint(target, await target.profile(outcome(await target.catalog())))
        with psycopg.connect(shop.server.admin_dsn, autocommit=True) as elsewhere:
            elsewhere.execute(f"CREATE SCHEMA {role} AUTHORIZATION {role}")
            with pytest.raises(Unavailable, match="could not be dropped") as stuck:
                await target.revoke(role)
            assert "2BP01" in stuck.value.detail
            await target.sweep([])
            assert list(target.stuck) == []  # so young that it counts as living
            again = shop.target()
            await again.sweep([])
            assert "1 object in database postgres" in again.stuck[role]
            await again.close()
            elsewhere.execute(f"DROP SCHEMA {role}")
        await target.revoke(role)
        await target.close()

    asyncio.run(run())
