"""Fixtures of the broker's tests; what they are made of is in `rig`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from broker.rig import Rig, Shop
from gov.demo.cluster import Cluster
from gov.target import bootstrap

SCHEMA = """
CREATE TABLE customers(id int PRIMARY KEY, email text);
CREATE TABLE orders(id int PRIMARY KEY, customer_id int REFERENCES customers, amount numeric);
INSERT INTO customers VALUES (1, 'canary-jane@example.com');
INSERT INTO orders VALUES (1, 1, 10);
"""


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """An empty rig."""
    return Rig(tmp_path)


@pytest.fixture
def played() -> Iterator[Callable[[Awaitable[Any]], Any]]:
    """Runs a coroutine to its end, with a bound so that a lost wake-up fails rather than hangs."""

    async def bounded(work: Awaitable[Any]) -> Any:
        async with asyncio.timeout(60):
            return await work

    with asyncio.Runner() as runner:
        yield lambda work: runner.run(bounded(work))


@pytest.fixture
def shop(cluster: Cluster, fresh_database: Callable[[], str]) -> Iterator[Shop]:
    """A governed shop; whatever roles a test leaves are gone afterwards."""
    admin_dsn, unique = fresh_database(), uuid4().hex[:8]
    database = str(psycopg.conninfo.conninfo_to_dict(admin_dsn)["dbname"])
    owner, broker = f"owner_{unique}", f"broker_{unique}"
    dsn = make_conninfo(host=cluster.host, port=cluster.port, user=broker, password="broker", dbname=database)
    shop = Shop(admin_dsn, dsn, owner)
    shop.admin(f"CREATE ROLE {owner}; GRANT CREATE ON SCHEMA public TO {owner}")
    shop.admin(bootstrap.sql(broker, database, [owner], ["public"]))
    shop.admin(f"ALTER ROLE {broker} PASSWORD 'broker'; SET ROLE {owner}; {SCHEMA}")
    yield shop
    for role in [*shop.roles("gov_l_"), *shop.roles("gov_p_"), *shop.roles("gov_v_"), owner, broker]:
        shop.admin(f'DROP OWNED BY "{role}" CASCADE; DROP ROLE "{role}"')
