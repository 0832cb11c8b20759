"""Entries that are alike: what they share is divided and encoded once, and only the rest each time.

A session's statements say the same of who, where and what again and again. The result is byte for byte
that of `entry.record` with all fields in one entry.
"""

from __future__ import annotations

from collections.abc import Mapping

from gov.audit.encoding import divide, encode

Layout = tuple[tuple[str, ...], tuple[str, ...]]
"""Names to fill in, in order, and the text around them."""


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
        self._layouts: dict[tuple[bool, tuple[str, ...]], Layout] = {}

    def fill(self, fields: Mapping[str, object], payload: Mapping[str, object]) -> tuple[str, str]:
        """The JSON of fields and payload, with these besides the shared ones; they win over them."""
        shown, hidden = divide(self.kind, fields, payload)
        return self._filled(True, self._shown, shown), self._filled(False, self._hidden, hidden)

    def _filled(self, public: bool, shared: Mapping[str, str], given: Mapping[str, object]) -> str:
        if not given and not shared:
            return ""
        key = (public, tuple(given))
        layout = self._layouts.get(key)
        if layout is None:
            layout = self._layouts[key] = _layout(shared, given)
        names, around = layout
        parts = [around[0]]
        for name, after in zip(names, around[1:], strict=True):
            parts.append(encode(given[name]))
            parts.append(after)
        return "".join(parts)


def _layout(shared: Mapping[str, str], given: Mapping[str, object]) -> Layout:
    names: list[str] = []
    around = [""]
    for number, name in enumerate(sorted({*shared, *given})):
        around[-1] += ("," if number else "{") + encode(name) + ":"
        if name in given:
            names.append(name)
            around.append("")
        else:
            around[-1] += shared[name]
    around[-1] += "}"
    return tuple(names), tuple(around)
