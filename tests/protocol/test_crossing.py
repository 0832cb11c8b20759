"""Replies to one group and messages of the next cross on the wire."""

from __future__ import annotations

from typing import Any

from gov.protocol.frames import message
from gov.protocol.replies import Awaits, Expected, Replies


class Deaf:
    """A listener that cares for nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None


def test_what_is_sent_behind_a_sync_is_awaited_though_an_error_was_heard() -> None:
    """An error skips up to the Sync that was sent already, and nothing that is sent behind it."""
    made = Replies(Deaf())
    assert made.expect(Expected(Awaits.BIND))
    assert made.expect(Expected(Awaits.SYNC))
    made.feed(message(b"E", b"C26000\0\0"))

    assert made.expect(Expected(Awaits.QUERY))


def test_what_is_sent_before_a_sync_is_skipped_after_an_error() -> None:
    """Until a Sync is sent the database skips everything."""
    made = Replies(Deaf())
    assert made.expect(Expected(Awaits.BIND))
    made.feed(message(b"E", b"C26000\0\0"))

    assert not made.expect(Expected(Awaits.QUERY))
    assert made.expect(Expected(Awaits.SYNC))
    assert made.expect(Expected(Awaits.QUERY))
