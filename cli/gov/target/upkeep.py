"""Keeps catalog and profiles in step: built when asked for, rebuilt when tables change, closed where not.

Everything that changes grants or views goes through one lock. While an approved DDL runs the tables whose
views stood in its way are closed; a table whose views cannot be put up again stays closed, and the others
go on.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

import psycopg
from psycopg import errors

from gov.errors import GovError, Unavailable
from gov.policy.decision import Outcome
from gov.sql.catalog import Catalog
from gov.target import catalog, roles, sweeping, views
from gov.target.closing import Closing
from gov.target.connection import Connections
from gov.target.profiles import Builder, Profile
from gov.terms import Relation, Scope

IDLE = 300.0
"""Seconds that a profile nobody asked for is kept in step with the catalog."""
SPARE = 32
"""Profiles that no lease uses and that are kept all the same: a person may ask for a purpose after the other, each
with tokens of its own, and a table has room for the grants of some 2,400 roles."""

TRIES = 3
"""How often views are asked to make way for a change, each time for as long as a lock may be waited for."""
PAUSE = 0.3
"""Seconds between two of them, or so: those who queued behind us go first."""

Fence = Callable[[frozenset[Relation]], Awaitable[None]]
"""Waits until nothing on its way to the database reaches these relations. Raises TimeoutError."""


@dataclass(frozen=True)
class _Built:
    profile: Profile
    outcome: Outcome
    catalog_version: str
    broken: Mapping[Relation, str] = field(default_factory=dict)
    """Relations left out of it, since what it needs of them could not be made, with the reason."""
    proven: bool = True
    """Whether the role reads nothing past a mask, by whatever right: else it is for leases that live already."""


class Upkeep:
    """The newest snapshot of one target, and its profiles."""

    def __init__(self, connections: Connections, builder: Builder) -> None:
        self._connections = connections
        self._builder = builder
        self._catalog: Catalog | None = None
        self._built: dict[str, _Built] = {}
        self._asked: dict[str, float] = {}
        self._lock = asyncio.Lock()
        self.closing = Closing()

    @property
    def version(self) -> str:
        """Of the newest snapshot; empty before the first."""
        return self._catalog.version if self._catalog else ""

    async def open(self) -> None:
        """Make what all profiles need, and take the first snapshot."""
        async with self._connections.work() as connection:
            await self._builder.prepare(connection)
        await self.refresh()

    async def catalog(self) -> Catalog:
        """The newest snapshot; the first call takes it."""
        return self._catalog or await self.refresh()

    async def refresh(self, *, mend: bool = False) -> Catalog:
        """Take a snapshot, and rebuild the profiles where it differs: see `Target.refresh`."""
        async with self._lock:
            return await self._refresh(frozenset(), mend=mend)

    async def profile(self, outcome: Outcome, *, anew: bool = True) -> Profile:
        """The profile of `outcome`, built where it is not there: see `Target.profile`."""
        await self.catalog()
        return await self._ensure(outcome, anew=anew)

    async def raised(self, outcome: Outcome) -> Profile:
        """The profile with the relations and masks of `outcome` in write scope, and no column more."""
        return await self.profile(replace(outcome, scope=Scope.WRITE), anew=False)

    def forget_unused(self, versions_in_use: Collection[str]) -> None:
        """Let go of outcomes of the past: they are not rebuilt for ever, nor do they keep a table closed."""
        unused = [digest for digest, built in self._built.items() if built.profile.version not in versions_in_use]
        unused.sort(key=lambda digest: self._asked.get(digest, 0.0), reverse=True)
        for place, digest in enumerate(unused):
            built = self._built[digest]
            idle = time.monotonic() - self._asked.get(digest, 0.0) > IDLE
            stale = built.catalog_version != self.version or built.broken
            if idle or stale or place >= SPARE:
                del self._built[digest]
                self._asked.pop(digest, None)
        self._note_broken()

    async def drop_unused(self, versions_in_use: Collection[str]) -> list[str]:
        """Drop the masked views of versions that no session and no profile uses; the names of the schemas."""
        async with self._lock:
            self.forget_unused(versions_in_use)
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

    async def before_ddl(self, relations: Collection[Relation], fence: Fence | None = None) -> frozenset[Relation]:
        """Drop the masked views that stand on `relations`: see `Target.before_ddl`."""
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(PAUSE * attempt * (0.5 + random.random()))  # noqa: S311 - jitter is no secret
            async with self._lock, self._connections.work() as connection:
                in_the_way = await views.standing_on(connection, relations, owner=self._builder.views_owner)
                affected = frozenset(in_the_way.values())
                self.closing.begin(affected)
                try:
                    if fence is not None and affected:
                        await fence(affected)
                    await views.drop(connection, in_the_way)
                except (errors.LockNotAvailable, TimeoutError):
                    self.closing.end(affected)
                except BaseException:
                    self.closing.end(affected)
                    raise
                else:
                    return affected
        what = ", ".join(map(str, sorted(affected)))
        raise Unavailable(f"an open transaction reads {what}", hint="try again when it has ended")

    async def after_ddl(self, affected: frozenset[Relation] | None) -> str:
        """Put the views up again: see `Target.after_ddl`."""
        async with self._lock:
            done = self.closing.altering if affected is None else affected
            try:
                return (await self._refresh(done)).version
            except BaseException:
                # The views are gone and nobody put new ones up: closed until a look at the catalog succeeds.
                self._lost(done, "its masked views could not be made again")
                raise
            finally:
                self.closing.end(done)

    async def release(self, relations: Mapping[Relation, str], fence: Fence | None = None) -> frozenset[Relation]:
        """Close them and take every view of ours on them away: see `Target.release`."""
        async with self._lock:
            self.closing.released.update(relations)
            self.closing.changed()
            await self._rebuild(None, self._catalog or await self._read(), frozenset())
        gone = await self.before_ddl(relations, fence)
        self.closing.end(gone)
        return gone

    async def reopen(self) -> Catalog:
        """What was released is open again, as the catalog is now."""
        async with self._lock:
            relations = frozenset(self.closing.released)
            self.closing.released.clear()
            try:
                return await self._refresh(relations)
            except BaseException:
                self._lost(relations, "its masked views could not be made again")
                raise
            finally:
                self.closing.changed()

    async def _read(self) -> Catalog:
        async with self._connections.work() as connection:
            path, version = self._connections.default_search_path, self._connections.server_version
            return await catalog.load(connection, path, version, self._catalog)

    async def _refresh(self, affected: frozenset[Relation], *, mend: bool = False) -> Catalog:
        new = await self._read()
        old, self._catalog = self._catalog, new
        if affected or mend or self.closing.broken or (old is not None and old.version != new.version):
            await self._rebuild(old, new, affected)
        return new

    async def _rebuild(self, old: Catalog | None, new: Catalog, affected: frozenset[Relation]) -> None:
        withheld = self.closing.withheld_after(affected)
        for digest, built in list(self._built.items()):
            try:
                self._built[digest] = await self._build(built.outcome, new, withheld, proven=False)
            except (GovError, psycopg.Error) as error:
                masked = built.outcome.opened.keys() | {column.relation for column in built.outcome.masks}
                changed = {name for name in masked if not _same(name, old, new)} | (affected & masked)
                why = error.what if isinstance(error, GovError) else f"its masked views could not be made: {error}"
                broken = dict.fromkeys(changed or masked, why)
                self._built[digest] = replace(built, catalog_version=new.version, broken=broken, proven=False)
        self._note_broken()

    def _lost(self, relations: Collection[Relation], why: str) -> None:
        """Nothing is known of these views any more."""
        for digest, built in list(self._built.items()):
            broken = {**built.broken, **dict.fromkeys(built.outcome.opened.keys() & set(relations), why)}
            self._built[digest] = replace(built, broken=broken, proven=False)
        self._note_broken()

    def _note_broken(self) -> None:
        broken = {name: why for built in self._built.values() for name, why in built.broken.items()}
        if broken != self.closing.broken:
            self.closing.broken = broken
            self.closing.changed()

    async def _ensure(self, outcome: Outcome, *, anew: bool) -> Profile:
        self._asked[outcome.digest] = time.monotonic()
        if built := self._ready(outcome, anew):
            return built.profile
        async with self._lock:
            if built := self._ready(outcome, anew):  # while this waited
                return built.profile
            assert self._catalog is not None
            built = await self._build(outcome, self._catalog, self.closing.withheld, proven=anew)
            self._built[outcome.digest] = built
            self._note_broken()
            return built.profile

    def _ready(self, outcome: Outcome, anew: bool) -> _Built | None:
        """What was built, unless the catalog has moved on, or it is not good enough for a new lease."""
        built = self._built.get(outcome.digest)
        if built is None or built.catalog_version != self.version or (anew and not built.proven):
            return None
        return built

    async def _build(
        self, outcome: Outcome, snapshot: Catalog, withheld: Collection[Relation], *, proven: bool
    ) -> _Built:
        """Build it without the relations that refuse to be part of it.

        With `proven` a relation that anybody could read past its mask is no reason to leave it out: nothing is built.
        """
        broken: dict[Relation, str] = {}
        while True:
            unproven = () if proven else tuple(broken)
            try:
                profile = await self._attempt(outcome, snapshot, {*withheld, *broken}, unproven)
            except views.Refused as refused:
                if refused.relation in broken:
                    raise
                broken[refused.relation] = refused.what
            else:
                return _Built(profile, outcome, snapshot.version, broken, proven or not broken)

    async def _attempt(
        self, outcome: Outcome, snapshot: Catalog, closed: Collection[Relation], unproven: Collection[Relation]
    ) -> Profile:
        async with self._connections.work() as connection:

            async def build() -> Profile:
                return await self._builder.build(connection, outcome, snapshot, closed=closed, unproven=unproven)

            return await roles.again(build, f"the profile of {outcome.digest} cannot be built")


def _same(relation: Relation, old: Catalog | None, new: Catalog) -> bool:
    return old is not None and old.relations.get(relation) == new.relations.get(relation)
