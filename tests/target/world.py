"""A governed shop, as its DBA, its broker and the role of a lease see it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from uuid import uuid4

import psycopg
from psycopg.conninfo import make_conninfo

from gov.policy.decision import MaskSpec, Outcome
from gov.sql.catalog import Catalog
from gov.target.address import Upstream
from gov.target.profiles import Profile
from gov.target.target import Target
from gov.terms import Column, LeaseId, Relation, TargetName

CUSTOMERS = Relation("public", "customers")
ORDERS = Relation("public", "orders")
SECRETS = ("canary-jane@example.com", "123-45-6789")

SCHEMA = """
CREATE TABLE customers(
  id serial PRIMARY KEY, email text, ssn text UNIQUE, country text, balance numeric CHECK (balance > 0));
CREATE TABLE orders(id int PRIMARY KEY, customer_id int REFERENCES customers, amount numeric);
INSERT INTO customers(email, ssn, country, balance)
  VALUES ('canary-jane@example.com', '123-45-6789', 'de', 7),
         ('canary-joe@example.com', '987-65-4321', 'fr', 8);
INSERT INTO orders VALUES (1, 1, 10), (2, 2, 20);
ANALYZE customers;
"""


@dataclass
class Server:
    """Where a PostgreSQL listens and how its superuser gets in."""

    host: str
    port: int
    admin_dsn: str


@dataclass
class Shop:
    """A governed database of its own, as its DBA and its broker see it."""

    server: Server
    database: str
    owner: str
    broker: str
    key: bytes = field(default_factory=lambda: os.urandom(32))

    @property
    def broker_dsn(self) -> str:
        """How the broker gets in."""
        return make_conninfo(
            host=self.server.host, port=self.server.port, dbname=self.database,
            user=self.broker, password="broker",
        )  # fmt: skip

    def target(self, name: str = "prod") -> Target:
        """A target as a broker that has just started makes it."""
        return Target(TargetName(name), self.broker_dsn, "production", self.key, tls="off")

    def admin(self) -> psycopg.Connection[tuple[object, ...]]:
        """A superuser's connection to the database."""
        return psycopg.connect(make_conninfo(self.server.admin_dsn, dbname=self.database), autocommit=True)

    def as_owner(self, sql: str) -> None:
        """Run `sql` as the owner of the tables."""
        with self.admin() as admin:
            admin.execute(f'SET ROLE "{self.owner}"')
            admin.execute(sql)

    def roles(self, prefix: str = "gov_") -> list[str]:
        """The roles of this installation, by the beginning of their names."""
        with self.admin() as admin:
            found = admin.execute(
                "SELECT rolname FROM pg_roles WHERE rolname LIKE %s AND strpos(rolname, %s) > 0 ORDER BY 1",
                (prefix.replace("_", r"\_") + "%", self.target().installation),
            )
            return [str(name) for (name,) in found.fetchall()]


def outcome(catalog: Catalog, scope: str = "read", **masks: str) -> Outcome:
    """All tables of the shop, with the named columns of customers masked (email and ssn when left out)."""
    chosen = masks or {"email": "partial", "ssn": "redact"}
    info = catalog.relations.get(CUSTOMERS)
    return Outcome(
        target="prod",
        scope=scope,
        relations=frozenset(name for name in catalog.relations if name.schema == "public"),
        masks={Column(CUSTOMERS, name): MaskSpec(mask, "rule", "pii") for name, mask in chosen.items()},
        opened={CUSTOMERS: frozenset(column.name for column in info.columns)} if info else {},
    )


async def mint(
    target: Target, profile: Profile, lease: LeaseId | None = None, lifetime: float = 60.0
) -> tuple[str, Upstream]:
    """A lease's role, and how to log in as it."""
    lease = lease or LeaseId(f"ls-{uuid4().hex[:12]}")
    role = target.role_of(lease)
    await target.mint(lease, role, profile, time.time() + lifetime)
    return role, target.upstream(role, lease)


def login(upstream: Upstream) -> psycopg.Connection[tuple[object, ...]]:
    """Connect as the gateway would."""
    return psycopg.connect(
        host=upstream.host, port=upstream.port, user=upstream.user, password=upstream.password,
        dbname=upstream.database, autocommit=True,
    )  # fmt: skip
