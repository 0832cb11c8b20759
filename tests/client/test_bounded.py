"""Calls that end in time."""

from __future__ import annotations

import threading

import pytest

from gov.client.bounded import within


def test_a_quick_call_gives_its_value_or_its_error() -> None:
    """As if it had been called without a limit."""
    assert within(60, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        within(60, lambda: 1 // 0)


def test_a_call_that_hangs_is_left_behind() -> None:
    """The caller goes on, and the process could end."""
    never = threading.Event()

    with pytest.raises(TimeoutError, match=r"within 0\.05 s"):
        within(0.05, never.wait)
    left = [thread for thread in threading.enumerate() if thread.name == "gov-bounded"]
    assert all(thread.daemon for thread in left)
    never.set()
