"""What is known while a statement is read: the catalog, the queries that have names, the work left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from gov.errors import TooComplex
from gov.lineage.flow import Flow, Result, Source, Write, union
from gov.lineage.scope import Scope
from gov.sql.catalog import RelationInfo
from gov.sql.grammar import HINT_SHORTER, Node
from gov.sql.world import World
from gov.terms import Relation

MAX_STEPS = 150_000
"""Sources looked at for one statement: half a second. The largest of TPC-DS takes 766."""
MAX_ROUNDS = 30
"""Times that a recursive query is read until nothing new flows; each round brings at least one more step."""


class Known(NamedTuple):
    """What lineage needs of a target, for one text."""

    world: World
    definitions: Mapping[Relation, str] = {}
    """The query of each view and materialized view in reach, as `pg_get_viewdef` writes it."""
    aggregates: frozenset[str] = frozenset()
    """Names of the functions in the text that are aggregates."""
    sets: frozenset[str] = frozenset()
    """Names of those that return sets."""
    filters: Mapping[Relation, str] = {}
    """Of relations of which policy shows some rows only: a query that those rows, and no others, come from."""


@dataclass(slots=True)
class Cte:
    """One query of a WITH, read when it is first named."""

    query: Node
    context: Context
    """Where it stands."""
    recursive: bool
    result: Result | None = None
    """What it returns, or what is known of that while it is being read."""
    reading: bool = False
    named: bool = False
    """Whether it was named while it was being read."""


class Context(NamedTuple):
    """Where in a statement a node stands."""

    scope: Scope | None = None
    """The innermost level whose names can be seen."""
    queries: Mapping[str, Cte] = {}


Query: TypeAlias = "Callable[[Reader, Node, Context], Result]"


@dataclass(slots=True)
class Reader:
    """The reading of one statement."""

    known: Known
    query: Query
    """Reads a query, or DML: expressions and views have queries in them."""
    writes: list[Write] = field(default_factory=list)
    doubts: dict[str, None] = field(default_factory=dict)
    views: dict[Relation, Result | None] = field(default_factory=dict)
    """Views that were read; None while one is being read."""
    filtered: dict[Relation, Flow] = field(default_factory=dict)
    """What decides which rows of a relation policy shows."""
    steps: int = 0

    def spend(self, steps: int) -> None:
        """Count work.

        Raises:
            TooComplex: It is too much.
        """
        self.steps += steps
        if self.steps > MAX_STEPS:
            raise TooComplex("the lineage of the statement is beyond the bounds of analysis", hint=HINT_SHORTER)

    def doubt(self, why: str) -> None:
        """More is said than may be so."""
        self.doubts[why] = None

    def relation(self, node: Node) -> Relation:
        """What a RangeVar names, when no WITH query has its name."""
        return self.known.world.relation(node.get("schemaname", ""), node.get("relname", ""))

    def info(self, relation: Relation) -> RelationInfo | None:
        """What the catalog says of it."""
        return self.known.world.catalog.relations.get(relation)

    def write(self, relation: Relation, columns: Mapping[str, Flow], rows: Flow) -> None:
        """Note what is put into `relation`."""
        self.spend(sum(map(len, columns.values())) + len(rows) + 1)
        self.writes.append(Write(relation, dict(columns), rows))


def merged(writes: list[Write]) -> tuple[Write, ...]:
    """One for each relation."""
    together: dict[Relation, Write] = {}
    for write in writes:
        before = together.get(write.relation)
        if before is not None:
            names = dict.fromkeys([*before.columns, *write.columns])
            columns = {name: union([before.columns.get(name, {}), write.columns.get(name, {})]) for name in names}
            write = Write(write.relation, columns, union([before.rows, write.rows]))
        together[write.relation] = write
    return tuple(together.values())


def everything(relation: Relation) -> Source:
    """All columns of a relation that the catalog does not know."""
    return Source(relation.schema, relation.name, "*")
