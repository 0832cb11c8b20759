"""How many rows a statement may show: every bound on it is asked, in blocks, before its rows pass.

A block is set aside before its first row is relayed, so that no restart can lose count of a row that a client has
seen; what is not used is given back. Blocks grow, so that a long answer does not ask for every hundred rows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from gov.errors import BoundExceeded, Denied, GovError
from gov.policy.decision import Decision
from gov.protocol.allowance import Allowance

if TYPE_CHECKING:
    from gov.broker.session import Session
    from gov.turn import Run

FIRST = 128
"""Rows of the first block."""
LARGEST = 1 << 14
"""Rows of a block, at the most."""


class Bound(Protocol):
    """Something that limits the rows of a statement."""

    async def take(self, most: int) -> int:
        """Set 1 to `most` rows aside; how many. Raises the GovError that the client hears when there are none."""

    async def give_back(self, rows: int) -> None:
        """So many that were set aside were not shown."""


class AtMost:
    """A fixed number of rows for one statement; `error` is what the client hears when it has more."""

    def __init__(self, rows: int, error: GovError) -> None:
        self._left, self._error = rows, error

    async def take(self, most: int) -> int:
        """Up to as many as are left."""
        if not self._left:
            raise self._error
        taken = min(most, self._left)
        self._left -= taken
        return taken

    async def give_back(self, rows: int) -> None:
        """They may be shown yet."""
        self._left += rows


class _Blocks:
    """What `Allowance.more` asks: the bounds of one statement, all of them."""

    def __init__(self, bounds: Sequence[Bound]) -> None:
        self._bounds = bounds
        self._size = FIRST
        self._giving: set[asyncio.Task[None]] = set()

    async def more(self, allowance: Allowance) -> None:
        """Another block, as large as every bound allows."""
        taken: list[int] = []
        try:
            for bound in self._bounds:
                taken.append(await bound.take(min([self._size, *taken])))
        except GovError:
            await self._return(taken, 0)
            raise
        least = min(taken)
        await self._return(taken, least)
        allowance.left += least
        self._size = min(self._size * 4, LARGEST)

    async def _return(self, taken: Sequence[int], used: int) -> None:
        for bound, rows in zip(self._bounds, taken, strict=False):
            if rows > used:
                await bound.give_back(rows - used)

    def over(self, allowance: Allowance) -> None:
        """The statement has ended: give back what it has not shown."""
        rows, allowance.left = allowance.left, 0
        if rows:
            task = asyncio.get_running_loop().create_task(self._return([rows] * len(self._bounds), 0))
            self._giving.add(task)
            task.add_done_callback(self._giving.discard)


def allowance(bounds: Sequence[Bound]) -> Allowance | None:
    """The allowance of a statement under `bounds`; None without any."""
    if not bounds:
        return None
    blocks = _Blocks(bounds)
    made = Allowance(blocks.more)
    made.done = lambda: blocks.over(made)
    return made


def bounds(session: Session, run: Run) -> list[Bound]:
    """What limits the rows of a statement that may run."""
    found: list[Bound] = []
    decision, permit = run.judged.decision, run.permit
    if decision.most_rows is not None:
        found.append(AtMost(decision.most_rows, _unasked(decision, session.lease.target)))
    if permit.max_rows is not None and not run.judged.changes:
        # Of what changes rows the changed ones are counted: see `apart`.
        found.append(AtMost(permit.max_rows, BoundExceeded(
            f"it has more than the {permit.max_rows} rows that {permit.request} was approved for; the rows beyond"
            " were not shown", hint="run it again to ask for more, or narrow it",
        )))
    return found


def _unasked(decision: Decision, target: str) -> Denied:
    """What a client hears of rows that policy lets nobody read without a word."""
    rows = "1 row" if decision.most_rows == 1 else f"{decision.most_rows} rows"
    what = f"denied by rule {decision.most_rows_by}: it has more than {rows}, and those beyond were not shown"
    if not decision.most_rows_ask:
        return Denied(what, hint="narrow it, or see gov explain")
    who = " or ".join(sorted(decision.most_rows_ask))
    return Denied(what, hint=f"narrow it; or ask {who}: send it again, or gov exec {target} --no-wait -c SQL")
