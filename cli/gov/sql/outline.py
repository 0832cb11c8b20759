"""From the text of a statement to its outline, with PostgreSQL's own grammar and no catalog."""

from __future__ import annotations

from gov.errors import TooComplex
from gov.sql import grammar
from gov.sql.grammar import HINT_SHORTER, Node
from gov.sql.query import QUERIES
from gov.sql.settings import SETTINGS
from gov.sql.spans import with_spans
from gov.sql.spread import spread
from gov.sql.statement import Outline, Statement, decode
from gov.sql.utility import UTILITIES
from gov.sql.walk import Method, Walk

__all__ = ["Outline", "decode", "of_trees", "outline"]

MAX_SIZE = 20_000
"""Names, columns and calls in one text: whoever resolves them does so while others wait."""
METHODS: dict[str, Method] = {**QUERIES, **UTILITIES, **SETTINGS}


def outline(text: str) -> Outline:
    """The outline of `text`; when the grammar refuses it, one that says so.

    Raises:
        NotUnderstood: The text is not valid UTF-8 or has a NUL.
        TooComplex: It is beyond the bounds of `sql.grammar`.
    """
    try:
        return of_trees(text, grammar.parse(text))
    except grammar.Refused as why:
        return Outline((), why.message, why.position)


def of_trees(text: str, statements: list[Node]) -> Outline:
    """The outline of `text`, which was parsed to `statements`.

    Raises:
        TooComplex: It names too much, or nests too deep.
        Refused: See `grammar.tokens`.
    """
    try:
        walked = tuple(_walked(text, raw) for raw in statements)
    except RecursionError:
        raise TooComplex("a condition is nested too deeply to be judged", hint=HINT_SHORTER) from None
    if sum(map(size, walked)) > MAX_SIZE:
        raise TooComplex(f"the statement names more than {MAX_SIZE} things", hint=HINT_SHORTER)
    return Outline(with_spans(text, walked))


def _walked(text: str, raw: Node) -> Statement:
    """One statement; with its own text, if it is a PREPARE."""
    statement = Walk(METHODS).run(raw["stmt"])._replace(spread=spread(raw["stmt"]))
    if statement.makes[0] != "prepare":
        return statement
    begin, length = raw.get("stmt_location", 0), raw.get("stmt_len", 0)
    data = text.encode()
    return statement._replace(body=data[begin : begin + length if length else None].decode())


def size(statement: Statement) -> int:
    """How many things it names."""
    named = (statement.names, statement.scopes, statement.sources, statement.references, statement.written)
    return sum(map(len, (*named, statement.calls, statement.operators, statement.settings)))


def octets_of(found: Outline) -> int:
    """About how much memory it takes, in bytes: what is kept must have a bound."""
    return sum(512 + 256 * size(statement) + len(statement.body) for statement in found.statements)
