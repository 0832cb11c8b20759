"""Which text stands behind a prepared name, also while the database has not confirmed it yet.

The attack this stops: pipeline a Parse or Close that fails or is skipped, then Bind the name in a later
group, so that the gateway judges one text while the database runs another. So a name whose newest
change is unconfirmed can be used within the group that changed it (there a failure skips the use as
well), and nowhere else until the database has answered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

_DEALLOCATE = re.compile(
    r'\s*DEALLOCATE\s+(?:PREPARE\s+)?(?P<name>"(?:[^"]|"")+"|[A-Za-z_][A-Za-z0-9_]*)\s*;?\s*', re.ASCII | re.IGNORECASE
)


@dataclass(slots=True, eq=False)
class Prepared:
    """One prepared statement of a session."""

    name: bytes
    text: str
    sent: str
    """The text that the database has under this name."""
    types: bytes
    """Parameter types as the client's Parse had them."""
    group: int
    """The group, counted by Sync, that changed it last."""
    version: str = ""
    """Of the target, when the database parsed it: under another its rows may be of other types."""
    confirmed: bool = False
    closing: bool = False
    """A Close is on its way."""

    @property
    def weight(self) -> int:
        """What it takes, about, in bytes."""
        return len(self.text) + (0 if self.sent == self.text else len(self.sent)) + len(self.types)


class Names:
    """The prepared statements of one session, by name; the empty name is the unnamed one."""

    def __init__(self, most: int = 10_000, heaviest: int = 1 << 25) -> None:
        """At most so many, and so many bytes of their texts."""
        self._most, self._heaviest = most, heaviest
        self._octets = 0
        """Never less than the bytes of all texts."""
        self._known: dict[bytes, Prepared] = {}
        self._unsure = False
        """Whether SQL of the session's own may be changing names."""

    def settled(self, name: bytes, group: int) -> bool:
        """Whether the name may be used or changed in `group` without waiting for the database."""
        known = self._known.get(name)
        return known is None or known.group == group or (known.confirmed and not known.closing)

    def get(self, name: bytes) -> Prepared | None:
        """What Bind finds under `name`; None when the database will find nothing either."""
        known = self._known.get(name)
        return None if known is None or known.closing else known

    def taken(self, name: bytes) -> bool:
        """Whether a Parse of `name` will fail, since the name is in use and not the unnamed one."""
        return name != b"" and self.get(name) is not None

    def full(self, entry: Prepared) -> bool:
        """Whether `entry` would be one too many, or its text too much."""
        if len(self._known) >= self._most and entry.name not in self._known:
            return True
        if self._octets + entry.weight > self._heaviest:  # some are gone since it was counted
            self._octets = sum(each.weight for each in self._known.values())
        return self._octets + entry.weight > self._heaviest

    def put(self, entry: Prepared) -> Callable[[], None]:
        """A Parse was forwarded; call what is returned if the database does not run it."""
        before = self._known.get(entry.name)
        self._known[entry.name] = entry
        self._octets += entry.weight

        def undo() -> None:
            if self._known.get(entry.name) is entry:
                if before is None:
                    del self._known[entry.name]
                else:
                    self._known[entry.name] = before

        return undo

    def confirm(self, entry: Prepared) -> Callable[[], None]:
        """What to call when the database has prepared `entry`."""

        def done() -> None:
            entry.confirmed = True

        return done

    def close(self, name: bytes, group: int) -> tuple[Callable[[], None], Callable[[], None]]:
        """A Close was forwarded; what to call when it is confirmed, and when it does not run."""
        entry = self._known.get(name)
        if entry is None:
            return (_nothing, _nothing)
        entry.closing, entry.group = True, group

        def confirmed() -> None:
            if self._known.get(name) is entry:
                del self._known[name]

        def undone() -> None:
            entry.closing = False

        return confirmed, undone

    def changing(self, group: int, taken: Iterable[bytes]) -> None:
        """A PREPARE, DEALLOCATE or DISCARD of SQL's is on its way; it gives the names `taken` to other statements."""
        for name in taken:
            self._known.pop(name, None)
        for entry in self._known.values():
            entry.confirmed, entry.group = False, group
        self._unsure = True

    def deallocated(self, text: str) -> None:
        """A DEALLOCATE or DISCARD has run: forget its name, or all names where it cannot be told which."""
        name = named_by(text)
        if not name:
            self._known.clear()
        else:
            self._known.pop(name.encode(), None)

    def drained(self) -> None:
        """The database has answered everything: what is known here is so."""
        if self._unsure:
            self._unsure = False
            for entry in self._known.values():
                entry.confirmed = True


def named_by(text: str) -> str | None:
    """Which name a DEALLOCATE takes away, the empty one for all; None when the text says more than that."""
    found = _DEALLOCATE.fullmatch(text)
    if found is None:
        return None
    name = found["name"]
    if name.startswith('"'):
        return name[1:-1].replace('""', '"')
    return "" if name.upper() == "ALL" else name.lower()


def _nothing() -> None:
    return None
