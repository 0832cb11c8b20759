"""Connections in start-up: which one has to go."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gov.broker.starting import Starting, origin_of
from gov.control.config import Limits


def story(told: Callable[[Starting, Callable[[str], asyncio.Task[None]]], Awaitable[None]]) -> None:
    """Tell a story in which five may be in start-up, and three of one address."""

    async def run() -> None:
        starting = Starting(Limits(half_open=5, half_open_per_address=3))

        def came(host: str) -> asyncio.Task[None]:
            task = asyncio.ensure_future(asyncio.sleep(60))
            starting.add(task, host)
            return task

        await told(starting, came)

    asyncio.run(run())


def test_one_address_pushes_out_its_own() -> None:
    """The fourth from one address closes the first from there, and no other."""

    async def told(starting: Starting, came: Callable[[str], asyncio.Task[None]]) -> None:
        other, *same = came("10.0.0.1"), *[came("10.0.0.2") for _ in range(4)]
        await asyncio.sleep(0)
        assert [task.cancelled() for task in (other, *same)] == [False, True, False, False, False]
        assert len(starting) == 4

    story(told)


def test_when_all_is_full_whoever_has_most_gives_way() -> None:
    """The sixth closes the oldest of the address with the most, not the oldest of all."""

    async def told(starting: Starting, came: Callable[[str], asyncio.Task[None]]) -> None:
        first, *many = came("10.0.0.1"), *[came("10.0.0.2") for _ in range(3)]
        came("10.0.0.3")
        last = came("10.0.0.4")
        await asyncio.sleep(0)
        assert many[0].cancelled()
        assert not first.cancelled()
        assert not last.cancelled()
        assert len(starting) == 5

    story(told)


def test_who_is_through_counts_no_more() -> None:
    """Removed ones are not closed, and make room; removing twice is nothing."""

    async def told(starting: Starting, came: Callable[[str], asyncio.Task[None]]) -> None:
        through = [came("10.0.0.1") for _ in range(3)]
        for task in through * 2:
            starting.remove(task)
        later = [came("10.0.0.1") for _ in range(3)]
        await asyncio.sleep(0)
        assert not any(task.cancelled() for task in through + later)
        assert len(starting) == 3

    story(told)


@pytest.mark.parametrize(("host", "origin"), [
    ("192.0.2.7", "192.0.2.7"),
    ("2001:db8:1:2:3:4:5:6", "2001:0db8:0001:0002"),
    ("2001:db8:1:2::9", "2001:0db8:0001:0002"),
    ("fe80::1%eth0", "fe80:0000:0000:0000"),
    ("::ffff:192.0.2.7", "192.0.2.7"),
])  # fmt: skip
def test_what_counts_as_one_address(host: str, origin: str) -> None:
    """One address of IPv4, one network of 64 bits of IPv6."""
    assert origin_of(host) == origin
