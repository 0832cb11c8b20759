"""The database's side of a conversation: which reply answers which message, and what goes on to the client.

Feed it what arrived; it hands back what the client gets. Rows and copy data are counted and passed
through by their headers alone; everything else is looked at whole. Knows no socket and no clock.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Protocol

from gov.errors import ProtocolError
from gov.protocol.allowance import Allowance
from gov.protocol.copied import Copied
from gov.protocol.frames import HEADER, LONGEST_CONTROL, utf8

_header = struct.Struct("!BI")
_DATA_ROW = ord("D")
_COPY_DATA = ord("d")
BULK = (_DATA_ROW, _COPY_DATA)
KEPT = 1 << 26
"""Bytes of captured replies that are kept: 64 MiB. Rows beyond are dropped, so it is too much when it is more."""
IDLE = ord("I")
FAILED = ord("E")


class Awaits(Enum):
    """Which message a reply is awaited for."""

    PARSE = auto()
    BIND = auto()
    DESCRIBE = auto()
    EXECUTE = auto()
    CLOSE = auto()
    SYNC = auto()
    QUERY = auto()


def _nothing() -> None:
    return None


@dataclass(slots=True, eq=False)
class Expected:
    """One message that was forwarded and is not answered yet."""

    awaits: Awaits
    turn: Any = None
    """Whose statement it is; opaque here."""
    confirmed: Callable[[], None] = _nothing
    """Called when it is answered well."""
    undone: Callable[[], None] = _nothing
    """Called when the database skips or refuses it."""
    refusal: bytes | None = None
    """The message is our own, sent so that the database fails at this place; the client gets this instead."""
    quiet: bool = False
    """The message is our own and its reply does not reach the client."""
    captured: list[tuple[int, bytes]] | None = None
    """When a list: replies are kept here and do not reach the client."""
    done: Callable[[], None] = _nothing
    """For captured ones: called when all replies are there."""
    allowance: Allowance | None = None
    """How many rows may pass; None is as many as come."""


class Listener(Protocol):
    """Who wants to know."""

    def described(self, body: bytes) -> None:
        """A RowDescription is about to be forwarded; raise to stop it."""

    def completed(self, turn: Any, tag: str, rows: int, octets: int, *, last: bool) -> bool:
        """A statement ended well; False withholds this reply and all behind it until `resume`."""

    def copied(self, turn: Any, data: Copied) -> None:
        """A COPY TO STDOUT has brought all its data."""

    def suspended(self, turn: Any, rows: int, octets: int) -> None:
        """A portal stopped at its row limit."""

    def failed(self, turn: Any, body: bytes, rows: int, octets: int) -> bytes | None:
        """The database refused; what to forward instead, or None for the original."""

    def certain(self) -> bool:
        """Whether what has just been committed may be heard of; False withholds ReadyForQuery until `resume`."""

    def ready(self, status: int, turn: Any) -> None:
        """ReadyForQuery. `turn` is set for a simple query."""

    def parameter(self, name: str, value: str) -> None:
        """The database reports a setting."""

    def exhausted(self, turn: Any, allowance: Allowance) -> None:
        """No more rows may pass; all is withheld until `resume`, with `stop` before it when none shall."""


_FORWARD = b"forward"
_DROP = b""


@dataclass(slots=True)
class Replies:
    """Matches replies with what was asked. See the module docstring."""

    listener: Listener
    expected: deque[Expected] = field(default_factory=deque)
    status: int = IDLE
    failing: bool = False
    """The database skips everything up to the next Sync."""
    copying: bool = False
    """The database takes copy data."""
    withheld: bool = False
    """The listener stopped the flow; `resume` goes on."""
    aside: bytes = b""
    """What is to be said between the reply that is on its way and the next."""
    _held: bytearray = field(default_factory=bytearray)
    _whole: int = 0
    """How many bytes of `_held` the message at its head needs."""
    _skip: int = 0
    _rows: int = 0
    _octets: int = 0
    _copied: Copied | None = None
    """What a COPY TO STDOUT has brought so far."""
    _stopped: bytes | None = None
    """What the client gets in place of the rows that did not pass; empty once it has got it."""

    def expect(self, entry: Expected) -> bool:
        """Note that a message was forwarded; False when the database will skip it (and it need not be sent)."""
        # What stands behind a Sync that is on its way already will run, although the error was heard before it.
        if self.failing and not self.expected and entry.awaits is not Awaits.SYNC:
            entry.undone()
            return False
        self.expected.append(entry)
        return True

    def feed(self, data: bytes | memoryview) -> bytes:
        """What the client gets for `data`. Raises ProtocolError when the database breaks the protocol."""
        if not self._held and not self.withheld:
            return self._walk(data)
        self._held += data
        if self.withheld or len(self._held) < self._whole:
            return b""
        return self._again()

    def resume(self) -> bytes:
        """Go on after `withheld`; what the client gets."""
        self.withheld = False
        return self._again()

    def stop(self, refusal: bytes) -> None:
        """While `exhausted`: none of the rows beyond passes, and `refusal` takes the place of the statement's end.

        Behind it the client gets nothing but the end of the query; in the extended protocol the place is only
        taken when the database fails too, else whoever stopped it must see to the refusal and the skipping.
        """
        self._stopped = refusal
        self._copied = None  # what the client has is a part of it

    @property
    def counted(self) -> tuple[int, int]:
        """Rows and bytes of the statement that have passed since the listener last heard of them."""
        return self._rows, self._octets

    @property
    def amid(self) -> bool:
        """Whether the client has heard a part of a message only."""
        return self._skip > 0 and self._stopped is None

    def _again(self) -> bytes:
        data, self._held, self._whole = bytes(self._held), bytearray(), 0
        return self._walk(data)

    def _walk(self, data: bytes | memoryview) -> bytes:
        out: list[bytes | memoryview] = []
        end = len(data)
        at = min(self._skip, end)
        self._skip -= at
        kept = 0 if self._stopped is None else at  # where what is not yet in `out` begins
        if self.aside and not self._skip:
            out += [data[kept:at], self.aside]
            self.aside, kept = b"", at
        mark = 0  # where the current run of rows begins, with the rest of one before it
        run = at
        rows = 0
        while end - at >= HEADER:
            kind, length = _header.unpack_from(data, at)
            after = at + 1 + length
            if kind in BULK and not self._capturing():
                rows += 1
                if after > end:
                    self._skip = after - end
                    at = end
                    break
                at = after
                continue
            if not 4 <= length <= LONGEST_CONTROL:
                raise ProtocolError(f"the database announced a message of {length} bytes", hint="gov broker status")
            if after > end:
                self._whole = after - at
                break
            if at > mark:
                kept = self._end_run(out, data, kept, mark, run, at, rows)
                if self.withheld:
                    return b"".join(out)
            rows = 0
            instead = self._control(kind, bytes(data[at + HEADER : after]))
            if self.withheld:
                out.append(data[kept:at])
                self._held += data[at:]
                return b"".join(out)
            if instead is not _FORWARD:
                out.append(data[kept:at])
                out.append(instead)
                kept = after
            at = mark = run = after
        if at > mark:
            kept = self._end_run(out, data, kept, mark, run, at, rows)
            if self.withheld:
                return b"".join(out)
        if at < end:
            self._held += data[at:]
        if not out:
            return bytes(data[:at]) if kept == 0 else b""
        out.append(data[kept:at])
        return b"".join(out)

    def _end_run(
        self, out: list[bytes | memoryview], data: bytes | memoryview, kept: int, mark: int, run: int, at: int,
        rows: int,
    ) -> int:
        """Count what passes of the bytes from `mark` to `at`, `rows` of them from `run` on; where those begin that are
        not yet in `out`. When the flow is `withheld`, the rest is kept for `resume`.
        """
        passed = self._passed(data, run, at, rows) if rows else at
        if passed == at:
            self._rows += rows
            self._relayed(data, mark, at)
            return kept
        out.append(data[kept:passed])
        if self.withheld:
            self._relayed(data, mark, passed)
            self._skip = 0
            self._held += data[passed:]
        return at

    def _passed(self, data: bytes | memoryview, run: int, at: int, rows: int) -> int:
        """Where of the `rows` between `run` and `at` those begin that do not pass; `at` when all do."""
        if self._stopped is not None:
            return run
        head = self.expected[0] if self.expected else None
        if head is None or (allowance := head.allowance) is None:
            return at
        cost = allowance.cost(rows, at - run + self._skip)
        if cost <= allowance.left:
            allowance.left -= cost
            return at
        passed, after = 0, run
        for row in range(1, rows + 1):
            after += 1 + int(_header.unpack_from(data, after)[1])
            if allowance.cost(row, after - run) > allowance.left:
                break
            passed, end = row, after
        end = end if passed else run
        self._rows += passed
        allowance.left -= allowance.cost(passed, end - run)
        self.withheld = True
        self.listener.exhausted(head.turn, allowance)
        return end

    def _relayed(self, data: bytes | memoryview, mark: int, at: int) -> None:
        """The bytes from `mark` to `at` have passed: count them, and take the digest of copy data."""
        self._octets += at - mark
        if self._copied is not None and at > mark:
            self._copied.add(data[mark:at])

    def _capturing(self) -> bool:
        return bool(self.expected) and self.expected[0].captured is not None

    def _control(self, kind: int, body: bytes) -> bytes:
        if kind in _ANYTIME:
            if kind == _PARAMETER:
                name, _, value = body.partition(b"\0")
                self.listener.parameter(utf8(name), utf8(value[:-1]))
            return _FORWARD
        if self._capturing():
            return self._capture(kind, body)
        if self._stopped is not None:
            return self._behind_stop(kind, body)
        try:
            return _HANDLERS[kind](self, body)
        except KeyError:
            raise _out_of_turn(kind) from None

    def _capture(self, kind: int, body: bytes) -> bytes:
        head = self.expected[0]
        assert head.captured is not None
        if self._octets <= KEPT or kind not in BULK:
            head.captured.append((kind, body))
        self._octets += len(body)
        if kind == ord("Z"):
            self.expected.popleft()
            self.status = body[0]
            self._count()
            head.done()
        return _DROP

    def _behind_stop(self, kind: int, body: bytes) -> bytes:
        """What the client gets for a reply to a statement that was stopped: its refusal once, and no more."""
        said, head = self._stopped, self._head(kind, Awaits.EXECUTE, Awaits.QUERY)
        assert said is not None
        if head.awaits is Awaits.EXECUTE:
            if kind == ord("E"):
                self._stopped = None
                self._error(body)
                return said
            if kind in _ENDS_PORTAL:
                self._stopped, self.copying = None, False
                self._count()
                self.expected.popleft().confirmed()
            return _DROP
        if kind == ord("Z"):
            self._stopped = None
            return self._ready(body)
        if kind not in _ENDS_STATEMENT:
            return _DROP
        self._count()
        self._stopped = b""
        return said

    def _head(self, kind: int, *among: Awaits) -> Expected:
        if not self.expected or self.expected[0].awaits not in among:
            raise _out_of_turn(kind)
        return self.expected[0]

    def _answered(self, kind: int, awaits: Awaits) -> bytes:
        head = self._head(kind, awaits)
        if head.refusal is not None:
            raise ProtocolError("the database ran what was sent to fail", hint="please report it")
        self.expected.popleft()
        head.confirmed()
        return _DROP if head.quiet else _FORWARD

    def _parsed(self, body: bytes) -> bytes:
        return self._answered(ord("1"), Awaits.PARSE)

    def _bound(self, body: bytes) -> bytes:
        return self._answered(ord("2"), Awaits.BIND)

    def _closed(self, body: bytes) -> bytes:
        return self._answered(ord("3"), Awaits.CLOSE)

    def _parameters(self, body: bytes) -> bytes:
        self._head(ord("t"), Awaits.DESCRIBE)
        return _FORWARD

    def _no_data(self, body: bytes) -> bytes:
        return self._answered(ord("n"), Awaits.DESCRIBE)

    def _row_description(self, body: bytes) -> bytes:
        head = self._head(ord("T"), Awaits.DESCRIBE, Awaits.QUERY, Awaits.EXECUTE)
        self.listener.described(body)
        if head.awaits is Awaits.DESCRIBE:
            self.expected.popleft().confirmed()
        return _FORWARD

    def _count(self) -> tuple[int, int]:
        counted = self._rows, self._octets
        self._rows = self._octets = 0
        return counted

    def _complete(self, body: bytes) -> bytes:
        head = self._head(ord("C"), Awaits.EXECUTE, Awaits.QUERY)
        last = head.awaits is Awaits.EXECUTE
        rows, octets = self._rows, self._octets
        if not self.listener.completed(head.turn, body[:-1].decode(errors="replace"), rows, octets, last=last):
            self.withheld = True
            return _DROP
        self._count()
        self.copying = False
        if last:
            self.expected.popleft().confirmed()
        return _FORWARD

    def _empty(self, body: bytes) -> bytes:
        return self._complete(b"\0")

    def _suspend(self, body: bytes) -> bytes:
        head = self._head(ord("s"), Awaits.EXECUTE)
        self.expected.popleft()
        rows, octets = self._count()
        self.listener.suspended(head.turn, rows, octets)
        return _FORWARD

    def _error(self, body: bytes) -> bytes:
        self.copying, self._copied = False, None
        rows, octets = self._count()
        head = self.expected[0] if self.expected else None
        instead = self.listener.failed(head.turn if head else None, body, rows, octets)
        if head is None or head.awaits is Awaits.QUERY:
            return _FORWARD if instead is None else instead
        if head.refusal is not None:
            instead = head.refusal
        self.failing = True
        skipped: list[Expected] = []
        while self.expected and self.expected[0].awaits is not Awaits.SYNC:
            skipped.append(self.expected.popleft())
        for entry in reversed(skipped):
            entry.undone()
        return _FORWARD if instead is None else instead

    def _ready(self, body: bytes) -> bytes:
        head = self._head(ord("Z"), Awaits.SYNC, Awaits.QUERY)
        if body[0] == IDLE and not self.listener.certain():
            self.withheld = True
            return _DROP
        self.expected.popleft().confirmed()
        self.status = body[0]
        self.failing = self.copying = False
        self._count()
        self.listener.ready(self.status, head.turn)
        return _FORWARD

    def _copy_in(self, body: bytes) -> bytes:
        head = self._head(ord("G"), Awaits.EXECUTE, Awaits.QUERY)
        self.copying = True
        if head.awaits is Awaits.EXECUTE:
            # In copy mode PostgreSQL ignores a Sync that was sent right behind Execute: no reply will come.
            while len(self.expected) > 1 and self.expected[1].awaits is Awaits.SYNC:
                del self.expected[1]
        return _FORWARD

    def _copy_out(self, body: bytes) -> bytes:
        self._head(ord("H"), Awaits.EXECUTE, Awaits.QUERY)
        self._copied = Copied()
        return _FORWARD

    def _copy_done(self, body: bytes) -> bytes:
        head = self._head(ord("c"), Awaits.EXECUTE, Awaits.QUERY)
        if (copied := self._copied) is not None:
            self._copied = None
            self.listener.copied(head.turn, copied)
        return _FORWARD


def _out_of_turn(kind: int) -> ProtocolError:
    return ProtocolError(f"the database sent {bytes((kind,))!r} out of turn", hint="gov broker status")


_PARAMETER = ord("S")
_ENDS_STATEMENT = frozenset(map(ord, "CE"))
_ENDS_PORTAL = frozenset(map(ord, "Cs"))
_ANYTIME = frozenset(map(ord, "NSA"))
_HANDLERS: dict[int, Callable[[Replies, bytes], bytes]] = {
    ord("1"): Replies._parsed, ord("2"): Replies._bound, ord("3"): Replies._closed,
    ord("t"): Replies._parameters, ord("n"): Replies._no_data, ord("T"): Replies._row_description,
    ord("C"): Replies._complete, ord("I"): Replies._empty, ord("s"): Replies._suspend,
    ord("E"): Replies._error, ord("Z"): Replies._ready,
    ord("G"): Replies._copy_in, ord("H"): Replies._copy_out, ord("c"): Replies._copy_done,
}
