"""The limits of `broker.yaml`, each low: one more is answered in the protocol's own way."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import psycopg
import pytest

from gov.protocol import frames
from hostile.arena import Narrow, broker_of
from live.door import eventually
from live.wire import (
    PATIENCE,
    SSL_REQUEST,
    SYNC,
    Lease,
    Wire,
    authenticate,
    bind,
    dialled,
    encrypted,
    execute,
    named,
    parse,
    plain,
    run,
    startup_packet,
)

Leased = Callable[[str], Lease]


@pytest.fixture
def close(narrow_lease: Leased) -> Iterator[Wire]:
    """A session where there is little room."""
    with dialled(narrow_lease("alice")) as wire:
        yield wire


@contextmanager
def superuser(narrow: Narrow) -> Iterator[psycopg.Connection[Any]]:
    """The target, past the gateway."""
    with psycopg.connect(narrow.cluster.admin_dsn_of("shop"), autocommit=True) as admin:
        yield admin


def test_sessions_of_a_lease(narrow_lease: Leased) -> None:
    """The fifth of four hears 53300 at start-up; when one has left there is room again."""
    lease = narrow_lease("bob")
    with ExitStack() as stack:
        first, *_ = [stack.enter_context(dialled(lease)) for _ in range(4)]
        wire = encrypted(lease)
        with wire.socket:
            wire.send(startup_packet(named(lease)))
            said = authenticate(wire, lease)[-1]
        assert said.state == "53300"
        assert said.fields["S"] == "FATAL"
        assert "4 sessions" in said.fields["M"]
        assert "gov sessions" in said.fields["H"]
        first.send(frames.message(b"X"))
        assert first.to_the_end() == []
        with dialled(lease) as again:
            assert again.query("select 1").rows == [("1",)]


def test_prepared_statements_by_number(close: Wire) -> None:
    """The 51st is refused with 53400 until some are closed, by either protocol."""
    close.play(*(parse(f"select {number}", f"s{number}") for number in range(50)), SYNC)
    said = close.play(parse("select 50", "s50"), bind("s50"), execute(), SYNC)
    assert said.states == ["53400"]
    assert close.play(run("select 'unnamed'"), SYNC).states == ["53400"]
    assert close.query("select 'simple'").rows == [("simple",)]
    close.query("deallocate all")
    assert close.play(parse("select 50", "s50"), bind("s50"), execute(), SYNC).rows == [("50",)]


def test_prepared_statements_by_their_text(close: Wire) -> None:
    """64 KiB of text: the third of 30 KB is one too many, and a closed one makes room."""
    text = f"select '{'x' * 30_000}'"
    for name in ("a", "b"):
        assert close.play(parse(text, name), SYNC).states == []
    assert close.play(parse(text, "c"), SYNC).states == ["53400"]
    close.play(frames.message(b"C", b"Sa\0"), SYNC)
    assert close.play(parse(text, "c"), SYNC).states == []


def test_prepared_statements_of_sql(close: Wire) -> None:
    """PREPARE counts as well, and DEALLOCATE takes off."""
    for number in range(50):
        assert close.query(f"prepare s{number} as select {number}").states == []
    assert close.query("prepare s50 as select 50").states == ["53400"]
    close.query("deallocate s7")
    assert close.query("prepare s50 as select 50").states == []
    assert close.query("execute s50").rows == [("50",)]


def test_prepared_statements_of_sql_by_what_they_name(close: Wire) -> None:
    """What is remembered of a long PREPARE takes room, and DEALLOCATE gives it back."""
    long = "select id from customers where " + " and ".join(["id = 1"] * 60)
    for name in ("a", "b"):
        assert close.query(f"prepare {name} as {long}").states == []
    assert close.query(f"prepare c as {long}").states == ["53400"]
    close.query("deallocate a")
    assert close.query(f"prepare c as {long}").states == []
    assert close.query("execute c").rows == [("1",)]


def test_names_come_and_go_without_end(close: Wire) -> None:
    """A client that prepares and closes anew for each statement never meets the limit."""
    for number in range(120):
        close.query(f"prepare s{number} as select {number}")
        assert close.query(f"execute s{number}").rows == [(str(number),)]
        close.query(f"deallocate s{number}")


def test_portals(close: Wire) -> None:
    """In one transaction the 51st portal is refused; the transaction fails as with any error."""
    close.query("begin")
    close.play(parse("select 1", "s"), SYNC)
    said = close.play(*(bind("s", f"p{number}") for number in range(51)), SYNC)
    assert said.states == ["53400"]
    assert close.query("rollback").tags == ["ROLLBACK"]


def test_message_size(close: Wire) -> None:
    """A message beyond the limit ends the session with a message that names both numbers; CopyData has none."""
    assert close.query(f"select length('{'x' * 60_000}')").rows == [("60000",)]
    close.send(frames.build_query(b"select '" + b"x" * 70_000 + b"'"))
    said = close.one()
    assert said.state == "08P01"
    assert "70014" in said.fields["M"]
    assert "65536" in said.fields["M"]


def test_a_result_left_unread(narrow: Narrow, narrow_lease: Leased) -> None:
    """After a second without reading the session ends, at the database too, and the trail says why."""
    with superuser(narrow) as admin, dialled(narrow_lease("alice")) as wire:
        wire.send(frames.build_query(b"select repeat('x', 1000) from generate_series(1, 300000)"))
        eventually(admin, "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = %s", wire.pid)
        with suppress(OSError, EOFError):
            while wire.one().kind == "D":
                pass


def test_a_result_read_slowly_is_no_idleness(narrow_lease: Leased) -> None:
    """Whoever reads, if slowly, hears everything."""
    with dialled(narrow_lease("alice")) as wire:
        wire.send(frames.build_query(b"select repeat('x', 1000) from generate_series(1, 6000)"))
        rows, began = 0, time.monotonic()
        while (said := wire.one()).kind != "Z":
            assert said.kind != "E", said.fields
            rows += said.kind == "D"
            if rows % 500 == 0:
                time.sleep(0.15)
        assert rows == 6000
        assert time.monotonic() - began > 1


def test_those_who_never_finish(narrow: Narrow, narrow_lease: Leased) -> None:
    """A byte at a time, a handshake never ended, SCRAM never answered: closed when their time is up."""
    lease = narrow_lease("alice")
    hello = plain(lease)
    hello.sendall(SSL_REQUEST)
    assert hello.recv(1) == b"S"
    hello.sendall(bytes.fromhex("160301020001"))
    silent, half, asked = plain(lease), plain(lease), encrypted(lease)
    half.sendall(SSL_REQUEST[:5])
    asked.send(startup_packet(named(lease)))
    asked.one()
    slow = encrypted(lease)
    packet, deadline = iter(startup_packet(named(lease))), time.monotonic() + PATIENCE
    with ExitStack() as stack:
        for each in (hello, silent, half, asked.socket, slow.socket):
            stack.enter_context(each)
        with suppress(OSError):
            while time.monotonic() < deadline:
                slow.socket.sendall(bytes((next(packet),)))
                time.sleep(0.2)
        for bare in (hello, silent, half):
            bare.settimeout(PATIENCE)
            assert ended(bare)
        assert asked.to_the_end() == []
        assert slow.to_the_end() == []
    with dialled(lease) as wire:
        assert wire.query("select 1").rows == [("1",)]


def ended(sock: socket.socket) -> bool:
    """Whether the gateway closes it, in whatever way."""
    try:
        while sock.recv(1 << 16):
            pass
    except ConnectionError:
        pass
    return True


def test_half_open_connections_of_one_address_give_way(narrow: Narrow, narrow_lease: Leased) -> None:
    """One address has its own limit: who comes from another, even slowly, is not put out by it."""
    lease = narrow_lease("alice")
    elsewhere = socket.create_connection((lease["pghost"], lease["pgport"]), PATIENCE, source_address=("127.0.0.9", 0))
    before = broker_of(narrow).num_fds()
    with elsewhere, ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(plain(lease))
        with dialled(lease) as wire:
            assert wire.query("select 1").rows == [("1",)]
        assert broker_of(narrow).num_fds() - before < 60
        elsewhere.sendall(SSL_REQUEST)
        assert elsewhere.recv(1) == b"S"


def test_copy_data_has_no_such_limit(narrow: Narrow, narrow_lease: Leased) -> None:
    """One CopyData of a megabyte passes where other messages may have 64 KiB; one shorter than itself does not."""
    with dialled(narrow_lease("alice")) as wire:
        wire.send(frames.message(b"d", bytes(1 << 20)), SYNC)
        assert wire.until().kinds == "Z"
        wire.send(b"d" + struct.pack("!I", 3))
        assert wire.to_the_end().states == ["08P01"]
