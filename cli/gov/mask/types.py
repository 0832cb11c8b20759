"""What `format_type` says of a column, taken apart: the type itself and its modifiers."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gov.errors import ConfigError

_IDENTIFIER = r"""(?:[a-z_][a-z0-9_]*|"(?:[^"\0]|"")+")"""
_NAME = re.compile(
    rf"(?:{_IDENTIFIER}\.)?{_IDENTIFIER}(?: [a-z]+)*"
    r"(?:\([A-Za-z0-9, -]*\))?(?: with(?:out)? time zone)?(?:\[\])*"
)
"""What `format_type` writes. Anything else is not put into SQL."""
_CITEXT = re.compile(rf"(?:{_IDENTIFIER}\.)?citext")
_MODIFIERS = re.compile(r"\(([0-9, -]+)\)")
_TEXTUAL = frozenset({"character varying", "character", "text", "bpchar"})

ENDLESS = 1 << 30
"""Characters that a type without a length takes, and more."""


@dataclass(frozen=True, slots=True)
class Type:
    """A type as SQL has it."""

    sql: str
    """As it was given; casts to it keep the modifiers."""
    base: str
    """Without modifiers: `numeric`, `timestamp with time zone`."""
    modifiers: tuple[int, ...] = ()

    @property
    def array(self) -> bool:
        """Whether it is an array of something."""
        return self.base.endswith("[]")

    @property
    def length(self) -> int | None:
        """How many characters a textual type takes; None for other types."""
        if _CITEXT.fullmatch(self.base):
            return ENDLESS
        if self.base not in _TEXTUAL:
            return None
        if self.modifiers:
            return self.modifiers[0]
        return 1 if self.base == "character" else ENDLESS


def type_of(text: str) -> Type:
    """The type that `format_type` calls `text`.

    Raises:
        ConfigError: It is not the name of a type.
    """
    if not _NAME.fullmatch(text):
        raise ConfigError(f"`{text}` is not the name of a type", hint="gov broker check TARGET")
    match = _MODIFIERS.search(text)
    modifiers = tuple(map(int, match[1].split(","))) if match else ()
    return Type(text, _MODIFIERS.sub("", text, count=1), modifiers)
