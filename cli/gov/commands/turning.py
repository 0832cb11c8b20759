"""One statement at the prompt: it runs in a thread, while the main thread shows what happens.

The main thread is the one that Ctrl-C reaches: it cancels what runs, which withdraws what is held.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psycopg

from gov.commands.running import Piece, run
from gov.ui.hold import Hold, Waiting

if TYPE_CHECKING:
    from psycopg import Connection

TICK = 0.1
"""Seconds between two looks at what the thread brought: how smooth a countdown is."""


class Turn:
    """A statement on its way. Iterate over `pieces`; notices go to `held` and `answered`."""

    def __init__(self, connection: Connection[Any], text: str, parameters: Sequence[str] = ()) -> None:
        self._connection = connection
        self._pieces: queue.Queue[Piece | BaseException | None] = queue.Queue(maxsize=8)
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._work, args=(text, parameters), daemon=True)
        self._hold: Hold | None = None

    def held(self, hold: Hold) -> None:
        """The gateway says that the statement waits. Called from the thread."""
        self._hold = hold

    def answered(self) -> None:
        """The gateway says that somebody answered. Called from the thread."""
        self._hold = None

    def pieces(self) -> Iterator[Piece]:
        """What comes back, as it comes; while the statement is held a panel is shown.

        Raises:
            psycopg.Error: What the server said no to.
        """
        self._thread.start()
        waiting = Waiting()
        try:
            while (piece := self._next(waiting)) is not None:
                if isinstance(piece, BaseException):
                    raise piece
                if not self._cancelled.is_set():
                    yield piece
        finally:
            waiting.end()

    def cancel(self) -> None:
        """Ask the server to stop; the answer comes as an error."""
        if not self._cancelled.is_set():
            self._cancelled.set()
            with suppress(psycopg.Error):
                self._connection.cancel_safe(timeout=5.0)

    def _next(self, waiting: Waiting) -> Piece | BaseException | None:
        while True:
            try:
                waiting.show(self._hold)
                piece = self._pieces.get(timeout=TICK)
                waiting.end()
                return piece
            except queue.Empty:
                continue
            except KeyboardInterrupt:
                self.cancel()

    def _work(self, text: str, parameters: Sequence[str]) -> None:
        try:
            for piece in run(self._connection, text, parameters):
                self._pieces.put(piece)
            self._pieces.put(None)
        except BaseException as error:
            self._pieces.put(error)
