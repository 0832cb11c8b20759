"""Messages of protocol 3 as bytes: how they are cut, read and built (PostgreSQL manual, part VII, "Message Formats").

A message is one type byte, a four-byte length that counts itself, and a body. Nothing here keeps
state or touches a socket.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gov.errors import GovError, ProtocolError

HEADER = 5
"""Bytes of type and length."""

LONGEST_CONTROL = 1 << 24
"""Bytes a control message may have: 16 MiB. CopyData and DataRow have the protocol's own limit only."""

_header = struct.Struct("!BI")
_int16 = struct.Struct("!h")
_uint16 = struct.Struct("!H")
_int32 = struct.Struct("!i")


class Cursor:
    """Reads the fields of one message body in order; every read is checked against its end."""

    __slots__ = ("_at", "_body")

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def take(self, count: int) -> bytes:
        """The next `count` bytes. Raises ProtocolError when there are fewer."""
        end = self._at + count
        if count < 0 or end > len(self._body):
            raise _short()
        piece = self._body[self._at : end]
        self._at = end
        return piece

    def int16(self) -> int:
        """A signed 16-bit integer."""
        return int(_int16.unpack(self.take(2))[0])

    def int32(self) -> int:
        """A signed 32-bit integer."""
        return int(_int32.unpack(self.take(4))[0])

    def raw(self) -> bytes:
        """A string's bytes, without its closing NUL."""
        end = self._body.find(b"\0", self._at)
        if end < 0:
            raise _endless()
        piece = self._body[self._at : end]
        self._at = end + 1
        return piece

    def text(self) -> str:
        """A string. Raises ProtocolError when it is not UTF-8."""
        return utf8(self.raw())

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(len(self._body) - self._at)

    def end(self) -> None:
        """Raises ProtocolError when something is left."""
        if self._at != len(self._body):
            raise ProtocolError("a message is longer than its fields", hint="check the client library")


def _endless() -> ProtocolError:
    return ProtocolError("a string in a message has no end", hint="check the client library")


def _short() -> ProtocolError:
    return ProtocolError("a message ends before its fields do", hint="check the client library")


def utf8(raw: bytes) -> str:
    """`raw` as text. Raises ProtocolError when it is not UTF-8."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise ProtocolError("text on the wire is not UTF-8", hint="set client_encoding to UTF8") from None


def message(kind: bytes, body: bytes = b"") -> bytes:
    """One whole message."""
    return kind + (len(body) + 4).to_bytes(4, "big") + body


def split(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The (type, body) of each whole message in `data`, which must hold nothing else."""
    at = 0
    while at < len(data):
        kind, length = _header.unpack_from(data, at)
        yield kind, data[at + HEADER : at + 1 + length]
        at += 1 + length


# From the client

LONGEST_NAME = 63
"""Bytes of the name of a statement or portal that PostgreSQL looks at (NAMEDATALEN - 1)."""


def cut(name: bytes) -> bytes:
    """A statement's or portal's name as far as it counts: longer ones with the same beginning are the same."""
    return name if len(name) <= LONGEST_NAME else name[:LONGEST_NAME].decode(errors="ignore").encode()


@dataclass(frozen=True, slots=True)
class Parse:
    """Prepare `text` under `name`; the empty name is the unnamed statement."""

    name: bytes
    text: bytes
    types: bytes
    """Count and OIDs of parameter types, as they came."""

    def declares(self, oids: frozenset[int]) -> bool:
        """Whether a parameter is declared to have one of these types."""
        return bool(oids) and not oids.isdisjoint(each for (each,) in struct.iter_unpack("!I", self._oids()))

    def _oids(self) -> bytes:
        """What stands behind the count, in whole OIDs: more than PostgreSQL would look at does no harm."""
        behind = self.types[2:]
        return behind[: len(behind) // 4 * 4]


def read_parse(body: bytes) -> Parse:
    """The fields of Parse."""
    cursor = Cursor(body)
    return Parse(cut(cursor.raw()), cursor.raw(), cursor.rest())


def build_parse(name: bytes, text: bytes, types: bytes) -> bytes:
    """A whole Parse message."""
    return message(b"P", name + b"\0" + text + b"\0" + types)


@dataclass(slots=True)  # not frozen: one is made for every statement, and freezing takes longer than reading it
class Bind:
    """Make a portal of a prepared statement."""

    portal: bytes
    statement: bytes
    tail: bytes
    """Formats and values, as they came."""


def read_bind(body: bytes) -> Bind:
    """The fields of Bind; the tail is left unread."""
    # On every statement's road, so cut in place rather than by a cursor.
    portal, _, rest = body.partition(b"\0")
    statement, end, tail = rest.partition(b"\0")
    if not end:
        raise _endless()
    return Bind(cut(portal), cut(statement), tail)


def build_bind(portal: bytes, statement: bytes, tail: bytes) -> bytes:
    """A whole Bind message."""
    return message(b"B", portal + b"\0" + statement + b"\0" + tail)


def parameters(tail: bytes) -> tuple[str | None, ...]:
    """The parameter values of a Bind tail, for people and digests: text as it is, binary as `\\x…`.

    Raises:
        ProtocolError: The tail is malformed.
    """
    # On every Bind's road, so read in place rather than by a cursor.
    try:
        (number,) = _uint16.unpack_from(tail, 0)
        formats = struct.unpack_from(f"!{number}h", tail, 2)
        at = 2 + 2 * number
        (count,) = _uint16.unpack_from(tail, at)
        at += 2
        values: list[str | None] = []
        for index in range(count):
            (length,) = _int32.unpack_from(tail, at)
            at += 4
            if length == -1:
                values.append(None)
                continue
            end = at + length
            if length < 0 or end > len(tail):
                raise _short()
            raw, at = tail[at:end], end
            binary = number and formats[index if number > 1 else 0] == 1
            values.append("\\x" + raw.hex() if binary else raw.decode(errors="backslashreplace"))
    except (struct.error, IndexError):
        raise _short() from None
    if number not in (0, 1, count):
        raise ProtocolError("a Bind has as many formats as neither one nor all", hint="check the client library")
    return tuple(values)


def binary_types(tail: bytes, types: bytes) -> tuple[int, ...]:
    """Of each parameter of a well-formed Bind tail that came in binary its type as Parse gave it; 0 for the others.

    Empty when none came in binary, or Parse gave no types.
    """
    (number,) = _uint16.unpack_from(tail, 0)
    formats = struct.unpack_from(f"!{number}h", tail, 2)
    (count,) = _uint16.unpack_from(tail, 2 + 2 * number)
    (given,) = _uint16.unpack_from(types, 0) if types else (0,)
    if 1 not in formats or not given:
        return ()
    known = struct.unpack_from(f"!{given}I", types, 2)
    return tuple(
        known[at] if at < given and formats[at if number > 1 else 0] == 1 else 0 for at in range(count)
    )


def _count(value: int) -> int:
    return value & 0xFFFF


def build_execute(portal: bytes, most: int = 0) -> bytes:
    """A whole Execute message; `most` rows, 0 for all."""
    return message(b"E", portal + b"\0" + _int32.pack(most))


def build_query(text: bytes) -> bytes:
    """A whole simple Query message."""
    return message(b"Q", text + b"\0")


RESERVED = "gov: "
"""What the names of the gateway's own statements and portals begin with; no client may use such a name."""
_OWN = b"gov: own"


def build_own(text: bytes, types: bytes = bytes(2), tail: bytes = bytes(6), *, describe: bytes = b"") -> bytes:
    """A statement that the gateway runs between the client's own, up to Sync; `describe` has the kinds to describe.

    Under names of its own: a simple query would take the client's unnamed statement away, and under a
    client's name it could be bound again. It is closed before, since a failed one may be left, and behind;
    closing what is not there is no error.
    """
    closed = message(b"C", b"S" + _OWN + b"\0") + message(b"C", b"P" + _OWN + b"\0")
    return b"".join((
        closed, build_parse(_OWN, text, types),
        message(b"D", b"S" + _OWN + b"\0") if b"S" in describe else b"",
        build_bind(_OWN, _OWN, tail),
        message(b"D", b"P" + _OWN + b"\0") if b"P" in describe else b"",
        build_execute(_OWN), closed, SYNC,
    ))


SYNC = message(b"S")
FLUSH = message(b"H")
TERMINATE = message(b"X")

# To the client


def ready(status: int) -> bytes:
    """ReadyForQuery with a transaction status: I, T or E as a byte's number."""
    return message(b"Z", bytes((status,)))


ROUTINE = "gov"
"""What the routine field of each refusal begins with: `gov:denied`."""


def _fields(fields: Iterable[tuple[str, str]]) -> bytes:
    body = b"".join(key.encode() + value.replace("\0", "").encode() + b"\0" for key, value in fields if value)
    return body + b"\0"


def error(trouble: GovError, *, severity: str = "ERROR", state: str = "") -> bytes:
    """An ErrorResponse that says what `trouble` says; the routine names its code, as `gov:denied`.

    `state` is the SQLSTATE where it is another than the error's own: at start-up.
    """
    return message(b"E", _fields([
        ("S", severity), ("V", severity), ("C", state or trouble.wire_state), ("M", trouble.what),
        ("D", trouble.detail), ("H", trouble.hint), ("P", str(getattr(trouble, "position", 0) or "")),
        ("R", f"{ROUTINE}:{trouble.code}"),
    ]))


def notice(code: str, text: str, *, detail: str = "", hint: str = "", context: str = "") -> bytes:
    """A NoticeResponse of severity NOTICE."""
    return message(b"N", _fields([
        ("S", "NOTICE"), ("V", "NOTICE"), ("C", code), ("M", text), ("D", detail), ("H", hint),
        ("W", context), ("R", ROUTINE),
    ]))


def read_error(body: bytes) -> dict[str, str]:
    """The fields of an ErrorResponse or NoticeResponse by their letter."""
    fields: dict[str, str] = {}
    for piece in body.split(b"\0"):
        if piece:
            fields[chr(piece[0])] = piece[1:].decode(errors="replace")
    return fields


def hinted(body: bytes, hint: str) -> bytes:
    """The ErrorResponse with this body, and a hint where it has none."""
    return message(b"E", body if "H" in read_error(body) else body[:-1] + b"H" + hint.encode() + b"\0\0")


def described(body: bytes) -> tuple[tuple[str, int, int], ...]:
    """(name, table OID, attribute number) of each field of a RowDescription."""
    cursor = Cursor(body)
    fields = []
    for _ in range(_count(cursor.int16())):
        name = cursor.raw().decode(errors="replace")
        table = cursor.int32() & 0xFFFFFFFF
        number = cursor.int16()
        cursor.take(12)
        fields.append((name, table, number))
    return tuple(fields)


def data_row(body: bytes) -> tuple[str | None, ...]:
    """The values of a DataRow in text format."""
    cursor = Cursor(body)
    row: list[str | None] = []
    for _ in range(_count(cursor.int16())):
        length = cursor.int32()
        row.append(None if length == -1 else utf8(cursor.take(length)))
    return tuple(row)


def tag_rows(tag: str) -> int:
    """The row count of a command tag; 0 where it has none."""
    last = tag.rpartition(" ")[2]
    return int(last) if last.isdigit() else 0
