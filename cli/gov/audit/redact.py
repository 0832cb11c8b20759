"""Passwords out of statement text, before anything is written.

Not a parser: it runs on texts that no parser accepts, and on error messages that quote half a statement. It
knows PostgreSQL's comments, literals and words; a literal that stands where a password stands goes. Where it
cannot tell how long a password is, the rest of the text goes.

Invariant: linear in the text, whatever the text, because it runs before every statement. So repetitions are
bounded, or end where the next one begins, or run to the end of the text and are the last.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

BLANK = "'[redacted]'"
_MARK = "[redacted]"
_PARAMETER = re.compile(r"\$[1-9]\d{0,5}", re.ASCII)
_DEEPEST = 4
"""Comments and $$ bodies inside each other that are looked into; what is deeper goes."""
_LONGEST_NAME = 128

_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<comment>--[^\n]*|/\*.*?(?:\*/|\Z))
    |(?P<dollar>\$(?P<tag>[^\W\d]\w{0,62}|)\$)(?P<body>.*?)(?P<end>\$(?P=tag)\$|\Z)
    |(?P<literal>
        [eE]'(?:[^'\\]|\\.|'')*(?:'|\\?\Z)
       |(?:[uU]&|[nNbBxX])?'(?:[^']|'')*(?:'|\Z))
    |(?P<word>"(?:[^"]|"")*(?:"|\Z)|[\w.$]+)
    |(?P<sign>:=|=>|=)
    |(?P<other>.)""",
    re.DOTALL | re.VERBOSE,
)
_ENDS_OPEN = re.compile(r"(?:passw(?:or)?d[ ]?=|password[ ])[ ]?'?\Z", re.IGNORECASE)
"""A literal after which the password comes: 'password=' || …, or one that only seems to be a literal because
the text began inside of one."""

# Inside of literals: connection strings, URLs, and statements with doubled quotes.
_URL = re.compile(r"(?P<before>://[^/\s:@']{0,100}:)[^@/\s]{0,200}(?=@)")  # libpq, too, ends it at a slash
_DOUBLED = re.compile(
    r"(?P<before>passw(?:or)?d\w{0,40}\s{0,20}(?:=>?|:=|to\b)?\s{0,20})''(?:[^']|'''')*''", re.IGNORECASE
)
_KEYWORD = re.compile(
    r"(?P<before>passw(?:or)?d\s{0,20}=\s{0,20})(?:\\'(?:[^'\\]|\\[^'])*\\'|(?!\[redacted|'')[^\s'\"&;]+)",
    re.IGNORECASE,
)
_BARE = re.compile(r"(?P<before>passw(?:or)?d=)(?!\$\d|\[redacted)[^\s'\"&;,()]+", re.IGNORECASE)
"""password=x outside of literals, as an error message quotes a connection string."""


def redact(text: str) -> str:
    """`text` with every password literal replaced; the same object if there is none."""
    if not _suspect(text):
        return text  # most statements: every one comes through here
    return _redact(text, 0)


def without_passwords(text: str, values: Sequence[str | None]) -> Sequence[str | None]:
    """Parameters of `text` as they may be written: blank where one stands for a password (`password = $1`)."""
    if not values or not _suspect(text):
        return values
    redaction = _Redaction(0)
    redaction.run(text)
    hidden = redaction.parameters
    return tuple(_MARK if at in hidden and value is not None else value for at, value in enumerate(values, 1))


def without_secrets_of(text: str, message: str) -> str:
    """`message`, an error about `text`, without the passwords of the text that it quotes."""
    if not message or not _suspect(text):
        return message
    redaction = _Redaction(0)
    redaction.run(text)
    for secret in sorted(redaction.secrets, key=len, reverse=True):
        message = message.replace(secret, _MARK)
    return message


def _suspect(text: str) -> bool:
    return "passw" in text.lower() or ("://" in text and "@" in text)


def _redact(text: str, depth: int) -> str:
    if not _suspect(text):
        return text
    return _Redaction(depth).run(text) if depth < _DEEPEST else _MARK


class _Redaction:
    """One pass over one text."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self.parameters: set[int] = set()
        """Numbers of parameters that stand where a password stands."""
        self.secrets: set[str] = set()
        """Literals that were blanked, with their quotes and without."""
        self._due = ""
        """What was seen last of `password = 'x'`: `word`, `sign` after = or TO; of set_config: `name`, a
        literal with the name; `more`, a password, which goes on in a literal on the next line; `rest`, a
        password that begins in a literal and ends nobody knows where."""

    def run(self, text: str) -> str:
        parts: list[str] = []
        for match in _TOKEN.finditer(text):
            parts.append(self._part(match, text[match.end() : match.end() + 1]))
            if self._due == "rest":
                return "".join(parts) + _MARK
        return _BARE.sub(rf"\g<before>{_MARK}", _URL.sub(rf"\g<before>{_MARK}", "".join(parts)))

    def _part(self, match: re.Match[str], following: str) -> str:
        """This piece of the text as it may be written."""
        piece = match[0]
        if match["space"]:
            return piece
        if match["comment"]:
            return piece[:2] + _redact(piece[2:], self._depth + 1)
        if match["literal"] or match["dollar"]:
            return self._literal(match)
        self._due = self._after(match, following)
        return piece

    def _after(self, match: re.Match[str], following: str) -> str:
        due, piece, is_word = self._due, match[0], bool(match["word"])
        if due in ("word", "sign") and _PARAMETER.fullmatch(piece):
            self.parameters.add(int(piece[1:]))
            return ""
        if is_word and _names_secret(piece):
            return "word"
        if due == "word" and (match["sign"] or piece.lower() == "to"):
            return "sign"
        if due == "name" and piece == ",":
            return "sign"
        if due == "sign" and (piece == "(" or (is_word and following == "(")):
            return "sign"  # password = crypt('x', …)
        return ""

    def _literal(self, match: re.Match[str]) -> str:
        piece = match[0]
        if self._due in ("word", "sign", "more"):
            self._due = "more"
            self.secrets |= {piece, match["body"] or piece.partition("'")[2].removesuffix("'")} - {""}
            return BLANK
        self._due = "name" if piece.endswith("'") and _names_secret(piece[:-1]) else ""
        if match["dollar"]:
            return match["dollar"] + _redact(match["body"], self._depth + 1) + match["end"]
        if _ENDS_OPEN.search(piece, max(len(piece) - 40, 0)):
            self._due = "rest"
        piece = _URL.sub(rf"\g<before>{_MARK}", piece)
        piece = _DOUBLED.sub(rf"\g<before>''{_MARK}''", piece)
        return _KEYWORD.sub(rf"\g<before>{_MARK}", piece)


def _names_secret(name: str) -> bool:
    """Whether a word, a quoted one or a literal is a name like `password`, `app.db_password`, `"Password"`."""
    plain = name.strip("\"'").lower()
    last = plain.rpartition(".")[2]
    is_name = len(plain) <= _LONGEST_NAME and plain.replace(".", "").replace("_", "").isalnum()
    return is_name and ("password" in last or "passwd" in last)
