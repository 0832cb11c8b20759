"""Fixtures of the broker's tests; what they are made of is in `rig`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from broker.rig import Rig


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """An empty rig."""
    return Rig(tmp_path)


@pytest.fixture
def played() -> Iterator[Callable[[Awaitable[Any]], Any]]:
    """Runs a coroutine to its end, with a bound so that a lost wake-up fails rather than hangs."""

    async def bounded(work: Awaitable[Any]) -> Any:
        async with asyncio.timeout(60):
            return await work

    with asyncio.Runner() as runner:
        yield lambda work: runner.run(bounded(work))
