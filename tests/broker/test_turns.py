"""Turns: who goes first, and that no slot is lost."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from gov.broker.turns import Turns


def order(turns: Turns, asked: list[str], cost: float) -> list[str]:
    """In which order clients get the only slot, who ask for it one behind the other and use it so long."""

    async def run() -> list[str]:
        served: list[str] = []

        async def one(who: str) -> None:
            await turns.take(who)
            served.append(who)
            turns.used(who, cost)
            turns.give()

        tasks = [asyncio.create_task(one(who)) for who in asked]
        await asyncio.sleep(0)
        turns.give()
        await asyncio.gather(*tasks)
        return served

    return asyncio.run(run())


def test_one_client_with_much_delays_another_by_one_turn() -> None:
    """Whoever comes behind a hundred of somebody else's goes second."""
    assert order(Turns(), ["heavy"] * 100 + ["light"], 1.0).index("light") == 1


def test_a_client_that_was_quiet_has_saved_nothing() -> None:
    """After long work of one's, another's is not all done first."""
    turns = Turns()
    order(turns, ["old"] * 50, 1.0)
    turns._open = 0
    assert order(turns, ["new"] * 10 + ["old"], 1.0).index("old") <= 2


@given(st.lists(st.sampled_from("abc"), max_size=20), st.sets(st.integers(0, 19)), st.integers(1, 3))
def test_no_slot_is_lost(asked: list[str], gone: set[int], slots: int) -> None:
    """Whoever gives up at whatever moment, all others are served and all slots are free in the end."""

    async def run() -> None:
        turns = Turns()
        for _ in range(slots):
            turns.give()
        served = 0

        async def one(who: str) -> None:
            nonlocal served
            await turns.take(who)
            try:
                await asyncio.sleep(0)
                served += 1
            finally:
                turns.used(who, 1.0)
                turns.give()

        tasks = [asyncio.create_task(one(who)) for who in asked]
        await asyncio.sleep(0)
        for number in gone:
            if number < len(tasks):
                tasks[number].cancel()
                await asyncio.sleep(0)
        await asyncio.gather(*tasks, return_exceptions=True)
        assert served == sum(not task.cancelled() for task in tasks)
        for _ in range(slots):
            await asyncio.wait_for(turns.take("last"), 1)
        late = asyncio.create_task(turns.take("late"))
        await asyncio.sleep(0)
        assert not late.done()
        late.cancel()

    asyncio.run(run())
