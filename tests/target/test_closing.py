"""What is closed, and who waits."""

from __future__ import annotations

import asyncio

from gov.target.closing import Closing
from gov.terms import Relation

A, B = Relation("public", "a"), Relation("public", "b")


def test_who_needs_an_altered_table_waits_for_the_last_change() -> None:
    """Two statements may alter one table, one behind the other; other tables wait for nobody."""

    async def run() -> None:
        closing = Closing()
        closing.begin([A])
        closing.begin([A])
        waiting = asyncio.create_task(closing.settled([A, B]))
        await asyncio.wait_for(closing.settled([B]), 5)
        closing.end([A])
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not waiting.done()
        assert closing.all == {A}
        closing.end([A])
        await asyncio.wait_for(waiting, 5)
        assert closing.all == frozenset()

    asyncio.run(run())


def test_every_change_is_counted() -> None:
    """So that what was judged before one is judged again."""

    async def run() -> None:
        closing = Closing()
        numbers = [closing.number]
        for change in (lambda: closing.begin([A]), lambda: closing.end([A]), closing.changed):
            change()
            numbers.append(closing.number)
        assert numbers == sorted(set(numbers))

    asyncio.run(run())


def test_the_reason_is_in_words() -> None:
    """Released by somebody, broken by something, or altered."""

    async def run() -> None:
        closing = Closing(released={A: "bob"}, broken={B: "its mask does not fit"})
        assert "bob" in closing.why(A)
        assert closing.why(B) == "its mask does not fit"
        assert closing.why(Relation("public", "c")) == "it is being altered"
        assert closing.withheld == {A}
        assert closing.all == {A, B}

    asyncio.run(run())
