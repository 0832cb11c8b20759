"""Checkpoints are those of C2SP tlog-checkpoint."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gov.audit import note
from gov.audit.checkpoint import Checkpoint, open_checkpoint, parse, sign
from gov.audit.note import SigningKey
from gov.errors import Unverified

KEY = SigningKey("gov.example.com/audit", bytes(32))


def test_a_checkpoint_is_three_lines_for_people() -> None:
    """Origin, size, root."""
    text = "gov.example.com/audit\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"

    assert parse(text).text == text
    assert parse(text).size == 20852163


@given(st.integers(0, 2**63), st.binary(min_size=32, max_size=32))
def test_what_was_signed_is_what_is_opened(size: int, root: bytes) -> None:
    """By whoever has the verifier key."""
    checkpoint = Checkpoint(KEY.name, size, root)

    assert open_checkpoint(sign(checkpoint, KEY), KEY.verifier) == checkpoint


@pytest.mark.parametrize(
    "text",
    [
        "", "\n\n\n", "o\n1\n", "o\n01\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "o\n-1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n", "o\n1\nCsUYapGGPo4d\n",
        "o\n+1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n", "\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\nextension\n",
        "o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n",
    ],
)
def test_other_spellings_are_refused(text: str) -> None:
    """One checkpoint, one text: otherwise two witnesses could hold two."""
    with pytest.raises(Unverified, match="malformed"):
        parse(text)


def test_a_checkpoint_of_another_log_is_refused() -> None:
    """Though our key signed it."""
    foreign = note.sign(Checkpoint("elsewhere", 1).text, KEY)

    with pytest.raises(Unverified, match="another log"):
        open_checkpoint(foreign, KEY.verifier)
