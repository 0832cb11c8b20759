"""The script for the DBA."""

from __future__ import annotations

import asyncio
import subprocess

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from gov.demo.cluster import programs
from gov.target import bootstrap
from gov.terms import Relation
from target.world import CUSTOMERS, Shop, outcome


def test_the_broker_is_no_superuser(shop: Shop) -> None:
    """It may create roles and schemas, and act for the owner; nothing more."""
    with shop.admin() as admin:
        row = admin.execute(
            "SELECT rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication FROM pg_roles"
            " WHERE rolname = %s",
            (shop.broker,),
        ).fetchone()

    assert row == (False, True, False, False, False)


def test_the_check_finds_nothing_missing_afterwards(shop: Shop) -> None:
    """What the script gives is what the check asks for."""

    async def errors() -> list[str]:
        target = shop.target()
        found = [finding.what for finding in await target.check() if finding.severity == "error"]
        await target.close()
        return found

    assert asyncio.run(errors()) == []


def test_running_it_again_changes_nothing(shop: Shop) -> None:
    """The script is idempotent."""
    with shop.admin() as admin:
        admin.execute(bootstrap.sql(shop.broker, shop.database, [shop.owner], ["public"]))


def test_a_superuser_as_owner_is_refused(shop: Shop) -> None:
    """Whoever acts for a superuser is one."""
    with shop.admin() as admin, pytest.raises(psycopg.Error, match="is a superuser"):
        admin.execute(bootstrap.sql(shop.broker, shop.database, ["postgres"], []))


def test_names_are_quoted() -> None:
    """A strange name is a name, and a line break in it does not end a comment."""
    script = bootstrap.sql('b"; DROP', "d\nSELECT 1", ["o'x"], ['s"'])

    assert 'GRANT USAGE ON SCHEMA "s""" TO "b""; DROP"' in script
    assert "'o''x'" in script
    assert "connected to d SELECT 1." in script


def test_a_name_that_ends_a_block_is_refused() -> None:
    """A dollar quote cannot be broken out of."""
    with pytest.raises(ValueError, match=r"\$gov\$"):
        bootstrap.sql("gov_broker", "shop", ["x$gov$; DROP TABLE t"], [])


def test_psql_runs_it_as_it_is_printed(shop: Shop) -> None:
    """Twice, stopping at the first error; then a masked profile can be built."""
    script = bootstrap.sql(shop.broker, shop.database, [shop.owner], ["public"])
    address = make_conninfo(shop.server.admin_dsn, dbname=shop.database)
    with shop.admin() as admin:
        admin.execute(f"DROP OWNED BY {shop.broker}; REVOKE {shop.owner} FROM {shop.broker}")
        admin.execute(f"DROP ROLE {shop.broker}")
    for _ in range(2):
        done = subprocess.run(
            [programs() / "psql", "-X", "-v", "ON_ERROR_STOP=1", address],
            input=script, text=True, capture_output=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    with shop.admin() as admin:
        admin.execute(f"ALTER ROLE {shop.broker} PASSWORD 'broker'")

    async def views() -> list[Relation]:
        target = shop.target()
        await target.open()
        profile = await target.profile(outcome(await target.catalog()))
        await target.close()
        return [*profile.views]

    assert asyncio.run(views()) == [CUSTOMERS]
