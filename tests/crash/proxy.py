"""A TCP relay that can be cut: connections are reset, refused, or let hang, as by a network that fails."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any


class Proxy:
    """Relays from a port of its own to `port`, both on 127.0.0.1, in a thread of its own."""

    def __init__(self) -> None:
        self.port = 0
        self.to = 0
        """Where it leads; the target may come back on another port."""
        self._refusing = False
        self._flowing = asyncio.Event()
        self._pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._do(self._listen())

    def cut(self) -> None:
        """Reset every connection, and refuse new ones until `mend`."""
        self._do(self._cut())

    def hang(self) -> None:
        """Let nothing through, without a word, until `mend`, which resets what hung."""
        self._loop.call_soon_threadsafe(self._flowing.clear)

    def mend(self) -> None:
        """All is well again."""
        self._do(self._mend())

    def close(self) -> None:
        """End it."""
        self._do(self._cut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        self._flowing.set()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]

    async def _cut(self) -> None:
        self._refusing = True
        for pair in self._pairs:
            for writer in pair:
                _reset(writer)

    async def _mend(self) -> None:
        if not self._flowing.is_set():
            await self._cut()
            self._flowing.set()
        self._refusing = False

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            _reset(writer)
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.to)
        except OSError:
            _reset(writer)
            return
        pair = writer, far_writer
        self._pairs.add(pair)
        await asyncio.gather(self._relay(reader, far_writer), self._relay(far_reader, writer))
        self._pairs.discard(pair)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
        with suppress(OSError):
            writer.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    """RST instead of FIN."""
    sock = writer.get_extra_info("socket")
    if sock is not None:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
