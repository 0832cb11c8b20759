"""A data set: a query that somebody may run again and again for a purpose, and what may be made of it.

What is approved is the query's exact text. A reader may also ask for a part of its rows, by ranges of one of its
output columns, and for the ends of such a column: both are the approved query as a table expression with nothing
beside it, so they show nothing that the query itself does not. `derived` knows these texts to the letter:

    SELECT * FROM (
    <query>
    ) AS gov_dataset WHERE "column" >= $1 AND "column" < $2
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gov.sql.rewrite import identifier

_NAME = r'"(?:[^"]|"")+"'
_ALIAS = "\n) AS gov_dataset"
_PARTS = re.compile(
    rf" WHERE (?:({_NAME}) >= \$1 AND \1 < \$2|({_NAME}) >= \$1|{_NAME} IS NULL)\Z"
)
_ENDS = re.compile(rf"SELECT min\(({_NAME})\), max\(\1\), count\(\*\) FROM \(\n\Z")
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


@dataclass(frozen=True, slots=True)
class DataSet:
    """What an approval request is for that many statements may use, until it expires."""

    name: str
    ttl: float
    """Seconds from the approval on."""
    groups: frozenset[str] = frozenset()
    """Who besides the requester may run it."""
    clear: tuple[str, ...] = ()
    """Sensitive columns that its requester reads without a mask, as whoever approved it knew."""
    rule: str = ""
    """The guardrail that holds the query by itself; empty when none does."""
    also: frozenset[str] = frozenset()
    """Its approvers, of whom one must say yes too."""
    functions: tuple[str, ...] = ()
    """What the query calls: their definitions are part of what is approved."""


def part(query: str, column: str) -> str:
    """The text for rows from $1 on and before $2, by the output column `column`."""
    name = identifier(column)
    return f"SELECT * FROM (\n{query}{_ALIAS} WHERE {name} >= $1 AND {name} < $2"


def last_part(query: str, column: str) -> str:
    """The text for rows from $1 on."""
    return f"SELECT * FROM (\n{query}{_ALIAS} WHERE {identifier(column)} >= $1"


def rest(query: str, column: str) -> str:
    """The text for rows that have no value there."""
    return f"SELECT * FROM (\n{query}{_ALIAS} WHERE {identifier(column)} IS NULL"


def ends(query: str, column: str) -> str:
    """The text for the least and the greatest value, and the number of all rows."""
    name = identifier(column)
    return f"SELECT min({name}), max({name}), count(*) FROM (\n{query}{_ALIAS}"


def derived(text: str, parameters: Sequence[str | None] | None, query: str) -> bool:
    """Whether `text` is the query itself, or one of the texts above that are made of it.

    `parameters` are those that come with it; None before they are known.
    """
    if text == query:
        return not parameters
    before, found, after = text.partition(query)
    if not found or not after.startswith(_ALIAS):
        return False
    tail = after.removeprefix(_ALIAS)
    if before == "SELECT * FROM (\n":
        return _PARTS.fullmatch(tail) is not None
    return not tail and not parameters and _ENDS.fullmatch(before) is not None
