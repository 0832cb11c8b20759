"""Judgments of one session, kept for the next time the same statement comes.

By exact text first. Clients of the simple protocol never send the same text twice, so a read or insert
whose judgment no literal can change is found by its *shape* too: the text with its literals taken out.
Only plain texts have a shape: no comments, quoted names, escapes, dollar quotes or anything beyond ASCII.
In such a text equal shapes are cut into the same tokens, and so have the same tree but for its constants.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256

from gov.policy.decision import Verdict
from gov.terms import Effect
from gov.turn import Judged, Route

MOST = 512
"""Judgments kept by text, and as many by shape."""
HEAVIEST = 1 << 22
"""Characters of the texts kept and of their lineage: 4 MiB, or so."""
LONGEST = 4096
"""Characters of a text that a shape is looked for in."""

_PLAIN = re.compile(r"[A-Za-z0-9_\s()=,.*<>+/%;:'|\[\]-]*\Z", re.ASCII)
_LITERAL = re.compile(r"'[^']*'|(?<![\w.])[0-9]+(?:\.[0-9]+)?(?![\w.])", re.ASCII)
_SHAPELESS = ("--", "/*", "\0")
_SAME_FOR_ALL_LITERALS = frozenset({Effect.READ, Effect.INSERT})
# UPDATE and DELETE are not among them: `WHERE 1=1` is no WHERE.


@dataclass(frozen=True, slots=True)
class _Shaped:
    judged: Judged
    sent: tuple[str, ...]
    """What stands between the literals of the text that is sent."""


class Plans:
    """Judgments by text and shape, for one policy, catalog and hour."""

    def __init__(self) -> None:
        self._exact: dict[tuple[str, tuple[str, ...]], Judged] = {}
        self._octets = 0
        self._shaped: dict[tuple[str, tuple[str, ...]], _Shaped] = {}

    def clear(self) -> None:
        """What judgments depend on has changed."""
        self._exact.clear()
        self._shaped.clear()

    def get(self, text: str, search_path: tuple[str, ...]) -> Judged | None:
        """The judgment of `text`, or None when it has to be judged."""
        found = self._exact.get((text, search_path))
        if found is not None or not self._shaped:
            return found
        key = shape(text)
        shaped = self._shaped.get((key, search_path)) if key is not None else None
        if shaped is None:
            return None
        sent = "".join(_woven(shaped.sent, _LITERAL.findall(text)))
        return replace(shaped.judged, digest=sha256(text.encode()).hexdigest(), sent=sent)

    def put(self, text: str, search_path: tuple[str, ...], judged: Judged) -> None:
        """Keep a judgment."""
        self._octets += len(text) + len(judged.sent) + judged.octets
        if len(self._exact) >= MOST or self._octets > HEAVIEST:
            self._exact.clear()
            self._octets = 0
        self._exact[text, search_path] = judged
        if not _holds_for_the_shape(judged) or (key := shape(text)) is None:
            return
        if _LITERAL.findall(judged.sent) != _LITERAL.findall(text):
            return
        if len(self._shaped) >= MOST:
            self._shaped.clear()
        self._shaped[key, search_path] = _Shaped(judged, tuple(_LITERAL.split(judged.sent)))


def shape(text: str) -> str | None:
    """`text` without its literals, numbers and strings told apart; None when it is not plain."""
    if len(text) > LONGEST or _PLAIN.match(text) is None or any(mark in text for mark in _SHAPELESS):
        return None
    return _LITERAL.sub(lambda found: "'?'" if found[0][0] == "'" else "?", text)


def _holds_for_the_shape(judged: Judged) -> bool:
    facts = judged.facts
    return (
        facts.literal_free
        and judged.decision.verdict is Verdict.ALLOW
        and judged.route is Route.SESSION
        and facts.effects <= _SAME_FOR_ALL_LITERALS
    )


def _woven(between: tuple[str, ...], literals: list[str]) -> Iterator[str]:
    yield between[0]
    for literal, after in zip(literals, between[1:], strict=True):
        yield literal
        yield after
