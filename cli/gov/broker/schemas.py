"""The life of the targets' schemas: which columns are accepted, what is released, what a sync finds.

What is said here is kept in the store, so that a broker which starts again knows it: a column that
appeared meanwhile is closed, and a table that somebody is migrating stays so.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from gov.audit.entry import Entry
from gov.broker import entries
from gov.broker.house import House
from gov.errors import GovError, NoSuch
from gov.identity.principal import Principal
from gov.policy import accepted
from gov.policy.outcome import classified
from gov.sql.catalog import Catalog
from gov.store.columns import Columns
from gov.store.releases import Releases
from gov.target.target import Target
from gov.terms import Column, Relation, TargetName

log = logging.getLogger(__name__)

DOUBT_EVERY = 2.0
"""Seconds between two looks at a catalog that failing statements give reason for."""
PER_ENTRY = 200
"""Names of columns in one entry of the trail, which has its limit."""


@dataclass(slots=True)
class _Known:
    """What is known of one target."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    met: tuple[str, str] = ("", "")
    """The catalog and the policy of the last look."""
    looking: asyncio.Task[None] | None = None


class Schemas:
    """Those of every target of a house."""

    def __init__(self, house: House, columns: Columns, releases: Releases) -> None:
        self._house, self._columns, self._releases = house, columns, releases
        self._known = {name: _Known() for name in house.targets}
        for name, target in house.targets.items():
            target.ledger = columns.of(name)
            target.closing.released.update(releases.of(name))

    async def met(self, name: TargetName) -> Catalog:
        """The newest snapshot, once it is known which columns of its classified tables are accepted.

        Raises:
            Unreachable: The target does not answer.
            Unavailable: It cannot be stored or recorded.
        """
        known, target = self._known[name], self._house.target(name)
        catalog = await target.catalog()
        if known.met == (catalog.version, self._house.policy.digest):
            return catalog
        async with known.lock:
            now, policy = await target.catalog(), self._house.policy
            classes = classified(policy, now)
            if new := accepted.met(target.ledger, classes.keys(), now):
                await self._keep(target, new, None, _names(new, classes.keys()))
            known.met = (now.version, policy.digest)
        return now

    async def closed(self, name: TargetName) -> frozenset[Column]:
        """The columns of a target that are closed: of classified tables, neither classified nor accepted."""
        catalog, target = await self.met(name), self._house.target(name)
        return closed_in(catalog, target.ledger, classified(self._house.policy, catalog).keys())

    async def accept(self, who: Principal, name: TargetName, table: Relation | None) -> list[Column]:
        """Every closed column of a table, or of all, is clear from now on; which.

        Raises:
            NoSuch: There is no such table, or gov knows of no classified data in it.
            Unreachable: The target does not answer.
            Unavailable: It cannot be stored or recorded.
        """
        target = self._house.target(name)
        await target.refresh()
        catalog = await self.met(name)
        async with self._known[name].lock:
            classes = classified(self._house.policy, catalog)
            watched = accepted.watched(target.ledger, classes.keys(), catalog)
            family = _family(catalog, table) if table else watched.keys()
            if table is not None and table not in watched:
                raise NoSuch(
                    f"{name} has no table {table} with classified data", hint=f"gov policy accept {name} lists them"
                )
            closed = closed_in(catalog, target.ledger, classes.keys())
            opened = sorted(column for column in closed if column.relation in family)
            tables = {column.relation for column in opened}
            new = {relation: accepted.accepted(catalog.relations[relation]) for relation in tables}
            if new:
                oids = {each.oid for each in new.values()}
                renamed = {old for old, each in target.ledger.items() if each.oid in oids and old not in new}
                await self._keep(target, new, who, [*map(str, opened)], renamed)
        await self._house.leases.follow_catalog(name)
        return opened

    async def release(self, who: Principal, name: TargetName, tables: Collection[Relation]) -> None:
        """Close tables for a migration that does not come through gov, until a sync.

        Raises:
            NoSuch: There is no such table.
            Unreachable: The target does not answer.
            Unavailable: It cannot be stored or recorded, or a transaction reads one of them.
        """
        target, catalog = self._house.target(name), await self.met(name)
        for table in tables:
            if table not in catalog.relations:
                raise NoSuch(f"{name} has no table {table}", hint="write SCHEMA.TABLE")
        everything = {each: who.display for table in tables for each in _family(catalog, table)}
        await asyncio.to_thread(self._releases.put, name, everything)
        await self._durably(entries.schema_released(who, name, [*map(str, sorted(everything))], self._house.clock()))
        await target.release(everything, partial(self._house.sessions.quiet, name))

    async def sync(self, who: Principal, name: TargetName) -> None:
        """Read the catalog, make the masked views anew where it differs, and open what was released.

        Raises:
            Unreachable: The target does not answer.
            Unavailable: It cannot be stored or recorded, or the catalog cannot be read: all stays closed.
        """
        target = self._house.target(name)
        released = [*map(str, sorted(target.closing.released))]
        catalog = await target.refresh()
        await self._durably(entries.schema_synced(who, name, released, catalog.version, self._house.clock()))
        if released:
            await asyncio.to_thread(self._releases.clear, name)
            await target.reopen()
        await self._house.leases.follow_catalog(name)

    def doubt(self, name: TargetName) -> None:
        """A statement failed as if tables or views had been changed past gov: look soon, and not too often."""
        known = self._known[name]
        if known.looking is None:
            known.looking = asyncio.get_running_loop().create_task(self._look(name))

    async def _look(self, name: TargetName) -> None:
        try:
            await self.follow(name, mend=True)
            await asyncio.sleep(DOUBT_EVERY)
        except GovError as error:
            log.warning("the catalog of %s is not followed: %s", name, error.what)
        finally:
            self._known[name].looking = None

    async def follow(self, name: TargetName, *, mend: bool = False) -> None:
        """Take up what somebody changed past gov; with `mend` views too that are gone without their tables.

        Raises like `sync`.
        """
        target = self._house.target(name)
        before = await target.catalog()
        after = await target.refresh(mend=mend)
        if after.version != before.version:
            changed = [*map(str, _differing(before, after))]
            self._house.trail.record(entries.schema_changed(name, changed, after.version, self._house.clock()))
            await self.met(name)
            await self._house.leases.follow_catalog(name)

    async def _keep(
        self, target: Target, new: Mapping[Relation, accepted.Accepted], who: Principal | None,
        columns: Sequence[str], gone: Collection[Relation] = (),
    ) -> None:
        """Record which columns are clear now, by whose word; store, and then hold to it."""
        for start in range(0, len(columns), PER_ENTRY):
            some = columns[start : start + PER_ENTRY]
            await self._durably(entries.columns_accepted(who, target.name, some, self._house.clock()))
        await asyncio.to_thread(self._columns.put, target.name, new, gone)
        kept = {relation: each for relation, each in target.ledger.items() if relation not in gone}
        target.ledger = {**kept, **new}

    async def _durably(self, entry: Entry) -> None:
        await self._house.trail.durable(self._house.trail.record(entry))


def closed_in(
    catalog: Catalog, ledger: accepted.Ledger, classes: Collection[Column]
) -> frozenset[Column]:
    """The closed columns of every table that holds classified data, or did."""
    return frozenset(
        Column(relation, each.name)
        for relation, opened in accepted.watched(ledger, classes, catalog).items()
        for each in catalog.relations[relation].columns
        if each.name not in opened
    )


def _names(new: Mapping[Relation, accepted.Accepted], classes: Collection[Column]) -> list[str]:
    """The columns that are clear from now on because of `new`."""
    every = (Column(relation, name) for relation, each in new.items() for name in each.columns)
    return sorted(str(column) for column in every if column not in classes)


def _family(catalog: Catalog, table: Relation) -> set[Relation]:
    """The table with its partitions and children, at any depth."""
    found = {table}
    while more := {name for name, info in catalog.relations.items() if info.parent in found} - found:
        found |= more
    return found


def _differing(before: Catalog, after: Catalog) -> list[Relation]:
    """The relations that are not what they were."""
    names = before.relations.keys() | after.relations.keys()
    return sorted(name for name in names if before.relations.get(name) != after.relations.get(name))
