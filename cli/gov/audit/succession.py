"""How entries follow each other: each its writer's last, each statement's end its statement.

A part of a log can be checked by itself, if what it owes to earlier parts is settled afterwards: then the
parts need not be checked one after the other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gov.audit.entry import VERSION
from gov.audit.kinds import KINDS
from gov.audit.marks import Marks, packed

NOTABLE = frozenset({"log.erased", "key.changed"})
"""Kinds that say something of the log itself."""
NOTHING = "0" * 64
_AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)


class Amiss(Exception):
    """What is wrong with an entry; `place` where that is not the entry itself."""

    def __init__(self, index: int, why: str, place: str = "") -> None:
        super().__init__(index, why, place)
        self.index, self.why, self.place = index, why, place


@dataclass(frozen=True, slots=True)
class Tail:
    """The last entry of a writer."""

    sequence: int
    hash: str


@dataclass(frozen=True, slots=True)
class Owed:
    """What a part has to say about the parts before it."""

    index: int
    """The entry that says it."""
    writer: str
    sequence: int
    previous: str


@dataclass(slots=True)
class Part:
    """What is known of some entries in a row, once each of them was followed."""

    first: int
    """The index of the first, a multiple of 8 where another part comes after it."""
    statements: bytearray = field(default_factory=bytearray)
    """For each, whether it is a statement."""
    last: str = ""
    """The leaf hash of the last."""
    tails: dict[str, Tail] = field(default_factory=dict)
    joins: list[Owed] = field(default_factory=list)
    """The first entry here of each writer."""
    ends: list[tuple[int, int]] = field(default_factory=list)
    """Ends of statements that are in earlier parts: index of the end, of the statement."""
    notable: list[tuple[int, str, Mapping[str, Any]]] = field(default_factory=list)

    def follow(self, stated: Mapping[str, Any], hashed: str) -> None:
        """Take the next entry in, as its JSON has it, and its leaf hash.

        Raises:
            Amiss: it is not what can come next.
        """
        index = self.first + len(self.statements)
        if stated["v"] != VERSION or not isinstance(stated["fields"], dict) or not _AT.fullmatch(stated["at"]):
            raise Amiss(index, "not an audit entry that this version of gov reads")
        if stated["index"] != index:
            raise Amiss(index, f"it says that it is entry {stated['index']}")
        self._chain(index, stated, hashed)
        kind = stated["kind"]
        if kind not in KINDS:
            raise Amiss(index, f"its kind is unknown: {kind}")
        if kind == "statement.done":
            self._completes(index, stated["fields"].get("statement"))
        elif kind in NOTABLE:
            self.notable.append((index, kind, stated["fields"]))
        self.statements.append(kind == "statement")

    def _chain(self, index: int, stated: Mapping[str, Any], hashed: str) -> None:
        writer, sequence, previous = stated.get("writer", ""), stated.get("sequence", 0), stated["previous"]
        tail = self.tails.get(writer)
        if tail is None:
            self.joins.append(Owed(index, writer, sequence, previous))
            if self.last and not (writer and sequence) and previous != self.last:
                raise Amiss(index, _ASTRAY)
        else:
            _continues(index, tail, writer, sequence, previous)
        self.tails[writer] = Tail(sequence, hashed)
        self.last = hashed

    def _completes(self, index: int, statement: object) -> None:
        if not isinstance(statement, int) or not 0 <= statement < index:
            raise Amiss(index, _endless(statement))
        if statement < self.first:
            self.ends.append((index, statement))
        elif not self.statements[statement - self.first]:
            raise Amiss(index, _endless(statement))


def _continues(index: int, tail: Tail, writer: str, sequence: int, previous: str) -> None:
    if writer and sequence != tail.sequence + 1:
        raise Amiss(index, f"it is number {sequence} of the writer {writer}, and follows its number {tail.sequence}")
    if previous != tail.hash:
        raise Amiss(index, _ASTRAY)


class Succession:
    """The parts of a log, in their order."""

    def __init__(self) -> None:
        self.size = 0
        """Entries so far."""
        self.last = NOTHING
        """The leaf hash of the last one."""
        self.statements = Marks()
        self._tails: dict[str, Tail] = {}

    def part(self) -> Part:
        """What comes next, to be followed entry by entry, knowing all that came before."""
        return Part(self.size, last=self.last, tails=dict(self._tails))

    def join(self, part: Part) -> None:
        """Take in what was checked apart, and settle what it owes.

        Raises:
            Amiss: it does not go on from here.
        """
        for owed in part.joins:
            tail = self._tails.get(owed.writer)
            if tail is not None:
                _continues(owed.index, tail, owed.writer, owed.sequence, owed.previous)
            elif owed.writer and owed.sequence:
                raise Amiss(owed.index, f"it is number {owed.sequence} of the writer {owed.writer}, and follows none")
            elif owed.index == self.size and owed.previous != self.last:
                raise Amiss(owed.index, _ASTRAY)
        for index, statement in part.ends:
            if statement not in self.statements:
                raise Amiss(index, _endless(statement))
        self.statements.put(part.first, packed(part.statements))
        self._tails |= part.tails
        self.size, self.last = part.first + len(part.statements), part.last


def ranges(index: int, fields: Mapping[str, Any]) -> Sequence[tuple[int, int]]:
    """Which payloads a `log.erased` entry says were erased: first ≤ index < end, of each.

    Raises:
        Amiss: it does not say so, or speaks of entries that come after it.
    """
    try:
        whole = int(fields["first"]), int(fields["end"])
        given = [(int(first), int(end)) for first, end in fields.get("ranges") or [whole]]
    except (KeyError, TypeError, ValueError):
        given = [(-1, -1)]
    if not all(0 <= first <= end <= index for first, end in given):
        raise Amiss(index, "it does not say which payloads were erased")
    return given


_ASTRAY = "it does not follow the entry before it"


def _endless(statement: object) -> str:
    return f"it completes a statement that is not there: entry {statement}"
