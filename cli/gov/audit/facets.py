"""What an entry can be found by: short terms, made of its fields, and the terms that a question asks for.

An index keeps terms and which entries have them. It only proposes: whoever answers a question reads the
entries it proposes and looks again. So a question's terms must reach every entry that the answer has, and may
reach more.

Statements of one session share who, where and why; statements of one text share what. So terms come in two
halves, and each half is the same for a great many entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

Terms = frozenset[tuple[str, str]]
"""(facet, value)"""

WHO: Final[Mapping[str, str]] = {
    "subject": "subject", "issuer": "issuer", "agent": "agent", "principal": "name", "target": "target",
    "environment": "environment", "session": "session", "lease": "lease", "purpose": "purpose", "run": "run",
    "by": "by", "requester": "by", "user": "by", "approver": "by",
}
"""Field to facet, of fields that the entries of one session share."""
WHAT: Final[Mapping[str, str]] = {
    "verdict": "verdict", "rule": "rule", "rules": "rule", "effects": "effect", "request": "request",
    "sqlstate": "sqlstate", "outcome": "outcome", "command": "command", "functions": "function",
    "classes": "class", "policy": "policy", "yes": "yes", "what": "what", "dataset": "dataset",
    "receipt": "file", "file": "file", "digests": "file", "break_glass": "glass",
}
"""The same of fields that the runs of one text share."""
TABLES: Final = ("reads", "writes", "relations")
READ: Final = "columns_read"
WRITTEN: Final = "columns_written"
CLEAR: Final = "clear_sensitive"
"""Sensitive columns that no mask covered."""
_NAMES: Final = {**dict.fromkeys(TABLES, "table"), READ: "read", WRITTEN: "written", CLEAR: "clear"}
"""Field to facet, of fields that name tables and columns, which are found by their ends too."""
_WHAT: Final = WHAT.keys() | _NAMES.keys()
WORDS: Final = ("text", "parameters", "error", "notices", "reason", "because", "complaints", "message")
"""Fields of the payload that are searched as text."""


def who_of(fields: Mapping[str, Any], payload: Mapping[str, Any]) -> Terms:
    """Who, where and why: terms that a session's entries share."""
    found: set[tuple[str, str]] = set()
    for said in (payload, fields):
        for name, value in said.items():
            if (facet := WHO.get(name)) is not None:
                _add(found, facet, value)
    return frozenset(found)


def what_of(kind: str, fields: Mapping[str, Any]) -> Terms:
    """What, and what was decided: terms that the runs of one text share."""
    found = {("kind", kind), ("family", kind.partition(".")[0])}
    for name, value in fields.items():
        if (facet := WHAT.get(name)) is not None:
            _add(found, facet, value)
        elif (facet := _NAMES.get(name)) is not None:
            for each in values(value):
                found.update((facet, end) for end in _ends(each))
            if value and facet != "table":
                found.add((facet, ""))
    return frozenset(found)


def whose(fields: Mapping[str, Any], payload: Mapping[str, Any]) -> list[Any]:
    """All that `who_of` looks at: what it found for these once, it finds for their equal."""
    return [[each, said[each]] for said in (payload, fields) for each in said if each in WHO]


def whats(kind: str, fields: Mapping[str, Any]) -> list[Any]:
    """All that `what_of` looks at: what it found for these once, it finds for their equal."""
    return [kind, *[[each, fields[each]] for each in fields if each in _WHAT]]


def _add(found: set[tuple[str, str]], facet: str, value: object) -> None:
    if type(value) is str:  # nearly always, and for every entry
        if value:
            found.add((facet, value))
    else:
        found.update((facet, each) for each in values(value))


def words_of(payload: Mapping[str, Any], names: Iterable[str] = WORDS) -> str:
    """What of the payload is searched as text, one value a line, without case."""
    said = [payload[name] for name in names if name in payload]
    return "\n".join(values(said)).casefold() if said else ""


def columns(asked: str) -> tuple[str, ...]:
    """The values of `read`, `written` or `clear` that may mean the column `asked`: itself, and all of its table.

    `*` is any column.
    """
    if asked == "*":
        return ("",)
    relation, dot, _ = asked.rpartition(".")
    return (asked, f"{relation}{dot}*")


def values(value: object) -> Iterator[str]:
    """A field's values as text, however deep they stand."""
    if type(value) is str:  # nearly always
        if value:
            yield value
    elif isinstance(value, list | tuple):
        for each in value:
            yield from values(each)
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from values(each)
    elif value is not None and value != "":
        yield str(value)


def _ends(name: str) -> Iterator[str]:
    """`public.customers.email`, `customers.email`, `email`."""
    yield name
    while (at := name.find(".")) >= 0:
        name = name[at + 1 :]
        yield name
