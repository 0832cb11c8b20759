"""Which relations of one target nobody may reach now, and why.

Being altered lasts for one statement, and whoever needs the relation waits. Released lasts until a sync:
a migration that does not come through gov has it. Broken are those whose masked views could not be made.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from gov.terms import Relation


@dataclass
class Closing:
    """The closed relations of one target."""

    released: dict[Relation, str] = field(default_factory=dict)
    """With who has released it."""
    broken: Mapping[Relation, str] = field(default_factory=dict)
    """With the reason."""
    number: int = 0
    """Counts up with every change: a judgment from before one is not to be trusted."""
    _altering: Counter[Relation] = field(default_factory=Counter)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def altering(self) -> frozenset[Relation]:
        """Those that an approved statement is changing now."""
        return frozenset(+self._altering)

    @property
    def withheld(self) -> frozenset[Relation]:
        """Those that no profile may hold now."""
        return self.altering | self.released.keys()

    @property
    def all(self) -> frozenset[Relation]:
        """Every closed relation."""
        return self.withheld | self.broken.keys()

    def begin(self, relations: Collection[Relation]) -> None:
        """They are being altered from now on."""
        self._altering.update(relations)
        self.changed()

    def end(self, relations: Collection[Relation]) -> None:
        """They are altered no more."""
        for relation in relations:
            self._altering[relation] = max(0, self._altering[relation] - 1)
        self.changed()

    def withheld_after(self, ending: Collection[Relation]) -> frozenset[Relation]:
        """What no profile may hold once the change of `ending` is over; another of the same tables may go on."""
        left = self._altering - Counter({*ending})
        return frozenset(left) | self.released.keys()

    def changed(self) -> None:
        """Something opened or closed: whoever waits looks again."""
        self.number += 1
        before, self._changed = self._changed, asyncio.Event()
        before.set()

    async def settled(self, relations: Collection[Relation]) -> None:
        """Wait until none of them is being altered."""
        while not self.altering.isdisjoint(relations):
            await self._changed.wait()

    def why(self, relation: Relation) -> str:
        """The reason in words, for whoever is refused."""
        if relation in self.released:
            return f"it was released for a migration by {self.released[relation]}"
        if relation in self.broken:
            return self.broken[relation]
        return "it is being altered"
