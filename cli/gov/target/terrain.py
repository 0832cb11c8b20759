"""What lies around the tables of a target and could carry a raw value past a mask.

A view or a rule reads with its owner's rights, a materialized view holds a copy, a partition can be
asked in place of its parent and a parent in place of its partition. Where policy masks one of them and
not the other, the other is **withheld**: the profile gets no right on it. A view that policy masks itself
is served where it plainly shows columns and masks those that must be. Pure but for `load`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gov.policy.conditions import unsuited
from gov.policy.decision import Outcome
from gov.sql.catalog import Catalog
from gov.target.connection import Connection
from gov.target.origins import Origins, origins
from gov.terms import SYSTEM_SCHEMAS, Column, Relation

_OURS = r"n.nspname LIKE 'gov\_m\_%'"
_SYSTEM = "n.nspname IN ('pg_catalog', 'information_schema', 'pg_toast')"

GRANTABLE = f"""
SELECT c.oid::int8 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE NOT {_SYSTEM} AND NOT {_OURS} AND pg_has_role(c.relowner, 'USAGE')
"""

SCHEMAS = """
SELECT n.nspname, has_schema_privilege('public', n.oid, 'USAGE'),
       has_schema_privilege(n.oid, 'USAGE WITH GRANT OPTION')
  FROM pg_namespace n
"""

# A Var that means a whole row names no column in pg_depend: such a rule reads everything it mentions.
READS = f"""
SELECT DISTINCT r.ev_class::int8, d.refobjid::int8,
       CASE WHEN r.ev_action::text LIKE '%:varattno 0 %' THEN 0 ELSE d.refobjsubid END,
       r.ev_action::text LIKE '%:varattno 0 %'
  FROM pg_rewrite r
  JOIN pg_class c ON c.oid = r.ev_class
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                  AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class
 WHERE NOT {_SYSTEM} AND NOT {_OURS}
"""

# The last value of a sequence is one of its column, if it counts for one.
COUNTS = """
SELECT d.objid::int8, d.refobjid::int8, d.refobjsubid, false
  FROM pg_depend d JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'S'
 WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
   AND d.deptype IN ('a', 'i')
"""

RULES = f"""
SELECT r.ev_class::int8, r.ev_action::text
  FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE r.ev_type = '1' AND NOT {_SYSTEM} AND NOT {_OURS} AND NOT r.ev_action::text LIKE '% :hasSubLinks true %'
"""

DATABASE = """
SELECT current_database(), has_database_privilege('public', current_database(), 'CONNECT')
"""

PARENTS = "SELECT inhrelid::int8, inhparent::int8 FROM pg_inherits"


@dataclass(frozen=True, slots=True)
class SchemaUse:
    """Whether a lease can be let into a schema."""

    public: bool
    """PUBLIC has USAGE."""
    grantable: bool
    """The broker may grant it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A view or rule of relation `reader` reads `column` (attnum; 0: none by name) of relation `source`."""

    reader: int
    source: int
    column: int
    whole: bool
    """It also uses whole rows, of one of its sources or another."""


@dataclass(frozen=True)
class Terrain:
    """One look at all of it. Numbers are OIDs."""

    grantable: frozenset[int] = frozenset()
    """Relations whose owner the broker acts for."""
    schemas: Mapping[str, SchemaUse] = field(default_factory=dict)
    readings: tuple[Reading, ...] = ()
    origins: Mapping[int, Origins] = field(default_factory=dict)
    """Of the views that are simple enough to tell."""
    parents: tuple[tuple[int, int], ...] = ()
    """(child, parent)"""
    database: str = ""
    open_to_public: bool = True
    """PUBLIC may connect to the database."""

    def may_use(self, schema: str) -> bool:
        """Whether a profile can get at what `schema` holds."""
        use = self.schemas.get(schema)
        return use is not None and (use.public or use.grantable)


async def load(connection: Connection) -> Terrain:
    """Look around."""

    async def rows(query: str) -> list[tuple[Any, ...]]:
        return await (await connection.execute(query)).fetchall()

    ((database, open_to_public),) = await rows(DATABASE)
    return Terrain(
        grantable=frozenset(oid for (oid,) in await rows(GRANTABLE)),
        schemas={name: SchemaUse(public, own) for name, public, own in await rows(SCHEMAS)},
        readings=tuple(Reading(*row) for row in (*await rows(READS), *await rows(COUNTS))),
        origins={oid: known for oid, action in await rows(RULES) if (known := origins(action))},
        parents=tuple((child, parent) for child, parent in await rows(PARENTS)),
        database=database,
        open_to_public=open_to_public,
    )


def withheld(
    outcome: Outcome, catalog: Catalog, terrain: Terrain, closed: Collection[Relation],
    hidden: Collection[Column] = (),
) -> dict[Relation, str]:
    """The relations of `outcome` that its profile must not reach, each with the reason, in words."""
    reasons: dict[Relation, str] = {}
    for relation in outcome.relations:
        info = catalog.relations.get(relation)
        if info is None:
            reasons[relation] = "it does not exist"
        elif relation in closed:
            reasons[relation] = "it is closed"
        elif info.oid not in terrain.grantable:
            reasons[relation] = f"the broker is no member of its owner {info.owner}"
        elif not terrain.may_use(relation.schema):
            reasons[relation] = f"the broker may not grant the use of schema {relation.schema}"
        elif why := _no_filter(outcome, catalog, terrain, relation):
            reasons[relation] = why
    return leaky(outcome, catalog, terrain, hidden) | reasons


def _no_filter(outcome: Outcome, catalog: Catalog, terrain: Terrain, relation: Relation) -> str:
    """Why a row filter of `relation` cannot be made; empty when it can, or there is none."""
    for spec in outcome.filters.get(relation, ()):
        reasons = [*unsuited(spec.tables, spec.functions, catalog)]
        reasons += [
            f"the broker is no member of the owner of {each}" for each in spec.tables
            if each in catalog.relations and catalog.relations[each].oid not in terrain.grantable
        ]
        reasons += [f"the broker may not use the schema {each.schema}" for each in spec.tables
                    if each.schema not in SYSTEM_SCHEMAS and not terrain.may_use(each.schema)]
        if reasons:
            return f"its row filter {spec.rule} cannot be made: {reasons[0]}"
    return ""


def leaky(
    outcome: Outcome, catalog: Catalog, terrain: Terrain, hidden: Collection[Column] = ()
) -> dict[Relation, str]:
    """Relations of `outcome` through which masked values of another could be read, with the reason.

    The columns `hidden` are closed: what shows them counts like what shows masked ones.
    """
    names = {info.oid: info.relation for info in catalog.relations.values()}
    reasons: dict[Relation, str] = {}
    for reader, source in _leaks(outcome, catalog, terrain, hidden):
        if names.get(reader) in outcome.relations:
            what = "hidden rows" if names[source] in outcome.filters else "masked values"
            reasons[names[reader]] = f"it shows {what} of {names[source]}"
    for relative, masked in _uneven(outcome, catalog, terrain):
        reasons[names[relative]] = f"it shares rows with {names[masked]}, whose masks or row filters it lacks"
    return reasons


def _leaks(
    outcome: Outcome, catalog: Catalog, terrain: Terrain, hidden: Collection[Column]
) -> Iterator[tuple[int, int]]:
    """(reader, masked source) for everything that shows a masked column, through any number of views."""
    masked = _numbers(catalog, {*outcome.masks, *hidden})
    readers: dict[int, set[int]] = defaultdict(set)
    for reading in terrain.readings:
        readers[reading.source].add(reading.reader)
    seen: set[int] = set()
    filtered = {catalog.relations[each].oid for each in outcome.filters if each in catalog.relations}
    found = [
        (reading.reader, reading.source)
        for reading in terrain.readings
        if reading.source in filtered
        or (
            reading.source in masked and (reading.whole or reading.column in masked[reading.source])
            and not _masks_itself(reading.reader, reading.source, masked, terrain)
        )
    ]
    while found:
        reader, source = found.pop()
        if reader in seen:
            continue
        seen.add(reader)
        yield reader, source
        found += [(above, source) for above in readers[reader]]


def _masks_itself(reader: int, source: int, masked: Mapping[int, frozenset[int]], terrain: Terrain) -> bool:
    """Whether a view has masks of its own for all that it shows of the masked columns of `source`."""
    known = terrain.origins.get(reader)
    shown = known.shows(source, masked[source]) if known else None
    return bool(shown and shown <= masked.get(reader, frozenset()))


def _numbers(catalog: Catalog, columns: Collection[Column]) -> dict[int, frozenset[int]]:
    """OID to the attnums of those of its columns that are among `columns`."""
    found: dict[int, frozenset[int]] = {}
    for relation in {column.relation for column in columns}:
        if info := catalog.relations.get(relation):
            found[info.oid] = frozenset(
                each.number for each in info.columns if Column(relation, each.name) in columns
            )
    return found


def _uneven(outcome: Outcome, catalog: Catalog, terrain: Terrain) -> Iterator[tuple[int, int]]:
    """(relative, masked) for relations of one inheritance tree of which one lacks the other's masks."""
    family = _families(terrain.parents)
    infos = {info.oid: info for info in catalog.relations.values()}
    for relation in outcome.relations:
        masks, filters = outcome.masked_in(relation), outcome.filters.get(relation, ())
        info = catalog.relations.get(relation)
        if not (masks or filters) or info is None:
            continue
        for relative in family.get(info.oid, frozenset()) - {info.oid}:
            other = infos.get(relative)
            if other is None or other.relation not in outcome.relations:
                continue
            shared = {column.name for column in other.columns} & masks.keys()
            its = {each.where for each in outcome.filters.get(other.relation, ())}
            if {each.where for each in filters} - its or shared - outcome.masked_in(other.relation).keys():
                yield relative, info.oid


def _families(parents: Iterable[tuple[int, int]]) -> dict[int, frozenset[int]]:
    """Each relation of an inheritance tree to everything it is related to, itself included."""
    trees: dict[int, set[int]] = {}
    for child, parent in parents:
        tree = trees.get(child, {child}) | trees.get(parent, {parent})
        for member in tree:
            trees[member] = tree
    return {member: frozenset(tree) for member, tree in trees.items()}
