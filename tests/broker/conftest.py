"""Fixtures of the broker's tests; what they are made of is in `rig`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from broker.rig import Rig, Shop, governed
from broker.site import Site
from gov.demo.cluster import Cluster
from servers import RunningIssuer, running_issuer


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


@pytest.fixture
def shop(cluster: Cluster) -> Iterator[Shop]:
    """A governed shop of this test's own; whatever roles it leaves are gone afterwards."""
    with governed(cluster) as shop:
        yield shop


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningIssuer]:
    """The demo's identity provider."""
    with running_issuer(tmp_path_factory.mktemp("issuer")) as issuer:
        yield issuer


@pytest.fixture(scope="module")
def site(cluster: Cluster, issuer: RunningIssuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A broker that serves a shop, shared by a module's tests: leave it serving."""
    with governed(cluster) as shop:
        site = Site(tmp_path_factory.mktemp("site"), shop, issuer.url)
        site.start()
        yield site
        site.end()
