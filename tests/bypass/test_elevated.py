"""What runs as the owner of a table tells nothing of its rows, however it fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from bypass.canaries import leaked
from bypass.corpus import attempts
from gov.client.api import Broker
from gov.control.models import ApproveAsk
from live import door
from live.wire import SYNC, dialled, run

ELEVATED = list(attempts("elevated.sql"))


def test_no_error_tells_a_value(
    canaries: psycopg.Connection[Any], as_user: Callable[[str], dict[str, str]]
) -> None:
    """Bob asks, Dave says yes, it runs as the owner and fails: in both protocols no byte is of a masked value."""
    lease = door.credentials(as_user("bob"), "--scope", "admin", "--reason", "a test")
    told, ran = [], 0
    with Broker.current(as_user("dave")) as dave:
        for number, attempt in enumerate(ELEVATED):
            (text,) = attempt.messages
            with dialled(lease) as wire:
                def approve(request: str) -> object:
                    return dave.approve(request, ApproveAsk())

                heard = wire.play(run(text), SYNC, held=approve) if number % 2 else wire.query(text, held=approve)
                assert heard.states, attempt.why
                ran += bool(heard.requests) or "denied" not in heard.error["M"]
                if found := leaked(bytes(wire.heard)):
                    told.append((attempt.why, found))
    assert told == []
    assert ran > len(ELEVATED) // 2
    count = "SELECT count(*) FROM pg_attribute WHERE attrelid = 'customers'::regclass AND attnum > 0"
    assert canaries.execute(count).fetchone() == (11,)
    with pytest.raises(psycopg.Error, match="qxssn7"):
        canaries.execute(ELEVATED[0].messages[0].encode())
