"""What names are looked up in: a catalog, a search path, and the session's temporary relations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from gov.sql.catalog import Catalog, FunctionInfo
from gov.sql.statement import Outline, Statement, Use
from gov.terms import Relation

TEMPORARY = "pg_temp"
"""The schema that facts give the session's temporary relations."""
READING = frozenset({Use.READ, Use.KEEP, Use.COPY, Use.LOCK, Use.LIKE})
UNDOING = frozenset({"ROLLBACK", "ROLLBACK TO", "COMMIT"})
"""Commands after which an earlier search path may be back."""


@dataclass(frozen=True, slots=True)
class World:
    """What names are looked up in."""

    catalog: Catalog
    path: tuple[str, ...]
    """As `search` made it."""
    temporary: frozenset[str] = frozenset()
    changed: bool = False
    """Whether the text itself has changed it."""

    def relation(self, schema: str, name: str) -> Relation:
        """What the name means: where it is found, else where it would be created."""
        if schema:
            return Relation(schema, name)
        for place in self.path:
            relation = Relation(place, name)
            if self.exists(relation):
                return relation
        return self.created("", name)

    def created(self, schema: str, name: str, *, temporary: bool = False) -> Relation:
        """What CREATE makes with that name; in no schema when the path has none."""
        if temporary:
            return Relation(TEMPORARY, name)
        first = (each for each in self.path if each not in (TEMPORARY, "pg_catalog"))
        return Relation(schema or next(first, ""), name)

    def exists(self, relation: Relation) -> bool:
        """Whether the catalog or the session has it."""
        if relation.schema == TEMPORARY:
            return relation.name in self.temporary
        return relation in self.catalog.relations

    def functions(self, parts: Sequence[str]) -> tuple[FunctionInfo, ...]:
        """Every overload that a function's name can mean. Temporary schemas are never searched for them."""
        schemas = (parts[-2],) if len(parts) > 1 else self.path
        return tuple(each for each in self.catalog.functions.get(parts[-1], ()) if each.schema in schemas)

    def with_path(self, path: Iterable[str]) -> World:
        """After SET search_path."""
        return replace(self, path=search(path), changed=True)

    def with_temporary(self, name: str) -> World:
        """After CREATE TEMPORARY."""
        return replace(self, temporary=self.temporary | {name}, changed=True)


def search(path: Iterable[str]) -> tuple[str, ...]:
    """`path` with the schemas that PostgreSQL searches without being told, in its order."""
    named = tuple(schema for schema in path if schema and schema != "$user")
    implied = tuple(schema for schema in (TEMPORARY, "pg_catalog") if schema not in named)
    return implied + named


_IDENTIFIER = re.compile(r'\s*(?:"((?:[^"]|"")+)"|([A-Za-z_\x80-\U0010ffff][\w$]*))\s*(?:,|$)')


def path_of(value: str | None) -> tuple[str, ...] | None:
    """The schemas in the value of `search_path`; None when that cannot be told."""
    if value is None:
        return None
    found, at = [], 0
    while at < len(value):
        match = _IDENTIFIER.match(value, at)
        if match is None:
            return None
        quoted, plain = match.groups()
        found.append(quoted.replace('""', '"') if quoted else plain.lower())
        at = match.end()
    return tuple(found)


def meanings(statement: Statement, world: World) -> list[Relation]:
    """What the statement's names mean, one by one."""
    return [
        world.created(name.schema, name.name, temporary=name.use is Use.TEMPORARY)
        if name.use in (Use.CREATE, Use.TEMPORARY)
        else world.relation(name.schema, name.name)
        for name in statement.names
    ]


def worlds(outline: Outline, world: World) -> Iterator[tuple[Statement, World, bool]]:
    """Each statement with the world it meets, and whether that is certain."""
    certain = True
    for number, statement in enumerate(outline.statements, 1):
        yield statement, world, certain
        if number == len(outline.statements):
            return
        after = _after(statement, world)
        certain = certain and after is not None
        world = after or world


def _after(statement: Statement, world: World) -> World | None:
    """The world for the statement after this one; None when it cannot be told."""
    if world.changed and statement.command in UNDOING:
        return None
    for name, relation in zip(statement.names, meanings(statement, world), strict=True):
        if relation.schema != TEMPORARY or name.use in READING or name.dml:
            continue
        if name.use is Use.WRITE:
            return None
        world = world.with_temporary(relation.name)
    for setting, value in statement.settings:
        if setting in ("search_path", "all"):
            # Whether set_config has run at all is for the query around it to say; SET surely has.
            path = path_of(value) if statement.kind == "VariableSetStmt" else None
            if path is None:
                return None
            world = world.with_path(path)
    return world
