"""Attempts to keep the broker from working: whoever comes next is answered."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bypass.corpus import Attempt, attempts
from bypass.playing import play
from live.wire import Lease, dialled

WEDGE = list(attempts("attacks/wedge.sql"))
IMPATIENT = 0.3
"""Seconds of silence after which an attempt is cancelled."""


@pytest.mark.parametrize(("number", "attempt"), list(enumerate(WEDGE)), ids=[each.name for each in WEDGE])
def test_others_are_answered(number: int, attempt: Attempt, lease_for: Callable[[str], Lease]) -> None:
    """In the same session if it lives, and in a new one. In one form each, in turn."""
    form = attempt.forms[number % len(attempt.forms)]
    with dialled(lease_for("read")) as beside:
        assert beside.query("select 1").rows == [("1",)]
        for played in play(attempt, lease_for(attempt.scope), {}, forms=[form], patience=IMPATIENT):
            assert played.replies, attempt.why
        assert beside.query("select 2").rows == [("2",)]
    with dialled(lease_for("read")) as fresh:
        assert fresh.query("select 3").rows == [("3",)]
