"""The database that the demo governs: `shop`, with customers whose data is worth protecting."""

from __future__ import annotations

import subprocess
from importlib.resources import files

import psycopg
from psycopg.sql import SQL, Identifier

from gov.demo.cluster import Cluster, programs
from gov.demo.process import clean_environment
from gov.errors import Unavailable
from gov.target import bootstrap

DATABASE = "shop"
OWNER = "shop_owner"
BROKER = "gov_broker"


def create(cluster: Cluster, broker_password: str) -> None:
    """Make the database from nothing, as a DBA would: owner, tables, and the broker's own role.

    A database left half-made by an earlier attempt is made anew.

    Raises:
        Unavailable: The server refuses.
    """
    _database(cluster)
    admin = cluster.admin_dsn_of(DATABASE)
    with psycopg.connect(admin) as connection:
        connection.execute(f"SET ROLE {OWNER}")
        connection.execute(files("gov.demo").joinpath("shop.sql").read_text(encoding="utf-8"))
    _pgbench(cluster)
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE)")
        connection.execute(bootstrap.sql(BROKER, DATABASE, [OWNER], ["public"]))
        connection.execute(SQL("ALTER ROLE {} PASSWORD {}").format(Identifier(BROKER), broker_password))


def exists(cluster: Cluster) -> bool:
    """Whether `create` ever came to its end: the broker's role, made last, is there."""
    with psycopg.connect(cluster.admin_dsn) as connection:
        return bool(connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [BROKER]).fetchone())


def _database(cluster: Cluster) -> None:
    with psycopg.connect(cluster.admin_dsn, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        connection.execute(f"DROP ROLE IF EXISTS {BROKER}, {OWNER}")
        connection.execute(f"CREATE ROLE {OWNER} NOLOGIN")
        connection.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")


def _pgbench(cluster: Cluster) -> None:
    """pgbench's own tables at scale 1, with pgbench itself, for the shop's owner."""
    command = [
        str(programs() / "pgbench"),
        "--initialize",
        "--quiet",
        "--scale=1",
        cluster.admin_dsn_of(DATABASE),
    ]
    environment = clean_environment() | {"PGOPTIONS": f"-c role={OWNER}"}
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise Unavailable("pgbench could not make its tables", hint="gov demo down", detail=done.stderr)
