"""A masked view: the table's columns by name, order and type, the masked ones through their expression.

The planner pulls up plain views of IMMUTABLE expressions, so that indexes on clear columns stay in use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gov.errors import ConfigError
from gov.mask.expression import expression
from gov.policy.decision import FilterSpec, MaskSpec
from gov.sql.catalog import ColumnInfo, RelationInfo
from gov.terms import Relation


def view(
    view: Relation, info: RelationInfo, masks: Mapping[str, MaskSpec], filters: Sequence[FilterSpec] = ()
) -> str:
    """`CREATE VIEW` for the relation of `info`, whose columns in `masks` (by name) are masked.

    With `filters` only the rows are in it that meet each condition, and `security_barrier` sees to it that no
    condition or function of a client is evaluated for any other row. A condition knows the relation by its name.

    Raises:
        ConfigError: A masked column is not there, which would leave something clear that must not be.
    """
    if strange := sorted(set(masks) - {column.name for column in info.columns}):
        what = f"{info.relation} has no column {strange[0]} to mask"
        raise ConfigError(what, hint="gov broker sync TARGET")
    base = quote(info.relation.name) if filters else "base"
    columns = ",\n  ".join(_column(base, column, masks.get(column.name)) for column in info.columns)
    barrier = " WITH (security_barrier)" if filters else ""
    # Each on lines of its own, as a comment may end it.
    where = "\n  AND ".join(f"(\n{each}\n)" for each in sorted({spec.where for spec in filters}))
    rows = f"\nWHERE {where}" if filters else ""
    source = f"{qualified(info.relation)} AS {base}{rows}"
    return f"CREATE VIEW {qualified(view)}{barrier} AS SELECT\n  {columns}\nFROM {source}"


def _column(base: str, column: ColumnInfo, mask: MaskSpec | None) -> str:
    name = quote(column.name)
    clear = f"{base}.{name}"
    if mask is None:
        return f"{clear} AS {name}"
    return f"{expression(mask.mask, clear, column.type, virtual=column.virtual)} AS {name}"


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
