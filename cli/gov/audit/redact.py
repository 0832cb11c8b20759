"""Passwords out of statement text, before anything is written.

Not a parser: it runs on texts that no parser accepts, and on error messages that quote half a statement.
Where it cannot tell how long a password is, everything after the word goes.
"""

from __future__ import annotations

import re

BLANK = "'[redacted]'"

_SUSPECT = re.compile(r"passw(?:or)?d|pgpass|:/?/?[^/\s:@']*:[^@\s]*@", re.IGNORECASE)
"""One cheap pass over every text; most statements stop here."""

_GAP = r"(?:\s|--[^\n]*\n|/\*.*?\*/)*"
_LITERAL = (
    r"(?:[eE]'(?:[^'\\]|\\.|'')*'"  # E'' with backslashes
    r"|(?:[uU]&|[nN])?'(?:[^']|'')*'"  # the standard's
    r"|\$(?P<tag>[^\W\d]?\w*)\$.*?\$(?P=tag)\$)"  # $$ … $$
)
_ASSIGNED = re.compile(
    rf"(?P<before>\b[\w.$\"]*passw(?:or)?d[\w\"]*'?{_GAP}(?:(?:=|:=|=>|,|\bto\b){_GAP})?)"
    rf"(?:{_LITERAL}(?:\s*\n\s*'(?:[^']|'')*')*|(?P<open>[eE]?'.*|\$\w*\$.*))",
    re.IGNORECASE | re.DOTALL,
)
"""PASSWORD 'x', password => 'x', SET my.password TO 'x', set_config('my.password', 'x', …): the literal
with its continuations on the next lines, or what is left of the text if it does not end."""

_NESTED = re.compile(
    rf"(?P<before>\bpassw(?:or)?d{_GAP}=?{_GAP})''(?:[^']|'''')*''", re.IGNORECASE | re.DOTALL
)
"""PASSWORD ''x'' inside another literal, as EXECUTE in a DO block has it."""

_KEYWORD = re.compile(
    r"(?P<before>\b\w*passw(?:or)?d\s*=\s*)(?:\\?'(?:[^'\\]|\\.)*\\?'|[^\s'\"&;]+)", re.IGNORECASE
)
"""password=x in a connection string, in either quoting, and in a URL's query."""

_URL = re.compile(r"(?P<before>\b[a-z][a-z0-9+.-]*://[^/\s:@']*:)[^@\s]*(?=@)", re.IGNORECASE)
"""scheme://user:password@host"""


def redact(text: str) -> str:
    """`text` with every password literal replaced; the same object if there is none."""
    if _SUSPECT.search(text) is None:
        return text
    text = _URL.sub(r"\g<before>[redacted]", text)
    text = _NESTED.sub(r"\g<before>''[redacted]''", text)
    text = _ASSIGNED.sub(lambda match: match["before"] + BLANK, text)
    return _KEYWORD.sub(lambda match: match["before"] + "[redacted]", text)
