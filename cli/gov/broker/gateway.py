"""Listens for PostgreSQL clients: encryption, start-up and authentication; then a session takes over.

What comes before TLS is read from the bare socket byte by byte as far as it goes and no further, so
that nothing sent in the clear can be taken for something sent inside (CVE-2021-23214 in PostgreSQL).
"""

from __future__ import annotations

import asyncio
import logging
import resource
import secrets
import socket
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from gov.audit.entry import Entry
from gov.broker import upstream
from gov.broker.entries import who as who_fields
from gov.broker.house import House
from gov.broker.judge import Subject
from gov.broker.judging import READS_VALUES
from gov.broker.session import Session
from gov.broker.starting import Starting
from gov.broker.wire import Side
from gov.errors import Denied, GovError, LimitReached, NotLoggedIn, ProtocolError, Unavailable
from gov.lease.ids import session_id as make_id
from gov.lease.lease import Lease
from gov.protocol import frames, startup
from gov.protocol.replies import IDLE
from gov.protocol.scram import PLAIN, PLUS, ServerExchange, Verifier
from gov.terms import LeaseId

log = logging.getLogger(__name__)

STARTUP_WITHIN = 20.0
"""Seconds from accept to an authenticated session."""
GOODBYE_WITHIN = 5.0
"""Seconds that a client has to end TLS once we have said our last word."""
BACKLOG = 1024
_TLS_HANDSHAKE = 0x16


class Gateway:
    """The listener."""

    def __init__(self, house: House, host: str, port: int) -> None:
        self._house = house
        self._host, self._port = host, port
        self._socket: socket.socket | None = None
        self._tls = house.tls.context()
        self._binding = _end_point(house.tls.certificate.read_bytes())
        self._decoy = secrets.token_bytes(32)
        self._starting = Starting(house.config.limits)
        self._opening: Counter[LeaseId] = Counter()
        """Sessions on their way."""
        self._acceptor: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Listen.

        Raises:
            Unavailable: The address is taken or not ours.
        """
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setblocking(False)
        try:
            listener.bind((self._host, self._port))
        except OSError as error:
            listener.close()
            raise Unavailable(
                f"the gateway cannot listen on {self._host}:{self._port}: {error.strerror}",
                hint="listen: { gateway: HOST:PORT }",
            ) from None
        listener.listen(BACKLOG)
        _raise_descriptors()
        self._socket = listener
        self._acceptor = self._spawn(self._accept(listener))

    async def close(self, grace: float) -> None:
        """Take no new connection, and end those that are open; `grace` seconds for them to say goodbye."""
        if self._socket is not None:
            self._socket.close()
        await self._house.sessions.end_all("the broker stops")
        if self._acceptor is not None:
            self._acceptor.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        for task in self._tasks:
            task.cancel()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, peer = await loop.sock_accept(listener)
            except OSError as error:
                # Out of file descriptors, for one: those who are connected must not notice.
                log.warning("cannot accept a connection: %s", error)
                await asyncio.sleep(0.1)
                continue
            sock.setblocking(False)
            self._starting.add(self._spawn(self._serve(sock, f"{peer[0]}:{peer[1]}")), peer[0])

    async def _serve(self, sock: socket.socket, peer: str) -> None:
        """One connection, from its first byte to its last."""
        task = asyncio.current_task()
        assert task is not None
        side: Side | None = None
        try:
            async with asyncio.timeout(STARTUP_WITHIN):
                side = await self._encrypted(sock)
                session = await self._admitted(side, peer) if side else None
            if session is not None:
                await session.closed
                side = None  # the session has ended it, or hears it out
                self._record_end(session)
        except GovError as error:
            if side is not None:
                side.write(frames.error(error, severity="FATAL"))
        except (EOFError, OSError, TimeoutError, asyncio.CancelledError):
            if side is not None:
                side.abort()
        except Exception as error:  # a bug of ours: the client hears of it, and nobody else notices
            log.exception("a connection from %s failed", peer)
            if side is not None:
                broken = Unavailable(f"the gateway failed: {type(error).__name__}", hint="please report it")
                side.write(frames.error(broken, severity="FATAL"))
        finally:
            self._starting.remove(task)
            if side is not None:
                side.close()

    # Before TLS

    async def _encrypted(self, sock: socket.socket) -> Side | None:
        """The connection inside TLS; None when it was no session at all."""
        try:
            if await _peek(sock) == _TLS_HANDSHAKE:
                return await self._wrapped(sock, direct=True)
            return await self._negotiated(sock)
        except BaseException:
            sock.close()
            raise

    async def _negotiated(self, sock: socket.socket) -> Side | None:
        loop = asyncio.get_running_loop()
        for _ in range(3):
            packet = await _packet(sock)
            match startup.read_code(packet):
                case startup.SSL_REQUEST:
                    await loop.sock_sendall(sock, b"S")
                    return await self._wrapped(sock, direct=False)
                case startup.GSS_REQUEST:
                    await loop.sock_sendall(sock, b"N")
                case startup.CANCEL_REQUEST:
                    self._cancel(packet)
                    sock.close()
                    return None
                case _:
                    refusal = NotLoggedIn("the gateway speaks TLS only", hint="set PGSSLMODE=verify-full")
                    await loop.sock_sendall(sock, frames.error(refusal, severity="FATAL"))
                    sock.close()
                    return None
        sock.close()
        return None

    async def _wrapped(self, sock: socket.socket, *, direct: bool) -> Side:
        side = Side()  # not what comes back: uvloop gives its own TLS protocol instead of ours
        await asyncio.get_running_loop().connect_accepted_socket(
            lambda: side, sock, ssl=self._tls, ssl_handshake_timeout=STARTUP_WITHIN / 2,
            ssl_shutdown_timeout=GOODBYE_WITHIN,
        )
        spoken = side.transport.get_extra_info("ssl_object").selected_alpn_protocol()
        if direct and spoken != "postgresql":
            side.abort()
            raise EOFError
        return side

    def _cancel(self, packet: bytes) -> None:
        wanted = startup.read_cancel(packet)
        self._house.sessions.cancel(wanted.pid, wanted.secret)

    # Inside TLS

    async def _admitted(self, side: Side, peer: str) -> Session | None:
        """A session that relays, or None when it was a cancel request."""
        packet = await side.read_packet(startup.LONGEST_STARTUP)
        if startup.read_code(packet) == startup.CANCEL_REQUEST:
            self._cancel(packet)
            return None
        asked = startup.read_startup(packet)
        version, say = startup.negotiate(asked.version, asked.unknown)
        side.write(say)
        lease = await self._authenticated(side, asked.user)
        task = asyncio.current_task()
        assert task is not None
        self._starting.remove(task)
        try:
            with self._room(lease):
                session = await self._opened(side, lease, asked, version, peer)
        except GovError as error:
            self._record_refusal(lease, error, peer)
            raise
        return session

    @contextmanager
    def _room(self, lease: Lease) -> Iterator[None]:
        """Room for one more session of `lease`. Raises LimitReached."""
        most = self._house.config.limits.sessions_per_lease
        if self._house.sessions.count(lease.id) + self._opening[lease.id] >= most:
            raise LimitReached(
                f"the lease has {most} sessions, as many as it may", hint="gov sessions; close one, or use a pool"
            )
        self._opening[lease.id] += 1
        try:
            yield
        finally:
            self._opening[lease.id] -= 1
            if not self._opening[lease.id]:
                del self._opening[lease.id]

    async def _authenticated(self, side: Side, user: str) -> Lease:
        """The live lease whose secret the client has proved to know.

        An unknown user goes through the same exchange, so that asking tells nothing.
        """
        lease = self._house.leases.by_role(user)
        verifier = Verifier.read(lease.verifier) if lease else self._decoy_for(user)
        side.write(frames.message(b"R", (10).to_bytes(4, "big") + f"{PLUS}\0{PLAIN}\0\0".encode()))
        mechanism, first = _initial(await _response(side))
        exchange = ServerExchange(verifier, secrets.token_urlsafe(18), mechanism, self._binding)
        challenge = exchange.challenge(first)
        side.write(frames.message(b"R", (11).to_bytes(4, "big") + challenge.encode()))
        final = exchange.verify(frames.utf8(await _response(side)))
        if final is None or lease is None:
            raise NotLoggedIn(
                f"no live lease has the user name `{user}` and this secret: it may have expired or been revoked",
                hint='eval "$(gov credentials TARGET --format env)"',
            )
        side.write(frames.message(b"R", (12).to_bytes(4, "big") + final.encode()))
        return lease

    def _decoy_for(self, user: str) -> Verifier:
        seed = sha256(self._decoy + user.encode()).digest()
        return Verifier(4096, seed[:16], sha256(seed + b"s").digest(), sha256(seed + b"k").digest())

    async def _opened(
        self, side: Side, lease: Lease, asked: startup.Startup, version: int, peer: str
    ) -> Session:
        house, target = self._house, self._house.target(lease.target)
        if asked.database not in (target.database, lease.target, asked.user):
            raise Denied(
                f"the lease is for database `{target.database}`, not `{asked.database}`",
                hint=f"connect with PGDATABASE={target.database}",
            )
        if not await target.intact(lease.role):
            raise Denied("the lease's role was changed on the target", hint=f"gov kill {lease.id}, then ask anew")
        name = asked.parameters.get("application_name", "")
        outcome, profile = await house.leases.current(lease)
        subject = Subject(
            lease.principal, target, house.environment(lease.target), lease.scope, outcome, profile.views, name,
            lease.purpose,
        )
        parameters = {**asked.parameters, "application_name": f"gov:{lease.id} {name}".strip()[:63]}
        link = await upstream.connect(target.upstream(lease.role, lease.id), parameters)
        try:
            key = secrets.token_bytes(32 if version >= startup.PROTOCOL_3_2 else 4)
            client = f"{name or 'client'} from {peer}"
            session_id = make_id(secrets.token_bytes(8))
            session = Session(house, lease, target, subject, side, link, session_id, key, client)
            session.judging.reads_otherwise = not READS_VALUES.isdisjoint(asked.parameters)
            self._record_opening(session, version)
            await session.learn()
        except BaseException:
            link.side.abort()
            raise
        house.sessions.add(session)
        side.write(_welcome(link, key))
        session.start()
        return session

    # The trail

    def _record_opening(self, session: Session, version: int) -> None:
        lease = session.lease
        self._house.trail.record(Entry("session.opened", self._house.clock(), {
            **who_fields(lease.principal), "session": session.id, "lease": lease.id, "target": lease.target,
            "environment": session.judging.subject.environment, "scope": lease.scope.value, "role": lease.role,
            "backend_pid": session.pid, "protocol": f"{version >> 16}.{version & 0xFFFF}",
            "tls": session.client.transport.get_extra_info("ssl_object").version(),
            "database": session.target.database, "client": session.peer, "application": session.judging.subject.client,
            "purpose": lease.purpose, "run": lease.run,
        }))

    def _record_refusal(self, lease: Lease, error: GovError, peer: str) -> None:
        self._house.trail.record(Entry("session.refused", self._house.clock(), {
            **who_fields(lease.principal), "lease": lease.id, "target": lease.target, "scope": lease.scope.value,
            "role": lease.role, "sqlstate": error.sqlstate, "client": peer, "because": error.what,
        }))

    def _record_end(self, session: Session) -> None:
        lease = session.lease
        self._house.trail.record(Entry("session.closed", self._house.clock(), {
            **who_fields(lease.principal), "session": session.id, "lease": lease.id, "target": lease.target,
            "scope": lease.scope.value, **session.summary(),
        }))


def _raise_descriptors() -> None:
    """As many file descriptors as we may have: a session needs two, and the usual first limit is 1,024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _welcome(link: upstream.Link, key: bytes) -> bytes:
    """AuthenticationOk, what the database says of itself, the gateway's own cancel key, and the first prompt."""
    statuses = b"".join(startup.parameter_status(name, value) for name, value in link.parameters.items())
    return frames.message(b"R", bytes(4)) + statuses + startup.key_data(link.pid, key) + frames.ready(IDLE)


async def _response(side: Side) -> bytes:
    kind, body = await side.read_message(startup.LONGEST_STARTUP)
    if kind != ord("p"):
        raise ProtocolError("a SASL response was due", hint="check the client library")
    return body


def _initial(body: bytes) -> tuple[str, str]:
    """Mechanism and client-first-message of a SASLInitialResponse."""
    cursor = frames.Cursor(body)
    mechanism = cursor.text()
    if mechanism not in (PLAIN, PLUS):
        raise ProtocolError(f"mechanism {mechanism} is not offered", hint="use SCRAM-SHA-256")
    return mechanism, frames.utf8(cursor.take(cursor.int32()))


async def _peek(sock: socket.socket) -> int:
    """The first byte, left where it is; -1 when the connection ended."""
    loop = asyncio.get_running_loop()
    while True:
        try:
            first = sock.recv(1, socket.MSG_PEEK)
            return first[0] if first else -1
        except BlockingIOError:
            ready = loop.create_future()
            loop.add_reader(sock, ready.set_result, None)
            try:
                await ready
            finally:
                loop.remove_reader(sock)


async def _packet(sock: socket.socket) -> bytes:
    """The body of a start-up packet, and not one byte behind it."""
    length = int.from_bytes(await _exactly(sock, 4), "big")
    if not 8 <= length <= startup.LONGEST_STARTUP:
        raise EOFError
    return await _exactly(sock, length - 4)


async def _exactly(sock: socket.socket, count: int) -> bytes:
    piece = b""
    while len(piece) < count:
        more = await asyncio.get_running_loop().sock_recv(sock, count - len(piece))
        if not more:
            raise EOFError
        piece += more
    return piece


def _end_point(pem: bytes) -> bytes:
    """Channel binding data `tls-server-end-point` of a certificate (RFC 5929, section 4)."""
    certificate = x509.load_pem_x509_certificate(pem)
    algorithm = certificate.signature_hash_algorithm
    name = algorithm.name if algorithm is not None else "sha256"
    chosen = {"sha384": hashes.SHA384(), "sha512": hashes.SHA512()}.get(name, hashes.SHA256())
    return certificate.fingerprint(chosen)
