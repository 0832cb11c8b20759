"""The way into a target: open a connection as an ephemeral role, and stop what runs on one.

TLS as the target's configuration says, SCRAM-SHA-256 always: a database that asks for a password in
clear or by MD5 is refused.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import ssl
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import lru_cache

from gov.broker.wire import Side
from gov.errors import GovError, LimitReached, NotLoggedIn, ProtocolError, Unavailable, Unreachable
from gov.protocol import frames, startup
from gov.protocol.replies import BULK, KEPT
from gov.protocol.scram import PLAIN, ClientExchange, ClientKeys, client_keys
from gov.target.address import Upstream

CONNECT_WITHIN = 6.0
"""Seconds for TCP, TLS and authentication together."""

_keys: OrderedDict[tuple[str, bytes, int], ClientKeys] = OrderedDict()
"""Keys by (password, salt, iterations): one PBKDF2 per lease instead of one per connection."""
_KEPT_KEYS = 1024


@dataclass(slots=True)
class Link:
    """An authenticated connection to a target, idle."""

    side: Side
    address: Upstream
    pid: int = 0
    secret: bytes = b""
    parameters: dict[str, str] = field(default_factory=dict)

    async def exchange(self, data: bytes) -> list[tuple[int, bytes]]:
        """Send `data`, which ends in Query or Sync, and collect every reply up to ReadyForQuery.

        For connections that nothing is relayed on. Rows beyond `KEPT` bytes are dropped.

        Raises:
            Unavailable: The connection was lost.
        """
        self.side.write(data)
        replies: list[tuple[int, bytes]] = []
        kind, octets = 0, 0
        while kind != ord("Z"):
            try:
                kind, body = await self.side.read_message(1 << 30)
            except EOFError:
                raise Unavailable("the target ended the connection", hint="gov broker status") from None
            if octets <= KEPT or kind not in BULK:
                replies.append((kind, body))
            octets += len(body)
        return replies

    def close(self) -> None:
        """End the session in good order."""
        self.side.write(frames.TERMINATE)
        self.side.close()


async def connect(address: Upstream, parameters: dict[str, str]) -> Link:
    """A link as `address.user`, authenticated and idle.

    Raises:
        Unreachable: The target does not answer in time, or not over TLS as it must.
        LimitReached: It takes no more sessions.
        GovError: It refused the role.
    """
    try:
        async with asyncio.timeout(CONNECT_WITHIN):
            side = await _open(address)
            try:
                return await _authenticate(Link(side, address), parameters)
            except BaseException:
                side.abort()
                raise
    except (OSError, TimeoutError, EOFError) as error:
        raise Unreachable(
            f"the target does not answer: {str(error) or 'it took too long'}", hint="gov broker status shows how it is"
        ) from None


async def _open(address: Upstream) -> Side:
    loop = asyncio.get_running_loop()
    if address.host.startswith("/"):
        path = f"{address.host}/.s.PGSQL.{address.port}"
        return (await loop.create_unix_connection(Side, path))[1]
    if address.tls == "off":
        return (await loop.create_connection(Side, address.host, address.port))[1]
    return await _open_tls(address, _context(address.ca))


@lru_cache(64)
def _context(ca: str | None) -> ssl.SSLContext:
    """TLS that verifies certificate and host name; made once, since reading roots is slow."""
    context = ssl.create_default_context(cafile=None if ca == "system" else ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


async def _open_tls(address: Upstream, context: ssl.SSLContext) -> Side:
    """TCP, SSLRequest, TLS. One byte is read before TLS begins, so nothing can be smuggled in behind it."""
    loop = asyncio.get_running_loop()
    infos = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    family, kind, proto, _, where = infos[0]
    sock = socket.socket(family, kind, proto)
    sock.setblocking(False)
    try:
        await loop.sock_connect(sock, where)
        await loop.sock_sendall(sock, (8).to_bytes(4, "big") + startup.SSL_REQUEST.to_bytes(4, "big"))
        if await loop.sock_recv(sock, 1) != b"S":
            raise Unreachable("the target does not speak TLS", hint="set `tls` of the target, or turn TLS on there")
        side = Side()  # uvloop hands back its own TLS protocol, not the one that the factory made
        await loop.create_connection(lambda: side, sock=sock, ssl=context, server_hostname=address.host)
        return side
    except BaseException:
        sock.close()
        raise


async def _authenticate(link: Link, parameters: dict[str, str]) -> Link:
    link.side.write(startup.build_startup(link.address.user, link.address.database, parameters))
    exchange = ClientExchange(secrets.token_urlsafe(18))
    while True:
        kind, body = await link.side.read_message()
        if kind == ord("R"):
            _answer(link, exchange, body)
        elif kind == ord("S"):
            name, _, value = body.partition(b"\0")
            link.parameters[name.decode()] = value[:-1].decode()
        elif kind == ord("K"):
            link.pid, link.secret = int.from_bytes(body[:4], "big", signed=True), body[4:]
        elif kind == ord("Z"):
            return link
        elif kind == ord("E"):
            raise _refused(body)
        elif kind not in (ord("N"), ord("v")):
            raise ProtocolError("the target spoke out of turn at start-up", hint="is it PostgreSQL 14 or newer?")


def _answer(link: Link, exchange: ClientExchange, body: bytes) -> None:
    """One step of SASL; the codes are those of AuthenticationRequest messages."""
    code, rest = int.from_bytes(body[:4], "big"), body[4:]
    match code:
        case 0:
            return
        case 10 if PLAIN.encode() in rest.split(b"\0"):
            first = exchange.first.encode()
            link.side.write(frames.message(b"p", PLAIN.encode() + b"\0" + len(first).to_bytes(4, "big") + first))
        case 11:
            challenge = rest.decode()
            keys = _remembered(link.address.password, *exchange.salt(challenge))
            link.side.write(frames.message(b"p", exchange.final(challenge, keys).encode()))
        case 12:
            exchange.check(rest.decode())
        case _:
            raise NotLoggedIn(
                "the target wants another way to authenticate than SCRAM-SHA-256",
                hint="let pg_hba.conf say scram-sha-256 for roles of gov",
            )


def _remembered(password: str, salt: bytes, iterations: int) -> ClientKeys:
    key = (password, salt, iterations)
    if key not in _keys:
        _keys[key] = client_keys(password, salt, iterations)
        if len(_keys) > _KEPT_KEYS:
            _keys.popitem(last=False)
    return _keys[key]


def _refused(body: bytes) -> GovError:
    fields = frames.read_error(body)
    if fields.get("C", "").startswith("53"):
        return LimitReached(f"the target takes no more sessions: {fields.get('M', '')}", hint="gov sessions")
    return Unreachable(f"the target refused the session: {fields.get('M', '')}", hint="gov broker check TARGET")


async def cancel(link: Link) -> None:
    """Ask the target to stop what runs on `link`; that it arrives is not certain, as with any cancel.

    PostgreSQL closes the connection once it has passed the request on, so what is sent behind it is not hit.
    """
    try:
        async with asyncio.timeout(CONNECT_WITHIN):
            side = await _open(link.address)
            try:
                side.write(startup.build_cancel(link.pid, link.secret))
                await side.ended()
            finally:
                side.close()
    except (OSError, TimeoutError, GovError):
        return
