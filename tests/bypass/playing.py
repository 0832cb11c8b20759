"""Sends an attempt to the gateway in every form that a client has for it."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from bypass.corpus import COPY, EXTENDED, FAST, SIMPLE, Attempt
from gov.protocol import frames
from live.wire import PATIENCE, SYNC, Heard, Lease, Wire, dialled, opened, run

_STOP_COPY = frames.message(b"f", b"nothing to send\0")
MOST = 1 << 20
"""Bytes of replies after which an attempt has been heard out, where nothing else is said: the rest is cancelled."""


@dataclass(frozen=True)
class Played:
    """What came of an attempt in one form."""

    form: str
    heard: bytes
    """Every byte since the connection stood."""
    replies: Heard
    ours: bool = False
    """Whether it went on until it was cancelled, which its error says."""

    @property
    def stopped(self) -> bool:
        """Whether something of it was refused, failed or was held, and not for having been cancelled by us."""
        return bool(self.replies.requests or (self.replies.states and not self.ours))


@dataclass
class Seats:
    """Sessions that are used again while DISCARD ALL makes new ones of them: to open one costs most of an attempt."""

    _free: dict[str, Wire] = field(default_factory=dict)
    """By the user name of the lease."""

    def take(self, lease: Lease) -> Wire:
        """A session of `lease` that nobody else has."""
        return self._free.pop(lease["pguser"], None) or opened(lease)

    def leave(self, lease: Lease, wire: Wire, *, again: bool) -> None:
        """Whoever had it has done; `again` says that nothing is under way in it."""
        if again and self._as_new(wire):
            self._free[lease["pguser"]] = wire
        else:
            wire.close()

    def close(self) -> None:
        """End those that nobody has."""
        while self._free:
            self._free.popitem()[1].close()

    @staticmethod
    def _as_new(wire: Wire) -> bool:
        wire.socket.settimeout(PATIENCE)
        try:
            said = wire.query("rollback")
            said += wire.query("discard all")
        except (EOFError, OSError):
            return False
        wire.forget()
        return not said.states and not said.requests


@dataclass(frozen=True)
class Behind:
    """The schemas of a lease's masked views, for somebody who names them where no analysis does."""

    public: str
    kinds: str

    @property
    def path(self) -> str:
        """What makes a bare name mean a masked view."""
        return f"set search_path = {self.public}, public"

    def named(self, text: str) -> str:
        """`text` with the views of the kinds in place of their tables."""
        return text.replace("kinds.", f"{self.kinds}.")


def behind(lease: Lease) -> Behind:
    """As the catalogs tell whoever may use them."""
    with dialled(lease) as wire:
        public, kinds = (wire.query(_SCHEMA.format(name=name)).rows[0][0] for name in ("customers", "parted"))
    return Behind(str(public), str(kinds))


_SCHEMA = """select quote_ident(n.nspname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relname = '{name}' and n.nspname like 'gov\\_m\\_%' and has_table_privilege(c.oid, 'select')
   and has_schema_privilege(n.oid, 'usage') order by n.oid desc limit 1"""


def play(
    attempt: Attempt, lease: Lease, values: Mapping[str, str], *, around: bool = False, forms: Iterable[str] = (),
    patience: float = PATIENCE, behind: Behind | None = None, seats: Seats | None = None, most: int = MOST,
) -> Iterator[Played]:
    """The attempt in each of these forms that it has (all when left out), in a session of its own, or one of `seats`.

    What is held is withdrawn; what says nothing for `patience` seconds, or more than `most` bytes, is cancelled, once.
    With `around` it is put into a transaction that is rolled back; with `behind` it is about the masked views
    themselves.
    """
    messages = [_filled(behind.named(text) if behind else text, values) for text in attempt.messages]
    for form in attempt.forms:
        if forms and form not in forms and form != FAST:
            continue
        wire, said, cancelled, ours = (seats.take if seats else opened)(lease), Heard(), True, False
        try:
            for text in ([behind.path] if behind else []) + (["begin"] if around else []):
                said += wire.query(text)
            wire.socket.settimeout(patience)
            cancelled = False
            for text in messages:
                found, cut = _send(wire, text, form, attempt.function, most)
                said += found
                cancelled = cancelled or cut
                ours = ours or (cut and not found.requests)
                if _ended(said):
                    break
            yield Played(form, bytes(wire.heard), said, ours)
        finally:
            if seats and not cancelled:
                seats.leave(lease, wire, again=not _ended(said))
            else:
                wire.close()


def _ended(said: Heard) -> bool:
    """Whether the gateway has ended the session."""
    return any(each.kind == "E" and each.fields["S"] == "FATAL" for each in said)


def _filled(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace("{" + name + "}", value)
    return text


def _send(wire: Wire, text: str, form: str, function: str, most: int) -> tuple[Heard, bool]:
    """The replies, and whether something was cancelled that may be felt later."""
    if form == SIMPLE:
        wire.send(frames.build_query(text.encode()))
    elif form == COPY:
        wire.send(frames.build_query(f"copy ({text.rstrip().rstrip(';')}\n) to stdout".encode()))
    elif form == EXTENDED:
        wire.send(run(text, binary=True) + SYNC)
    else:
        wire.send(_function_call(_number(wire, function), text))
    found, heard, cancelled = Heard(), 0, False
    while not found or found[-1].kind != "Z":
        try:
            found.append(reply := wire.one())
        except TimeoutError:
            if cancelled:
                raise
            cancelled = True
            wire.cancel()
            wire.socket.settimeout(PATIENCE)
            continue
        except (EOFError, ConnectionError):
            break
        heard += len(reply.body)
        if reply.request or (heard > most and not cancelled):
            cancelled = True
            wire.cancel()
        if reply.kind == "G":
            wire.send(_STOP_COPY, SYNC if form == EXTENDED else b"")
    return found, cancelled


def _number(wire: Wire, function: str) -> int:
    """The OID of `f(types)`, which everybody may ask for; that of nothing, where there is none."""
    rows = wire.query(f"select to_regprocedure('{function}')::oid").rows
    return int(rows[0][0] or 0) if rows else 0


def _function_call(oid: int, text: str) -> bytes:
    """FunctionCall with arguments in text, apart by ` | `; the result in text."""
    arguments = [each.strip() for each in text.split(" | ")] if text != "()" else []
    body = struct.pack("!Ihh", oid, 0, len(arguments))
    for each in arguments:
        body += struct.pack("!i", len(each.encode())) + each.encode()
    return frames.message(b"F", body + struct.pack("!h", 0))
