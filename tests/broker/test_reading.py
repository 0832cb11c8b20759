"""What may be asked of the trail."""

from __future__ import annotations

import pytest

from gov.broker.reading import filters_of
from gov.errors import UsageError


@pytest.mark.parametrize(("name", "words", "meant"), [
    ("effect", "delete,selct", "there is no `selct`"), ("effect", "delet", "did you mean `delete`"),
    ("kind", "statment", "did you mean `statement`"), ("verdict", "denied", "did you mean `deny`"),
])
def test_a_word_that_there_is_not_is_refused(name: str, words: str, meant: str) -> None:
    """It would find nothing, and whoever asks would believe that nothing happened."""
    with pytest.raises(UsageError, match=meant) as refused:
        filters_of({name: words})
    assert refused.value.hint.startswith("one of ")


def test_words_that_there_are() -> None:
    """A kind may be the first word of several; what policy does not know is the gateway's `refused`."""
    asked = filters_of({"kind": "request,log.read", "verdict": "deny,refused", "effect": "copy_out"})
    assert (asked.kind, asked.verdict, asked.effect) == ("request,log.read", "deny,refused", "copy_out")
