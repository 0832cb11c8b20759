"""One side of a relayed connection: bytes in by one shared buffer, bytes out with back-pressure.

asyncio hands a BufferedProtocol the buffer it asks for; all connections of a loop share one, since
`get_buffer` and `buffer_updated` follow each other without anything in between. It must be a
memoryview: asyncio's TLS corrupts data with a bytearray on Python 3.11.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from gov.errors import ProtocolError
from gov.protocol.frames import HEADER, LONGEST_CONTROL

CHUNK = 1 << 16
"""Bytes read at once: 64 KiB."""
HIGH_WATER = 1 << 18
"""Bytes that wait to be written before the other side stops reading: 256 KiB."""

_shared = memoryview(bytearray(CHUNK))


def _nowhere() -> None:
    return None


class Side(asyncio.BufferedProtocol):
    """A connection to a client or to a database.

    Until `attach`, bytes are kept for `read_packet` and `read_message`; after it they go to a sink.
    """

    def __init__(self) -> None:
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)
        self.lost: Callable[[], None] = _nowhere
        self.peer: Side | None = None
        self.paced = False
        """Whether we read no more from it while it does not read itself, as PostgreSQL does with its clients."""
        self.stuffed = False
        """Whether it does not read what waits to be written to it."""
        self.flowing: Callable[[], None] = _nowhere
        """Called when it reads again."""
        self.stalled: Callable[[], None] = _nowhere
        """Called when it has read next to nothing for `patience`."""
        self.patience = 0.0
        """Seconds in which what waits must go from HIGH_WATER to a quarter of it; 0 is for ever."""
        self.closed = False
        self._sink: Callable[[memoryview], None] | None = None
        self._kept = bytearray()
        self._waiter: asyncio.Future[None] | None = None
        self._pauses: set[str] = set()
        self._stall: asyncio.TimerHandle | None = None

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=HIGH_WATER)

    def get_buffer(self, sizehint: int) -> memoryview:
        """The shared buffer."""
        return _shared

    def buffer_updated(self, count: int) -> None:
        """`count` bytes have arrived."""
        if self._sink is not None:
            self._sink(_shared[:count])
            return
        self._kept += _shared[:count]
        self._wake()

    def eof_received(self) -> bool:
        """The peer will send no more: the connection ends."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """The connection has ended."""
        self.closed = True
        self._unstuff()
        self._wake()
        if self.peer is not None:
            self.peer.resume("peer")
        self.lost()

    def pause_writing(self) -> None:
        """Too much waits to be written: stop reading from the peer."""
        self.stuffed = True
        if self.patience:
            self._stall = asyncio.get_running_loop().call_later(self.patience, self.stalled)
        if self.paced:
            self.pause("paced")
        if self.peer is not None:
            self.peer.pause("peer")

    def resume_writing(self) -> None:
        """Go on reading from the peer."""
        self._unstuff()
        self.resume("paced")
        if self.peer is not None:
            self.peer.resume("peer")
        self.flowing()

    def _unstuff(self) -> None:
        self.stuffed = False
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    # What the broker calls

    def attach(self, sink: Callable[[memoryview], None]) -> None:
        """From now on bytes go to `sink`, those kept so far first."""
        self._sink = sink
        kept, self._kept = self._kept, bytearray()
        if kept:
            sink(memoryview(kept))

    def write(self, data: bytes) -> None:
        """Send `data`; it is buffered when the peer is slow, and dropped when it is gone."""
        if data and not self.transport.is_closing():
            self.transport.write(data)

    def pause(self, reason: str) -> None:
        """Stop reading until every reason to is gone."""
        if not self._pauses and not self.transport.is_closing():
            self.transport.pause_reading()
        self._pauses.add(reason)

    def resume(self, reason: str) -> None:
        """One reason to stop reading is gone."""
        if reason in self._pauses:
            self._pauses.discard(reason)
            if not self._pauses and not self.transport.is_closing():
                self.transport.resume_reading()

    def hear_out(self) -> None:
        """Read whatever else comes until the peer ends it: closed before, it would hear of a reset only."""
        if self._pauses and not self.transport.is_closing():
            self._pauses.clear()
            self.transport.resume_reading()
        self.paced = False

    def close(self) -> None:
        """Send what waits, then end the connection."""
        if self.transport is not None and not self.transport.is_closing():
            self._pauses.clear()
            self.transport.close()

    def abort(self) -> None:
        """End the connection now."""
        if self.transport is not None:
            self.transport.abort()

    def sever(self) -> None:
        """Cut the connection beneath the event loop: for another thread, when the loop does not turn any more."""
        number = self.transport.get_extra_info("socket").fileno()
        with suppress(OSError), socket.socket(fileno=os.dup(number)) as same:
            same.shutdown(socket.SHUT_RDWR)

    # Reading before a sink is attached

    async def read_packet(self, longest: int) -> bytes:
        """The body of a packet without type byte, as in start-up.

        Raises:
            ProtocolError: It announces more than `longest` bytes, or less than its own length field.
            EOFError: The connection ended.
        """
        head = await self._exactly(4)
        length = int.from_bytes(head, "big")
        if not 8 <= length <= longest:
            raise ProtocolError(f"a packet announces {length} bytes", hint="does a PostgreSQL client connect here?")
        return await self._exactly(length - 4)

    async def read_message(self, longest: int = LONGEST_CONTROL) -> tuple[int, bytes]:
        """Type byte and body of a message. Raises like `read_packet`."""
        head = await self._exactly(HEADER)
        length = int.from_bytes(head[1:], "big")
        if not 4 <= length <= longest:
            raise ProtocolError(f"a message announces {length} bytes", hint="does a PostgreSQL client connect here?")
        return head[0], await self._exactly(length - 4)

    async def ended(self) -> None:
        """Wait until the peer ends the connection; what it says before is kept."""
        while not self.closed:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

    async def _exactly(self, count: int) -> bytes:
        while len(self._kept) < count:
            if self.closed:
                raise EOFError
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        piece = bytes(self._kept[:count])
        del self._kept[:count]
        return piece

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
