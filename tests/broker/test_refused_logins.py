"""Tokens that are not accepted are in the trail, however many they are."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from gov.audit.entry import Entry
from gov.broker import refused_logins
from gov.broker.refused_logins import MOST, RefusedLogins
from gov.broker.trail import Trail


class Written(list[Entry]):
    """A trail that keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.second = asyncio.Event()

    def record(self, entry: Entry) -> None:
        """One more."""
        self.append(entry)
        if len(self) > 1:
            self.second.set()


def test_a_flood_of_tokens_has_a_bounded_number_of_entries() -> None:
    """The first ones one by one, then a number; the same token again is counted too; then a new window begins."""
    written = Written()

    async def flood() -> None:
        refused, trail = RefusedLogins(), cast(Trail, written)
        for window in range(2):
            for n in range(1000):
                refused.refused(trail, lambda: 5.0, f"token {window} {n % 100}", f"client {n}", f"why {n}")
            assert len(written) == (MOST + 1) * window + MOST
            refused.settle(trail, lambda: 6.0)
            refused.settle(trail, lambda: 6.0)
        assert [each.fields["times"] for each in written] == [*[1] * MOST, 1000 - MOST] * 2
        assert {each.kind for each in written} == {"login.refused"}
        assert written[-1].fields == {"client": "client 999", "because": "why 999", "times": 1000 - MOST}

    asyncio.run(flood())


def test_what_was_only_counted_is_written_when_its_window_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when no other token comes."""
    monkeypatch.setattr(refused_logins, "WINDOW", 0.01)
    written = Written()

    async def again() -> None:
        refused = RefusedLogins()
        for _ in range(3):
            refused.refused(cast(Trail, written), lambda: 5.0, "the same", "client", "why")
        await asyncio.wait_for(written.second.wait(), 60)

    asyncio.run(again())
    assert [each.fields["times"] for each in written] == [1, 2]
