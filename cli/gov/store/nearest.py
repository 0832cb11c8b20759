"""What somebody may have meant who asked for a name that the lineage does not have, out of what they may see."""

from __future__ import annotations

import sqlite3
from difflib import get_close_matches
from typing import Final

from gov.control.tracing import About
from gov.store.flows import Whose

MOST: Final = 20_000
"""Names that are looked at."""
_TOLD: Final = 3
_MINE: Final = "SELECT id FROM flow_actor WHERE subject = ? AND issuer = ?"
_COLUMNS: Final = "SELECT name FROM flow_column WHERE (? = '' OR target = ?)"
_OF_MINE: Final = (
    f" AND id IN (SELECT source FROM flow_edge WHERE shape IN (SELECT shape FROM flow_use WHERE actor IN ({_MINE}))"
    f" UNION SELECT sink FROM flow_edge WHERE shape IN (SELECT shape FROM flow_use WHERE actor IN ({_MINE})))"
)


def nearest(connection: sqlite3.Connection, whose: Whose, about: About, target: str, asked: str) -> list[str]:
    """The names that are most like `asked`, best first; none of what only others have touched.

    Raises:
        sqlite3.Error: The index cannot be read.
    """
    if about in ("column", "table"):
        known = _columns(connection, whose, target, asked, tables=about == "table")
    elif about == "run":
        known = _actors(connection, whose, "run")
    elif about == "user":
        known = _actors(connection, whose, "agent") | _people(connection, whose)
    else:
        return []  # one digest is no more like another than any
    folded: dict[str, str] = {}
    for name in sorted(known):
        folded.setdefault(name.casefold(), name)
    wanted = asked.casefold()
    alike = [each for each in folded if _alike(each, wanted)]
    return [folded[each] for each in get_close_matches(wanted, alike, n=_TOLD, cutoff=0.75)]


def _alike(name: str, wanted: str) -> bool:
    """Whether each part is like its own: the same table alone makes no column like another."""
    parts = zip(name.split("."), wanted.split("."), strict=False)
    return all(get_close_matches(ours, [theirs], cutoff=0.6) for theirs, ours in parts)


def _columns(connection: sqlite3.Connection, whose: Whose, target: str, asked: str, *, tables: bool) -> set[str]:
    """Names of columns and tables with as many parts as were asked for."""
    mine = _own(whose)
    rows = connection.execute(
        f"{_COLUMNS}{_OF_MINE if mine else ''} LIMIT {MOST}", [target, target, *mine, *mine]
    )
    parts, found = asked.count(".") + 1, set()
    for (name,) in rows:
        table = name.rpartition(".")[0]
        for each in (table,) if tables else (name, table):
            if each.count(".") >= parts - 1 and each and "*" not in each:
                found.add(".".join(each.split(".")[-parts:]))
    return found


def _actors(connection: sqlite3.Connection, whose: Whose, field: str) -> set[str]:
    assert field in ("run", "agent")
    mine = _own(whose)
    only = f" AND id IN ({_MINE})" if mine else ""
    rows = connection.execute(f"SELECT DISTINCT {field} FROM flow_actor WHERE {field} <> ''{only} LIMIT {MOST}", mine)
    return {row[0] for row in rows}


def _people(connection: sqlite3.Connection, whose: Whose) -> set[str]:
    """Names of people, for who may see them all."""
    if _own(whose):
        return set()
    return {row[0] for row in connection.execute(f"SELECT value FROM term WHERE facet = 'name' LIMIT {MOST}")}


def _own(whose: Whose) -> list[str]:
    return [] if whose.subject is None else [whose.subject, whose.issuer or ""]
