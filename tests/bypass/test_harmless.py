"""The mirror of the corpus: what honest clients send passes, unheld, in both protocols."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bypass.corpus import EXTENDED, SIMPLE, Attempt, attempts
from bypass.playing import Seats, play
from live.wire import Lease

HARMLESS = list(attempts("harmless"))


@pytest.mark.parametrize("attempt", HARMLESS, ids=lambda each: each.name)
def test_it_passes(attempt: Attempt, lease_for: Callable[[str], Lease], seats: Seats) -> None:
    """No error and no hold."""
    several = any(";" in text.rstrip("; \n") for text in attempt.messages)
    for played in play(attempt, lease_for(attempt.scope), {}, forms=(SIMPLE, EXTENDED), seats=seats):
        if played.form == SIMPLE or not several:
            assert not played.stopped, (attempt.why, played.form, played.replies.error)
