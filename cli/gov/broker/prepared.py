"""Which text stands behind a prepared name, also while the database has not confirmed it yet.

The attack this stops: pipeline a Parse or Close that fails or is skipped, then Bind the name in a later
group, so that the gateway judges one text while the database runs another. So a name whose newest
change is unconfirmed can be used within the group that changed it (there a failure skips the use as
well), and nowhere else until the database has answered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


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
    confirmed: bool = False
    closing: bool = False
    """A Close is on its way."""


class Names:
    """The prepared statements of one session, by name; the empty name is the unnamed one."""

    def __init__(self) -> None:
        self._known: dict[bytes, Prepared] = {}

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

    def put(self, entry: Prepared) -> Callable[[], None]:
        """A Parse was forwarded; call what is returned if the database does not run it."""
        before = self._known.get(entry.name)
        self._known[entry.name] = entry

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

    def clear(self) -> None:
        """DEALLOCATE ALL or DISCARD ALL has run."""
        self._known.clear()

    def drop(self, name: bytes) -> None:
        """DEALLOCATE of one name has run."""
        self._known.pop(name, None)


def _nothing() -> None:
    return None
