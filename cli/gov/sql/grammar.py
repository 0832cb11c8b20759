"""PostgreSQL's own grammar, as libpg_query carries it: text in, parse tree or tokens out.

The JSON route is used because the protobuf one refuses deep trees. A tree is what `json.loads` makes of
it: a node is `{"SelectStmt": {…}}`, a field's name begins in lower case, and fields at their default
(0, false, "") are left out. Locations are byte offsets into the UTF-8 text.

The C parser has no bound on depth of its own: a text from outside belongs into `gov.broker.analyst`.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple, TypeAlias

from postgast import PgQueryError, scan
from postgast.native import lib

from gov.errors import NotUnderstood, TooComplex

Node: TypeAlias = dict[str, Any]
"""One node or field of a parse tree."""

MAX_BYTES = 1 << 20
MAX_TOKENS = 200_000
"""A bulk INSERT of 10,000 rows of six columns has 130,000."""
HINT_SHORTER = "send it in smaller pieces, or bulk data with COPY"


class Token(NamedTuple):
    """One lexical token: its text is `data[start:end]`."""

    start: int
    end: int


class Refused(Exception):
    """The grammar refuses the text. `position` counts characters from 1; 0 when it is not known."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


def encode(text: str) -> bytes:
    """`text` as the parser takes it.

    Raises:
        NotUnderstood: It is not valid Unicode, or has a NUL, at which the C parser would stop reading.
        TooComplex: It is longer than `MAX_BYTES`.
    """
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise NotUnderstood("the statement is not valid UTF-8", hint="check client_encoding") from None
    if b"\0" in data:
        raise NotUnderstood("the statement contains a NUL byte", hint="remove it") from None
    if len(data) > MAX_BYTES:
        raise TooComplex(
            f"the statement has {len(data)} bytes, more than the {MAX_BYTES} that can be judged",
            hint=HINT_SHORTER,
        )
    return data


def parse(text: str) -> list[Node]:
    """The statements of `text`, each a `RawStmt`: `{"stmt": {…}, "stmt_location": …, "stmt_len": …}`.

    Raises:
        Refused: PostgreSQL would answer with a syntax error.
        NotUnderstood: See `encode`.
        TooComplex: Too long, too many tokens, or nested beyond what this interpreter can hold.
    """
    data = encode(text)
    if len(data) > MAX_TOKENS and len(tokens(text)) > MAX_TOKENS:
        raise TooComplex(f"the statement has more than the {MAX_TOKENS} tokens that can be judged", hint=HINT_SHORTER)
    result = lib.pg_query_parse(_without_comments(data, text))
    try:
        if result.error:
            raise _refused(data, result.error.contents)
        tree: bytes = result.parse_tree or b"{}"
    finally:
        lib.pg_query_free_parse_result(result)
    try:
        statements: list[Node] = json.loads(tree).get("stmts", [])
    except RecursionError:
        raise TooComplex("the statement is nested too deeply to be judged", hint=HINT_SHORTER) from None
    except ValueError as why:
        raise NotUnderstood(f"the parse tree cannot be read: {why}", hint="report this statement") from None
    return statements


def tokens(text: str) -> list[Token]:
    """The tokens of `text` in order, comments and white space left out.

    Raises:
        Refused: The text does not end where it should: an open quote or comment.
    """
    return [Token(token.start, token.end) for token in _scanned(text) if token.token not in COMMENTS]


def _scanned(text: str) -> Any:
    try:
        return scan(text).tokens
    except PgQueryError as why:
        raise Refused(why.message, _characters(text.encode(), why.cursorpos)) from None


def _without_comments(data: bytes, text: str) -> bytes:
    """`data` with blanks where comments were, so that every other byte stays in its place.

    libpg_query keeps comments as tokens, and its parser then refuses `NOT /* x */ IN`, `NULLS -- x FIRST`
    and `'a' -- x` continued on the next line, which PostgreSQL takes.
    """
    if b"--" not in data and b"/*" not in data:
        return data
    blanked = bytearray(data)
    for token in _scanned(text):
        if token.token in COMMENTS:
            blanked[token.start : token.end] = b" " * (token.end - token.start)
    return bytes(blanked)


COMMENTS = frozenset({275, 276})
"""SQL_COMMENT and C_COMMENT in libpg_query's list of tokens; a test holds them to that."""


EXHAUSTED = "memory exhausted"
"""What the parser says when its stack of states is full; PostgreSQL has the same bound."""


def _refused(data: bytes, error: Any) -> Refused | TooComplex:
    message = (error.message or b"syntax error").decode(errors="replace")
    if message.startswith(EXHAUSTED):
        return TooComplex("the statement is nested too deeply to be judged", hint=HINT_SHORTER)
    return Refused(message, _characters(data, error.cursorpos))


def _characters(data: bytes, position: int) -> int:
    """A 1-based byte position as a 1-based character position, as ErrorResponse wants it."""
    return len(data[: position - 1].decode(errors="replace")) + 1 if position > 0 else 0
