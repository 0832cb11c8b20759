"""Where in a statement the cursor stands: what would fit there, and which relations the statement speaks of.

Lexical only, and forgiving: what is typed is unfinished. It serves completion, nothing is decided by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gov.commands.statements import Token, tokens

Wants = Literal["relation", "column", "nothing"]

_OPENS = {"from", "join", "into", "update", "table", "truncate", "copy", "analyze", "vacuum", "lock", "references",
          "only", "describe"}
"""Words after which a relation's name comes."""
_GOVERNS = {"select", "where", "on", "having", "set", "by", "values", "returning", "when", "and", "or", "not",
            "using", "limit", "offset", "with", "distinct"} | _OPENS
"""Words that say what the names after them are, until the next of them."""
_NO_ALIAS = _GOVERNS | {"left", "right", "inner", "outer", "full", "cross", "natural", "group", "order", "union",
                        "except", "intersect", "as", "for", "fetch", "window", "lateral", "tablesample", "set",
                        "to", "default", "cascade", "restrict", "add", "alter", "drop", "rename", "is", "in"}


@dataclass(frozen=True, slots=True)
class Mention:
    """A relation that the statement speaks of; names as PostgreSQL folds them."""

    schema: str
    """Empty: not written."""
    name: str
    alias: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """The cursor's."""

    wants: Wants
    typed: str = ""
    """What is typed of the name, with an opening quote."""
    qualifier: tuple[str, ...] = ()
    """The names before its dots, folded."""
    mentions: tuple[Mention, ...] = ()
    ctes: tuple[str, ...] = ()


NOWHERE = Place("nothing")


def place(text: str, cursor: int) -> Place:
    """The place of the offset `cursor` in `text`, which may hold several statements."""
    before, after = _statement(text, cursor)
    typed, kept = _typed(before)
    if typed is None:
        return NOWHERE
    qualifier, kept = _qualifier(kept)
    whole = [token for token in (*before, *after) if _meaningful(token)]
    return Place(_wants(kept), typed, qualifier, tuple(_mentions(whole)), tuple(_ctes(whole)))


def folded(text: str) -> str:
    """A name as PostgreSQL keeps it: quotes taken away, or else in lower case."""
    return text[1:].removesuffix('"').replace('""', '"') if text.startswith('"') else text.lower()


def _statement(text: str, cursor: int) -> tuple[list[Token], list[Token]]:
    """The tokens of the statement around the cursor, before and after it."""
    before = list(tokens(text[:cursor]))
    start = max((i for i, token in enumerate(before) if _ends(token)), default=-1) + 1
    after: list[Token] = []
    # What is open before the cursor goes on after it: only names and words can be cut in two.
    for token in tokens(text, cursor):
        if _ends(token):
            break
        after.append(token)
    return before[start:], after


def _ends(token: Token) -> bool:
    return token.text == ";" and token.kind == "other"


def _meaningful(token: Token) -> bool:
    return token.kind not in ("space", "comment", "block")


def _typed(before: list[Token]) -> tuple[str | None, list[Token]]:
    """The name being typed and what is before it; None inside a string, a number or a comment."""
    if not before:
        return "", []
    last, rest = before[-1], [token for token in before[:-1] if _meaningful(token)]
    if last.kind == "word" or (last.kind == "name" and not last.closed):
        return last.text, rest
    if last.kind in ("comment", "number", "parameter") or not last.closed:
        return None, rest
    return "", [*rest, last] if _meaningful(last) else rest


def _qualifier(kept: list[Token]) -> tuple[tuple[str, ...], list[Token]]:
    names: list[str] = []
    while len(kept) >= 2 and kept[-1].text == "." and kept[-2].kind in ("word", "name"):
        names.insert(0, folded(kept[-2].text))
        kept = kept[:-2]
    return tuple(names), kept


def _wants(kept: list[Token]) -> Wants:
    if not kept:
        return "column"
    last = kept[-1]
    if last.kind in ("word", "name") and last.text.lower() == "as":
        return "nothing"
    depth = 0
    for token in reversed(kept):
        depth += {")": 1, "(": -1}.get(token.text, 0)
        if depth < 0:  # inside a parenthesis that a relation's list of columns may have opened
            return "column"
        if token.kind == "word" and depth == 0 and token.text.lower() in _GOVERNS:
            opens = token.text.lower() in _OPENS
            return "relation" if opens and (token is last or last.text == ",") else "column"
    return "column"


def _mentions(whole: list[Token]) -> list[Mention]:
    found: list[Mention] = []
    at = 0
    while at < len(whole):
        word = whole[at].text.lower()
        at += 1
        if whole[at - 1].kind == "word" and word in _OPENS:
            at = _list(whole, at, found)
    return found


def _list(whole: list[Token], at: int, found: list[Mention]) -> int:
    """Relations after FROM and the like, separated by commas; where they end."""
    while at < len(whole):
        at = _skip(whole, at, {"only", "lateral", "table", "if", "exists", "not"})
        names, at = _name(whole, at)
        if not names or (at < len(whole) and whole[at].text == "(" and _call(whole, at)):
            return at
        alias, at = _alias(whole, at)
        found.append(Mention(names[-2] if len(names) > 1 else "", names[-1], alias))
        if at >= len(whole) or whole[at].text != ",":
            return at
        at += 1
    return at


def _skip(whole: list[Token], at: int, words: set[str]) -> int:
    while at < len(whole) and whole[at].kind == "word" and whole[at].text.lower() in words:
        at += 1
    return at


def _name(whole: list[Token], at: int) -> tuple[list[str], int]:
    names: list[str] = []
    while at < len(whole) and _named(whole[at]):
        names.append(folded(whole[at].text))
        at += 1
        if at >= len(whole) or whole[at].text != ".":
            break
        at += 1
    return names, at


def _named(token: Token) -> bool:
    return (token.kind == "name" and token.closed) or (token.kind == "word" and token.text.lower() not in _NO_ALIAS)


def _call(whole: list[Token], at: int) -> bool:
    """Whether the parenthesis is that of a function in FROM: not the column list of INSERT INTO or COPY."""
    opener = next((token.text.lower() for token in reversed(whole[:at])
                   if token.kind == "word" and token.text.lower() in _OPENS), "")
    return opener in ("from", "join")


def _alias(whole: list[Token], at: int) -> tuple[str, int]:
    if at < len(whole) and whole[at].text.lower() == "as" and whole[at].kind == "word":
        at += 1
    if at < len(whole) and _named(whole[at]):
        return folded(whole[at].text), at + 1
    return "", at


def _ctes(whole: list[Token]) -> list[str]:
    """Names that WITH gives: `name AS (` and `name (columns) AS (`, when WITH comes first."""
    if not whole or whole[0].text.lower() != "with":
        return []
    return [folded(name.text) for name, then, opened in zip(whole, whole[1:], whole[2:], strict=False)
            if _named(name) and then.text.lower() == "as" and opened.text.lower() in ("(", "materialized", "not")]
