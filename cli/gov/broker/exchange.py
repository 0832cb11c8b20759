"""Statements of the gateway's own, on a connection that it shares with a client's or has for itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from gov.errors import Unavailable
from gov.protocol import frames

Message = tuple[int, bytes]
Exchange = Callable[[bytes], Awaitable[list[Message]]]
"""Send what ends in Query or Sync; every reply up to ReadyForQuery."""


async def own(exchange: Exchange, text: str) -> str:
    """Run a statement of the gateway's; its first value, if any.

    Raises:
        Unavailable: The database refused it.
    """
    value = ""
    for kind, body in await exchange(frames.build_own(text.encode())):
        if kind == ord("E"):
            fields = frames.read_error(body)
            raise Unavailable(
                f"what surrounds the statement failed: {fields.get('M', '')}",
                hint="somebody may hold a lock on it; try again", detail=f"SQLSTATE {fields.get('C', '')}",
            )
        if kind == ord("D"):
            value = frames.data_row(body)[0] or ""
    return value
