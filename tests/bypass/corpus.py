"""Reads the corpus: files of statements, each told apart by a comment that says why it is there.

    -- aim: effect           (before the first section: what all of them are after; see AIMS)
    -- why: what the attempt is, or which client sends the statement
    -- aim: trail            (this one alone is after something else)
    -- as: write             (the scope; read when it is not written)
    -- fast path: f(text)    (a FunctionCall of this function; a message is its arguments, apart by ` | `)
    -- only the gateway stops it   (privileges do not: a role may always change itself)
    -- excepted: existence   (from the non-interference gate, by a reason of the threat model's)
    select …;
                             (an empty line: the next message)
    select {1000 times 1 +} 1;

`python tests/bypass/corpus.py` counts it: by aim, and by the forms in which an attempt is sent.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
AIMS = {
    "read": "read a masked value",
    "effect": "run a dangerous effect unseen",
    "scope": "leave the role's scope",
    "exfiltrate": "carry data out past the client",
    "trail": "evade or poison the trail",
    "wedge": "wedge the broker",
}
SIMPLE, EXTENDED, FAST, COPY = FORMS = ("simple", "extended", "fast path", "copy")
"""A Query; Parse to Sync, with results in binary; FunctionCall; and inside of COPY, where it is a query."""
_START = re.compile(r"^-- why: ", re.MULTILINE)
_TIMES = re.compile(r"\{(\d+) times ([^}]*)\}")
_FAST = "-- fast path: "
_EXCEPTED = "-- excepted: "


@dataclass(frozen=True)
class Attempt:
    """One section of a file: messages that one session sends, in order."""

    name: str
    why: str
    aim: str
    scope: str
    function: str
    """Of the fast path, with the types of its arguments; empty for what is SQL."""
    gateway_only: bool
    excepted: str
    """Why two databases may answer it differently; empty: they may not."""
    messages: tuple[str, ...]

    @property
    def forms(self) -> tuple[str, ...]:
        """Those in which it can be sent."""
        if self.function:
            return (FAST,)
        return (SIMPLE, EXTENDED, COPY) if _copyable(self.messages) else (SIMPLE, EXTENDED)

    @property
    def counted(self) -> frozenset[str]:
        """The forms it counts for: what is a COPY itself is one, however it is sent."""
        copies = any(text.lstrip().lower().startswith("copy") for text in self.messages)
        return frozenset(self.forms) | ({COPY} if copies else set())


def attempts(*files: str) -> Iterator[Attempt]:
    """Every section of the files, or of the directories, of these names."""
    for name in files:
        found = HERE / name
        for path in sorted(found.glob("*.sql")) if found.is_dir() else [found]:
            head, *sections = _START.split(path.read_text(encoding="utf-8"))
            aim = _said(head, "-- aim: ") or ""
            for number, section in enumerate(sections, 1):
                yield _attempt(f"{path.stem}-{number}", aim, section)


def _attempt(name: str, aim: str, section: str) -> Attempt:
    why, _, rest = section.partition("\n")
    kept = "\n".join(line for line in rest.splitlines() if not _is_word(line))
    messages = tuple(_expanded(part.strip()) for part in re.split(r"\n\s*\n", kept) if part.strip())
    assert messages, f"{name}: nothing is sent"
    return Attempt(
        name, why, _said(rest, "-- aim: ") or aim, _said(rest, "-- as: ") or "read", _said(rest, _FAST) or "",
        "-- only the gateway stops it" in rest.splitlines(), _said(rest, _EXCEPTED) or "", messages,
    )  # fmt: skip


def _is_word(line: str) -> bool:
    return line.startswith(("-- as: ", "-- aim: ", _FAST, _EXCEPTED)) or line == "-- only the gateway stops it"


def _said(text: str, word: str) -> str | None:
    return next((line.removeprefix(word).strip() for line in text.splitlines() if line.startswith(word)), None)


def _expanded(text: str) -> str:
    return _TIMES.sub(lambda match: int(match[1]) * match[2], text)


def _copyable(messages: tuple[str, ...]) -> bool:
    (first, *more) = messages
    head = first.lstrip("( ").lower()
    return not more and head.startswith(("select", "with", "table", "values")) and "into" not in head


def census(attacks: Iterable[Attempt]) -> Counter[tuple[str, str]]:
    """By aim and form, how many distinct attempts there are; the form `all` counts each once."""
    seen: set[tuple[str, str, tuple[str, ...]]] = set()
    found: Counter[tuple[str, str]] = Counter()
    for each in attacks:
        if (key := (each.scope, each.function, each.messages)) not in seen:
            seen.add(key)
            found.update((each.aim, form) for form in (*each.counted, "all"))
    return found


def table(found: Counter[tuple[str, str]]) -> Iterator[str]:
    """The census as lines of text."""
    columns = (*FORMS, "all")
    yield f"{'':32}" + "".join(f"{name:>11}" for name in columns)
    for aim, words in AIMS.items():
        yield f"{words:32}" + "".join(f"{found[aim, form]:>11}" for form in columns)
    totals = [sum(found[aim, form] for aim in AIMS) for form in columns]
    yield f"{'attacks':32}" + "".join(f"{total:>11}" for total in totals)


def lines() -> Iterator[str]:
    """What the runner prints of the corpus."""
    yield from table(census(attempts("attacks")))
    yield f"{'harmless':32}{'':44}{census(attempts('harmless'))['', 'all']:>11}"


if __name__ == "__main__":
    sys.stdout.write("".join(f"{line}\n" for line in lines()))
