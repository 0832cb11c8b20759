"""What becomes of a request when its session goes away."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gov.approval.request import Request
from gov.broker.playing import _answered
from gov.broker.session import Session


@pytest.mark.parametrize("hangs", ["database", "approver"])
def test_a_request_is_withdrawn_whenever_its_session_goes(hangs: str) -> None:
    """While the gateway still talks to the database about timeouts, or while it waits for an answer."""
    withdrawn: list[str] = []
    never: Any = asyncio.Event

    async def forever(_: object) -> Any:
        await never().wait()

    async def at_once(_: bytes) -> list[tuple[int, bytes]]:
        return [(ord("D"), b"\0\1\0\0\0\x010"), (ord("Z"), b"I")]

    async def withdraw(request: str, because: str) -> None:
        withdrawn.append(request)

    session = SimpleNamespace(
        house=SimpleNamespace(desk=SimpleNamespace(answered=forever), clock=lambda: 0.0),
        exchange=forever if hangs == "database" else at_once, withdraw=withdraw, held="rq-1",
    )

    async def play() -> None:
        request = cast(Request, SimpleNamespace(id="rq-1", expires_at=900.0))
        waiting = asyncio.create_task(_answered(cast(Session, session), request))
        await asyncio.sleep(0.05)
        waiting.cancel()
        await asyncio.wait([waiting])

    asyncio.run(play())

    assert withdrawn == ["rq-1"]
