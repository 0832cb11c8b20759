"""From the text of a statement to its outline, with PostgreSQL's own grammar and no catalog."""

from __future__ import annotations

from gov.errors import TooComplex
from gov.sql import grammar
from gov.sql.grammar import HINT_SHORTER
from gov.sql.query import QUERIES
from gov.sql.statement import Outline, decode
from gov.sql.utility import UTILITIES
from gov.sql.walk import Method, Walk

__all__ = ["Outline", "decode", "outline"]

METHODS: dict[str, Method] = {**QUERIES, **UTILITIES}


def outline(text: str) -> Outline:
    """The outline of `text`; when the grammar refuses it, one that says so.

    Raises:
        NotUnderstood: The text is not valid UTF-8 or has a NUL.
        TooComplex: It is beyond the bounds of `sql.grammar`.
    """
    try:
        statements = grammar.parse(text)
    except grammar.Refused as why:
        return Outline((), why.message, why.position)
    try:
        return Outline(tuple(Walk(METHODS).run(raw["stmt"]) for raw in statements))
    except RecursionError:
        raise TooComplex("a condition is nested too deeply to be judged", hint=HINT_SHORTER) from None
