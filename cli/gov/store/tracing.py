"""From one column, table, person, run or file to everything before and behind it, out of the index.

Values are followed through as many statements as there are, through written tables, in the order of time: a
statement lies behind a write when it was run after the first of it. What only decides about rows (filters,
joins) is told at the first step and, unless asked, not followed further. Work is bounded: `MOST` statements.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias, TypeVar

from gov.audit.columns import ends
from gov.control.tracing import Place, Way
from gov.lineage.flow import DIRECT
from gov.store.edges import OUTSIDE, RESULT, Edge
from gov.store.flows import Use, Whose, columns, covering, edges, of_table, uses, uses_of

T = TypeVar("T")

MOST = 200
"""Statements of one answer."""
DEEPEST = 12
"""Statements between the first and the last."""


class Hop(NamedTuple):
    """A statement on the way."""

    use: Use
    way: Place
    depth: int


class Step(NamedTuple):
    """A column that is looked at."""

    target: str
    name: str
    depth: int
    when: int
    """Up: the last entry that may have read it. Down: the first after which it counts."""


Kin: TypeAlias = Mapping[tuple[str, str], frozenset[str]]
"""(target, relation) to those that share rows with it: its partitions and those it is one of, and so on."""


@dataclass(slots=True)
class Walk:
    """A walk over the edges. Its methods raise sqlite3.Error."""

    connection: sqlite3.Connection
    whose: Whose
    all: bool = False
    """Whether what only decides about rows is followed as well."""
    most: int = MOST
    kin: Kin = field(default_factory=dict)
    hops: dict[tuple[int, int, str], Hop] = field(default_factory=dict)
    more: bool = False
    _shapes: dict[int, list[Edge]] = field(default_factory=dict)
    _room: int = 0
    """Statements that there may be at this stage: what comes first must leave room for the rest."""

    def __post_init__(self) -> None:
        self._room = self.most

    def column(self, target: str, asked: str, way: Way) -> list[str]:
        """From a column; what it means."""
        relation, _, name = asked.rpartition(".")
        found = {(of, each) for _, of, each in columns(self.connection, target, asked)}
        found |= {(of, f"{each}.{name}") for of, each in self._relatives(target, relation) if relation}
        return self._from(found, way)

    def table(self, target: str, asked: str, way: Way) -> list[str]:
        """From any column of a table; the tables that it means."""
        named = {(of, each) for _, of, each in of_table(self.connection, target, asked)}
        named |= {(of, f"{each}.*") for of, each in self._relatives(target, asked)}
        found = self._from(named, way)
        return sorted({name.rpartition(".")[0] for name in found})

    def _relatives(self, target: str, asked: str) -> set[tuple[str, str]]:
        """Those of the relations with kin that `asked` can mean: the log may know their kin only."""
        return {(of, relation) for of, relation in self.kin if target in ("", of) and ends(relation, asked)}

    def _from(self, found: Iterable[tuple[str, str]], way: Way) -> list[str]:
        starts = sorted((target, name) for target, name in found if name)
        if way in ("up", "both"):
            self._room = self.most // 2 if way == "both" else self.most
            self.up([Step(target, name, 0, _EVER) for target, name in starts])
        if way in ("down", "both"):
            self._room = self.most
            self.down([Step(target, name, 0, -1) for target, name in starts])
        if self.whose.subject is not None:
            # What others have touched is not for those to know who may not read the trail.
            mine = {(hop.use.target, name) for hop in self.hops.values() for edge in self.edges(hop.use.shape)
                    for name in (edge.source, edge.sink)}  # fmt: skip
            starts = [(target, name) for target, name in starts if mine & {
                (target, name), *((target, f"{each}.{name.rpartition('.')[2]}")
                                  for each in self.kin.get((target, name.rpartition(".")[0]), ()))
            }]  # fmt: skip
        return sorted(f"{target}:{name}" for target, name in starts)

    def statements(self, found: Iterable[Use], way: Way) -> None:
        """From statements: what flows into them, and what comes of what they wrote."""
        befores: list[Step] = []
        afters: list[Step] = []
        self._room = self.most // 2
        for use in found:
            if not self._add(use, "here", 0):
                break
            for edge in self.edges(use.shape):
                if edge.source != OUTSIDE and (self.all or edge.kinds & DIRECT):
                    befores.append(Step(use.target, edge.source, 1, use.last))
                if edge.sink != RESULT:
                    afters.append(Step(use.target, edge.sink, 1, use.first))
        self._room = self.most * 3 // 4 if way == "both" else self.most
        if way in ("up", "both"):
            self.up(befores)
        self._room = self.most
        if way in ("down", "both"):
            self.down(afters)

    def up(self, steps: list[Step]) -> None:
        """The statements that wrote these columns, and what flowed into them."""
        self._walk(steps, "up")

    def down(self, steps: list[Step]) -> None:
        """The statements that read these columns, and those behind what they wrote."""
        self._walk(steps, "down")

    def edges(self, shape: int) -> list[Edge]:
        """The edges of a shape, read once."""
        if shape not in self._shapes:
            self._shapes[shape] = edges(self.connection, shape)
        return self._shapes[shape]

    def _walk(self, steps: list[Step], way: Place) -> None:
        """Breadth first, so that what is nearest is there when the bound is reached."""
        here, there = ("sink", "source") if way == "up" else ("source", "sink")
        queue, seen = deque(dict.fromkeys(steps)), {(step.target, step.name) for step in steps}
        while queue:
            step = queue.popleft()
            relation, _, column = step.name.rpartition(".")
            names = [step.name, *(f"{each}.{column}" for each in self.kin.get((step.target, relation), ()))]
            ids = sorted({each for name in names for each in covering(self.connection, step.target, name)})
            direct = step.depth > 0 and not self.all
            meant = self._names(ids)
            for use in uses(self.connection, here, ids, self.whose, self.most + 1, direct=direct):
                if (use.first > step.when) if way == "up" else (use.last < step.when):
                    continue
                if not self._add(use, way, step.depth):
                    return
                for edge in self.edges(use.shape):
                    follows = self.all or edge.kinds & DIRECT
                    if getattr(edge, here) not in meant or not follows or step.depth >= DEEPEST:
                        continue
                    name = getattr(edge, there)
                    if name in (OUTSIDE, "*") or (use.target, name) in seen:
                        continue
                    seen.add((use.target, name))
                    when = use.last if way == "up" else use.first
                    queue.append(Step(use.target, name, step.depth + 1, when))

    def _names(self, ids: list[int]) -> set[str]:
        found = set()
        for each in ids:
            row = self.connection.execute("SELECT name FROM flow_column WHERE id = ?", (each,)).fetchone()
            found.add(row[0])
        return found

    def _add(self, use: Use, way: Place, depth: int) -> bool:
        """Note a statement; whether there is room for more."""
        key = use.shape, use.actor, use.request
        if key not in self.hops:
            if len(self.hops) >= self._room:
                self.more = True
                return False
            self.hops[key] = Hop(use, way, depth)
        return True


_EVER = 1 << 62


def by_person(walk: Walk, names: Iterable[str], way: Way) -> None:
    """From everything that somebody did, by subject or agent. Raises sqlite3.Error."""
    found: dict[tuple[int, int, str], Use] = {}
    for name in names:
        for kind in ("subject", "agent"):
            for use in uses_of(walk.connection, kind, name, walk.whose, walk.most + 1):
                found[use.shape, use.actor, use.request] = use
    walk.statements(found.values(), way)


def by_run(walk: Walk, run: str, way: Way) -> None:
    """From everything that one run did. Raises sqlite3.Error."""
    walk.statements(uses_of(walk.connection, "run", run, walk.whose, walk.most + 1), way)


def related(above: Mapping[T, T]) -> dict[T, set[T]]:
    """Each relation to all above it and all below it; `above` has each one's parent."""
    kin: dict[T, set[T]] = {}
    for child in above:
        parent: T | None = above[child]
        for _ in range(DEEPEST):
            if parent is None:
                break
            kin.setdefault(child, set()).add(parent)
            kin.setdefault(parent, set()).add(child)
            parent = above.get(parent)
    return kin
