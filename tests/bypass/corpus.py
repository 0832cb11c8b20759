"""Reads the corpus: files of statements, each told apart by a comment that says why it is there.

    -- why: what the attempt is, or which client sends the statement
    -- as: write            (the scope; read when it is not written)
    -- only the gateway stops it   (privileges do not: a role may always change itself)
    select …;
                            (an empty line: the next message)
    select …;
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
_START = re.compile(r"^-- why: ", re.MULTILINE)


@dataclass(frozen=True)
class Attempt:
    """One section of a file: messages that one session sends, in order."""

    name: str
    why: str
    scope: str
    gateway_only: bool
    messages: tuple[str, ...]


def attempts(*files: str) -> Iterator[Attempt]:
    """Every section of the files, or of the directories, of these names."""
    for name in files:
        found = HERE / name
        for path in sorted(found.glob("*.sql")) if found.is_dir() else [found]:
            for number, section in enumerate(_START.split(path.read_text(encoding="utf-8"))[1:], 1):
                yield _attempt(f"{path.stem}-{number}", section)


def _attempt(name: str, section: str) -> Attempt:
    why, _, rest = section.partition("\n")
    scope, gateway_only, kept = "read", False, []
    for line in rest.splitlines():
        if line.startswith("-- as: "):
            scope = line.removeprefix("-- as: ").strip()
        elif line == "-- only the gateway stops it":
            gateway_only = True
        else:
            kept.append(line)
    messages = tuple(part.strip() for part in re.split(r"\n\s*\n", "\n".join(kept)) if part.strip())
    assert messages, f"{name}: nothing is sent"
    return Attempt(name, why, scope, gateway_only, messages)
