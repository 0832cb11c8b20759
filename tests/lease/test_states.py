"""The life of a lease."""

from __future__ import annotations

from itertools import product

import pytest

from gov.lease.lease import LeaseState
from gov.lease.states import MOVES, OPEN, LeaseEvent, move


@pytest.mark.parametrize(("state", "event"), [*product(LeaseState, LeaseEvent)])
def test_what_is_not_in_the_table_does_not_happen(state: LeaseState, event: LeaseEvent) -> None:
    """Every pair either moves as listed or is refused."""
    if (state, event) in MOVES:
        assert move(state, event) is MOVES[state, event]
    else:
        with pytest.raises(ValueError, match="cannot meet"):
            move(state, event)


def test_an_end_is_final() -> None:
    """Nothing leaves `ended`, and only there no role can exist."""
    assert not [pair for pair in MOVES if pair[0] is LeaseState.ENDED]
    assert set(LeaseState) - {LeaseState.ENDED} == OPEN


def test_every_open_state_can_end() -> None:
    """From wherever a crash left it, a lease reaches `ended`."""
    for start in OPEN:
        reached, grown = {start}, True
        while grown:
            grown_to = reached | {after for (before, _), after in MOVES.items() if before in reached}
            grown, reached = grown_to != reached, grown_to
        assert LeaseState.ENDED in reached


def test_an_ended_lease_is_never_active_again() -> None:
    """Once ending has begun there is no way back."""
    before = {state for (state, _), after in MOVES.items() if after is LeaseState.ACTIVE}

    assert before == {LeaseState.CREATING}
