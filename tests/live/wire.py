"""Protocol 3 by hand: a client that says exactly what a test wants said, and keeps every byte it hears."""

from __future__ import annotations

import base64
import json
import secrets
import socket
import ssl
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from gov.protocol import frames, startup
from gov.protocol.scram import PLAIN, ClientExchange, client_keys

PATIENCE = 20.0
"""Seconds until a reply that does not come fails a test."""
SSL_REQUEST = struct.pack("!II", 8, startup.SSL_REQUEST)
GSS_REQUEST = struct.pack("!II", 8, startup.GSS_REQUEST)
Lease = dict[str, Any]
"""What `gov credentials --format json` prints."""
Held = Callable[[str], object]
"""Called with the id of a request that waits."""


@dataclass(frozen=True)
class Reply:
    """One message from the gateway."""

    kind: str
    body: bytes

    @property
    def fields(self) -> dict[str, str]:
        """Of an error or a notice, by letter."""
        return frames.read_error(self.body)

    @property
    def state(self) -> str:
        """SQLSTATE of an error or a notice."""
        return self.fields.get("C", "")

    @property
    def request(self) -> str:
        """The id of the request, when this is the notice that a statement is held."""
        if self.kind != "N" or self.state != "01G01":
            return ""
        asked: str = json.loads(self.fields["W"])["request"]
        return asked

    @property
    def tag(self) -> str:
        """Of CommandComplete."""
        return self.body.rstrip(b"\0").decode()

    @property
    def row(self) -> tuple[str | None, ...]:
        """The values of a DataRow in text format."""
        return frames.data_row(self.body)


class Heard(list[Reply]):
    """Replies in order."""

    @property
    def kinds(self) -> str:
        """Their letters, without what may come at any time: notices and settings."""
        return "".join(each.kind for each in self if each.kind not in "NS")

    @property
    def rows(self) -> list[tuple[str | None, ...]]:
        """The values of all rows, in text format."""
        return [each.row for each in self if each.kind == "D"]

    @property
    def states(self) -> list[str]:
        """SQLSTATEs of the errors."""
        return [each.state for each in self if each.kind == "E"]

    @property
    def tags(self) -> list[str]:
        """Command tags."""
        return [each.tag for each in self if each.kind == "C"]

    @property
    def requests(self) -> list[str]:
        """Ids of the requests that were opened meanwhile."""
        return [each.request for each in self if each.request]

    @property
    def error(self) -> dict[str, str]:
        """The fields of the only error."""
        (found,) = [each for each in self if each.kind == "E"]
        return found.fields


@dataclass
class Wire:
    """A connection, before or after start-up."""

    socket: socket.socket
    heard: bytearray = field(default_factory=bytearray)
    """Every byte since the connection stood; replies are cut from a copy."""
    pid: int = 0
    secret: bytes = b""
    parameters: dict[str, str] = field(default_factory=dict)
    version: int = startup.PROTOCOL_3_0
    _at: int = 0

    def send(self, *messages: bytes) -> None:
        """All of `messages` in one write."""
        self.socket.sendall(b"".join(messages))

    def trickle(self, data: bytes) -> None:
        """`data`, each byte in a TLS record and a packet of its own."""
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for position in range(len(data)):
            self.socket.sendall(data[position : position + 1])

    def one(self) -> Reply:
        """The next message. Raises EOFError when the connection ended."""
        length = int.from_bytes(self._next(5)[1:], "big")
        whole = self._next(length + 1)
        self._at += len(whole)
        return Reply(chr(whole[0]), whole[5:])

    def until(self, kinds: str = "Z") -> Heard:
        """Everything up to the first message of one of these kinds."""
        found = Heard()
        while not found or found[-1].kind not in kinds:
            found.append(self.one())
        return found

    def to_the_end(self) -> Heard:
        """Everything until the gateway ends the connection."""
        found = Heard()
        try:
            while True:
                found.append(self.one())
        except (EOFError, ConnectionError, ssl.SSLError):
            return found

    def query(self, text: str, held: Held | None = None) -> Heard:
        """A simple query and all its replies."""
        return self.play(frames.build_query(text.encode()), held=held)

    def play(self, *messages: bytes, held: Held | None = None) -> Heard:
        """Messages that end in a Sync or a Query, and all their replies.

        When they are held, `held` is called with the request's id; without it they are withdrawn.
        """
        self.send(*messages)
        found = Heard()
        while not found or found[-1].kind != "Z":
            found.append(reply := self.one())
            if request := reply.request:
                held(request) if held else self.cancel()
        return found

    def forget(self) -> None:
        """Forget what was heard so far."""
        del self.heard[: self._at]
        self._at = 0

    def cancel(self) -> None:
        """A CancelRequest for this connection, on one of its own, without TLS as libpq sends it."""
        with socket.create_connection(self.socket.getpeername(), PATIENCE) as other:
            other.sendall(startup.build_cancel(self.pid, self.secret))
            other.recv(1)

    def close(self) -> None:
        """Hang up."""
        self.socket.close()

    def _next(self, count: int) -> bytes:
        """The next `count` bytes, left where they are."""
        while len(self.heard) < self._at + count:
            more = self.socket.recv(1 << 16)
            if not more:
                raise EOFError
            self.heard += more
        return bytes(self.heard[self._at : self._at + count])


def plain(lease: Lease) -> socket.socket:
    """A bare TCP connection to the gateway."""
    return socket.create_connection((lease["pghost"], lease["pgport"]), PATIENCE)


def trust(lease: Lease) -> ssl.SSLContext:
    """TLS as `sslmode=verify-full` has it."""
    return ssl.create_default_context(cafile=lease["pgsslrootcert"])


def encrypted(lease: Lease) -> Wire:
    """A connection with TLS, before start-up."""
    bare = plain(lease)
    bare.sendall(SSL_REQUEST)
    assert bare.recv(1) == b"S"
    return Wire(trust(lease).wrap_socket(bare, server_hostname=lease["pghost"]))


def startup_packet(parameters: dict[str, str], version: int = startup.PROTOCOL_3_0) -> bytes:
    """A StartupMessage with just these parameters."""
    body = struct.pack("!I", version) + b"".join(f"{k}\0{v}\0".encode() for k, v in parameters.items()) + b"\0"
    return struct.pack("!I", len(body) + 4) + body


def named(lease: Lease) -> dict[str, str]:
    """The start-up parameters that every client sends."""
    return {"user": lease["pguser"], "database": lease["pgdatabase"], "client_encoding": "UTF8"}


def authenticate(wire: Wire, lease: Lease, *, trickle: bool = False) -> Heard:
    """SCRAM with the secret of the lease, after a start-up packet; everything up to ReadyForQuery or an error."""
    send = wire.trickle if trickle else wire.send
    exchange, said = ClientExchange(base64.b64encode(secrets.token_bytes(18)).decode()), Heard()
    while not said or said[-1].kind not in "ZE":
        said.append(reply := wire.one())
        if reply.kind == "R" and reply.body[:4] == struct.pack("!I", 10):
            first = exchange.first.encode()
            send(frames.message(b"p", PLAIN.encode() + b"\0" + struct.pack("!I", len(first)) + first))
        elif reply.kind == "R" and reply.body[:4] == struct.pack("!I", 11):
            challenge = reply.body[4:].decode()
            keys = client_keys(lease["pgpassword"], *exchange.salt(challenge))
            send(frames.message(b"p", exchange.final(challenge, keys).encode()))
        elif reply.kind == "R" and reply.body[:4] == struct.pack("!I", 12):
            exchange.check(reply.body[4:].decode())
        elif reply.kind == "K":
            wire.pid, wire.secret = struct.unpack_from("!i", reply.body)[0], reply.body[4:]
        elif reply.kind == "S":
            name, value, _ = reply.body.split(b"\0")
            wire.parameters[name.decode()] = value.decode()
    return said


def opened(lease: Lease, **parameters: str) -> Wire:
    """A session that waits for its first statement, for whoever closes it."""
    wire = encrypted(lease)
    wire.send(startup_packet(named(lease) | parameters))
    said = authenticate(wire, lease)
    if said[-1].kind != "Z":
        wire.close()
        raise AssertionError(said[-1].fields)
    return wire


@contextmanager
def dialled(lease: Lease, **parameters: str) -> Iterator[Wire]:
    """A session that waits for its first statement."""
    wire = opened(lease, **parameters)
    try:
        yield wire
    finally:
        wire.close()


# What clients say


def parse(text: str, name: str = "", types: Iterable[int] = ()) -> bytes:
    """A Parse message."""
    oids = list(types)
    return frames.build_parse(name.encode(), text.encode(), struct.pack(f"!h{len(oids)}I", len(oids), *oids))


def bind(statement: str = "", portal: str = "", values: Iterable[str] = (), *, binary: bool = False) -> bytes:
    """A Bind message with text values; results in text or binary."""
    tail = struct.pack("!h", 0) + struct.pack("!h", len(given := list(values)))
    tail += b"".join(struct.pack("!i", len(each.encode())) + each.encode() for each in given)
    return frames.build_bind(portal.encode(), statement.encode(), tail + struct.pack("!hh", 1, int(binary)))


def describe(kind: str, name: str = "") -> bytes:
    """A Describe of a statement (S) or a portal (P)."""
    return frames.message(b"D", kind.encode() + name.encode() + b"\0")


def execute(portal: str = "", most: int = 0) -> bytes:
    """An Execute message."""
    return frames.build_execute(portal.encode(), most)


def close(kind: str, name: str = "") -> bytes:
    """A Close of a statement (S) or a portal (P)."""
    return frames.message(b"C", kind.encode() + name.encode() + b"\0")


SYNC, FLUSH = frames.SYNC, frames.FLUSH


def run(text: str, values: Iterable[str] = (), *, binary: bool = False) -> bytes:
    """The messages that run `text` in the extended protocol, as most drivers send them, without the Sync."""
    return parse(text) + bind(values=values, binary=binary) + describe("P") + execute()
