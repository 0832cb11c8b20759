"""What a target's catalogs say, as one frozen value that analysis resolves names against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gov.terms import Relation


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
    """The query of a view or materialized view outside system schemas, every name in it qualified."""


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
