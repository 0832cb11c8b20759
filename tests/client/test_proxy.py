"""What a client of the proxy is told when there is no way on. The way itself: `tests/live/test_proxy.py`."""

from __future__ import annotations

import asyncio
import struct
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from gov.client.endpoint import Endpoint, unix
from gov.client.leases import Leases
from gov.client.proxy import Proxy
from gov.control.access import LeaseGrant, LeaseView
from gov.errors import Denied, GovError, NotLoggedIn, Unavailable, Unreachable
from gov.protocol import frames, startup


@contextmanager
def serving(take: Callable[[], LeaseGrant], said: list[str]) -> Iterator[Endpoint]:
    """A proxy in a thread of its own."""
    ready, loop, over = threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    async def serve(endpoint: Endpoint) -> None:
        proxy = Proxy(endpoint, Leases(take), say=said.append)
        await proxy.start()
        ready.set()
        await over.wait()
        await proxy.stop(lambda: None)

    with tempfile.TemporaryDirectory(prefix="gov-") as directory, unix(Path(directory)) as endpoint:
        thread = threading.Thread(target=loop.run_until_complete, args=[serve(endpoint)])
        thread.start()
        try:
            assert ready.wait(20)
            yield endpoint
        finally:
            loop.call_soon_threadsafe(over.set)
            thread.join(20)
            loop.close()


def refused(endpoint: Endpoint) -> dict[str, str]:
    """The fields of the ErrorResponse that a client gets."""
    heard = asyncio.run(_told(endpoint, startup.build_startup("me", "me", {})))
    assert heard[:1] == b"E"
    return frames.read_error(heard[5:])


async def _told(endpoint: Endpoint, packet: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(str(endpoint.path))
    writer.write(packet)
    heard = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    return heard


@pytest.mark.parametrize(("trouble", "state"), [
    (Denied("no such lease for you", hint="gov targets"), "28000"),
    (NotLoggedIn("your login expired", hint="gov login"), "28000"),
    (Unreachable("the broker does not answer", hint="gov status"), "08006"),
    (Unavailable("the trail cannot be written", hint="gov status"), "58000"),
])  # fmt: skip
def test_no_lease_is_an_error_response(trouble: GovError, state: str) -> None:
    """A PostgreSQL error with the state of a failed connection, what happened and what helps; ours hears of it too."""

    def take() -> LeaseGrant:
        raise trouble

    said: list[str] = []
    with serving(take, said) as endpoint:
        fields = refused(endpoint)
        with pytest.raises(psycopg.OperationalError, match=trouble.what):
            psycopg.connect(host=endpoint.host, port=endpoint.port, user="me", dbname="me")

    assert (fields["S"], fields["C"], fields["M"], fields["H"]) == ("FATAL", state, trouble.what, trouble.hint)
    assert said == [f"a client was refused: {trouble.what}"] * 2


def test_a_gateway_that_is_not_there() -> None:
    """08006: libpq and drivers take it for what it is, a connection that failed."""
    with serving(lambda: leading_nowhere(), []) as endpoint:
        fields = refused(endpoint)

    assert (fields["C"], fields["M"]) == ("08006", "the gateway 127.0.0.1:1 does not answer")


@pytest.mark.parametrize("packet", [
    b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/1.1\r\n\r\n",
    struct.pack("!II", 8, 2 << 16), struct.pack("!II", 8, startup.SSL_REQUEST) * 4,
])  # fmt: skip
def test_what_is_no_postgresql_client(packet: bytes) -> None:
    """TLS at once, HTTP, protocol 2, endless requests for encryption: an ErrorResponse, and the end."""
    with serving(lambda: leading_nowhere(), []) as endpoint:
        heard = asyncio.run(_told(endpoint, packet))

    assert frames.read_error(heard.lstrip(b"N")[5:])["C"] == "08P01"


def leading_nowhere() -> LeaseGrant:
    """A lease on a gateway at which nobody listens."""
    view = LeaseView(
        id="ls-1", principal="alice", target="prod", scope="read", state="active", purpose="", reason="", rule="r",
        created_at="2030-01-01T00:00:00Z", expires_at="2030-01-01T01:00:00Z",
    )  # fmt: skip
    return LeaseGrant(
        lease=view, host="127.0.0.1", port=1, user="u", password="p", database="d", ca="", environment="e"
    )
