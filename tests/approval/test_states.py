"""The table of an approval request, whole."""

from __future__ import annotations

import pytest

from gov.approval.request import RequestState
from gov.approval.states import NEXT, Event, move
from gov.errors import AlreadySettled


@pytest.mark.parametrize("state", RequestState)
@pytest.mark.parametrize("event", Event)
def test_every_pair_is_answered(state: RequestState, event: Event) -> None:
    """A listed pair moves on, an unlisted one is refused; nothing falls between."""
    if (state, event) in NEXT:
        assert move(state, event) is NEXT[state, event]
    else:
        with pytest.raises(AlreadySettled, match=state.value):
            move(state, event)


@pytest.mark.parametrize(
    "state", [RequestState.DENIED, RequestState.WITHDRAWN, RequestState.EXPIRED, RequestState.SPENT]
)
def test_an_end_is_an_end(state: RequestState) -> None:
    """Nothing leads out of denied, withdrawn, expired or spent."""
    assert not [pair for pair in NEXT if pair[0] is state]


def test_only_an_approved_request_is_spent() -> None:
    """There is one way into spent, and it begins at approved."""
    assert [pair for pair, state in NEXT.items() if state is RequestState.SPENT] == [
        (RequestState.APPROVED, Event.SPEND)
    ]
