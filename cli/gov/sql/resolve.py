"""From an outline to facts: names get the meaning that a catalog and a search path give them.

Where a name can mean several things it counts for each: facts may say too much, never too little.
"""

from __future__ import annotations

from collections import Counter

from gov.sql.calls import Ran
from gov.sql.catalog import Catalog, RelationKind
from gov.sql.columns import Columns, Reading, expand
from gov.sql.facts import Facts
from gov.sql.spread import ANY
from gov.sql.statement import Outline, Statement, Use
from gov.sql.world import READING, TEMPORARY, World, meanings, search, worlds
from gov.terms import DDL, Column, Effect, Relation

SIMPLE = frozenset({"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"})
"""Statements in which no literal changes what they do."""
AFTER = "what names mean after the same text has changed search_path or dropped temporary tables"
OBJECTS = DDL | {Effect.GRANT}


def resolve(
    outline: Outline,
    catalog: Catalog,
    search_path: tuple[str, ...],
    temporary: frozenset[str] = frozenset(),
) -> Facts:
    """The facts of an outlined text, all its statements together.

    `temporary` has the names of the session's temporary relations; in facts they are in `pg_temp`.
    Relations that do not exist count where PostgreSQL would create them, and are `missing`: it will say
    so itself.
    """
    return read(outline, catalog, search_path, temporary)[0]


def read(
    outline: Outline,
    catalog: Catalog,
    search_path: tuple[str, ...],
    temporary: frozenset[str] = frozenset(),
) -> tuple[Facts, list[Reading]]:
    """The same, with what `sql.rewrite` goes on with."""
    if outline.syntax_error is not None:
        why = f"syntax error: {outline.syntax_error}"
        return Facts(effects=frozenset({Effect.UNKNOWN}), unknown=(why,)), []
    found = _Found()
    readings = [
        found.take(statement, world, certain=certain)
        for statement, world, certain in worlds(outline, World(catalog, search(search_path), temporary))
    ]
    return found.facts(outline), readings


class _Found:
    """What the statements of a text have shown so far."""

    def __init__(self) -> None:
        self.effects: set[Effect] = set()
        self.reads: set[Relation] = set()
        self.times: Counter[Relation] = Counter()
        self.writes: set[Relation] = set()
        self.missing: set[Relation] = set()
        self.columns_read: set[Column] = set()
        self.columns_written: set[Column] = set()
        self._ran = Ran()
        self.objects: dict[str, None] = {}
        self.unknown: dict[str, None] = {}

    def take(self, statement: Statement, world: World, *, certain: bool) -> Reading:
        """Add what `statement` does in `world`, of which it is `certain` or not that it is the right one."""
        self.effects.update(map(Effect, statement.effects))
        self.unknown.update(dict.fromkeys(statement.unknown))
        if statement.runs is not None:
            self.unknown[f"EXECUTE {statement.runs}: the prepared statement is not known"] = None
        for database in statement.databases:
            if world.catalog.database not in ("", database):
                self.unknown[f"cross-database references are not implemented: {database} is not this database"] = None
        if not certain and _bare(statement):
            self.unknown[AFTER] = None
        known = meanings(statement, world)
        columns = Columns(statement, known, world.catalog)
        self._relations(statement, known, world)
        self._columns(statement, known, columns, world)
        self._ran.take(statement, known, columns, world)
        self._objects(statement, known, world)
        return Reading(statement, known, columns, world.catalog)

    def _relations(self, statement: Statement, known: list[Relation], world: World) -> None:
        for name, relation in zip(statement.names, known, strict=True):
            (self.reads if name.use in READING else self.writes).add(relation)
            self.times[relation] += name.use in READING
            if not world.exists(relation) and name.use is not Use.TEMPORARY:
                self.missing.add(relation)
        for schema in statement.emptied:
            self.writes |= {each for each in world.catalog.relations if each.schema == schema}
        if any(relation == Relation("pg_catalog", "pg_settings") for relation in self.writes):
            self.unknown["an update of pg_settings is a SET by another name"] = None

    def _columns(self, statement: Statement, known: list[Relation], columns: Columns, world: World) -> None:
        if columns.hits:
            self.effects.add(Effect.READ)
        for relation, column in {(known[hit.name], hit.column) for hit in columns.hits}:
            self.reads.add(relation)
            self.columns_read |= expand(relation, column, world.catalog)
        for written in statement.written:
            for column in written.columns or ("*",):
                self.columns_written |= expand(known[written.name], column, world.catalog)

    def _objects(self, statement: Statement, known: list[Relation], world: World) -> None:
        self.objects.update(dict.fromkeys(statement.objects))
        if OBJECTS.isdisjoint(statement.effects):
            return
        for name, relation in zip(statement.names, known, strict=True):
            if name.use not in READING:
                self.objects[f"{_kind(relation, statement, world)} {relation}"] = None

    def facts(self, outline: Outline) -> Facts:
        """All of it together."""
        statements = outline.statements
        ran = self._ran
        unknown = self.unknown | ran.unknown
        effects = self.effects | ran.effects | ({Effect.UNKNOWN} if unknown else set())
        kinds = tuple(statement.kind for statement in statements)
        settings = tuple(pair for statement in statements for pair in statement.settings)
        return Facts(
            effects=frozenset(effects),
            reads=frozenset(self.reads),
            writes=frozenset(self.writes),
            columns_read=frozenset(self.columns_read),
            columns_written=frozenset(self.columns_written),
            functions=frozenset(ran.functions),
            settings=settings,
            unbounded=frozenset(Effect(each) for statement in statements for each in statement.unbounded),
            objects=tuple(self.objects),
            count=sum(not statement.followed for statement in statements),
            command=statements[0].command if statements else "",
            literal_free=not settings and not unknown and not ran.by_literals and SIMPLE.issuperset(kinds),
            unknown=tuple(unknown),
            missing=frozenset(self.missing),
            calls=frozenset(ran.calls),
            kinds=kinds,
            temporary=frozenset(each.name for each in self.writes if each.schema == TEMPORARY),
            # Several statements, or one in several worlds, have the largest of each: the answer is one statement's.
            spread=ANY if any(each.spread == ANY for each in statements) else max(
                (each.spread for each in statements), default=1
            ),
            times=tuple(sorted((relation, count) for relation, count in self.times.items() if count > 1)),
            listens=frozenset(channel for statement in statements for channel in statement.channels),
            called=tuple(ran.called),
        )


def _bare(statement: Statement) -> bool:
    """Whether it has names that a search path gives a meaning."""
    return any(not name.schema for name in statement.names) or any(
        len(call.name) == 1 for call in statement.calls
    )


def _kind(relation: Relation, statement: Statement, world: World) -> str:
    """What people call it: by the catalog, else by the statement that makes or names it."""
    info = world.catalog.relations.get(relation)
    if info is not None:
        return KINDS.get(info.kind, "table")
    word = statement.command.partition(" ")[2].removesuffix(" AS").lower()
    return word if word in KINDS.values() else "table"


KINDS = {
    RelationKind.VIEW: "view",
    RelationKind.MATERIALIZED_VIEW: "materialized view",
    RelationKind.FOREIGN_TABLE: "foreign table",
    RelationKind.SEQUENCE: "sequence",
    RelationKind.COMPOSITE: "type",
}
