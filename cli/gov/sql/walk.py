"""The walk of one statement's parse tree to its outline.

It keeps its own stack, so depth costs memory and never Python's recursion. Every node is either plain
(`sql.nodes`) or has a method (`sql.query`, `sql.utility`); anything else is `unknown`, with its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, TypeAlias

from gov.sql.grammar import Node
from gov.sql.nodes import PLAIN
from gov.sql.statement import Call, Name, Reference, Scope, Source, Statement, Use, Written
from gov.terms import Effect

DRY = frozenset({Effect.READ, Effect.EXPLAIN, Effect.CALL, Effect.UNKNOWN})
"""What a plain EXPLAIN keeps of the effects inside it: planning reads statistics and runs functions."""


class Queries(NamedTuple):
    """The first `seen` queries of a WITH, and those outside it."""

    columns: Mapping[str, tuple[int, tuple[str, ...]]]
    """By name: which it is, and the columns that it is known to have."""
    seen: int
    outside: Queries | None

    def find(self, name: str) -> tuple[str, ...] | None:
        """The known columns of the query of that name; None when none is seen."""
        place: Queries | None = self
        while place is not None:
            number, columns = place.columns.get(name, (place.seen, ()))
            if number < place.seen:
                return columns
            place = place.outside
        return None


class Context(NamedTuple):
    """Where in the statement a node stands."""

    scope: int = -1
    queries: Queries | None = None
    """The WITH queries that can be seen."""
    use: Use = Use.WRITE
    """What a relation's name here is for."""
    source: bool = False
    """Whether a relation's name here stands in FROM."""
    read: Use = Use.READ
    """What FROM inside here uses relations for."""
    certain: bool = True
    dry: bool = False
    setting: str = ""
    """The one row of pg_settings that the query at hand looks at: see `sql.settings`."""


class Walk:
    """The walk of one statement, and what it has found so far."""

    def __init__(self, methods: Mapping[str, Method]) -> None:
        self._methods = methods
        self.kind = ""
        self.command = ""
        self.effects: set[Effect] = set()
        self.names: list[Name] = []
        self.scopes: list[Scope] = []
        self.sources: list[Source] = []
        self.references: list[Reference] = []
        self.written: list[Written] = []
        self.calls = Calls()
        self.attributes: dict[str, None] = {}
        self.operators = Calls()
        self.types: dict[tuple[str, ...], None] = {}
        self.databases: dict[str, None] = {}
        self.settings: list[tuple[str, str | None]] = []
        self.unbounded: set[Effect] = set()
        self.objects: list[str] = []
        self.emptied: list[str] = []
        self.makes = ("", "")
        self.runs: str | None = None
        self.unknown: dict[str, None] = {}
        self.channels: list[str] = []
        self._work: list[tuple[object, Context]] = []

    def run(self, tree: Node) -> Statement:
        """Walk `tree` to its end."""
        self.kind = next(iter(tree))
        self.push(tree, Context())
        while self._work:
            value, context = self._work.pop()
            if isinstance(value, list):
                self._work.extend((item, context) for item in reversed(value))
            elif isinstance(value, dict):
                self._visit(value, context)
        return self._statement()

    def push(self, value: object, context: Context) -> None:
        """Look at `value` later."""
        if isinstance(value, (dict, list)):
            self._work.append((value, context))

    def rest(self, node: Node, context: Context, *, without: Iterable[str] = ()) -> None:
        """Look later at every field of `node` but some."""
        for key in reversed(node):
            if key not in without:
                self.push(node[key], context)

    def add(self, effect: Effect, context: Context) -> None:
        """The statement has `effect`, unless it is only planned."""
        if not context.dry or effect in DRY:
            self.effects.add(effect)

    def doubt(self, why: str) -> None:
        """Something cannot be told."""
        self.unknown[why] = None

    def open_scope(self, context: Context) -> int:
        """A new scope inside that of `context`."""
        self.scopes.append(Scope(context.scope, context.certain))
        return len(self.scopes) - 1

    def name(self, node: Node, use: Use, *, dml: bool = False) -> int:
        """Note a relation's name; its number."""
        if node.get("relpersistence") == "t" and use is Use.CREATE:
            use = Use.TEMPORARY
        at = node.get("location", -1)
        if database := node.get("catalogname"):
            self.databases[database] = None
        only = not node.get("inh", False)
        self.names.append(Name(node.get("schemaname", ""), node.get("relname", ""), use, at, dml=dml, only=only))
        return len(self.names) - 1

    def source(
        self,
        scope: int,
        alias: Node | None,
        default: str = "",
        name: int = -1,
        columns: tuple[str, ...] = (),
    ) -> None:
        """Something in FROM of `scope`: which of the names it is, or the columns it is known to have."""
        alias = alias or {}
        given = tuple(column["String"].get("sval", "") for column in alias.get("colnames", ()))
        self.sources.append(Source(scope, alias.get("aliasname", default), name, given + columns))

    def _visit(self, value: Node, context: Context) -> None:
        if "relname" in value:  # a RangeVar, tagged or in a field of that type
            self._relation(value, context)
            return
        for key in reversed(value):
            if key in TYPES:
                self._type(value[key])
            if not key[0].isupper():
                self.push(value[key], context)
            elif method := self._methods.get(key):
                method(self, value[key], context)
            elif key in PLAIN or key == "RangeVar":
                self.push(value[key], context)
            else:
                self.doubt(f"not understood: {key}")

    def _type(self, node: object) -> None:
        """A type by name; the grammar's own words for types are in pg_catalog, and nobody else's."""
        if isinstance(node, dict) and (names := parts(node.get("names", ()))) and names[0] != "pg_catalog":
            self.types[names] = None

    def _relation(self, node: Node, context: Context) -> None:
        bare, alias = node.get("relname", ""), node.get("alias")
        if context.source and context.queries and not node.get("schemaname"):
            columns = context.queries.find(bare)
            if columns is not None:
                self.source(context.scope, alias, bare, columns=columns)
                return
        number = self.name(node, context.use)
        if context.source:
            self.add(Effect.READ, context)
            self.source(context.scope, alias, bare, number)

    def _statement(self) -> Statement:
        if self.unknown:
            self.effects.add(Effect.UNKNOWN)
        return Statement(
            self.kind,
            self.command,
            tuple(sorted(self.effects)),
            tuple(self.names),
            tuple(self.scopes),
            tuple(self.sources),
            tuple(self.references),
            tuple(self.written),
            self.calls.found(),
            tuple(self.attributes),
            self.operators.found(),
            tuple(self.settings),
            tuple(sorted(self.unbounded)),
            tuple(self.objects),
            tuple(self.emptied),
            self.makes,
            self.runs,
            tuple(self.unknown),
            channels=tuple(self.channels),
            types=tuple(self.types),
            databases=tuple(self.databases | {each.parts[0]: None for each in self.references if len(each.parts) > 3}),
        )


class Calls:
    """Functions or operators of one statement, each kind of call once."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, ...], dict[tuple[tuple[str, ...], bool], Call]] = {}

    def add(self, name: tuple[str, ...], operands: tuple[str, ...] = (), at: int = -1, *, loose: bool = False) -> None:
        """Note a call; after `MOST_KINDS` of one name, any overload of it counts."""
        kinds = self._found.setdefault(name, {})
        if len(kinds) >= MOST_KINDS:
            operands, loose = (), True
        kinds.setdefault((operands, loose), Call(name, operands, at, loose))

    def found(self) -> tuple[Call, ...]:
        """All of them."""
        return tuple(call for kinds in self._found.values() for call in kinds.values())


MOST_KINDS = 32
TYPES = frozenset({"TypeName", "typeName", "argType", "returnType", "sourcetype", "targettype"})
"""Fields that hold the name of a type."""


Method: TypeAlias = Callable[[Walk, Node, Context], None]
"""What is done with one kind of node: note what it says, push what is inside."""


def parts(names: Iterable[Node]) -> tuple[str, ...]:
    """The parts of a qualified name; `*` for A_Star."""
    return tuple(each["String"].get("sval", "") if "String" in each else "*" for each in names)
