"""Whoever goes away while a statement is held leaves nothing for approvers to answer."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from gov.protocol import frames
from live import door
from live.wire import Lease, dialled


@pytest.mark.parametrize("after", [0.0, 0.002, 0.005, 0.01, 0.02, 0.05, 0.2])
def test_a_request_ends_with_its_session(after: float, reader: Lease, as_user: Callable[[str], dict[str, str]]) -> None:
    """However early the client leaves: before the request is open, while it is being opened, or long after."""
    statement = f"delete from orders where true and {after} = {after}"
    with dialled(reader) as wire:
        wire.send(frames.build_query(statement.encode()))
        time.sleep(after)
    time.sleep(0.5)

    def pending() -> list[str]:
        requests = json.loads(door.gov(as_user("bob"), "requests", "--json"))
        return [each["id"] for each in requests if each["statement"] == statement]

    until = time.monotonic() + 10
    while pending() and time.monotonic() < until:
        time.sleep(0.2)
    assert pending() == []
