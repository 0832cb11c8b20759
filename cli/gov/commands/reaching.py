"""What the lease reaches, as completion needs it: asked of the broker in the background, kept until asked anew."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from gov.errors import GovError
from gov.ui.escape import harmless

if TYPE_CHECKING:
    from gov.commands.describing import Masks
    from gov.control.access import Reach, RelationView


@dataclass(frozen=True)
class Known:
    """Relations, columns and functions, found by name. Nothing in it can command a terminal."""

    relations: dict[tuple[str, str], RelationView] = field(default_factory=dict)
    """By schema and name."""
    functions: tuple[tuple[str, str], ...] = ()
    path: tuple[str, ...] = ("public",)

    @classmethod
    def of(cls, reach: Reach) -> Known:
        """What the broker said."""
        relations = {(each.namespace, each.name): each for each in reach.relations if _plain(each.namespace, each.name)}
        functions = tuple((schema, name) for schema, _, name in (f.partition(".") for f in reach.functions)
                          if _plain(schema, name))
        return cls(relations, functions, tuple(reach.search_path))

    def find(self, schema: str, name: str) -> RelationView | None:
        """The relation by that name, looked for in the search path when no schema is given."""
        for each in [schema] if schema else self.path:
            if found := self.relations.get((each, name)):
                return found
        return None

    @cached_property
    def schemas(self) -> tuple[str, ...]:
        """Schemas with something in reach."""
        return tuple(sorted({schema for schema, _ in self.relations}))

    @cached_property
    def masks(self) -> Masks:
        """Every masked column with its mask."""
        return {(*place, column.name): column.mask
                for place, relation in self.relations.items() for column in relation.columns if column.mask}


def _plain(*names: str) -> bool:
    return all(harmless(character) for name in names for character in name)


NOTHING = Known()


class Background:
    """Keeps `known` up to date without anybody waiting for it."""

    def __init__(self, ask: Callable[[], Reach]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._wanted = False
        self._running = False
        self.known = NOTHING

    def refresh(self) -> None:
        """Ask again, soon. When the broker says no, what was known stays."""
        with self._lock:
            self._wanted = True
            if self._running:
                return
            self._running = True
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._wanted:
                    self._running = False
                    return
                self._wanted = False
            with suppress(GovError):
                self.known = Known.of(self._ask())
