"""What one statement does and touches, and what could not be told.

This is the border: policy, turn and audit know facts, never a parser.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gov.terms import Column, Effect, Relation


@dataclass(frozen=True, slots=True, order=True)
class Called:
    """A function that is more than a plain built-in, as people should know it."""

    name: str
    """`public.tax(numeric)`."""
    volatility: str = ""
    """`immutable`, `stable` or `volatile`; empty when the function is not known."""
    security_definer: bool = False
    extension: str = ""
    """What it belongs to, where a superuser owns it."""
    why: str = ""
    """What calls it when the text does not: `trigger audit of public.orders`."""

    @property
    def bare(self) -> str:
        """The name as `Facts.calls` has it: `public.tax`."""
        return self.name.partition("(")[0]

    def __str__(self) -> str:
        how = [
            self.volatility or "not known", "SECURITY DEFINER" if self.security_definer else "",
            self.extension and f"of {self.extension}", self.why,
        ]  # fmt: skip
        return f"{self.name}: {', '.join(filter(None, how))}"


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of one statement text (which may hold several statements separated by `;`)."""

    effects: frozenset[Effect] = frozenset()
    reads: frozenset[Relation] = frozenset()
    """Relations whose rows are read, real names; system catalogs included."""
    writes: frozenset[Relation] = frozenset()
    """Relations whose rows or definition are changed: DML targets and objects of DDL."""
    columns_read: frozenset[Column] = frozenset()
    """Resolved columns read directly or through a filter; name `*` where all or where it cannot be told."""
    columns_written: frozenset[Column] = frozenset()
    functions: frozenset[str] = frozenset()
    """Every function called, `schema.name` where resolved."""
    settings: tuple[tuple[str, str | None], ...] = ()
    """(setting, value) of every SET or literal set_config; the value is None for RESET or DEFAULT."""
    unbounded: frozenset[Effect] = frozenset()
    """UPDATE or DELETE that carry no WHERE at all (or a constant true one)."""
    objects: tuple[str, ...] = ()
    """What DDL names, for people: `table public.orders`."""
    count: int = 1
    """How many statements the text holds; 0 for an empty query."""
    command: str = ""
    """The first words, as a command tag would say them: `SELECT`, `DROP TABLE`. For display only."""
    literal_free: bool = False
    """Whether the decision is the same for every value of the literals in the text."""
    unknown: tuple[str, ...] = ()
    """Each thing that could not be told, in words. Not empty means: effects contain UNKNOWN."""
    missing: frozenset[Relation] = frozenset()
    """Relations of `reads` and `writes` that the catalog does not know.

    They are to be created, or PostgreSQL will say that they do not exist."""
    calls: frozenset[str] = frozenset()
    """What makes the effect CALL: functions as in `functions`, `DO` for a DO block.

    When it is empty nobody can vouch for the call."""
    kinds: tuple[str, ...] = ()
    """PostgreSQL's names of the statements, in order: `DropStmt`, `SelectStmt`."""
    temporary: frozenset[str] = frozenset()
    """Names of temporary relations that are created, written or dropped; `writes` has them in `pg_temp`."""
    spread: int = 1
    """How many rows of a relation that FROM names once a row of the answer can hold, at the most; 0: any number."""
    times: tuple[tuple[Relation, int], ...] = ()
    """How often FROM names each relation of `reads`; those that are left out, once."""
    listens: frozenset[str] = frozenset()
    """Channels that LISTEN names. What comes on them is no table's, so no mask is in its way."""
    called: tuple[Called, ...] = ()
    """Functions of `functions` that are not plain built-ins, by identity, with what an approver should know."""


def encode(facts: Facts) -> list[Any]:
    """`facts` as `json.dumps` takes it: its fields in their order."""
    return [
        [*facts.effects], _relations(facts.reads), _relations(facts.writes), _columns(facts.columns_read),
        _columns(facts.columns_written), [*facts.functions], facts.settings, [*facts.unbounded], facts.objects,
        facts.count, facts.command, facts.literal_free, facts.unknown, _relations(facts.missing), [*facts.calls],
        facts.kinds, [*facts.temporary], facts.spread,
        [(relation.schema, relation.name, count) for relation, count in facts.times], [*facts.listens],
        [(each.name, each.volatility, each.security_definer, each.extension, each.why) for each in facts.called],
    ]


def decode(row: list[Any]) -> Facts:
    """The facts that were written as JSON."""
    (effects, reads, writes, columns_read, columns_written, functions, settings, unbounded, objects, count, command,
     literal_free, unknown, missing, calls, kinds, temporary, spread, times, listens, called) = row  # fmt: skip
    return Facts(
        frozenset(map(Effect, effects)), _read(reads), _read(writes), _read_columns(columns_read),
        _read_columns(columns_written), frozenset(functions), tuple((name, value) for name, value in settings),
        frozenset(map(Effect, unbounded)), tuple(objects), count, command, literal_free, tuple(unknown),
        _read(missing), frozenset(calls), tuple(kinds), frozenset(temporary), spread,
        tuple((Relation(schema, name), many) for schema, name, many in times), frozenset(listens),
        tuple(Called(*each) for each in called),
    )


def _relations(relations: Iterable[Relation]) -> list[tuple[str, str]]:
    return [(each.schema, each.name) for each in relations]


def _columns(columns: Iterable[Column]) -> list[tuple[str, str, list[str]]]:
    """By relation: a statement reads several columns of each."""
    by_relation: dict[Relation, list[str]] = {}
    for each in columns:
        by_relation.setdefault(each.relation, []).append(each.name)
    return [(relation.schema, relation.name, names) for relation, names in by_relation.items()]


def _read(rows: list[list[str]]) -> frozenset[Relation]:
    return frozenset(Relation(schema, name) for schema, name in rows) if rows else _NO_RELATIONS


def _read_columns(rows: list[Any]) -> frozenset[Column]:
    found = set[Column]()
    for schema, name, columns in rows:
        relation = Relation(schema, name)
        found.update(Column(relation, each) for each in columns)
    return frozenset(found)


_NO_RELATIONS: frozenset[Relation] = frozenset()
