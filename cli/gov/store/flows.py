"""Questions to the lineage in the index: which columns there are, and who used what flows between them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any, NamedTuple

from gov.lineage.flow import DIRECT
from gov.store.edges import Edge, lineage_of, shape_key
from gov.store.index import id_of
from gov.store.log import Found


class Use(NamedTuple):
    """How somebody used a lineage."""

    shape: int
    actor: int
    request: str
    target: str
    first: int
    last: int
    """Entries."""
    uses: int


class Whose(NamedTuple):
    """Whose statements are looked at; None for everybody's."""

    subject: str | None = None
    issuer: str | None = None


def columns(connection: sqlite3.Connection, target: str, asked: str) -> list[tuple[int, str, str]]:
    """(id, target, name) of the columns that `asked` can mean: a whole name, or its end. Raises sqlite3.Error."""
    pattern = asked.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    rows = connection.execute(
        "SELECT id, target, name FROM flow_column WHERE (name = ? OR name LIKE ? ESCAPE '\\')"
        " AND (? = '' OR target = ?)", (asked, f"%.{pattern}", target, target)
    )  # fmt: skip
    return [*rows]


def of_table(connection: sqlite3.Connection, target: str, asked: str) -> list[tuple[int, str, str]]:
    """The columns of the table that `asked` can mean. Raises sqlite3.Error."""
    pattern = asked.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    rows = connection.execute(
        "SELECT id, target, name FROM flow_column WHERE (name LIKE ? ESCAPE '\\' OR name LIKE ? ESCAPE '\\')"
        " AND (? = '' OR target = ?)", (f"{pattern}.%", f"%.{pattern}.%", target, target)
    )  # fmt: skip
    wanted = asked.count(".")
    return [row for row in rows if row[2].rpartition(".")[0].endswith(asked) and row[2].count(".") >= wanted + 1]


def covering(connection: sqlite3.Connection, target: str, name: str) -> list[int]:
    """Every id that can mean the column `name`: itself, all of its table, everything; of `t.*`, each of t's."""
    relation = name.rpartition(".")[0]
    if name.endswith(".*"):
        found = [row[0] for row in of_table(connection, target, relation)]
    else:
        found = [
            row[0] for row in connection.execute(
                "SELECT id FROM flow_column WHERE target = ? AND name IN (?, ?)", (target, name, f"{relation}.*"))
        ]  # fmt: skip
    everything = connection.execute("SELECT id FROM flow_column WHERE target = ? AND name = '*'", (target,))
    return [*found, *(row[0] for row in everything)]


def uses(
    connection: sqlite3.Connection, side: str, ids: Iterable[int], whose: Whose, most: int, *, direct: bool = False
) -> list[Use]:
    """The newest uses of shapes that have one of `ids` as `side`, `source` or `sink`. Raises sqlite3.Error."""
    listed = [*ids][:500]
    if not listed:
        return []
    marks = ",".join("?" * len(listed))
    only = f" AND kinds & {DIRECT} != 0" if direct else ""
    return _uses(
        connection,
        f"u.shape IN (SELECT shape FROM flow_edge WHERE {side} IN ({marks}){only})", listed, whose, most,
    )  # fmt: skip


def uses_of(
    connection: sqlite3.Connection, field: str, value: str, whose: Whose, most: int
) -> list[Use]:
    """The newest uses by a `subject`, an `agent` or a `run`. Raises sqlite3.Error."""
    assert field in ("subject", "agent", "run")
    return _uses(connection, f"a.{field} = ?", [value], whose, most)


def use_of_entry(connection: sqlite3.Connection, found: Found) -> Use | None:
    """The use that a statement's entry is one of. Raises sqlite3.Error."""
    fields = found.leaf.fields
    shape = id_of(connection, "flow_shape", shape_key(str(fields.get("target", "")), lineage_of(fields)))
    if shape is None:
        return None
    return Use(shape, 0, str(fields.get("request") or ""), str(fields.get("target", "")), found.index, found.index, 1)


def edges(connection: sqlite3.Connection, shape: int) -> list[Edge]:
    """The edges of a shape. Raises sqlite3.Error."""
    rows = connection.execute(
        "SELECT s.name, coalesce(k.name, ''), e.kinds, e.mask FROM flow_edge e JOIN flow_column s ON s.id = e.source"
        " LEFT JOIN flow_column k ON k.id = e.sink WHERE e.shape = ? ORDER BY s.name, k.name", (shape,)
    )  # fmt: skip
    return [Edge(*row) for row in rows]


def files(connection: sqlite3.Connection, digest: str) -> list[int]:
    """The entries that speak of the file with this digest. Raises sqlite3.Error."""
    rows = connection.execute("SELECT entry FROM flow_file WHERE digest = ? ORDER BY entry", (digest.lower(),))
    return [row[0] for row in rows]


def made_of(connection: sqlite3.Connection, statement: int) -> list[int]:
    """The entries that speak of files made of a statement. Raises sqlite3.Error."""
    rows = connection.execute("SELECT entry FROM flow_made WHERE statement = ? ORDER BY entry", (statement,))
    return [row[0] for row in rows]


def _uses(
    connection: sqlite3.Connection, where: str, values: list[Any], whose: Whose, most: int
) -> list[Use]:
    mine = " AND a.subject = ? AND a.issuer = ?" if whose.subject is not None else ""
    own = [whose.subject, whose.issuer or ""] if whose.subject is not None else []
    rows = connection.execute(
        "SELECT u.shape, u.actor, u.request, s.target, u.first, u.last, u.uses FROM flow_use u"
        " JOIN flow_shape s ON s.id = u.shape JOIN flow_actor a ON a.id = u.actor"
        f" WHERE {where}{mine} ORDER BY u.last DESC LIMIT ?", [*values, *own, most]
    )  # fmt: skip
    return [Use(*row) for row in rows]
