"""How many rows of one statement may still reach the client.

Who relays counts runs of rows and takes them off what is `left`; when there are more, nothing beyond passes until
`more` has allowed it. So what is allowed can be set aside in blocks, ahead of the rows, by whoever knows the limit.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass


def _nothing() -> None:
    return None


@dataclass(slots=True, eq=False)
class Allowance:
    """Of one statement, for however many Executes it takes."""

    more: Callable[[Allowance], Awaitable[None]]
    """Raises `left`, or raises the GovError that the client hears in place of the rows beyond."""
    left: int = 0
    """Rows that may pass before `more` is asked."""
    each: int = 1
    """What one row of the answer takes of what is left; 0 where rows do not count, but the answer and its octets do."""
    octets: int = 0
    """Where not 0: rows with more than so many bytes on average count as more than one, so that packing is in vain."""
    done: Callable[[], None] = _nothing
    """Called once when the statement is over; what is left was not used."""

    def cost(self, rows: int, octets: int) -> int:
        """What so many rows that came together take of what is left."""
        return max(rows * self.each, octets // self.octets, min(rows, 1)) if self.octets else rows * self.each
