"""Profiles: for each distinct outcome of policy one role without login that holds the grants.

Leases are members of a profile; nothing is ever granted to a lease itself. Building one is a single
transaction that ends by reading back what PostgreSQL made of it: a profile whose masks would not hold
does not exist.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from psycopg import errors
from psycopg.sql import SQL, Composable, Identifier, Literal

from gov.errors import Unavailable
from gov.lease.names import Marker, profile_role, views_role
from gov.policy.accepted import closed as closed_columns
from gov.policy.accepted import narrowed
from gov.policy.decision import Outcome
from gov.sql.catalog import Catalog
from gov.target import mask_keys, terrain, views
from gov.target.connection import Connection
from gov.target.grants import Grant, On, reconcile, wanted
from gov.target.roles import membership
from gov.terms import Column, Relation

READABLE = """
SELECT t.schema, t.name, t.column
  FROM unnest(%(schemas)s::text[], %(names)s::text[], %(columns)s::text[]) AS t(schema, name, "column")
  JOIN pg_namespace n ON n.nspname = t.schema
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.name
  LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = t.column AND NOT a.attisdropped
 WHERE CASE t.column WHEN '' THEN has_any_column_privilege(%(role)s, c.oid, 'SELECT')
       ELSE has_column_privilege(%(role)s, c.oid, a.attnum, 'SELECT') END
 LIMIT 1
"""


@dataclass(frozen=True)
class Profile:
    """A profile as it stands on the target."""

    role: str
    views: Mapping[Relation, Relation]
    """Table to the masked view that takes its place."""
    version: str
    """Of its views; changes with them."""
    withheld: Mapping[Relation, str] = field(default_factory=dict)
    """Relations that policy gives and the profile does not, each with the reason in words."""


@dataclass(frozen=True)
class Builder:
    """Builds the profiles of one installation on one target."""

    installation: str
    target: str

    @property
    def views_owner(self) -> str:
        """The role that owns the masked views."""
        return views_role(self.installation, self.target)

    async def prepare(self, connection: Connection) -> None:
        """Make the owner of the views, where it is missing."""
        marker = Marker(self.installation, self.target, "views", "")
        with suppress(errors.DuplicateObject, errors.UniqueViolation):
            async with connection.transaction():
                await _create(connection, self.views_owner, marker, become=True)

    async def build(
        self,
        connection: Connection,
        outcome: Outcome,
        catalog: Catalog,
        *,
        closed: Collection[Relation] = (),
        unproven: Collection[Relation] = (),
    ) -> Profile:
        """Bring the profile of `outcome` to what it must be now, in one transaction.

        Args:
            connection: Of the broker, idle.
            outcome: What policy says.
            catalog: The newest snapshot.
            closed: Relations that nobody may reach for now.
            unproven: Those of them that may be readable by a right that is not the profile's.

        Raises:
            Refused: One relation is in the way: a mask, a view or a grant would not hold.
            psycopg.Error: By SQLSTATE.
        """
        role = profile_role(self.installation, outcome.digest)
        hidden = closed_columns(outcome, catalog)
        partial = {column.relation for column in hidden}
        async with connection.transaction():
            await self._serialise(connection)
            await self._ensure_role(connection, role, outcome)
            around = await terrain.load(connection)
            withheld = terrain.withheld(outcome, catalog, around, closed, hidden)
            shown = narrowed(catalog, hidden)
            reachable = [shown.relations[name] for name in outcome.relations.difference(withheld)]
            plan = views.plan(role, outcome, reachable, partial)
            await self._grant(connection, role, wanted(outcome, shown, withheld, partial), around)
            await self._grant(connection, self.views_owner, plan.owner_needs, around, keep_others=True)
            await mask_keys.ensure(connection, plan.definitions.values(), owner=self.views_owner)
            await views.ensure(connection, plan, owner=self.views_owner, profile=role)
            secret = [column for column in (*outcome.masks, *hidden) if column.relation not in unproven]
            # Of a relation with hidden rows no column at all may be readable but through its view.
            around_views = terrain.leaky(outcome, catalog, around, hidden).keys() | outcome.filters.keys()
            leaky = around_views - set(unproven)
            await self._prove(connection, role, secret, leaky)
        return Profile(role, plan.views, plan.version, withheld)

    async def _serialise(self, connection: Connection) -> None:
        """One build at a time in a database: two grants on one table at once fail with XX000.

        A comment locks its role until the transaction ends. An advisory lock anybody could take, and keep.
        """
        marker = Marker(self.installation, self.target, "views", "")
        await connection.execute(
            SQL("COMMENT ON ROLE {} IS {}").format(Identifier(self.views_owner), Literal(marker.encode()))
        )

    async def _ensure_role(self, connection: Connection, role: str, outcome: Outcome) -> None:
        cursor = await connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,))
        if await cursor.fetchone() is None:
            marker = Marker(self.installation, self.target, "profile", outcome.digest)
            await _create(connection, role, marker, become=False)

    async def _grant(
        self,
        connection: Connection,
        role: str,
        grants: frozenset[Grant],
        around: terrain.Terrain,
        *,
        keep_others: bool = False,
    ) -> None:
        public = {Grant(On.SCHEMA, "USAGE", name) for name, use in around.schemas.items() if use.public}
        if not around.open_to_public:
            grants |= {Grant(On.DATABASE, "CONNECT", around.database)}
        missing = await reconcile(connection, role, grants - public, keep_others=keep_others)
        if missing:
            first, hint = min(missing), f"gov broker check {self.target}"
            what = f"the broker may not grant {first}"
            if first.schema:
                raise views.Refused(Relation(first.schema, first.name), what, hint=hint)
            raise Unavailable(what, hint=hint)

    async def _prove(
        self, connection: Connection, role: str, secret: Collection[Column], leaky: Collection[Relation]
    ) -> None:
        """Ask PostgreSQL whether the profile could read what it must not, by whatever right."""
        columns = sorted(secret) + [Column(relation, "") for relation in sorted(leaky)]
        parameters = {
            "role": role,
            "schemas": [column.relation.schema for column in columns],
            "names": [column.relation.name for column in columns],
            "columns": [column.name for column in columns],
        }
        readable = await (await connection.execute(READABLE, parameters)).fetchall()
        if readable:
            schema, name, column = map(str, readable[0])
            what = f"{schema}.{name}" + (f".{column}" if column else "")
            raise views.Refused(
                Relation(schema, name),
                f"{what} would be readable past its mask: PUBLIC or a role of the profile may read it",
                hint=f"gov broker check {self.target}",
            )


async def _create(connection: Connection, role: str, marker: Marker, *, become: bool) -> None:
    name, version = Identifier(role), connection.info.server_version
    parts: list[Composable] = [
        SQL("CREATE ROLE {} NOLOGIN").format(name),
        SQL("COMMENT ON ROLE {} IS {}").format(name, Literal(marker.encode())),
    ]
    if become:
        parts.append(membership(name, SQL("CURRENT_USER"), version, inherit=True, become=True))
    await connection.execute(SQL(";\n").join(parts))
