"""Which columns of a view are columns of what is below it, as they are, and what else it does with any.

Read from the rule that PostgreSQL keeps of the view (`pg_rewrite.ev_action`, a node tree in text, in which names
escape their blanks and braces). Only a plain SELECT from relations and joins of them is understood; of anything
more (subqueries, set operations, CTEs, functions in FROM, grouping, whole rows) nothing is said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

Source = tuple[int, int]
"""OID of a relation, attnum of its column."""

_BEYOND = re.compile(
    r" :hasSubLinks true | :setOperations \{| :cteList \(| :groupingSets \(| :varattno [-0]| :varlevelsup [1-9]"
)
_ENTRY = re.compile(r"\{RANGETBLENTRY .*? :rtekind (\d+)(?: :relid (\d+))?")
_VAR = re.compile(r"\{VAR :varno (\d+) :varattno (\d+) ")
_NAME = r"(?:[^ \\]|\\.)+"
_PLAIN = re.compile(
    r"\{TARGETENTRY :expr \{VAR :varno (\d+) :varattno (\d+) [^{}]*\}"
    rf" :resno (\d+) :resname {_NAME} :ressortgroupref 0 :resorigtbl \d+ :resorigcol \d+ :resjunk false\}}"
)
_RELATION, _JOIN = "0", "2"


@dataclass(frozen=True, slots=True)
class Origins:
    """What is known of a view."""

    plain: Mapping[int, Source]
    """Column number of the view to the column that it is."""
    elsewhere: frozenset[Source]
    """Columns that it computes, filters, joins, sorts or groups by."""

    def shows(self, source: int, secret: frozenset[int]) -> frozenset[int] | None:
        """The numbers of the view's columns that are columns `secret` of `source`; None: it does more with one."""
        if any(relation == source and number in secret for relation, number in self.elsewhere):
            return None
        return frozenset(at for at, (relation, number) in self.plain.items() if relation == source and number in secret)


def origins(action: str) -> Origins | None:
    """What the rule `action` of a view says, or None where it says more than can be told."""
    head, found, tail = action.partition(" :jointree ")
    if not found or action.count("{QUERY ") != 1 or _BEYOND.search(action):
        return None
    entries = _ENTRY.findall(head)
    if len(entries) != head.count("{RANGETBLENTRY ") or {kind for kind, _ in entries} - {_RELATION, _JOIN}:
        return None
    relations = {at: int(oid) for at, (kind, oid) in enumerate(entries, 1) if kind == _RELATION}
    rest = _PLAIN.sub("", tail)
    uses = {(int(entry), int(number)) for entry, number in _VAR.findall(rest)}
    plain = {int(at): (int(entry), int(number)) for entry, number, at in _PLAIN.findall(tail)}
    if not {entry for entry, _ in (*uses, *plain.values())} <= relations.keys():
        return None  # a column that a join has merged
    return Origins(
        {at: (relations[entry], number) for at, (entry, number) in plain.items()},
        frozenset((relations[entry], number) for entry, number in uses),
    )
