"""A database that gov governs: its catalog, its profiles, and the roles that come and go.

Everything here runs as the broker's own role, which is no superuser, and runs none of anybody's SQL.
Every method raises `Unreachable` within 8 seconds when the target does not answer, and `Unavailable` when
it answers with something that must not be passed over.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from contextlib import asynccontextmanager

from psycopg import errors

from gov.errors import GovError, Unavailable
from gov.lease import names
from gov.lease.ids import ENOUGH, encode
from gov.lease.secret import derive, verifier
from gov.policy.accepted import Ledger
from gov.policy.decision import Outcome
from gov.sql.catalog import Catalog
from gov.sql.facts import Facts
from gov.target import bootstrap, check, definitions, describe, exposure, ownership, roles, sweeping
from gov.target.address import Tls, Upstream, parse
from gov.target.check import Finding
from gov.target.closing import Closing
from gov.target.connection import Connections
from gov.target.exposure import Known
from gov.target.oneshot import LIFETIME, AsOwner, Lent, OneShot, Planning, Ticket
from gov.target.profiles import Builder, Profile
from gov.target.upkeep import Fence, Upkeep
from gov.terms import LeaseId, Relation, TargetName

NEWBORN = 60.0
"""Seconds for which a sweep leaves a new role alone."""
DESCRIBE_WITHIN = 2.0
"""Seconds that a description for approvers may take."""

LEASE_SETTINGS = (
    ("idle_session_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
    ("standard_conforming_strings", "on"),
)
"""What every session of a lease starts with: a held statement must not time out, and text must mean what
was judged. `search_path` is set too, to what analysis takes for the default."""


class Target:
    """One governed database."""

    def __init__(
        self,
        name: TargetName,
        dsn: str,
        environment: str,
        broker_key: bytes,
        *,
        tls: Tls = "verify-full",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self.environment = environment
        self.address = parse(name, dsn, tls)
        self.installation = names.installation(broker_key)
        self._marked = (self.installation, name)
        self.stuck: Mapping[str, str] = {}
        """Roles that the last sweep could not end, each with what is in the way."""
        self._key = broker_key
        self._clock = clock
        self._connections = Connections(name, self.address)
        self._upkeep = Upkeep(self._connections, Builder(self.installation, name))
        self._ledger: Ledger = {}
        self._edition = 0
        self._tickets: set[str] = set()
        self._minted: dict[str, float] = {}

    @property
    def database(self) -> str:
        """The name of the database itself."""
        return self.address.database

    @property
    def version(self) -> str:
        """Of the newest catalog snapshot, of what is accepted of it and of what is closed; empty before the first."""
        newest = self._upkeep.version
        return f"{newest}-{self._edition}-{self.closing.number}" if newest else ""

    @property
    def ledger(self) -> Ledger:
        """Which columns of classified tables are accepted."""
        return self._ledger

    @ledger.setter
    def ledger(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._edition += 1

    @property
    def closing(self) -> Closing:
        """What is closed on the target, and why."""
        return self._upkeep.closing

    @property
    def closed(self) -> frozenset[Relation]:
        """Relations that nobody may reach now: altered, released, or their masked views could not be made."""
        return self._upkeep.closing.all

    async def open(self) -> None:
        """Get ready to build profiles, and take the first snapshot."""
        await self._upkeep.open()

    async def close(self) -> None:
        """Let go of the connections. Roles are the business of leases and of `sweep`."""
        await self._connections.close()

    async def ping(self) -> None:
        """Raise `Unreachable` unless the target answers."""
        async with self._connections.work() as connection:
            await connection.execute("SELECT 1")

    async def catalog(self) -> Catalog:
        """The newest snapshot; the first call takes it."""
        return await self._upkeep.catalog()

    async def refresh(self, *, mend: bool = False) -> Catalog:
        """Take a snapshot. Where it differs, or to `mend`, the profiles are rebuilt, or what they mask is closed."""
        return await self._upkeep.refresh(mend=mend)

    async def profile(self, outcome: Outcome, *, anew: bool = True) -> Profile:
        """The profile of `outcome`, built where it is not there.

        Args:
            outcome: What policy makes of a snapshot.
            anew: For a lease that begins: nothing may be readable past a mask. For one that lives already, whose
                role has what anybody has, it is enough that the table is closed.

        Raises:
            Unavailable: A mask would not hold, or a table is locked.
        """
        return await self._upkeep.profile(outcome, anew=anew)

    def forget_unused(self, versions_in_use: Collection[str]) -> None:
        """Let go of profiles that no lease stands on: what was wrong with them closes nothing any more."""
        self._upkeep.forget_unused(versions_in_use)

    async def drop_unused(self, versions_in_use: Collection[str]) -> list[str]:
        """Drop the masked views of versions that no session and no profile uses; the names of the schemas."""
        return await self._upkeep.drop_unused(versions_in_use)

    # the roles of leases

    def role_of(self, lease: LeaseId) -> str:
        """What the role of a lease is called."""
        return names.lease_role(self.installation, lease)

    def upstream(self, role: str, lease: LeaseId) -> Upstream:
        """How the gateway logs in as the role of a lease."""
        return self.address.upstream(role, derive(self._key, lease))

    async def mint(self, lease: LeaseId, role: str, profile: Profile, valid_until: float) -> None:
        """Create the role of a lease, a member of `profile`. One left over by a crash is replaced.

        Args:
            lease: Stored as `creating` before.
            role: `role_of(lease)`.
            profile: Whose rights it gets.
            valid_until: Seconds since the epoch, by the broker's clock; the target adds a pad of its own.
        """
        birth = roles.Birth(
            role=role,
            verifier=verifier(derive(self._key, lease), os.urandom(16)),
            marker=names.Marker(self.installation, self.name, "lease", lease),
            lifetime=max(0.0, valid_until - self._clock()) + roles.PAD,
            member_of=profile.role,
            inherits=True,
            settings=LEASE_SETTINGS,
            search_path=(await self.catalog()).search_path,
        )
        self._minted[role] = time.monotonic()
        async with self._connections.work() as connection:
            try:
                await roles.create(connection, birth)
            except errors.DuplicateObject:
                await roles.end(connection, role)
                await roles.create(connection, birth)
            except errors.UndefinedObject as error:
                self._upkeep.forget(profile)
                raise Unavailable(f"profile {profile.role} is gone", hint="try again") from error

    async def move(self, role: str, old: Profile, new: Profile) -> None:
        """Give the role of a lease the rights of `new` instead of those of `old`."""
        async with self._connections.work() as connection:
            await roles.move(connection, role, old.role, new.role)

    async def intact(self, role: str) -> bool:
        """Whether the settings and memberships of a lease's role are still those that it was made with."""
        async with self._connections.work() as connection:
            return await roles.intact(connection, role, LEASE_SETTINGS)

    async def revoke(self, role: str) -> None:
        """End a role of ours for certain; one that is not there is a success.

        Raises:
            Unavailable: It could not be ended; the words say what is in the way.
            ValueError: It is not called like an ephemeral role of this installation.
        """
        if not names.ephemeral(self.installation, role):
            raise ValueError(f"{role} is no ephemeral role of gov")
        async with self._connections.work() as connection:
            await roles.end(connection, role)
        self._tickets.discard(role)
        self._minted.pop(role, None)

    async def sweep(self, live: Collection[str]) -> list[str]:
        """End every role of ours whose lease is not in `live`, one-shots and unused profiles; their names.

        What cannot be ended is in `stuck` afterwards.
        """
        async with self._connections.work() as connection:
            keep = self._tickets | self._newborn()
            unowned = await sweeping.ephemeral(connection, self._marked, live=live, keep=keep)
            swept, self.stuck = await sweeping.end_all(connection, unowned)
        return swept + await self._upkeep.drop_profiles()

    async def missing(self, among: Collection[str]) -> list[str]:
        """The names of `among` that no role has."""
        if not among:
            return []
        async with self._connections.work() as connection:
            cursor = await connection.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", ([*among],))
            there = {str(name) for (name,) in await cursor.fetchall()}
        return [role for role in among if role not in there]

    def _newborn(self) -> set[str]:
        """Roles so young that whoever counted the live leases may not have known them."""
        limit = time.monotonic() - NEWBORN
        self._minted = {role: at for role, at in self._minted.items() if at > limit}
        return set(self._minted)

    # one-shot roles

    async def one_shot(self, purpose: OneShot) -> Ticket:
        """A role for one statement: an approved one, or one that is only planned."""
        role = names.one_shot_role(self.installation, encode(os.urandom(ENOUGH)))
        match purpose:
            case AsOwner(owner):
                member_of = owner
            case Lent(outcome):
                member_of = (await self._upkeep.raised(outcome)).role
            case Planning(outcome):
                member_of = (await self._upkeep.profile(outcome, anew=False)).role
        as_owner = isinstance(purpose, AsOwner)
        password = derive(self._key, role)
        birth = roles.Birth(
            role=role,
            verifier=verifier(password, os.urandom(16)),
            marker=names.Marker(self.installation, self.name, "one-shot", role),
            lifetime=LIFETIME,
            member_of=member_of,
            inherits=not as_owner,
        )
        self._tickets.add(role)
        try:
            async with self._connections.work() as connection:
                oid = await roles.create(connection, birth)
        except BaseException:
            self._tickets.discard(role)  # it may be there or not, and nobody has it: the next sweep ends it
            raise
        set_role = member_of if as_owner else None
        return Ticket(role, oid, password, set_role, self.address.upstream(role, password))

    async def drop_one_shot(self, ticket: Ticket) -> None:
        """End it; see `revoke`. Where that fails, the next sweep does it."""
        try:
            await self.revoke(ticket.role)
        finally:
            self._tickets.discard(ticket.role)

    async def owner_for(self, facts: Facts) -> str:
        """The durable owner that an approved utility statement runs as.

        Raises:
            Unavailable: There is none, or more than one, that the broker may act for.
        """
        async with self._connections.work() as connection:
            return await ownership.owner_for(connection, facts, await self.catalog())

    # what approvals need

    async def definitions(self, relations: Iterable[Relation], functions: Iterable[str] = ()) -> str:
        """Digest over what these are now: see `definitions.QUERY`."""
        async with self._connections.work() as connection:
            cursor = await connection.execute(definitions.statement(relations, functions).encode())
            row = await cursor.fetchone()
            assert row is not None
            return str(row[0])

    async def describe(self, facts: Facts) -> tuple[tuple[str, str], ...]:
        """(label, text) for approvers: sizes, rows, dependents. Never fails: it says "not known"."""
        try:
            async with asyncio.timeout(DESCRIBE_WITHIN), self._connections.work() as connection:
                return await describe.describe(connection, facts)
        except (GovError, TimeoutError):
            return (("objects", "not known"),)

    # schema changes

    @asynccontextmanager
    async def altering(self, relations: Collection[Relation], fence: Fence | None = None) -> AsyncIterator[None]:
        """Around an approved DDL: takes our views out of its way, and puts new ones up whatever happens."""
        affected = await self.before_ddl(relations, fence)
        try:
            yield
        finally:
            rebuilding = asyncio.ensure_future(self.after_ddl(affected))
            rebuilding.add_done_callback(_heard)
            await asyncio.shield(rebuilding)

    async def before_ddl(self, relations: Collection[Relation], fence: Fence | None = None) -> frozenset[Relation]:
        """Drop the masked views that stand on `relations`; the tables that are closed until `after_ddl`.

        Args:
            relations: What will be changed.
            fence: Called once they are closed and before a view goes; see `upkeep.Fence`.

        Raises:
            Unavailable: A view is in use (a transaction reads it) and stayed so; nothing was dropped.
        """
        return await self._upkeep.before_ddl(relations, fence)

    async def after_ddl(self, affected: frozenset[Relation] | None = None) -> str:
        """Take a snapshot and rebuild every profile; the version of the catalog.

        Tables whose views cannot be rebuilt stay in `closed`; the next `refresh` tries again.

        Args:
            affected: What `before_ddl` gave; None: everything that is closed.
        """
        return await self._upkeep.after_ddl(affected)

    async def release(self, relations: Mapping[Relation, str], fence: Fence | None = None) -> frozenset[Relation]:
        """Close relations for a migration that does not come through gov, and take our views off them.

        They stay closed, whatever `refresh` finds, until `reopen`.

        Args:
            relations: Each with who releases it, in words.
            fence: As for `before_ddl`.

        Raises:
            Unavailable: A view is in use. They are closed all the same; releasing again tries again.
        """
        return await self._upkeep.release(relations, fence)

    async def reopen(self) -> Catalog:
        """Take a snapshot and open what was released, masked as before."""
        return await self._upkeep.reopen()

    # the DBA's side

    def bootstrap_sql(self, owners: Iterable[str], schemas: Iterable[str] = ("public",)) -> str:
        """What a DBA runs first: see `bootstrap.sql`."""
        return bootstrap.sql(self.address.broker, self.database, owners, schemas)

    async def check(self, known: Known | None = None) -> tuple[Finding, ...]:
        """What is missing for gov to work here, and what would go around it: errors first.

        `known` is what policy and store say of the target's columns.
        """
        snapshot = await self.catalog()
        async with self._connections.work() as connection:
            found = await check.findings(connection)
            found += await exposure.findings(connection, self.name, snapshot, known or Known())
        return check.in_order(found)


def _heard(task: asyncio.Future[str]) -> None:
    """Whoever altered may be gone; what then fails is seen in `closing`, and tried again by the next refresh."""
    if not task.cancelled():
        task.exception()
