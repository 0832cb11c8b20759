"""A local end of the gateway, for programs that speak neither TLS nor SCRAM, or cannot be given a password.

It answers a client's start-up itself, opens the gateway under the lease of the moment, and from then on
passes bytes both ways without a look at them. The client's cancel keys are the gateway's own, so a
CancelRequest is passed on as it is. What cannot be done is told as a PostgreSQL ErrorResponse.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import ssl
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

from gov.client.endpoint import Endpoint, stranger
from gov.client.leases import Leases
from gov.control.access import LeaseGrant
from gov.errors import Denied, GovError, NotLoggedIn, ProtocolError, Unreachable
from gov.lease.secret import verifier
from gov.protocol import frames, startup
from gov.protocol.scram import PLAIN, ClientExchange, ServerExchange, Verifier, client_keys

STARTUP_WITHIN = 30.0
"""Seconds that a client has for its start-up."""
CONNECT_WITHIN = 8.0
"""Seconds for TCP, TLS and authentication at the gateway."""
CHUNK = 64 * 1024
GRACE = 5.0
"""Seconds in which clients may hear the gateway's goodbye at the end."""

_AUTHENTICATION, _ERROR = ord("R"), ord("E")
_STATES = {Denied.code: NotLoggedIn.sqlstate, Unreachable.code: "08006"}
"""SQLSTATEs at start-up that differ from those of a session: not admitted, and no connection."""
_keys = lru_cache(8)(client_keys)  # one PBKDF2 per lease instead of one per connection


@dataclass(frozen=True, slots=True)
class _Stream:
    """One side of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Write, and wait while the other side does not take it."""
        if self.writer.transport.is_closing():  # uvloop would raise an error that is no OSError
            raise ConnectionResetError("the other side has left")
        self.writer.write(data)
        await self.writer.drain()

    async def packet(self) -> bytes:
        """The body of a packet without a type byte."""
        length = int.from_bytes(await self.reader.readexactly(4), "big")
        if not 8 <= length <= startup.LONGEST_STARTUP:
            raise ProtocolError("this is no start of PostgreSQL's protocol", hint="set PGSSLMODE=disable")
        return await self.reader.readexactly(length - 4)

    async def message(self) -> tuple[int, bytes]:
        """Type byte and body of a message."""
        kind, length = struct.unpack("!BI", await self.reader.readexactly(frames.HEADER))
        if not 4 <= length <= frames.LONGEST_CONTROL:
            raise ProtocolError("a message at start-up is too long", hint="gov status")
        return kind, await self.reader.readexactly(length - 4)

    async def close(self) -> None:
        """Send what is left to be sent, and close."""
        self.writer.close()
        with suppress(OSError, ssl.SSLError):
            await self.writer.wait_closed()


class Proxy:
    """Serves the clients of one endpoint until it is stopped."""

    def __init__(self, endpoint: Endpoint, leases: Leases, *, say: Callable[[str], None]) -> None:
        """`say` gets a line for whoever started the proxy: a client was refused, and why."""
        self._endpoint = endpoint
        self._leases = leases
        self._say = say
        self._verifier = _verifier(endpoint.password)
        self._clients: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Take clients from now on."""
        server = asyncio.start_unix_server if self._verifier is None else asyncio.start_server
        self._server = await server(self._accepted, sock=self._endpoint.listener, limit=CHUNK)

    async def stop(self, end: Callable[[], None]) -> None:
        """Take no new client, and have those that are there end.

        `end` ends the leases, upon which the gateway says goodbye to each of their sessions; who does not
        listen to that is cut off.
        """
        if self._server is not None:
            self._server.close()
        try:
            await asyncio.to_thread(end)
            if self._clients:
                await asyncio.wait(self._clients, timeout=GRACE)
        finally:
            for client in self._clients:
                client.cancel()
            await asyncio.gather(*self._clients, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        client = _Stream(reader, writer)
        try:
            await self._serve(client)
        except GovError as error:
            self._say(f"a client was refused: {error.what}")
            with suppress(OSError):
                await client.send(frames.error(error, severity="FATAL", state=_STATES.get(error.code, "")))
        except (OSError, EOFError, TimeoutError, ssl.SSLError):
            pass  # one side has left
        except asyncio.CancelledError:
            writer.transport.abort()
        except Exception as error:  # a bug of ours: who uses the proxy hears of it, and nobody else notices
            self._say(f"a client failed: {type(error).__name__}: {error}")
        finally:
            self._clients.discard(task)
            writer.close()

    async def _serve(self, client: _Stream) -> None:
        async with asyncio.timeout(STARTUP_WITHIN):
            packet = await self._asked(client)
        if packet is None:
            return
        gateway = await self._opened(client, packet)
        if gateway is not None:
            try:
                await _relay(client, gateway)
            except asyncio.CancelledError:
                gateway.writer.transport.abort()
                raise

    # Start-up

    async def _asked(self, client: _Stream) -> bytes | None:
        """The startup message of somebody who may come in; None when it was a cancel request."""
        self._check_peer(client)
        for _ in range(3):
            packet = await client.packet()
            match startup.read_code(packet):
                case startup.SSL_REQUEST | startup.GSS_REQUEST:
                    await client.send(b"N")
                case startup.CANCEL_REQUEST:
                    await self._cancel(packet)
                    return None
                case code if code >> 16 != startup.PROTOCOL_3_0 >> 16:
                    raise ProtocolError(f"protocol {code >> 16} is not spoken here", hint="use protocol 3")
                case _:
                    await self._authenticate(client)
                    return packet
        raise ProtocolError("a client asks for encryption again and again", hint="set PGSSLMODE=disable")

    def _check_peer(self, client: _Stream) -> None:
        if self._verifier is None:
            uid = stranger(client.writer.get_extra_info("socket"))
            if uid is not None:
                raise NotLoggedIn(f"this proxy does not serve the user with uid {uid}", hint="gov proxy TARGET")

    async def _authenticate(self, client: _Stream) -> None:
        """Where the kernel does not say who it is: have the client prove that it knows the password."""
        if self._verifier is None:
            return
        exchange = ServerExchange(self._verifier, secrets.token_urlsafe(18), PLAIN, None)
        await client.send(_authentication(10, f"{PLAIN}\0\0"))
        cursor = frames.Cursor(await _response(client))
        if cursor.text() != PLAIN:
            raise ProtocolError("this mechanism is not offered", hint="use SCRAM-SHA-256")
        await client.send(_authentication(11, exchange.challenge(frames.utf8(cursor.take(cursor.int32())))))
        final = exchange.verify(frames.utf8(await _response(client)))
        if final is None:
            raise NotLoggedIn("this is not the password of the proxy", hint="use the one that `gov proxy` printed")
        client.writer.write(_authentication(12, final))

    async def _opened(self, client: _Stream, packet: bytes) -> _Stream | None:
        """The gateway with an open session; None when it has refused, and the client was told."""
        grant = await asyncio.to_thread(self._leases.current)
        entered = await self._entered(packet, grant)
        if isinstance(entered, bytes) and frames.read_error(entered).get("C") == NotLoggedIn.sqlstate:
            # The lease was revoked, or the broker has restarted: policy says whether there is another.
            grant = await asyncio.to_thread(lambda: self._leases.current(refused=grant.lease.id))
            entered = await self._entered(packet, grant)
        if isinstance(entered, bytes):
            self._say(f"a client was refused: {frames.read_error(entered).get('M', '')}")
            await client.send(frames.message(b"E", entered))
            return None
        gateway, welcome = entered
        try:
            await client.send(welcome)
        except BaseException:
            gateway.writer.transport.abort()
            raise
        return gateway

    async def _entered(self, packet: bytes, grant: LeaseGrant) -> tuple[_Stream, bytes] | bytes:
        """The gateway with a session under `grant` and what it says first, or the body of its ErrorResponse."""
        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                gateway = await _dialled(grant)
                try:
                    welcome, refusal = await _logged_in(gateway, packet, grant)
                except BaseException:
                    gateway.writer.transport.abort()
                    raise
        except (OSError, EOFError, TimeoutError) as error:
            why = str(error) or "it took too long"
            raise Unreachable(
                f"the gateway {grant.host}:{grant.port} does not answer", hint="gov status", detail=why
            ) from error
        if not refusal:
            return gateway, welcome
        await gateway.close()
        return refusal

    async def _cancel(self, packet: bytes) -> None:
        """Pass a cancel request on; whether it arrives is not certain, as with any cancel."""
        with suppress(GovError, OSError, EOFError, TimeoutError):
            async with asyncio.timeout(CONNECT_WITHIN):
                gateway = await _dialled(await asyncio.to_thread(self._leases.current))
                await gateway.send((len(packet) + 4).to_bytes(4, "big") + packet)
                await gateway.close()


def _verifier(password: str | None) -> Verifier | None:
    return None if password is None else Verifier.read(verifier(password, secrets.token_bytes(16)))


def _authentication(code: int, text: str) -> bytes:
    return frames.message(b"R", code.to_bytes(4, "big") + text.encode())


async def _response(client: _Stream) -> bytes:
    kind, body = await client.message()
    if kind != ord("p") or len(body) > startup.LONGEST_STARTUP:
        raise ProtocolError("a SASL response was due", hint="check the client library")
    return body


async def _dialled(grant: LeaseGrant) -> _Stream:
    """The gateway behind verified TLS, begun at once (the ALPN name `postgresql` stands for the SSLRequest)."""
    context = _trust(grant.ca)
    reader, writer = await asyncio.open_connection(
        grant.host, grant.port, ssl=context, server_hostname=grant.host, limit=CHUNK
    )
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return _Stream(reader, writer)


@lru_cache(4)
def _trust(ca: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=ca or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["postgresql"])
    return context


async def _logged_in(gateway: _Stream, packet: bytes, grant: LeaseGrant) -> tuple[bytes, bytes]:
    """Log in to the gateway as the lease: what the client shall hear of it, or the body of an ErrorResponse."""
    await gateway.send(_readdressed(packet, grant))
    exchange, said = ClientExchange(secrets.token_urlsafe(18)), b""
    while True:
        kind, body = await gateway.message()
        if kind == _ERROR:
            return b"", body
        if kind != _AUTHENTICATION:  # which version of the protocol is spoken
            said += frames.message(bytes((kind,)), body)
            continue
        code, rest = int.from_bytes(body[:4], "big"), body[4:]
        match code:
            case 10 if PLAIN.encode() in rest.split(b"\0"):
                first = exchange.first.encode()
                await gateway.send(frames.message(b"p", PLAIN.encode() + b"\0" + struct.pack("!I", len(first)) + first))
            case 11:
                challenge = frames.utf8(rest)
                keys = _keys(grant.password, *exchange.salt(challenge))
                await gateway.send(frames.message(b"p", exchange.final(challenge, keys).encode()))
            case 12:
                exchange.check(frames.utf8(rest))
            case 0:
                return said + frames.message(b"R", body), b""
            case _:
                raise ProtocolError("the gateway authenticates in a way we do not know", hint="gov --version")


def _readdressed(packet: bytes, grant: LeaseGrant) -> bytes:
    """The client's startup message with the lease's user and database; all else is for the gateway to judge.

    A client that names no database means libpq's default, which is the name of its user.
    """
    cursor = frames.Cursor(packet)
    version = cursor.take(4)
    given: dict[bytes, bytes] = {}
    while name := cursor.raw():
        given[name] = cursor.raw()
    cursor.end()
    user, database = given.get(b"user", b""), given.get(b"database", b"")
    if database in (b"", user, grant.lease.target.encode()):
        database = grant.database.encode()
    given |= {b"user": grant.user.encode(), b"database": database}
    body = version + b"".join(name + b"\0" + value + b"\0" for name, value in given.items()) + b"\0"
    return (len(body) + 4).to_bytes(4, "big") + body


# After start-up


async def _relay(client: _Stream, gateway: _Stream) -> None:
    """Pass bytes both ways until one side ends; the other gets all that was sent to it."""
    ways = [
        asyncio.create_task(_pump(client.reader, gateway.writer)),
        asyncio.create_task(_pump(gateway.reader, client.writer)),
    ]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
    await asyncio.gather(client.close(), gateway.close())


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Pass on what comes; a sink that does not take it makes the source wait."""
    while data := await source.read(CHUNK):
        sink.write(data)
        await sink.drain()
