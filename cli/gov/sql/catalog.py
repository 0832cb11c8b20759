"""What a target's catalogs say, as one frozen value that analysis resolves names against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from gov.sql.functions import BUILT_IN, effect_of
from gov.terms import Effect, Relation


class RelationKind(StrEnum):
    """`pg_class.relkind`, spelled out."""

    TABLE = "r"
    PARTITIONED = "p"
    VIEW = "v"
    MATERIALIZED_VIEW = "m"
    FOREIGN_TABLE = "f"
    SEQUENCE = "S"
    COMPOSITE = "c"


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """A column as `pg_attribute` has it."""

    name: str
    type: str
    """`format_type(atttypid, atttypmod)`: `character varying(20)`."""
    number: int
    """attnum, from 1."""
    not_null: bool = False
    generated: bool = False
    """Whether it is computed from others: `COPY table TO` leaves it out."""
    derived: tuple[str, ...] = ()
    """The columns of the same table that it is computed from, when it is generated."""
    virtual: bool = False
    """Whether it is computed each time that it is read."""
    evaluated: bool = False
    """Whether a CHECK, an index's or generated column's expression or a trigger's WHEN computes with its raw value."""
    policed: bool = False
    """Whether a row security policy does."""


class Event(StrEnum):
    """When code that hangs on a relation runs."""

    READ = "read"
    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"
    TRUNCATE = "truncate"
    REFRESH = "refresh"


@dataclass(frozen=True, slots=True, order=True)
class Code:
    """A function that runs by itself when something is done with a relation or a value of a type."""

    function: int
    """OID of the function."""
    why: str
    """What calls it, for people: `trigger audit of public.orders`."""
    event: Event | None = None
    """Of a relation; None of a type."""


@dataclass(frozen=True, slots=True)
class RelationInfo:
    """A relation as `pg_class` has it."""

    relation: Relation
    oid: int
    kind: RelationKind
    owner: str
    columns: tuple[ColumnInfo, ...] = ()
    parent: Relation | None = None
    """The partitioned or inherited parent."""
    definition: str = ""
    """The query of a view or materialized view outside system schemas, every name in it qualified.

    Empty for other relations, and while the tables of a view are locked."""
    defined: str = ""
    """Another one each time that a view is replaced."""
    code: tuple[Code, ...] = ()
    """What runs by itself, from any depth: triggers, rules, views, defaults, checks, expressions of indexes,
    and those of partitions, of tables under a view and of those that a foreign key cascades to."""


@dataclass(frozen=True, slots=True)
class FunctionInfo:
    """One overload of a function as `pg_proc` has it."""

    schema: str
    name: str
    volatility: str
    """`i`, `s` or `v`."""
    security_definer: bool
    kind: str
    """`f` function, `p` procedure, `a` aggregate, `w` window."""
    extension: str | None = None
    returns_set: bool = False
    oid: int = 0
    arguments: tuple[str, ...] | None = None
    """Types as `format_type` spells them with an empty search path; None when they are not known."""
    optional: int = 0
    """How many of the last arguments have a default."""
    variadic: bool = False
    result: str = ""
    trusted: bool = False
    """Whether a superuser owns it."""
    public: bool = True
    """Whether everybody may execute it."""

    @property
    def signature(self) -> str:
        """`public.tax(numeric, text)`."""
        return f"{self.schema}.{self.name}({', '.join(self.arguments or ())})"


@dataclass(frozen=True, slots=True)
class OperatorInfo:
    """One operator as `pg_operator` has it."""

    schema: str
    name: str
    arguments: tuple[str, ...]
    """One type for a prefix operator."""
    result: str
    function: int
    """OID of the function that it is."""


@dataclass(frozen=True, slots=True)
class TypeInfo:
    """A type for which code of somebody's runs: by a domain's CHECK, or by a cast."""

    name: str
    """As `format_type` spells it with an empty search path."""
    bare: tuple[str, str]
    """(schema, name) as `pg_type` has them."""
    oid: int = 0
    domain: bool = False
    code: tuple[Code, ...] = ()


@dataclass(frozen=True, slots=True)
class EventTrigger:
    """A superuser's trigger on DDL."""

    name: str
    event: str
    tags: tuple[str, ...]
    """Command tags that it is for; empty for all."""
    function: int


@dataclass(frozen=True)
class Catalog:
    """One snapshot. `version` changes whenever anything in it does (hex digest)."""

    version: str
    relations: Mapping[Relation, RelationInfo] = field(default_factory=dict)
    functions: Mapping[str, tuple[FunctionInfo, ...]] = field(default_factory=dict)
    """By bare name, every overload in every schema."""
    search_path: tuple[str, ...] = ("public",)
    """The default `search_path` of a new session, `$user` and missing schemas left out."""
    server_version: int = 0
    """`server_version_num`: 180000."""
    database: str = ""
    """Its name; empty when it is not known."""
    operators: Mapping[str, tuple[OperatorInfo, ...]] = field(default_factory=dict)
    """By bare name, where one of that name is not built in: then every one of that name."""
    types: Mapping[str, TypeInfo] = field(default_factory=dict)
    """By name: domains, and types that a user's cast goes from or to."""
    casts: frozenset[tuple[str, str]] = frozenset()
    """(from, to) of the implicit casts."""
    event_triggers: tuple[EventTrigger, ...] = ()

    def prepare(self) -> None:
        """Make what is made once now, and not for the first statement."""
        _ = self.by_oid, self.plain, self.named_types, self.computed_with

    @cached_property
    def by_oid(self) -> Mapping[int, FunctionInfo]:
        """Functions by OID."""
        return {each.oid: each for overloads in self.functions.values() for each in overloads if each.oid}

    @cached_property
    def plain(self) -> frozenset[str]:
        """Names of functions of which every overload is built in and only reads: most of what is called."""
        return frozenset(
            name for name, overloads in self.functions.items()
            if all(each.schema in BUILT_IN and effect_of(each)[0] is Effect.READ for each in overloads)
        )

    @cached_property
    def computed_with(self) -> tuple[tuple[int, ColumnInfo], ...]:
        """Columns that are evaluated or policed, each with the OID of its relation: few, and every session asks."""
        return tuple(
            (info.oid, column) for info in self.relations.values() for column in info.columns
            if column.evaluated or column.policed
        )

    @cached_property
    def named_types(self) -> Mapping[str, tuple[TypeInfo, ...]]:
        """`types` by bare name."""
        found: dict[str, tuple[TypeInfo, ...]] = {}
        for each in self.types.values():
            found[each.bare[1]] = (*found.get(each.bare[1], ()), each)
        return found
