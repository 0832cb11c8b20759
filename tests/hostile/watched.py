"""A broker that can be looked into: `python watched.py --config broker.yaml`.

For tests only. Whoever connects to the Unix socket `watch` beside the configuration gets one line of JSON
(`Seen`), written in the event loop itself, so that an answer also says that the loop turns. With
`PLANTED_LEAK` in the environment it keeps something of every session, to see that this is noticed.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import json
import os
import socket
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from gov.broker import __main__ as broker
from gov.broker import gateway, serve
from gov.broker.session import Session
from gov.control.config import Config

PAGE = os.sysconf("SC_PAGE_SIZE")


def seen() -> dict[str, object]:
    """What this process holds: see `arena.Seen`. What is free goes back to the system before it is counted."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    tasks = Counter(task.get_coro().__qualname__ for task in asyncio.all_tasks())  # type: ignore[union-attr]
    tasks.subtract(["_answer"])
    return {
        "rss": int(Path("/proc/self/statm").read_text().split()[1]) * PAGE,
        "fds": len(os.listdir("/proc/self/fd")) - 1,  # the look itself needs one
        "tasks": dict(+tasks),
        "objects": len(gc.get_objects()),
    }


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(json.dumps(seen()).encode() + b"\n")
    await writer.drain()
    writer.close()


async def _watched(config: Config, *, ready_file: Path | None = None) -> None:
    server = await asyncio.start_unix_server(_answer, Path(sys.argv[sys.argv.index("--config") + 1]).with_name("watch"))
    async with server:
        await serve.serve(config, ready_file=ready_file)


_kept: list[Any] = []
_finish = Session._finish


def _leaking(session: Session, last: bytes) -> None:
    """The end of a session that leaves something behind."""
    if not session.closed.done():
        match os.environ["PLANTED_LEAK"]:
            case "task":
                _kept.append(asyncio.ensure_future(asyncio.sleep(1e9)))
            case "socket":
                _kept.append(socket.socket())
            case "memory":
                _kept.append(bytes(range(256)) * 4096)
    _finish(session, last)


if "PLANTED_LEAK" in os.environ:
    Session._finish = _leaking  # type: ignore[method-assign]
gateway.STARTUP_WITHIN = float(os.environ.get("STARTUP_WITHIN", gateway.STARTUP_WITHIN))
broker.serve = _watched  # type: ignore[attr-defined]

if __name__ == "__main__":
    sys.exit(broker.main())
