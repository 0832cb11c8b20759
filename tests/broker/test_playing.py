"""What becomes of a request when its session goes away."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from broker.rig import ALICE, held
from gov.approval.request import Request
from gov.broker.playing import _answered, _spend
from gov.broker.session import Session
from gov.terms import Scope
from gov.turn import Judged, Statement


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


@pytest.mark.parametrize("hangs", ["database", "broker"])
def test_an_approval_is_withdrawn_when_its_session_goes_before_spending_it(hangs: str) -> None:
    """Between the yes and the run: only that session could have spent it, so nobody can any more."""
    withdrawn: list[str] = []
    reached: list[str] = []

    async def forever(*_: object, **__: object) -> Any:
        reached.append("there")
        await asyncio.Event().wait()

    async def at_once(*_: object) -> str:
        return "e"

    async def withdraw(request: str, because: str) -> None:
        withdrawn.append(request)

    session = SimpleNamespace(
        id="ss-1", withdraw=withdraw, tell=lambda notice: None, spawn=asyncio.ensure_future,
        target=SimpleNamespace(definitions=forever if hangs == "database" else at_once),
        house=SimpleNamespace(desk=SimpleNamespace(spend=forever), policy=SimpleNamespace(digest="d")),
        lease=SimpleNamespace(target="prod", principal=ALICE, scope=Scope.READ, purpose="", run=""),
        judging=SimpleNamespace(search_path=("public",)),
    )

    async def play() -> None:
        statement = Statement("DROP TABLE t", (), 1, "simple")
        judged = cast(Judged, SimpleNamespace(facts=SimpleNamespace(functions=()), fields={"policy": "d"}))
        spending = asyncio.create_task(_spend(cast(Session, session), held(), statement, judged))
        while not reached:  # noqa: ASYNC110 - it comes from another task
            await asyncio.sleep(0)
        spending.cancel()
        await asyncio.wait([spending])
        await asyncio.sleep(0)

    asyncio.run(play())

    assert withdrawn == [held().id]
