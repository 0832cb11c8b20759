"""Keeps catalog and profiles in step: built when asked for, rebuilt when tables change, closed where not.

Everything that changes grants or views goes through one lock. While an approved DDL runs the tables whose
views stood in its way are closed; a table whose views cannot be put up again stays closed, and the others
go on.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import psycopg
from psycopg import errors

from gov.errors import GovError, Unavailable
from gov.policy.decision import Outcome
from gov.sql.catalog import Catalog
from gov.target import catalog, roles, sweeping, views
from gov.target.connection import Connections
from gov.target.profiles import Builder, Profile
from gov.terms import Relation, Scope

IDLE = 300.0
"""Seconds that a profile nobody asked for is kept in step with the catalog."""

Known = Mapping[Relation, frozenset[str]]
"""For tables with masks, the columns that policy had seen when it made an outcome."""


@dataclass(frozen=True)
class _Built:
    profile: Profile
    outcome: Outcome
    catalog_version: str
    known: Known


class Upkeep:
    """The newest snapshot of one target, and its profiles."""

    def __init__(self, connections: Connections, builder: Builder) -> None:
        self._connections = connections
        self._builder = builder
        self._catalog: Catalog | None = None
        self._built: dict[str, _Built] = {}
        self._asked: dict[str, float] = {}
        self._lock = asyncio.Lock()
        self._altering: Counter[Relation] = Counter()
        self._failed: frozenset[Relation] = frozenset()

    @property
    def version(self) -> str:
        """Of the newest snapshot; empty before the first."""
        return self._catalog.version if self._catalog else ""

    @property
    def closed(self) -> frozenset[Relation]:
        """Relations that nobody may reach now: being altered, or their masked views could not be rebuilt."""
        return self._failed | self._being_altered

    @property
    def _being_altered(self) -> frozenset[Relation]:
        return frozenset(+self._altering)

    async def open(self) -> None:
        """Make what all profiles need, and take the first snapshot."""
        async with self._connections.work() as connection:
            await self._builder.prepare(connection)
        await self.refresh()

    async def catalog(self) -> Catalog:
        """The newest snapshot; the first call takes it."""
        return self._catalog or await self.refresh()

    async def refresh(self) -> Catalog:
        """Take a snapshot. Where it differs, the profiles are rebuilt, or what they mask is closed."""
        async with self._lock:
            return await self._refresh(frozenset())

    async def profile(self, outcome: Outcome, *, seen: str | None = None) -> Profile:
        """The profile of `outcome`, built where it is not there: see `Target.profile`."""
        snapshot = await self.catalog()
        before = self._built.get(outcome.digest)
        if before is None or seen == snapshot.version:
            return await self._ensure(outcome, _columns(outcome, snapshot))
        return await self._ensure(outcome, before.known)

    async def raised(self, outcome: Outcome) -> Profile:
        """The profile with the relations and masks of `outcome` in write scope, and no column more."""
        snapshot = await self.catalog()
        before = self._built.get(outcome.digest)
        known = before.known if before else _columns(outcome, snapshot)
        return await self._ensure(replace(outcome, scope=Scope.WRITE), known)

    async def drop_unused(self, versions_in_use: Collection[str]) -> list[str]:
        """Drop the masked views of versions that no session and no profile uses; the names of the schemas."""
        async with self._lock:
            self._forget_old(versions_in_use)
            keep = {*versions_in_use, *(built.profile.version for built in self._built.values())}
            async with self._connections.work() as connection:
                return await views.drop_schemas(connection, keep, owner=self._builder.views_owner)

    async def drop_profiles(self) -> list[str]:
        """Drop the profile roles that no lease is a member of and nobody asked for; their names."""
        whose = (self._builder.installation, self._builder.target)
        async with self._lock, self._connections.work() as connection:
            keep = {built.profile.role for built in self._built.values()}
            ended, _ = await sweeping.end_all(connection, await sweeping.profiles(connection, whose, keep=keep))
            return ended

    def forget(self, profile: Profile) -> None:
        """Somebody took the profile away on the target: the next who asks has it built again."""
        self._built = {key: built for key, built in self._built.items() if built.profile != profile}

    async def before_ddl(self, relations: Collection[Relation]) -> frozenset[Relation]:
        """Drop the masked views that stand on `relations`: see `Target.before_ddl`."""
        async with self._lock, self._connections.work() as connection:
            in_the_way = await views.standing_on(connection, relations, owner=self._builder.views_owner)
            affected = frozenset(in_the_way.values())
            self._altering.update(affected)
            try:
                await views.drop(connection, in_the_way)
            except BaseException as error:
                self._altering.subtract(affected)
                if isinstance(error, errors.LockNotAvailable):
                    what = ", ".join(map(str, sorted(affected)))
                    raise Unavailable(
                        f"an open transaction reads {what}", hint="try again when it has ended"
                    ) from error
                raise
        return affected

    async def after_ddl(self, affected: frozenset[Relation] | None) -> str:
        """Put the views up again: see `Target.after_ddl`."""
        async with self._lock:
            affected = self.closed if affected is None else affected
            self._failed |= affected
            for relation in affected:
                self._altering[relation] = max(0, self._altering[relation] - 1)
            return (await self._refresh(affected)).version

    async def _refresh(self, affected: frozenset[Relation]) -> Catalog:
        async with self._connections.work() as connection:
            path, version = self._connections.default_search_path, self._connections.server_version
            new = await catalog.load(connection, path, version)
        old, self._catalog = self._catalog, new
        if affected or self._failed or (old is not None and old.version != new.version):
            await self._rebuild(old, new, affected)
        return new

    async def _rebuild(self, old: Catalog | None, new: Catalog, affected: frozenset[Relation]) -> None:
        failed: set[Relation] = set()
        for digest, built in list(self._built.items()):
            try:
                self._built[digest] = await self._build(built.outcome, new, built.known)
            except (GovError, psycopg.Error):
                masked = {column.relation for column in built.outcome.masks}
                changed = {name for name in masked if not _same(name, old, new)} | (affected & masked)
                failed |= changed or masked
        self._failed = frozenset(failed)

    async def _ensure(self, outcome: Outcome, known: Known) -> Profile:
        self._asked[outcome.digest] = time.monotonic()
        if built := self._ready(outcome, known):
            return built.profile
        async with self._lock:
            if built := self._ready(outcome, known):  # while this waited
                return built.profile
            assert self._catalog is not None
            self._built[outcome.digest] = built = await self._build(outcome, self._catalog, known)
            return built.profile

    def _ready(self, outcome: Outcome, known: Known) -> _Built | None:
        """What was built, unless the catalog has moved on, or policy has seen more columns since."""
        built = self._built.get(outcome.digest)
        if built is None or built.catalog_version != self.version:
            return None
        wider = any(columns - built.known.get(name, frozenset()) for name, columns in known.items())
        return None if wider else built

    async def _build(self, outcome: Outcome, snapshot: Catalog, known: Known) -> _Built:
        async with self._connections.work() as connection:

            async def build() -> Profile:
                return await self._builder.build(
                    connection, outcome, snapshot, closed=self._being_altered, known=known
                )

            profile = await roles.again(build, f"the profile of {outcome.digest} cannot be built")
        return _Built(profile, outcome, snapshot.version, known)

    def _forget_old(self, versions_in_use: Collection[str]) -> None:
        """Outcomes of the past are not rebuilt for ever, nor do they keep a table closed."""
        for digest, built in list(self._built.items()):
            idle = time.monotonic() - self._asked.get(digest, 0.0) > IDLE
            failed = built.catalog_version != self.version
            if built.profile.version not in versions_in_use and (idle or failed):
                del self._built[digest]
                self._asked.pop(digest, None)


def _columns(outcome: Outcome, snapshot: Catalog) -> Known:
    masked = {column.relation for column in outcome.masks} & snapshot.relations.keys()
    return {name: frozenset(column.name for column in snapshot.relations[name].columns) for name in masked}


def _same(relation: Relation, old: Catalog | None, new: Catalog) -> bool:
    return old is not None and old.relations.get(relation) == new.relations.get(relation)
