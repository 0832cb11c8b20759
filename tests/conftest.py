"""What several tests share: a real PostgreSQL 18, and databases of their own in it.

Every pytest worker has its own server; it takes half a second to make and is gone afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import uuid4

import psycopg
import pytest

from gov.demo.cluster import Cluster


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A running PostgreSQL 18 with `.admin_dsn` (its superuser), `.host` and `.port`."""
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        made.start()
        yield made
    finally:
        made.remove()


@pytest.fixture
def fresh_database(cluster: Cluster) -> Iterator[Callable[[], str]]:
    """Call it for the superuser's DSN of a new, empty database; it goes when the test ends.

    Roles belong to the whole server: give those that you make names nobody else would.
    """
    names: list[str] = []

    def make() -> str:
        names.append(f"fresh_{uuid4().hex[:12]}")
        with psycopg.connect(cluster.admin_dsn, autocommit=True) as admin:
            admin.execute(f'CREATE DATABASE "{names[-1]}" STRATEGY file_copy')
        return cluster.admin_dsn_of(names[-1])

    yield make
    with psycopg.connect(cluster.admin_dsn, autocommit=True) as admin:
        for name in names:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
