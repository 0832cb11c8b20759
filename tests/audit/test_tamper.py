"""A small sample of `tamper.py`: whatever is done to a log is found."""

from __future__ import annotations

import pytest

from audit import tamper
from audit.tamper import Result, play


def test_a_sample_of_seeds() -> None:
    """Some of every kind of deed."""
    result = Result()
    for seed in range(80):
        play(seed, result)

    assert result.findings == []
    assert set(result.by_kind) == {*tamper.DEEDS, "fork", "too_long", "nothing"}


def test_the_harness_notices_a_verifier_that_is_content(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a verifier that finds nothing, nearly every seed is a finding."""
    monkeypatch.setattr(tamper, "verify", lambda *given, **named: _Content())
    result = Result()
    for seed in range(30):
        play(seed, result)

    assert len(result.findings) > 15


class _Content:
    size, torn = 10**9, 0
