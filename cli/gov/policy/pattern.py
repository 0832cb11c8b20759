"""Patterns of names: `public.orders`, `*.*.ssn`, `sales.cust_*.email`.

A pattern has the same parts as the name, separated by dots; each part may use the wildcards of a shell
(`*`, `?`, `[abc]`) and matches that one part only. Names are compared as the catalog has them, case included.
A name that itself holds a dot can only be met by a wildcard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from gov.terms import Column, Relation

_WILD = frozenset("*?[")


@dataclass(frozen=True, slots=True, order=True)
class RelationPattern:
    """`schema.table`."""

    schema: str
    name: str

    def matches(self, relation: Relation) -> bool:
        """Whether it speaks of `relation`."""
        return fnmatchcase(relation.schema, self.schema) and fnmatchcase(relation.name, self.name)

    @property
    def exact(self) -> Relation | None:
        """The one relation it names, or None when it has a wildcard."""
        return None if wild(self.schema + self.name) else Relation(self.schema, self.name)

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class ColumnPattern:
    """`schema.table.column`."""

    relation: RelationPattern
    column: str

    def matches(self, column: Column) -> bool:
        """Whether it speaks of `column`; the column `*` stands for all, so it is always spoken of."""
        named = column.name == "*" or bool(self.among((column.name,)))
        return named and self.relation.matches(column.relation)

    def among(self, names: Sequence[str]) -> list[str]:
        """Those of `names` that its column part matches; a literal part is looked up, not compared one by one."""
        if not wild(self.column):
            return [self.column] if self.column in names else []
        return [name for name in names if fnmatchcase(name, self.column)]

    def __str__(self) -> str:
        return f"{self.relation}.{self.column}"


def wild(text: str) -> bool:
    """Whether it has a wildcard."""
    return not _WILD.isdisjoint(text)


def relation_pattern(text: str) -> RelationPattern | None:
    """The pattern that `text` spells, or None when it is not `schema.table`."""
    parts = text.split(".")
    return RelationPattern(*parts) if len(parts) == 2 and all(parts) else None


def column_pattern(text: str) -> ColumnPattern | None:
    """The pattern that `text` spells, or None when it is not `schema.table.column`."""
    parts = text.split(".")
    if len(parts) != 3 or not all(parts):
        return None
    return ColumnPattern(RelationPattern(parts[0], parts[1]), parts[2])


def any_word(word: str, patterns: frozenset[str]) -> bool:
    """Whether one of `patterns` (shell wildcards) matches `word`."""
    return any(fnmatchcase(word, pattern) for pattern in patterns)


def within(classification: str, data: str) -> bool:
    """Whether `classification` is `data` or below it: `pii.contact` is within `pii`, `piix` is not."""
    return classification == data or classification.startswith(data + ".")
