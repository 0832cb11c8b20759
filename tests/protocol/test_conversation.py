"""What a client may say when."""

from __future__ import annotations

import pytest

from gov.errors import ProtocolError
from gov.protocol.conversation import NEXT, Phase, Said, hear


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("said", Said)
def test_every_pair_is_answered(phase: Phase, said: Said) -> None:
    """A listed pair moves on; an unlisted one is out of turn; nothing falls between."""
    if (phase, said) in NEXT:
        assert hear(phase, said.value) is NEXT[phase, said]
    else:
        with pytest.raises(ProtocolError):
            hear(phase, said.value)


def test_an_unknown_message_is_out_of_turn() -> None:
    """A type byte that the protocol does not have ends the conversation."""
    known = {said.value for said in Said}

    for kind in set(range(256)) - known:
        with pytest.raises(ProtocolError):
            hear(Phase.READY, kind)


def test_nothing_is_heard_after_the_end() -> None:
    """A closed conversation has no next phase for anything."""
    assert not [pair for pair in NEXT if pair[0] is Phase.CLOSED]


def test_only_sync_ends_skipping() -> None:
    """After a refusal everything is dropped up to Sync, even a simple Query."""
    after = {said: NEXT[Phase.SKIPPING, said] for said in Said if (Phase.SKIPPING, said) in NEXT}

    assert [said for said, phase in after.items() if phase is Phase.READY] == [Said.SYNC]
