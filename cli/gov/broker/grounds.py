"""Which grounds of study there are, and which of them each analyst keeps.

A catalog is megabytes and every session of a profile stands on the same one, so both go to an analyst once.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import count
from typing import NamedTuple

from gov.broker.analyst import Kept
from gov.policy.decision import Outcome
from gov.sql.catalog import Catalog
from gov.terms import Relation

MOST = 256
"""Grounds that are known here, and at each analyst."""
HEAVIEST = 64 << 20
"""Bytes that those of one analyst may have been when they were sent, without the newest."""


class Standing(NamedTuple):
    """What somebody's texts are studied on: see `study.Ground`."""

    target: str
    catalog: Catalog
    outcome: Outcome
    views: Mapping[Relation, Relation]


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """A ground, by number."""

    number: int
    catalog: int
    """The number of its catalog."""
    standing: Standing


class Grounds:
    """The grounds that there are. Where only the objects differ and not what is in them, it is the same."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._met: OrderedDict[tuple[int, ...], tuple[Standing, Known]] = OrderedDict()
        """By identity; the objects are held, so that no other can have theirs."""
        self._known: dict[tuple[int, bytes], Known] = {}
        """By catalog and content."""
        self._newest: dict[str, tuple[Catalog, int]] = {}
        """The catalog of each target, with its number."""

    def of(self, standing: Standing) -> Known:
        """The ground that `standing` is."""
        identity = tuple(map(id, standing[1:]))
        if (met := self._met.get(identity)) is not None and met[0].target == standing.target:
            return met[1]
        catalog = self._catalog(standing)
        content = sha256(pickle.dumps((standing.target, standing.outcome, dict(standing.views)))).digest()
        known = self._known.get((catalog, content))
        if known is None:
            known = self._known[catalog, content] = Known(next(self._numbers), catalog, standing)
        self._met[identity] = standing, known
        self._bound()
        return known

    def _catalog(self, standing: Standing) -> int:
        """The number of its catalog; what stood on another of the same target is in the past."""
        newest, number = self._newest.get(standing.target, (None, 0))
        if newest is not standing.catalog:
            number = next(self._numbers)
            self._newest[standing.target] = standing.catalog, number
            for identity in [each for each, (met, _) in self._met.items() if met.target == standing.target]:
                del self._met[identity]
            self._known = {key: each for key, each in self._known.items() if each.standing.target != standing.target}
        return number

    def _bound(self) -> None:
        while len(self._met) > MOST:
            self._met.popitem(last=False)
        if len(self._known) > MOST:
            left = {id(known) for _, known in self._met.values()}
            self._known = {key: known for key, known in self._known.items() if id(known) in left}


class Shelf:
    """What one analyst keeps, as the broker knows it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, tuple[Known, int]] = OrderedDict()
        """The least recently used first, each with its bytes."""

    def has(self, ground: Known) -> bool:
        """Whether it is there; then it is used now."""
        if ground.number not in self._kept:
            return False
        self._kept.move_to_end(ground.number)
        return True

    def needs_catalog(self, ground: Known) -> bool:
        """Whether its catalog has to be sent with it."""
        return all(known.catalog != ground.catalog for known, _ in self._kept.values())

    def put(self, ground: Known, octets: int) -> list[int]:
        """Keep one more, sent in so many bytes; the numbers of those that are to be forgotten for it."""
        target = ground.standing.target
        self._kept[ground.number] = ground, octets
        gone = [
            number for number, (known, _) in self._kept.items()
            if known.standing.target == target and known.catalog != ground.catalog
        ]
        weight = sum(octets for _, octets in self._kept.values())
        for number, (_, octets) in [*self._kept.items()][:-1]:
            if number in gone or len(self._kept) - len(gone) > MOST or weight > HEAVIEST:
                weight -= octets
                gone += [] if number in gone else [number]
        for number in gone:
            del self._kept[number]
        return gone


def packed(ground: Known, *, with_catalog: bool) -> bytes:
    """The ground as an analyst is sent it."""
    target, catalog, outcome, views = ground.standing
    # A copy, without what was derived from it: that is as large again.
    snapshot = replace(catalog) if with_catalog else None
    return pickle.dumps(Kept(ground.number, ground.catalog, snapshot, target, outcome, dict(views)))
