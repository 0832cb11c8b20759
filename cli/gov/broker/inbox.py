"""What one client has sent and nobody has heard yet: cut into messages, and heard one after the other.

Bytes wait here while something is awaited, one task at a time; while other clients have their turn; and
while this one has to hear first. What waits for longer than a read or two is left to the client's system.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from gov.errors import GovError, ProtocolError, Unavailable
from gov.protocol import frames

if TYPE_CHECKING:
    from gov.broker.session import Session

log = logging.getLogger(__name__)

PIECE = 32
"""Messages of one client that are taken before others get their turn."""
AHEAD = 1024
"""Messages that the database may owe an answer to before the client's next ones wait."""
_header = struct.Struct("!BI")
_COPY_DATA = ord("d")
_STARTS_WORK = frozenset(map(ord, "QPBF"))


class Inbox:
    """The client's bytes of one session, on their way to its group."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.client, self.replies, self.closed = session.client, session.replies, session.closed
        self.busy: asyncio.Task[None] | None = None
        """What is awaited now."""
        self.overlong = False
        """Whether the client is sending what is too long: it hears of that only once it has sent it."""
        self._limits = session.house.config.limits
        self._bytes = bytearray()
        self._skip = 0
        """Bytes of a CopyData that are still to come."""
        self._waits = False
        """Whether whole messages may be left until others had their turn, or somebody reads."""
        self._turn: asyncio.Handle | None = None
        self._ahead: list[Coroutine[Any, Any, None]] = []

    def take(self, data: memoryview) -> None:
        """The client has sent something."""
        if self.closed.done():
            return
        self._bytes += data
        if self.busy is None and not self._waits:
            self._pump()
        if (self._waits or self.busy is not None) and len(self._bytes) > self._limits.pending_bytes:
            self.client.pause("busy")

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Await `work` while the client's further messages wait; work that comes of it is awaited behind it."""
        self._ahead.append(work)
        if self.busy is None:
            self.busy = asyncio.get_running_loop().create_task(self._work_through())

    async def _work_through(self) -> None:
        try:
            while self._ahead:
                await self._ahead.pop(0)
        except GovError as error:
            self.session.fatal(error)
        except Exception as error:  # a bug of ours ends in a clear error, not in a session that hangs
            self._failed(error)
        finally:
            self.busy = None
            for left in self._ahead:
                left.close()
            self._ahead.clear()
        if not self.closed.done():
            self._pump()
            self._let_in()

    def answered(self) -> None:
        """The database has answered something: what waited for that goes on."""
        if self._waits and not self._stuck:
            self.in_turn()

    def in_turn(self) -> None:
        """Hear what waits once others had their turn."""
        if self._turn is None:
            self._turn = asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        self._turn = None
        if self._waits and self.busy is None and not self.closed.done():
            self._pump()
            self._let_in()

    def _let_in(self) -> None:
        if self.busy is None and not self._waits:
            self.client.resume("busy")

    def _pump(self) -> None:
        try:
            self._hear()
        except GovError as error:
            self.session.fatal(error)
        except Exception as error:  # a bug of ours ends in a clear error, not in a session that hangs
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        log.exception("session %s failed", self.session.id)
        self.session.fatal(Unavailable(f"the gateway failed: {type(error).__name__}", hint="please report it"))

    def _hear(self) -> None:
        """Take whole messages until one has to be awaited, or it is somebody else's turn."""
        session, inbox, at, taken = self.session, self._bytes, 0, 0
        self._waits = False
        if self._skip:
            at = min(self._skip, len(inbox))
            self._skip -= at
            self._copy_data(bytes(inbox[:at]))
        while self.busy is None and not self.closed.done() and len(inbox) - at >= frames.HEADER:
            kind, length = _header.unpack_from(inbox, at)
            if length < 4 or (length > self._limits.message_bytes and kind != _COPY_DATA):
                self.overlong = length >= 4
                raise ProtocolError(
                    f"a message announces {length} bytes, and {self._limits.message_bytes} may pass",
                    hint="send it in smaller pieces, or with COPY",
                )
            after = at + 1 + length
            if kind == _COPY_DATA:
                at = self._copy_run(at)
                continue
            if after > len(inbox):
                break
            if taken == PIECE or self._stuck:
                self._waits = True
                if not self._stuck:
                    self.in_turn()
                break
            taken += 1
            body = bytes(inbox[at + frames.HEADER : after])
            at = after
            if session.ending is not None and kind in _STARTS_WORK:
                session.end(session.ending)
            else:
                session.group.hear(kind, body)
        del inbox[:at]

    @property
    def _stuck(self) -> bool:
        """Whether a client must hear first: of what it has asked for, or at all."""
        return self.client.stuffed or (len(self.replies.expected) >= AHEAD and not self.replies.copying)

    def _copy_run(self, start: int) -> int:
        """Forward a run of CopyData by its headers; where it ends."""
        inbox, at, end = self._bytes, start, len(self._bytes)
        while end - at >= frames.HEADER and inbox[at] == _COPY_DATA:
            length = int.from_bytes(inbox[at + 1 : at + frames.HEADER], "big")
            if length < 4:
                raise ProtocolError("a copy message is shorter than its length", hint="check the client library")
            at += 1 + length
        if at > end:
            self._skip = at - end
            at = end
        self._copy_data(bytes(inbox[start:at]))
        return at

    def _copy_data(self, data: bytes) -> None:
        # Outside of COPY the database would ignore it; a late sender after a failed COPY is no error.
        if self.replies.copying:
            self.session.link.side.write(data)
