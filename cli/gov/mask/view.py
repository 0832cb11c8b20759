"""A masked view: the table's columns by name, order and type, the masked ones through their expression.

The planner pulls up plain views of IMMUTABLE expressions, so that indexes on clear columns stay in use.
"""

from __future__ import annotations

from collections.abc import Mapping

from gov.errors import ConfigError
from gov.mask.expression import expression
from gov.policy.decision import MaskSpec
from gov.sql.catalog import ColumnInfo, RelationInfo
from gov.terms import Relation


def view(view: Relation, info: RelationInfo, masks: Mapping[str, MaskSpec]) -> str:
    """`CREATE VIEW` for the relation of `info`, whose columns in `masks` (by name) are masked.

    Raises:
        ConfigError: A masked column is not there, which would leave something clear that must not be.
    """
    if strange := sorted(set(masks) - {column.name for column in info.columns}):
        what = f"{info.relation} has no column {strange[0]} to mask"
        raise ConfigError(what, hint="gov broker sync TARGET")
    columns = ",\n  ".join(_column(column, masks.get(column.name)) for column in info.columns)
    return f"CREATE VIEW {qualified(view)} AS SELECT\n  {columns}\nFROM {qualified(info.relation)} AS base"


def _column(column: ColumnInfo, mask: MaskSpec | None) -> str:
    name = quote(column.name)
    clear = f"base.{name}"
    return f"{clear} AS {name}" if mask is None else f"{expression(mask.mask, clear, column.type)} AS {name}"


def qualified(relation: Relation) -> str:
    """`relation` as SQL: both names quoted."""
    return f"{quote(relation.schema)}.{quote(relation.name)}"


def quote(name: str) -> str:
    """`name` as a quoted identifier.

    Raises:
        ConfigError: It is empty or holds a zero byte, which no identifier can.
    """
    if not name or "\0" in name:
        raise ConfigError(f"{name!r} is not a name", hint="gov broker check TARGET")
    return '"' + name.replace('"', '""') + '"'
