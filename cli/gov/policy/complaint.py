"""What is wrong with a policy file, and where."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class Complaint:
    """One mistake and its place. Complaints sort as an editor lists them."""

    at: Position
    what: str

    def __str__(self) -> str:
        return f"{self.at}: {self.what}"


def did_you_mean(word: str, known: Collection[str]) -> str:
    """`, did you mean …?` when one of `known` is close to `word`, else nothing."""
    close = get_close_matches(word, sorted(known), n=1)
    return f", did you mean `{close[0]}`?" if close else ""
