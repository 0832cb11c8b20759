"""The whole road on Debian's PostgreSQL 15 over verified TLS, with a broker that is no superuser."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from broker.rig import Shop
from broker.site import Site
from gov.client.config import Places
from gov.client.login import device_login
from gov.demo.cluster import Cluster
from gov.demo.issuer_client import approve_device
from gov.demo.process import clean_environment
from live import door, fifteen
from live.fifteen import Fifteen
from servers import running_issuer

BROKER, OWNER, CANARY = "gov_broker", "shop_owner", "canary-jane@example.com"
POLICY = """\
version: 1
classify: [{ columns: [public.customers.email], as: pii.contact }]
access:
  - { name: read, groups: [engineering], targets: [prod], scope: read, max_ttl: 1h }
  - { name: write, groups: [engineering], targets: [prod], scope: write, max_ttl: 1h, reason: required }
masking: [{ name: contact, data: pii.contact, with: partial }]
guardrails:
  - { name: destructive, when: { effects: [drop, truncate, alter] }, then: hold, approvers: [dba] }
roles: { auditor: { groups: [dba] }, operator: { groups: [dba] }, policy_admin: { groups: [dba] } }
"""
SCHEMA = f"""
SET ROLE {OWNER};
CREATE TABLE customers(id int PRIMARY KEY, email text);
INSERT INTO customers VALUES (1, '{CANARY}');
CREATE TABLE orders(id int PRIMARY KEY, amount numeric);
INSERT INTO orders VALUES (1, 10), (2, 20);
RESET ROLE;
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fifteen]:
    """PostgreSQL 15 with a shop in it and no sign of gov."""
    with fifteen.running(tmp_path_factory.mktemp("fifteen") / "root.pem") as server:
        with server.admin() as admin:
            admin.execute(f"CREATE ROLE {OWNER}")
            admin.execute("CREATE DATABASE shop")
        with server.admin("shop") as admin:
            admin.execute(f"GRANT CREATE ON SCHEMA public TO {OWNER}")
            admin.execute(SCHEMA)
        yield server


@pytest.fixture(scope="module")
def site(server: Fifteen, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A broker that serves the shop: set up by what `gov broker bootstrap` prints, run by psql."""
    directory = tmp_path_factory.mktemp("site")
    dsn = server.dsn(BROKER, "broker", "shop")
    with running_issuer(directory) as issuer:
        admin_dsn = server.dsn("postgres", fifteen.PASSWORD, "shop")
        made = Site(directory, Shop(admin_dsn, dsn, OWNER, BROKER), issuer.url)
        made.policy.write_text(POLICY)
        made.config.write_text(made.config.read_text().replace("tls: off", "tls: verify-full"))
        script = gov(clean(), "broker", "bootstrap", "prod", "--config", str(made.config), "--owner", OWNER).stdout
        done = subprocess.run(
            [door.program("psql"), "-v", "ON_ERROR_STOP=1", "-X", admin_dsn],
            input=script, text=True, capture_output=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        with server.admin() as admin:
            admin.execute(f"ALTER ROLE {BROKER} PASSWORD 'broker'")
        made.start()
        try:
            yield made
        finally:
            made.end()


def clean() -> dict[str, str]:
    """An environment without anybody's settings."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return clean_environment() | {"PATH": path, "NO_COLOR": "1", "COLUMNS": "200"}


def logged_in(site: Site, name: str) -> dict[str, str]:
    """The environment of somebody who is."""
    directory = site.directory / "people" / name
    if not directory.exists():
        device_login(
            site.url, places=Places.below(directory), ca_file=site.ca_file, store="file",
            show=lambda challenge: approve_device(site.issuer, challenge.user_code, name),
        )  # fmt: skip
    return clean() | {"GOV_CONFIG_DIR": str(directory), "GOV_BROKER": site.url}


def gov(environment: dict[str, str], *words: str, status: int = 0) -> Any:
    """`gov WORDS`, which must end with that status."""
    done = subprocess.run(["gov", *words], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == status, f"gov {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def psql(environment: dict[str, str], *words: str, sql: str) -> subprocess.CompletedProcess[str]:
    """What psql answers under a lease."""
    lease = json.loads(gov(environment, "credentials", "prod", "--format", "json", *words).stdout)
    return subprocess.run(
        [door.program("psql"), "-X", "-At", "-c", sql], env=environment | door.variables(lease),
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def test_the_whole_road(server: Fifteen, site: Site) -> None:
    """Login, lease, masked read, write, a held DROP that is approved, kill, and a trail that verifies."""
    alice, bob = logged_in(site, "alice"), logged_in(site, "bob")

    read = psql(alice, sql="SELECT * FROM customers")
    assert (read.returncode, read.stdout) == (0, "1|c***@e***.com\n"), read.stderr
    raw = psql(alice, sql="SELECT query_to_xml('SELECT email FROM customers', true, false, '')")
    assert raw.returncode != 0
    assert CANARY not in raw.stdout + raw.stderr

    refused = psql(alice, sql="INSERT INTO orders VALUES (3, 30)")
    assert "42501" in refused.stderr or "denied" in refused.stderr
    written = psql(alice, "--scope", "write", "--reason", "a test", sql="INSERT INTO orders VALUES (3, 30)")
    assert written.stdout == "INSERT 0 1\n", written.stderr

    asked = gov(alice, "exec", "prod", "-c", "DROP TABLE orders", "--no-wait", status=6)
    request = json.loads(asked.stdout)["request"]
    gov(bob, "approve", request, "--yes")
    gov(alice, "exec", "prod", "--request", request)
    with server.admin("shop") as admin:
        assert admin.execute("SELECT to_regclass('public.orders')").fetchone() == (None,)

        assert admin.execute("SELECT count(*) FROM pg_roles WHERE rolname ~ '^gov_l_'").fetchone() != (0,)
        assert admin.execute(
            "SELECT bool_and(s.ssl) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE a.usename ~ '^gov_'"
        ).fetchone() == (True,)
        gov(bob, "kill", "--user", "alice")
        assert door.eventually(admin, "SELECT count(*) = 0 FROM pg_roles WHERE rolname ~ '^gov_[lo]_'")
        assert admin.execute(f"SELECT rolsuper FROM pg_roles WHERE rolname = '{BROKER}'").fetchone() == (False,)
    gov(bob, "audit", "verify")


def refused(site: Site, directory: Path, dsn: str) -> str:
    """What `gov broker check` says of a target that it must not trust: exit 7."""
    config = directory / "broker.yaml"
    config.write_text(site.config.read_text().replace(site.shop.broker_dsn, dsn))
    (directory / "policy.yaml").write_text(POLICY)
    return str(gov(clean(), "broker", "check", "prod", "--config", str(config), status=7).stderr)


def test_a_stranger_is_not_trusted(server: Fifteen, site: Site, cluster: Cluster, tmp_path: Path) -> None:
    """A root that did not sign, another name, a certificate that has expired, no TLS: each is said, exit 7."""
    dsn = site.shop.broker_dsn
    (tmp_path / "other.pem").write_bytes(fifteen.Authority("somebody else").pem)
    said = refused(site, tmp_path, dsn.replace(str(server.ca_file), str(tmp_path / "other.pem")))
    assert "certificate" in said
    assert "issuer" in said or "self-signed" in said

    said = refused(site, tmp_path, dsn.replace("host=localhost", "host=127.0.0.1"))
    assert "127.0.0.1" in said
    assert "match" in said

    plain = dsn.replace(f"port={server.port}", f"port={cluster.port}")
    assert "does not support SSL" in refused(site, tmp_path, plain)

    server.show(*server.authority.issue(fifteen.NAME, days=-1))
    try:
        assert "expired" in refused(site, tmp_path, dsn)
    finally:
        server.show(*server.authority.issue(fifteen.NAME))
