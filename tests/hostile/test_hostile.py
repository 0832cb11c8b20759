"""What is sent to hurt: a clear error for whoever sent it, and nobody else notices; the broker stays small."""

from __future__ import annotations

import json
import random
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
import pytest

from gov.demo.stage import Stage
from gov.protocol import frames
from hostile.arena import broker_of, neighbour
from hostile.fuzz import Fuzz, traces
from live.door import eventually, gov
from live.wire import (
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

ROOM = 96 << 20
"""Bytes that the broker may grow by in one of these tests; each sends or asks for far more where it can."""
SLOW = frames.build_query(b"select count(*) from generate_series(1, 300000000)")
LARGE = "select repeat('x', 1000) from generate_series(1, 300000)"
"""300 MB."""


@pytest.fixture
def unharmed(demo: Stage, other: Lease) -> Iterator[None]:
    """While the test runs a neighbour's session goes on, and the broker hardly grows and reports no bug."""
    broker, known = broker_of(demo), len(traces(demo))
    before = broker.memory_info().rss
    with neighbour(other):
        yield
    assert broker.memory_info().rss - before < ROOM
    assert traces(demo)[known:] == []


pytestmark = pytest.mark.usefixtures("unharmed")


def gets_in(lease: Lease) -> bool:
    """Whether a new session answers."""
    with dialled(lease) as wire:
        return wire.query("select 1").rows == [("1",)]


def end(sock: socket.socket) -> bytes:
    """Everything until the gateway closes."""
    heard = b""
    try:
        while more := sock.recv(1 << 16):
            heard += more
    except (ConnectionError, ssl.SSLError):
        pass
    return heard


# Rubbish


def noise(seed: int) -> bytes:
    """As many random bytes as it takes, the first of them being no TLS record."""
    return b"\x99" + random.Random(seed).randbytes(3000)


@pytest.mark.parametrize("seed", range(2))
def test_noise_ends_the_connection_at_every_phase(reader: Lease, seed: int) -> None:
    """Random bytes before TLS, as TLS, as start-up, as SCRAM and in a session: the gateway closes."""
    with plain(reader) as bare:
        bare.sendall(noise(seed))
        assert end(bare) == b""
    with plain(reader) as bare:
        bare.sendall(SSL_REQUEST)
        assert bare.recv(1) == b"S"
        bare.sendall(noise(seed))
        assert b"M" not in end(bare)[:1]
    for before in ([], [startup_packet(named(reader))]):
        wire = encrypted(reader)
        with wire.socket:
            wire.send(*before, noise(seed))
            said = wire.to_the_end()
            assert said[-1].fields["S"] == "FATAL"
            assert said[-1].state == "08P01"
    with dialled(reader) as wire:
        wire.send(noise(seed))
        assert wire.to_the_end().states == ["08P01"]


@pytest.mark.parametrize("length", [0, 3, (1 << 24) + 1, 1 << 31, (1 << 32) - 1])
def test_a_length_that_cannot_be_ends_the_session(reader: Lease, length: int) -> None:
    """Shorter than itself, negative, or more than a message may have: 08P01 before anything is kept."""
    wire = encrypted(reader)
    with wire.socket:
        wire.send(struct.pack("!I", length) + b"\0\3\0\0")
        assert wire.to_the_end().states == ["08P01"]
    with dialled(reader) as wire:
        wire.send(b"Q" + struct.pack("!I", length) + b"select 1\0")
        said = wire.one()
        assert said.state == "08P01"
        assert str(length) in said.fields["M"]


def test_whoever_sends_too_much_hears_why(wire: Wire) -> None:
    """The error is there behind 20 MB that were sent in one go, and not lost in a reset."""
    wire.send(frames.build_query(b"select '" + b"x" * 20_000_000 + b"'"))
    said = wire.one()
    assert said.state == "08P01"
    assert "20000014" in said.fields["M"]


def test_mutated_conversations(demo: Stage, writer: Lease) -> None:
    """A sample of `fuzz.py`: no broken conversation costs anybody else anything."""
    fuzz = Fuzz(writer)
    for seed in range(30):
        fuzz.play(seed)
    assert fuzz.ends.total() == 30
    assert gets_in(writer)


# Half open


def test_two_thousand_that_only_connect(demo: Stage, reader: Lease) -> None:
    """Whoever opens thousands of connections, bare or inside TLS, keeps nobody out, and few stay open."""
    broker = broker_of(demo)
    before = broker.num_fds()
    with ExitStack() as stack:
        for _ in range(1900):
            stack.enter_context(plain(reader))
        for _ in range(100):
            stack.enter_context(encrypted(reader).socket)
        assert gets_in(reader)
        assert broker.num_fds() - before < 600


# Overload


@contextmanager
def stuffed(lease: Lease, first: bytes, data: bytes) -> Iterator[Wire]:
    """A session that sends `first` and then `data` again and again until nothing more is taken, reading nothing."""
    with dialled(lease) as wire:
        wire.socket.settimeout(0.5)
        deadline = time.monotonic() + 1.5
        try:
            wire.send(first)
            while time.monotonic() < deadline:
                wire.socket.sendall(data)
        except (OSError, ssl.SSLError):
            pass
        yield wire


@pytest.mark.parametrize(("first", "data"), [
    (SLOW, SYNC * 10_000),
    (SLOW, frames.build_query(b"select 1") * 4000),
    (b"", frames.build_query(b"copy orders to program 'id'") * 2000),
    (b"", frames.build_query(LARGE.encode()) * 1000),
    (parse("select 1", "s"), bind("s") * 5000),
    (b"", b"".join(parse("select 1", f"s{number}") for number in range(3000))),
], ids=["syncs", "queries", "refusals", "results", "binds", "parses"])  # fmt: skip
def test_what_is_sent_ahead_is_not_piled_up(reader: Lease, first: bytes, data: bytes) -> None:
    """A client that sends and sends and reads nothing is made to wait; others are not, and memory stays."""
    with stuffed(reader, first, data):
        assert gets_in(reader)


def test_a_result_that_nobody_reads(
    demo: Stage, reader: Lease, admin: psycopg.Connection[Any], as_user: Callable[[str], dict[str, str]]
) -> None:
    """It waits in the database, not in the broker, and the session can be ended all the same."""
    with dialled(reader) as wire:
        wire.send(frames.build_query(LARGE.encode()))
        eventually(admin, "SELECT wait_event = 'ClientWrite' FROM pg_stat_activity WHERE pid = %s", wire.pid)
        (session,) = [
            each["id"] for each in json.loads(gov(as_user("alice"), "sessions", "--json"))
            if each["backend_pid"] == wire.pid
        ]
        gov(as_user("alice"), "kill", session)
        eventually(admin, "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = %s", wire.pid)


# What statements can do to whoever reads them


DEEP = {
    "operators": "select " + "1+" * 30_000 + "1",
    "parentheses": "select " + "(" * 90_000 + "1" + ")" * 90_000,
    "subqueries": "select * from " + "(select * from " * 2000 + "customers" + ") x" * 2000,
    "scalar subqueries": "select " + ",".join("(select max(id) from orders)" for _ in range(2000)),
    "unions": "select 1" + " union all select id from orders where false" * 3000,
    "with": "with " + ",".join(f"c{n} as (select * from orders)" for n in range(1000)) + " select 1 from c1",
    "many statements": ";".join("select 1 from customers where false" for _ in range(3000)),
    "ten megabytes": "select '" + "x" * 10_000_000 + "'",
    "a long list": "select id from orders where id in (" + ",".join(map(str, range(30_000))) + ")",
}


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_deep_and_long_statements(reader: Lease, text: str) -> None:
    """They run, or get an error that says that they are too much; the session lives on."""
    with dialled(reader) as wire:
        wire.socket.settimeout(60)
        said = wire.query(text)
        assert set(said.states) <= {"54001", "54011", "42P16"}
        assert wire.query("select 'usable'").rows == [("usable",)]


def test_thousands_of_prepared_statements(wire: Wire) -> None:
    """Three thousand in one session, and each still is what it was."""
    for start in range(0, 3000, 500):
        wire.play(*(parse(f"select {number}", f"s{number}") for number in range(start, start + 500)), SYNC)
    for number in (0, 1234, 2999):
        assert wire.play(bind(f"s{number}"), execute(), SYNC).rows == [(str(number),)]


@pytest.mark.parametrize("count", [1, 1000, 65_535])
def test_a_bind_with_parameters_that_nobody_wants(wire: Wire, count: int) -> None:
    """The database's own error, and the session lives on."""
    tail = struct.pack("!HH", 0, count) + struct.pack("!i", -1) * count + struct.pack("!H", 0)
    said = wire.play(parse("select 1"), frames.build_bind(b"", b"", tail), execute(), SYNC)
    assert said.states == ["08P01"]
    assert wire.query("select 'usable'").rows == [("usable",)]


def test_parameters_up_to_the_protocols_limit(wire: Wire) -> None:
    """As many as PostgreSQL takes do go through."""
    count = 30_000
    text = "select " + "+".join(f"${number}::int" for number in range(1, 1000))
    said = wire.play(parse(text), bind(values=["1"] * 999), execute(), SYNC)
    assert said.rows == [("999",)]
    wide = f"select count(*) from orders where id in ({','.join(f'${n}' for n in range(1, count + 1))})"
    said = wire.play(parse(wide), bind(values=["-1"] * count), execute(), SYNC)
    assert said.rows == [("0",)]


def test_parameters_that_are_short_of_what_they_announce(reader: Lease) -> None:
    """A Bind that ends before its values do is a broken message, and PostgreSQL's and our answer is 08P01."""
    for tail in (b"", struct.pack("!HH", 0, 5), struct.pack("!HHi", 0, 1, 1 << 30), struct.pack("!HHi", 0, 1, -7)):
        with dialled(reader) as wire:
            wire.send(parse("select $1::text"), frames.build_bind(b"", b"", tail), SYNC)
            assert "08P01" in wire.until("ZE").states


# Text that is none


@pytest.mark.parametrize("raw", [b"select '\xff'", b"select '\xc3'", b"select '\xed\xa0\x80'", b"\xfe\xfeselect 1"])
def test_what_is_not_utf8(wire: Wire, raw: bytes) -> None:
    """22021 as PostgreSQL says it, in both protocols and in a parameter, and the session lives on."""
    assert wire.play(frames.build_query(raw)).states == ["22021"]
    assert wire.play(frames.build_parse(b"", raw, bytes(2)), bind(), execute(), SYNC).states == ["22021"]
    tail = struct.pack("!HHi", 0, 1, 1) + b"\xff" + struct.pack("!H", 0)
    assert wire.play(parse("select $1::text"), frames.build_bind(b"", b"", tail), execute(), SYNC).states == ["22021"]
    assert wire.query("select 'usable'").rows == [("usable",)]


def test_nul_bytes(wire: Wire) -> None:
    """Behind a NUL nothing is hidden: the message is broken, as for PostgreSQL."""
    assert wire.play(frames.build_query(b"select 1\0; drop table orders")).states == ["08P01"]
    tail = struct.pack("!HHi", 0, 1, 3) + b"a\0b" + struct.pack("!H", 0)
    assert wire.play(parse("select $1::text"), frames.build_bind(b"", b"", tail), execute(), SYNC).states == ["22021"]
    assert wire.query("select 'usable'").rows == [("usable",)]


@pytest.mark.parametrize("name", ["LATIN1", "SJIS", "SQL_ASCII", "nonsense"])
def test_foreign_encodings_are_refused_by_name(reader: Lease, wire: Wire, name: str) -> None:
    """At start-up and by SET, with what to do instead."""
    new = encrypted(reader)
    with new.socket:
        new.send(startup_packet(named(reader) | {"client_encoding": name}))
        (said,) = authenticate(new, reader)
        assert name in said.fields["M"]
        assert "UTF8" in said.fields["H"]
    for text in (f"set client_encoding to '{name}'", f"select set_config('client_encoding', '{name}', false)",
                 f"set names '{name}'"):
        assert wire.query(text).states in (["42501"], ["0A000"]), text
    assert wire.query("show client_encoding").rows == [("UTF8",)]


def test_long_and_strange_names(reader: Lease) -> None:
    """Start-up parameters of any length and script are refused or taken, and the next client comes in."""
    for more in ({"application_name": "é" * 4000}, {"application_name": "a\nb\x1b[31m"}, {"user": "x" * 9000},
                 {"options": "-c " * 3000}, {"options": "'"}, {"ünïcode": "1"}, {"search_path": '"' * 500}):
        wire = encrypted(reader)
        with wire.socket:
            wire.send(startup_packet(named(reader) | more))
            assert authenticate(wire, reader)[-1].kind in "ZE"
    assert gets_in(reader)


def test_too_large_a_startup_packet(reader: Lease) -> None:
    """PostgreSQL's own limit, 10,000 bytes, and nothing is kept of more."""
    wire = encrypted(reader)
    with wire.socket:
        wire.send(startup_packet(named(reader) | {"application_name": "x" * 11_000}))
        assert wire.to_the_end().states == ["08P01"]
    with plain(reader) as bare:
        bare.sendall(struct.pack("!I", 11_000) + bytes(11_000))
        assert end(bare) == b""


def test_it_runs_all_the_same(wire: Wire) -> None:
    """After all that: a masked row, as ever."""
    assert wire.play(run("select email from customers where id = 1"), SYNC).rows
