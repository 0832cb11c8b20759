"""Entries that are alike: what they share is divided and encoded once, and only the rest each time.

A session's statements say the same of who, where and what again and again. The result is byte for byte
that of `entry.record` with all fields in one entry.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from gov.audit.encoding import QUOTING, divide, encode, redacted


@dataclass(frozen=True, slots=True)
class _Layout:
    """Texts with a place for each value that is not shared, for entries that give the same names."""

    shown: str
    """A %-format of the public part."""
    public: tuple[int, ...]
    """Which of the values it takes."""
    hidden: str
    secret: tuple[int, ...]
    quoting: tuple[int, ...]
    """Which values may quote a password."""


class Form:
    """The shared part of entries of one kind."""

    __slots__ = ("_hidden", "_layouts", "_shown", "kind")

    def __init__(self, kind: str, fields: Mapping[str, object]) -> None:
        """`fields` are divided as in any entry.

        Raises:
            ValueError: There is no such kind, or a value cannot be written as JSON.
        """
        self.kind = kind
        shown, hidden = divide(kind, fields, {})
        self._shown = {name: encode(value) for name, value in shown.items()}
        self._hidden = {name: encode(value) for name, value in hidden.items()}
        self._layouts: dict[tuple[str, ...], _Layout] = {}

    @property
    def octets(self) -> int:
        """Characters of the shared part."""
        return sum(map(len, (*self._shown.values(), *self._hidden.values())))

    def fill(self, fields: Mapping[str, object], payload: Mapping[str, object]) -> tuple[str, str]:
        """The JSON of fields and payload, with these besides the shared ones; they win over them."""
        values = [*fields.values(), *payload.values()]
        if not all(value or value is False or value == 0 for value in values):
            fields, payload = divide(self.kind, fields, payload)  # what says nothing is left out
            values = [*fields.values(), *payload.values()]
        names = (*fields, "", *payload)
        layout = self._layouts.get(names)
        if layout is None:
            layout = self._layouts[names] = self._laid_out(tuple(fields), tuple(payload))
        for place in layout.quoting:
            values[place] = redacted(values[place])
        coded = [encode(value) for value in values]
        return (
            layout.shown % tuple([coded[place] for place in layout.public]),
            layout.hidden % tuple([coded[place] for place in layout.secret]),
        )

    def _laid_out(self, fields: tuple[str, ...], payload: tuple[str, ...]) -> _Layout:
        places = {name: place for place, name in enumerate(payload, len(fields))}
        places |= {name: place for place, name in enumerate(fields)}
        shown, hidden = divide(self.kind, dict.fromkeys(fields, True), dict.fromkeys(payload, True))
        public = tuple(places[name] for name in sorted(shown))
        secret = tuple(places[name] for name in sorted(hidden))
        quoted = tuple(place for name, place in places.items() if name in hidden and name in QUOTING)
        return _Layout(_format(self._shown, shown), public, _format(self._hidden, hidden), secret, quoted)


def _format(shared: Mapping[str, str], given: Collection[str]) -> str:
    names = sorted({*shared, *given})
    if not names:
        return ""
    parts = (_escaped(encode(name)) + ":" + ("%s" if name in given else _escaped(shared[name])) for name in names)
    return "{" + ",".join(parts) + "}"


def _escaped(text: str) -> str:
    return text.replace("%", "%%")
