"""Where in a text the names end that a rewrite may replace.

The tree says where a name begins. Its end is found with PostgreSQL's own scanner, as a name can be quoted,
escaped (`U&"…" UESCAPE '!'`) and have comments between its parts.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from functools import cached_property

from gov.sql import grammar
from gov.sql.statement import OLD, Name, Reference, Statement, Use

REPLACEABLE = (Use.READ, Use.COPY, Use.LOCK)


def with_spans(text: str, statements: tuple[Statement, ...]) -> tuple[Statement, ...]:
    """The statements with the ends of their names."""
    if not any(_any(statement) for statement in statements):
        return statements
    scan = _Scan(text)
    return tuple(
        statement._replace(
            names=tuple(map(scan.name, statement.names)),
            references=tuple(map(scan.reference, statement.references)),
        )
        for statement in statements
    )


def _any(statement: Statement) -> bool:
    named = any(name.use in REPLACEABLE for name in statement.names)
    return named or any(len(reference.parts) > 2 for reference in statement.references)


_WORD = rb"[A-Za-z_][A-Za-z0-9_$]*"
_PLAIN = re.compile(rb"(%b(?:\.%b)?)(?:\Z|[;),]|[ \t\n\r\f]+(?:[A-Za-z0-9]|\Z))" % (_WORD, _WORD))
"""A name that nothing can go on with: the text ends behind it, a list or another word begins. Most names are so,
and then no scanner is needed to see where they end."""


class _Scan:
    """A text and its tokens."""

    def __init__(self, text: str) -> None:
        self._text, self._data = text, text.encode()

    @cached_property
    def _tokens(self) -> list[grammar.Token]:
        return grammar.tokens(self._text)

    def name(self, name: Name) -> Name:
        if name.use not in REPLACEABLE or name.at < 0:
            return name
        if name.use is not Use.COPY and (plain := _PLAIN.match(self._data, name.at)):
            return name._replace(end=plain.end(1))
        first = bisect_left(self._tokens, (name.at,))
        last = self._last(first)
        if name.use is Use.COPY:
            last = self._list_end(last + 1) or last
            if self._old_copy(first, last):
                return name._replace(end=OLD)
        return name._replace(end=self._tokens[last].end)

    def reference(self, reference: Reference) -> Reference:
        if len(reference.parts) < 3 or reference.at < 0:
            return reference
        last = self._last(bisect_left(self._tokens, (reference.at,)), len(reference.parts) - 2)
        return reference._replace(end=self._tokens[last].end)

    def _old_copy(self, first: int, last: int) -> bool:
        """Whether the relation of COPY is named between words that PostgreSQL 7.3 gave up."""
        behind = range(last + 3, last + 5)  # TO, STDOUT, and then maybe USING
        return self._is(first - 1, b"binary") or any(self._is(token, b"delimiters") for token in behind)

    def _last(self, first: int, parts: int = 0) -> int:
        """The last token of the name that begins with the token `first`, or of its first `parts`."""
        last, count = self._part(first), 1
        while count != parts and self._is(last + 1, b"."):
            last, count = self._part(last + 2), count + 1
        return last

    def _part(self, token: int) -> int:
        """The last token of one part of a name."""
        escaped = self._is(token + 1, b"uescape") and self._bytes(token)[:2].lower() == b"u&"
        return token + 2 if escaped else token

    def _list_end(self, token: int) -> int | None:
        """The last token of the list in parentheses that begins with `token`; None when there is none."""
        if not self._is(token, b"("):
            return None
        while not self._is(token, b")"):
            token += 1
        return token

    def _is(self, token: int, word: bytes) -> bool:
        return token < len(self._tokens) and self._bytes(token).lower() == word

    def _bytes(self, token: int) -> bytes:
        return self._data[self._tokens[token].start : self._tokens[token].end]
