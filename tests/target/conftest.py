"""A shop with masked customers, on PostgreSQL 18 and, where Debian's 15 is installed, on that too."""

from __future__ import annotations

import os
import pwd
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from gov.demo.cluster import Cluster, is_free
from gov.target import bootstrap
from target.world import SCHEMA, Server, Shop

FIFTEEN = Path("/usr/lib/postgresql/15/bin")


@pytest.fixture(scope="session")
def fifteen() -> Iterator[Server]:
    """Debian's PostgreSQL 15: the last version with the old rules of CREATEROLE."""
    if not FIFTEEN.exists():
        pytest.skip("PostgreSQL 15 is not installed")
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    home = Path(tempfile.mkdtemp(prefix="gov-fifteen-"))
    if user:
        os.chown(home, user.pw_uid, user.pw_gid)
    port = next(port for port in random.sample(range(20_000, 32_000), 50) if is_free(port))
    identity: dict[str, Any] = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}

    def run(program: str, *words: str) -> None:
        subprocess.run(
            [str(FIFTEEN / program), *words], check=True, cwd="/", stdout=subprocess.DEVNULL, **identity
        )

    data = str(home / "data")
    settings = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
    try:
        (home / "password").write_text("postgres")
        (home / "password").chmod(0o644)
        run(
            "initdb", "-D", data, "-U", "postgres", "-A", "scram-sha-256", "--no-sync",
            f"--pwfile={home / 'password'}",
        )  # fmt: skip
        run("pg_ctl", "start", "-w", "-D", data, "-o", settings, "-l", str(home / "log"))
        try:
            yield Server("127.0.0.1", port, f"postgresql://postgres:postgres@127.0.0.1:{port}/postgres")
        finally:
            run("pg_ctl", "stop", "-D", data, "-m", "immediate")
    finally:
        shutil.rmtree(home)


@pytest.fixture(params=["18", "15"])
def server(request: pytest.FixtureRequest) -> Server:
    """Each PostgreSQL in turn."""
    if request.param == "15":
        found: Server = request.getfixturevalue("fifteen")
        return found
    cluster: Cluster = request.getfixturevalue("cluster")
    return Server(cluster.host, cluster.port, cluster.admin_dsn)


@pytest.fixture
def shop(server: Server) -> Iterator[Shop]:
    """A governed shop; database and roles are gone afterwards."""
    unique = uuid4().hex[:8]
    shop = Shop(server, f"shop_{unique}", f"owner_{unique}", f"broker_{unique}")
    with psycopg.connect(server.admin_dsn, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {shop.owner}")
        admin.execute(f"CREATE DATABASE {shop.database}")
    try:
        with shop.admin() as admin:
            admin.execute(f"GRANT CREATE ON SCHEMA public TO {shop.owner}")
            admin.execute(bootstrap.sql(shop.broker, shop.database, [shop.owner], ["public"]))
            admin.execute(f"ALTER ROLE {shop.broker} PASSWORD 'broker'")
        shop.as_owner(SCHEMA)
        yield shop
    finally:
        _remove(shop)


def _remove(shop: Shop) -> None:
    roles = [*shop.roles(), shop.broker, shop.owner]
    with psycopg.connect(shop.server.admin_dsn, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {shop.database} WITH (FORCE)")
        for role in roles:
            admin.execute(f'DROP ROLE IF EXISTS "{role}"')
