"""One statement at the prompt: it runs in a thread, while the main thread shows what happens.

The main thread is the one that Ctrl-C reaches: it cancels what runs, which withdraws what is held. Meanwhile
Ctrl-C is counted, not raised: an exception out of nowhere would leave a queue locked, or half a line written.
"""

from __future__ import annotations

import os
import queue
import signal
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any

import psycopg

from gov.commands.running import Piece, run
from gov.ui.escape import escape
from gov.ui.hold import ANSWERED, HELD, WAITING, Hold, Waiting

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.errors import Diagnostic

TICK = 0.1
"""Seconds between two looks at what the thread brought: how smooth a countdown is."""
CANCEL = 5.0
"""Seconds that asking the server to stop may take."""
LETS_GO = 3
"""Presses of Ctrl-C after which the session is given up."""


@dataclass(frozen=True, slots=True)
class Said:
    """A line that the server or the gateway says on the way, escaped."""

    line: str


@dataclass(frozen=True, slots=True)
class _Answered:
    """The hold is over."""

    line: str


class Turn:
    """A statement on its way. Iterate over `pieces`; the connection's notices go to `notice`."""

    def __init__(self, connection: Connection[Any], text: str, parameters: Sequence[str] = ()) -> None:
        self._connection = connection
        self._text = text
        self._events: queue.Queue[Piece | Hold | Said | _Answered | BaseException | None] = queue.Queue(maxsize=8)
        self.cancelled = False
        """Whether Ctrl-C was pressed: what comes then is not shown."""
        self._presses = 0
        self._thread = threading.Thread(target=self._work, args=(text, parameters), daemon=True)
        self._hold: Hold | None = None

    def notice(self, notice: Diagnostic) -> None:
        """Something the server says on the way. Called from the thread."""
        message = notice.message_primary or ""
        if notice.sqlstate == HELD:
            self._events.put(Hold.of(message, notice.context, notice.message_detail))
        elif notice.sqlstate == ANSWERED:
            self._events.put(_Answered(f"gov: {escape(message)}"))
        elif notice.sqlstate != WAITING:
            self._events.put(Said(remark(notice)))

    def pieces(self) -> Iterator[Piece | Said]:
        """What comes back, as it comes; while the statement is held a panel is shown.

        Raises:
            psycopg.Error: What the server said no to.
        """
        waiting = Waiting(self._text)
        began, quiet = monotonic(), True
        with self._counted():
            self._thread.start()
            try:
                while (event := self._next(waiting, began if quiet else None)) is not None:
                    if isinstance(event, BaseException):
                        raise event
                    if not self.cancelled or isinstance(event, Said):
                        yield event
                    quiet = quiet and isinstance(event, Said)
            finally:
                waiting.end()

    @contextmanager
    def _counted(self) -> Iterator[None]:
        def pressed(number: int, frame: object) -> None:
            self._presses += 1

        before = signal.signal(signal.SIGINT, pressed)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _heed(self) -> None:
        """Do what Ctrl-C asks for: the server shall stop. Where it does not, the third one lets go of it."""
        if self._presses and not self.cancelled:
            self.cancelled = True
            with suppress(psycopg.Error):
                self._connection.cancel_safe(timeout=CANCEL)
        elif self._presses >= LETS_GO:
            self._presses = 0
            with suppress(OSError), socket.socket(fileno=os.dup(self._connection.fileno())) as line:
                line.shutdown(socket.SHUT_RDWR)  # the thread that reads there takes it for the end

    def _next(self, waiting: Waiting, began: float | None) -> Piece | Said | BaseException | None:
        """The next thing to show. `began` is when it began to run, while nothing has come yet."""
        while True:
            self._heed()
            waiting.show(self._hold, monotonic() - began if began else 0.0)
            try:
                event = self._events.get(timeout=TICK)
            except queue.Empty:
                continue
            if isinstance(event, Hold):
                self._hold = event
                continue
            waiting.end()
            if isinstance(event, _Answered):
                self._hold = None
                return Said(event.line)
            return event

    def _work(self, text: str, parameters: Sequence[str]) -> None:
        try:
            for piece in run(self._connection, text, parameters):
                self._events.put(piece)
            self._events.put(None)
        except BaseException as error:
            self._events.put(error)


def remark(notice: Diagnostic) -> str:
    """A notice on one line, as psql shows one."""
    return f"{notice.severity or 'NOTICE'}:  {escape(notice.message_primary or '')}"
