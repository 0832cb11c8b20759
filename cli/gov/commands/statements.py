"""From text that somebody typed to single statements and their named parameters, as psql would cut it.

Only PostgreSQL's lexical rules are known here (manual, 4.1): quotes, dollar quotes, comments,
parentheses, and the bodies of `CREATE FUNCTION … BEGIN ATOMIC`. What a statement means is for the broker.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
    (?P<comment>   --[^\n]* )
  | (?P<block>     /\* )
  | (?P<string>    (?<![\w$]) [eE] ' (?: [^'\\] | \\. | '' )* (?P<eend>'?)
                 | ' (?: [^'] | '' )* (?P<send>'?) )
  | (?P<name>      " (?: [^"] | "" )* (?P<nend>"?) )
  | (?P<dollar>    (?<![\w$]) \$ (?: [^\W\d]\w* )? \$ )
  | (?P<cast>      :: | := )
  | (?P<parameter> (?<![\w\])]) : (?P<called> [^\W\d]\w* ) )
  | (?P<word>      [^\W\d][\w$]* )
  | (?P<number>    \d[\w.]* )
  | (?P<space>     \s+ )
  | (?P<other>     . )
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text. `kind` is a group of the pattern above; `closed` is False for an open quote."""

    kind: str
    text: str
    start: int
    closed: bool = True


def tokens(text: str, at: int = 0) -> Iterator[Token]:
    """The pieces of `text` from the offset `at` on; together they are `text`."""
    while match := _TOKEN.match(text, at):
        kind = next((name for name in _KINDS if match[name] is not None), "other")
        end, closed = _end(text, match, kind)
        yield Token(kind, text[at:end], at, closed)
        at = end


_KINDS = ("comment", "block", "string", "name", "dollar", "cast", "parameter", "word", "number", "space")


def _end(text: str, match: re.Match[str], kind: str) -> tuple[int, bool]:
    """Where the token ends, and whether it is complete."""
    match kind:
        case "dollar":
            found = text.find(match[0], match.end())
            return (found + len(match[0]), True) if found >= 0 else (len(text), False)
        case "block":
            return _block(text, match.end())
        case "string" | "name":
            return match.end(), bool(match["eend"] or match["send"] or match["nend"])
        case _:
            return match.end(), True


def _block(text: str, at: int) -> tuple[int, bool]:
    """The end of a block comment, which nests."""
    depth = 1
    for mark in re.compile(r"/\*|\*/").finditer(text, at):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return mark.end(), True
    return len(text), False


@dataclass(slots=True)
class _Nesting:
    """How deep a `;` would be: only one at the surface ends a statement."""

    parentheses: int = 0
    begins: int = 0
    head: tuple[str, ...] = ()
    """The first four words, lower case."""

    def see(self, token: Token) -> None:
        if token.kind == "other":
            self.parentheses = max(0, self.parentheses + {"(": 1, ")": -1}.get(token.text, 0))
        elif token.kind == "word":
            self._word(token.text.lower())

    def _word(self, word: str) -> None:
        if len(self.head) < 4:
            self.head = (*self.head, word)
        if self.head[:1] != ("create",) or not {"function", "procedure"} & set(self.head):
            return
        if word == "begin" or (word == "case" and self.begins):
            self.begins += 1
        elif word == "end" and self.begins:
            self.begins -= 1

    @property
    def surface(self) -> bool:
        return not self.parentheses and not self.begins


@dataclass(frozen=True, slots=True)
class Meta:
    """A backslash command: what stood before it since the last `;`, and itself up to the end of its line."""

    before: str
    line: str


def split(text: str) -> tuple[list[str], str]:
    """The statements of `text` that a `;` ends, without it, and what comes after the last of them.

    The rest is empty when it is only white space and comments.
    """
    *done, (rest, _) = _cut(text, metas=False)
    return [str(piece) for piece, _ in done], str(rest)


def steps(text: str) -> tuple[list[tuple[str | Meta, int]], str]:
    """The same at a prompt, where a backslash begins a command: each step with the line (from 1) it is on."""
    *done, (rest, _) = _cut(text, metas=True)
    return [(piece, text.count("\n", 0, at) + 1) for piece, at in done], str(rest)


def _cut(text: str, *, metas: bool) -> list[tuple[str | Meta, int]]:
    """Every statement and command with its offset, and at the end what is incomplete."""
    done: list[tuple[str | Meta, int]] = []
    nesting, start, first = _Nesting(), 0, -1
    for token in _beyond(text, metas=metas):
        if token.kind == "meta":
            done.append((Meta(text[start : token.start].strip(), token.text.strip()), token.start))
            nesting, start, first = _Nesting(), token.start + len(token.text), -1
        elif token.text == ";" and token.kind == "other" and nesting.surface:
            if first >= 0:
                done.append((text[start : token.start].strip(), first))
            nesting, start, first = _Nesting(), token.start + 1, -1
        else:
            nesting.see(token)
            if first < 0 and (token.kind not in ("space", "comment", "block") or not token.closed):
                first = token.start
    return [*done, (text[start:].strip() if first >= 0 else "", len(text))]


def _beyond(text: str, *, metas: bool) -> Iterator[Token]:
    """The tokens of `text`; with `metas` a backslash makes one of the rest of its line, quotes or not."""
    at = 0
    while at < len(text):
        for token in tokens(text, at):
            if metas and token.text == "\\" and token.kind == "other":
                at = _line_end(text, token.start)
                yield Token("meta", text[token.start : at], token.start)
                break
            yield token
        else:
            return


def _line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    return end if end >= 0 else len(text)


def statements(text: str) -> list[str]:
    """Every statement of `text`; the last needs no `;`."""
    done, rest = split(text)
    return [*done, rest] if rest else done


def bound(text: str, values: Mapping[str, str]) -> tuple[str, list[str]]:
    """`text` with each `:name` that `values` holds as `$1`, `$2`, …, and the values in that order.

    Names in quotes, comments and dollar quotes are left alone, as are casts (`::`) and array slices.
    """
    order: dict[str, str] = {}
    pieces: list[str] = []
    for token in tokens(text):
        name = token.text[1:]
        if token.kind == "parameter" and name in values:
            pieces.append(order.setdefault(name, f"${len(order) + 1}"))
        else:
            pieces.append(token.text)
    return "".join(pieces), [values[name] for name in order]
