"""A house with real parts: a journal, a store and a policy on disk. Tests add what they are about."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import psycopg
from psycopg.conninfo import make_conninfo

from gov.approval.request import Request, RequestState
from gov.audit.entry import read_leaf
from gov.audit.note import SigningKey
from gov.broker.authority import Authority
from gov.broker.desk import RequestDesk
from gov.broker.house import House
from gov.broker.indexing import Indexing
from gov.broker.leases import LeaseDesk
from gov.broker.notifying import Notifying
from gov.broker.reload import policy_of
from gov.broker.schemas import Schemas
from gov.broker.sessions import Sessions
from gov.broker.shipping import Shipping
from gov.broker.trail import Trail
from gov.control.config import parse
from gov.demo.cluster import Cluster
from gov.errors import Unreachable
from gov.identity.principal import Kind, Principal
from gov.lease.names import installation
from gov.store.budgets import Budgets
from gov.store.columns import Columns
from gov.store.database import Database
from gov.store.journal import Journal
from gov.store.leases import Leases
from gov.store.releases import Releases
from gov.store.requests import Requests
from gov.target import bootstrap
from gov.target.target import Target
from gov.terms import RequestId, Scope, SessionId, StatementDigest, TargetName

POLICY = """\
version: 1
access:
  - { name: engineers-read, groups: [engineering], targets: [prod], scope: read, max_ttl: 8h }
  - name: engineers-write
    groups: [engineering]
    targets: [prod]
    scope: write
    max_ttl: 1h
    reason: required
  - { name: etl, groups: [services], targets: [prod], scope: read, max_ttl: 30m, purpose: required }
classify:
  - { columns: [public.customers.email], as: pii.contact }
masking:
  - { name: contact-is-partial, data: pii.contact, with: partial, except: { groups: [privacy] } }
guardrails:
  - name: destructive-needs-dba
    when: { effects: [drop, truncate, alter] }
    then: hold
    approvers: [dba]
roles:
  auditor: { groups: [dba] }
  operator: { groups: [dba] }
"""
CONFIG = """\
listen: { gateway: 127.0.0.1:6432, api: 127.0.0.1:8443 }
public: { gateway: 127.0.0.1:6432, api: https://127.0.0.1:8443 }
identity: [{ issuer: http://127.0.0.1:9, client_id: gov-cli }]
state: sqlite:///state.db
audit: { directory: audit, origin: test/gov }
policy: [policy.yaml]
targets: { prod: { dsn: "host=127.0.0.1 port=9 dbname=shop user=gov_broker", tls: off } }
"""
NOW = time.time()
KEY = os.urandom(32)
"""The broker's: each run of the tests is an installation of its own."""
INSTALLATION = installation(KEY)


def person(name: str, *groups: str, agent: str | None = None, auth_time: float | None = NOW) -> Principal:
    """Somebody of that name in those groups, who has just logged in."""
    kind = Kind.AGENT if agent else Kind.USER
    return Principal("http://issuer", f"id-{name}", name, frozenset(groups), kind, agent, auth_time)


ALICE = person("alice", "engineering")
BOB = person("bob", "dba")
DAVE = person("dave", "dba")
EVE = person("eve")


def a_request(request_id: str = "rq-000001", **changes: Any) -> Request:
    """A pending `--no-wait` request of alice's to drop orders."""
    fields: dict[str, Any] = {
        "id": RequestId(request_id),
        "state": RequestState.PENDING,
        "requester": ALICE,
        "target": TargetName("prod"),
        "scope": Scope.READ,
        "purpose": "",
        "reason": "",
        "statement": "DROP TABLE orders",
        "parameters": (),
        "digest": StatementDigest("d" * 64),
        "definitions": "e" * 64,
        "relations": (),
        "rule": "destructive-needs-dba",
        "reasons": ("it drops a table",),
        "approvers": frozenset({"dba"}),
        "count": 1,
        "created_at": time.time(),
        "expires_at": time.time() + 60,
        "lease": None,
        "session": None,
    }
    return Request(**(fields | changes))


def held(request_id: str = "rq-000001", **changes: Any) -> Request:
    """The same, held in a session."""
    return a_request(request_id, session=SessionId("ss-000000000001"), **changes)


@dataclass(frozen=True)
class Shop:
    """A governed database of its own, with one customer and one order."""

    admin_dsn: str
    broker_dsn: str
    owner: str
    broker: str

    def admin(self, sql: str) -> list[tuple[Any, ...]]:
        """Run `sql` as superuser; its rows."""
        with psycopg.connect(self.admin_dsn, autocommit=True) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def roles(self, prefix: str = "gov_l_") -> list[str]:
        """The roles that this shop's broker has made for leases, by the beginning of their names."""
        found = self.admin(
            "SELECT r.rolname FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid"
            f" WHERE m.member = '{self.broker}'::regrole AND starts_with(r.rolname, '{prefix}')"
        )
        return sorted({name for (name,) in found})


SCHEMA = """
CREATE TABLE customers(id int PRIMARY KEY, email text);
CREATE TABLE orders(id int PRIMARY KEY, customer_id int REFERENCES customers, amount numeric);
INSERT INTO customers VALUES (1, 'canary-jane@example.com');
INSERT INTO orders VALUES (1, 1, 10);
"""


@contextmanager
def governed(cluster: Cluster) -> Iterator[Shop]:
    """A new shop that a broker may govern. Database and roles are gone afterwards."""
    unique = uuid4().hex[:8]
    database, owner, broker = f"shop_{unique}", f"owner_{unique}", f"broker_{unique}"
    dsn = make_conninfo(host=cluster.host, port=cluster.port, user=broker, password="broker", dbname=database)
    shop = Shop(cluster.admin_dsn_of(database), dsn, owner, broker)
    with psycopg.connect(cluster.admin_dsn, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{database}"')
    try:
        shop.admin(f"CREATE ROLE {owner}; GRANT CREATE ON SCHEMA public TO {owner}")
        shop.admin(bootstrap.sql(broker, database, [owner], ["public"]))
        shop.admin(f"ALTER ROLE {broker} PASSWORD 'broker'; SET ROLE {owner}; {SCHEMA}")
        yield shop
    finally:
        roles = [*shop.roles("gov_"), broker, owner]
        with psycopg.connect(cluster.admin_dsn, autocommit=True) as admin:
            admin.execute(f'DROP DATABASE "{database}" WITH (FORCE)')
            for role in roles:
                admin.execute(f'DROP ROLE IF EXISTS "{role}"')


class Rig:
    """A directory with everything a house keeps, and houses in it one after the other."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "policy.yaml").write_text(POLICY)

    @asynccontextmanager
    async def house(self, shop: Shop | None = None) -> AsyncIterator[House]:
        """A house without gateway and API, with `shop` as `prod`; its desks have recovered."""
        config = parse("broker.yaml", CONFIG, self.directory)
        key = SigningKey("test/gov", bytes(32))
        trail = Trail(Journal(self.directory / "audit", key, "test/gov"))
        database = Database(config.state)
        nothing, policy = cast(Any, None), policy_of(config.policy, ())
        name = TargetName("prod")
        targets = {name: Target(name, shop.broker_dsn, "production", KEY, tls="off")} if shop else {}
        house = House(
            config=config, clock=time.time, installation=INSTALLATION, audit_key=str(key.verifier),
            tls=Authority(self.directory, self.directory, "root"), trail=trail, analysts=nothing,
            indexing=Indexing(config.audit.directory, config.index), shipping=Shipping(config, trail),
            verifier=nothing,
            targets=targets, policy=policy, notifying=Notifying(config, trail, policy),
            started_at=time.time(), policy_loaded_at=time.time(),
        )  # fmt: skip
        house.leases = LeaseDesk(house, Leases(database))
        house.desk = RequestDesk(house, Requests(database))
        house.sessions = Sessions()
        house.schemas = Schemas(house, Columns(database), Releases(database))
        house.budgets = Budgets(database)
        for target in targets.values():
            with suppress(Unreachable):
                await target.open()
        await house.leases.recover()
        await house.desk.recover()
        try:
            yield house
        finally:
            await house.desk.close()
            await house.leases.close()
            for target in targets.values():
                await target.close()
            await trail.close()
            database.close()


def kinds(directory: Path) -> list[str]:
    """The kinds of all entries in a closed log, oldest first."""
    bundles = sorted((directory / "audit" / "tile" / "entries").rglob("*"))
    found: list[str] = []
    for bundle in filter(Path.is_file, bundles):
        data = bundle.read_bytes()
        while data:
            size = int.from_bytes(data[:2])
            found.append(read_leaf(data[2 : 2 + size]).kind)
            data = data[2 + size :]
    return found
