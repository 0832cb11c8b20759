"""The key of tokens: made once, by whoever needs it first, and read by nobody who holds a lease."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from gov.errors import Unavailable
from gov.sql.catalog import Catalog
from gov.target.target import Target
from target.world import Shop, login, mint, outcome


async def emails(target: Target, mask: str) -> list[str]:
    """What a lease under that mask sees; it must not see the key."""
    catalog: Catalog = await target.refresh()
    profile = await target.profile(outcome(catalog, email=mask, ssn="null"))
    _, upstream = await mint(target, profile)
    (view,) = profile.views.values()
    with login(upstream) as session:
        rows = session.execute(f'SELECT email FROM "{view.schema}"."{view.name}" ORDER BY id'.encode()).fetchall()
        for sql in ("SELECT key FROM gov_m_keys.mask_key", "SELECT pg_relation_filepath('gov_m_keys.mask_key')"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(sql.encode())
    return [str(email) for (email,) in rows]


def test_a_key_is_made_once_and_read_by_the_views_alone(shop: Shop) -> None:
    """Tokens are the same in every profile of one purpose, and others for another."""

    async def run() -> None:
        target = shop.target()
        await target.open()
        first, again = await emails(target, "hash(a)"), await emails(target, "hash(a)")
        other = await emails(target, "hash(b)")
        await target.close()
        assert first == again
        assert len(first[0]) == 64
        assert not set(first) & set(other)

    asyncio.run(run())
    with shop.admin() as admin:
        assert admin.execute("SELECT count(*), min(length(key)) FROM gov_m_keys.mask_key").fetchall() == [(1, 32)]


def test_no_key_is_made_that_nobody_needs(shop: Shop) -> None:
    """Other masks leave nothing behind."""

    async def run() -> None:
        target = shop.target()
        await target.open()
        await target.profile(outcome(await target.refresh()))
        await target.close()

    asyncio.run(run())
    with shop.admin() as admin:
        assert admin.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'gov_m_keys'").fetchall() == []


def test_somebody_elses_key_is_refused(shop: Shop) -> None:
    """Who made it knows it, and could try values against the tokens."""
    with shop.admin() as admin:
        admin.execute("CREATE SCHEMA gov_m_keys")
        admin.execute("CREATE TABLE gov_m_keys.mask_key (key bytea)")

    async def run() -> None:
        target = shop.target()
        await target.open()
        try:
            with pytest.raises(Unavailable, match="not the broker's own"):
                await target.profile(outcome(await target.refresh(), email="hash", ssn="null"))
        finally:
            await target.close()

    asyncio.run(run())
