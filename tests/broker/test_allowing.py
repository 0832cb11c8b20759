"""Rows are set aside by every bound before they pass, and what was not shown is given back."""

from __future__ import annotations

import asyncio

import pytest

from gov.broker.allowing import FIRST, AtMost, allowance
from gov.errors import Denied


def bound(rows: int, name: str = "b") -> AtMost:
    """A bound of so many rows."""
    return AtMost(rows, Denied(f"no more for {name}", hint="ask"))


def test_without_a_bound_there_is_nothing_to_count() -> None:
    """A statement that nobody limits costs nothing."""
    assert allowance([]) is None


def test_the_narrowest_bound_decides_and_the_others_get_back_what_it_lacked() -> None:
    """Each row counts against every bound, and no block is lost between them."""
    async def work() -> None:
        wide, narrow = bound(1000, "wide"), bound(5, "narrow")
        made = allowance([wide, narrow])
        assert made is not None
        await made.more(made)
        assert made.left == 5
        with pytest.raises(Denied, match="no more for narrow"):
            await made.more(made)
        assert await wide.take(2000) == 995

    asyncio.run(work())


def test_what_was_not_shown_is_given_back_when_the_statement_is_over() -> None:
    """A statement of three rows costs three, not a block."""
    async def work() -> None:
        one = bound(10 * FIRST)
        made = allowance([one])
        assert made is not None
        await made.more(made)
        made.left -= 3
        made.done()
        await asyncio.sleep(0)
        assert await one.take(20 * FIRST) == 10 * FIRST - 3

    asyncio.run(work())
