"""How a connection begins, byte by byte: encryption, versions, authentication, and what is turned away."""

from __future__ import annotations

import socket
import ssl
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gov.protocol import frames, startup
from gov.protocol.scram import PLAIN, PLUS
from live.door import credentials, gov
from live.wire import (
    GSS_REQUEST,
    PATIENCE,
    SSL_REQUEST,
    SYNC,
    Lease,
    Wire,
    authenticate,
    dialled,
    encrypted,
    named,
    plain,
    run,
    startup_packet,
    trust,
)


def test_nothing_goes_without_tls(reader: Lease) -> None:
    """A start-up packet in the clear is answered with one fatal error, and no word of authentication."""
    wire = Wire(plain(reader))
    wire.send(startup_packet(named(reader)))
    said = wire.to_the_end()

    assert said.kinds == "E"
    assert said.error["S"] == "FATAL"
    assert said.error["C"] == "28000"
    assert "TLS" in said.error["M"]


def test_gss_is_declined_and_tls_follows(reader: Lease) -> None:
    """GSSENCRequest is answered N on a connection that then takes SSLRequest, as libpq asks by default."""
    bare = plain(reader)
    bare.sendall(GSS_REQUEST)
    assert bare.recv(1) == b"N"
    bare.sendall(SSL_REQUEST)
    assert bare.recv(1) == b"S"
    wire = Wire(trust(reader).wrap_socket(bare, server_hostname=reader["pghost"]))
    wire.send(startup_packet(named(reader)))

    assert authenticate(wire, reader)[-1].kind == "Z"


def test_direct_tls(reader: Lease) -> None:
    """TLS at once, with ALPN `postgresql`, as `sslnegotiation=direct` has it."""
    context = trust(reader)
    context.set_alpn_protocols(["postgresql"])
    wire = Wire(context.wrap_socket(plain(reader), server_hostname=reader["pghost"]))
    wire.send(startup_packet(named(reader)))

    assert authenticate(wire, reader)[-1].kind == "Z"
    assert wire.query("select 1").rows == [("1",)]


def test_direct_tls_without_alpn_ends(reader: Lease) -> None:
    """Without ALPN a direct handshake may be another protocol's (the ALPACA attack): nothing is answered."""
    wire = Wire(trust(reader).wrap_socket(plain(reader), server_hostname=reader["pghost"]))
    assert not wire.to_the_end()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_old_tls_is_refused(reader: Lease) -> None:
    """TLS 1.1 is no longer spoken."""
    bare = plain(reader)
    bare.sendall(SSL_REQUEST)
    bare.recv(1)
    context = trust(reader)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        context.wrap_socket(bare, server_hostname=reader["pghost"])


def test_bytes_before_tls_are_not_heard_inside(reader: Lease) -> None:
    """What is sent in the clear right behind SSLRequest never counts as sent in TLS (CVE-2021-23214)."""
    bare = plain(reader)
    bare.sendall(SSL_REQUEST + startup_packet(named(reader)))
    assert bare.recv(1) == b"S"
    with pytest.raises((ssl.SSLError, ConnectionError)):
        trust(reader).wrap_socket(bare, server_hostname=reader["pghost"])


@pytest.mark.parametrize(("asked", "spoken", "key"), [
    (startup.PROTOCOL_3_0, None, 4),
    (startup.PROTOCOL_3_2, None, 32),
    ((3 << 16) | 9999, startup.PROTOCOL_3_2, 32),
])  # fmt: skip
def test_versions(reader: Lease, asked: int, spoken: int | None, key: int) -> None:
    """3.0 and 3.2 are spoken, a newer minor is answered with the newest we know; 3.2 has long cancel keys."""
    wire = encrypted(reader)
    wire.send(startup_packet(named(reader), asked))
    said = authenticate(wire, reader)
    offered = [struct.unpack_from("!II", each.body) for each in said if each.kind == "v"]

    assert offered == ([] if spoken is None else [(spoken, 0)])
    assert len(wire.secret) == key
    assert wire.query("select 1").tags == ["SELECT 1"]


def test_unknown_protocol_options_are_named(reader: Lease) -> None:
    """`_pq_.` options that nobody here knows are listed in NegotiateProtocolVersion, and the session goes on."""
    wire = encrypted(reader)
    wire.send(startup_packet(named(reader) | {"_pq_.shiny": "1"}, startup.PROTOCOL_3_2))
    said = authenticate(wire, reader)
    (negotiated,) = [each for each in said if each.kind == "v"]

    assert negotiated.body == struct.pack("!II", startup.PROTOCOL_3_2, 1) + b"_pq_.shiny\0"
    assert said[-1].kind == "Z"


@pytest.mark.parametrize("packet", [
    struct.pack("!II", 8, 2 << 16),
    struct.pack("!II", 8, 4 << 16),
    struct.pack("!II", 9, 3 << 16) + b"\0",
    struct.pack("!II", 12, 3 << 16) + b"user",
    struct.pack("!II", 14, 3 << 16) + b"user\0\0",
    struct.pack("!I", 10_001) + bytes(9_997),
    struct.pack("!I", 0x7FFFFFFF),
    struct.pack("!I", 3),
], ids=["version 2", "version 4", "no user", "no end", "no value", "too long", "huge", "too short"])  # fmt: skip
def test_malformed_startup_ends(reader: Lease, packet: bytes) -> None:
    """Start-up packets that are none get a fatal error at most, and the connection ends."""
    wire = encrypted(reader)
    wire.send(packet)
    said = wire.to_the_end()

    assert said.kinds in ("E", "")
    assert all(each.fields["S"] == "FATAL" for each in said)


@pytest.mark.parametrize(("name", "value"), [
    ("replication", "database"), ("replication", "true"), ("options", "-c session_preload_libraries=x"),
    ("options", "-c role=shop_owner"), ("options", "--standard_conforming_strings=off"), ("options", "-B 64"),
    ("standard_conforming_strings", "off"), ("session_authorization", "shop_owner"), ("client_encoding", "SJIS"),
    ("options", "-c local_preload_libraries=x"), ("options", r"-c client_encoding\=LATIN1"), ("role", "postgres"),
])  # fmt: skip
def test_parameters_that_do_not_pass(reader: Lease, name: str, value: str) -> None:
    """Whatever could change what statements mean, or who runs them, is refused before the session."""
    wire = encrypted(reader)
    wire.send(startup_packet(named(reader) | {name: value}))
    said = authenticate(wire, reader)

    assert said.error["S"] == "FATAL"
    assert said.error["C"] in ("42501", "0A000", "08P01")


def test_parameters_that_pass(reader: Lease) -> None:
    """What drivers set at start-up arrives, and RESET goes back to it."""
    given = {"application_name": "a test", "DateStyle": "German", "TimeZone": "Asia/Tokyo", "options": "-c geqo=off"}
    with dialled(reader, **given) as wire:
        assert wire.query("show datestyle").rows == [("German, DMY",)]
        assert wire.query("show timezone").rows == [("Asia/Tokyo",)]
        assert wire.query("show geqo").rows == [("off",)]
        wire.query("set timezone = 'UTC'; reset timezone")
        assert wire.query("show timezone").rows == [("Asia/Tokyo",)]
        assert wire.parameters["application_name"] == f"gov:{reader['lease']} a test"


def test_wrong_secret_and_unknown_user_look_alike(reader: Lease) -> None:
    """Both go through the whole exchange and end in the same words, so that asking tells nothing."""
    said = []
    for wrong in (reader | {"pgpassword": "guess"}, reader | {"pguser": "gov_l_nobody_000000000000"}):
        wire = encrypted(reader)
        wire.send(startup_packet(named(wrong)))
        heard = authenticate(wire, wrong)
        assert heard.error["C"] == "28000"
        assert heard.error["S"] == "FATAL"
        said.append((heard.kinds, heard.error["M"].replace(wrong["pguser"], "USER")))

    assert said[0] == said[1]


@pytest.mark.parametrize("user", ["postgres", "gov_broker", "shop_owner"])
def test_real_roles_are_no_users(reader: Lease, user: str) -> None:
    """The gateway knows leases only; roles of the target are nobody here."""
    wire = encrypted(reader)
    wire.send(startup_packet(named(reader) | {"user": user}))

    assert authenticate(wire, reader).error["C"] == "28000"


def test_another_database_is_refused(reader: Lease) -> None:
    """A lease opens its target's database and no other of the same server."""
    wire = encrypted(reader)
    wire.send(startup_packet(named(reader) | {"database": "postgres"}))

    assert authenticate(wire, reader).error["C"] == "42501"


@pytest.mark.parametrize("first", [
    frames.message(b"Q", b"select 1\0"),
    frames.message(b"p", b"SCRAM-SHA-1\0" + bytes(4)),
    frames.message(b"p", PLAIN.encode() + b"\0" + struct.pack("!i", -1)),
    frames.message(b"p", PLAIN.encode() + b"\0" + struct.pack("!i", 99) + b"n,,n=,r=x"),
    frames.message(b"p", PLAIN.encode() + b"\0" + struct.pack("!i", 11) + b"y,,n=,r=abc"),
    frames.message(b"p", PLUS.encode() + b"\0" + struct.pack("!i", 11) + b"n,,n=,r=abc"),
    frames.message(b"p", b"password\0"),
    b"p" + struct.pack("!I", 0x7FFFFFFF),
], ids=["a query", "SHA-1", "no data", "short data", "stripped", "downgraded", "password", "huge"])  # fmt: skip
def test_broken_authentication_ends(reader: Lease, first: bytes) -> None:
    """Nothing but a SCRAM exchange leads in, and nobody in between can take channel binding away."""
    wire = encrypted(reader)
    wire.send(startup_packet(named(reader)))
    wire.one()
    wire.send(first)
    said = wire.to_the_end()

    assert said.kinds in ("E", "")
    assert b"Z" not in said.kinds.encode()


def test_a_killed_lease_is_refused(reader: Lease, as_user: Callable[[str], dict[str, str]], tmp_path: Path) -> None:
    """`gov kill LEASE` ends its sessions with 57P01, and who comes with it afterwards hears 28000."""
    bob = as_user("bob")
    lease = credentials(bob)
    with dialled(lease) as wire:
        assert wire.query("select 1").rows == [("1",)]
        gov(bob, "kill", lease["lease"])
        said = wire.to_the_end()
        assert said.states == ["57P01"]
        assert said.error["S"] == "FATAL"
        late = encrypted(lease)
        late.send(startup_packet(named(lease)))

        assert authenticate(late, lease).states == ["28000"]


def test_one_byte_at_a_time(reader: Lease) -> None:
    """A whole conversation, each byte in a packet of its own, is the same conversation."""
    wire = encrypted(reader)
    wire.trickle(startup_packet(named(reader)))
    assert authenticate(wire, reader, trickle=True)[-1].kind == "Z"
    wire.trickle(frames.build_query(b"select email from customers where id = 1"))
    simple = wire.until()
    wire.trickle(run("select email from customers where id = $1", ["1"]) + SYNC)
    extended = wire.until()
    wire.trickle(frames.build_query(b"copy (select ssn from customers where id = 1) to stdout"))
    copied = wire.until()

    assert simple.kinds == "TDCZ"
    assert extended.kinds == "12TDCZ"
    assert simple.rows == extended.rows == [("s***@e***.com",)]
    assert [each.body for each in copied if each.kind == "d"] == [b"[redacted]\n"]


@pytest.mark.parametrize("many", [200, 400])
def test_half_open_connections_do_not_stop_others(reader: Lease, many: int) -> None:
    """Hundreds who connect and say nothing, or half of something, keep nobody out."""
    silent = [plain(reader) for _ in range(many)]
    try:
        for each in silent[:100:2]:
            each.sendall(SSL_REQUEST[:5])
        began = time.monotonic()
        with dialled(reader) as wire:
            assert wire.query("select 1").rows == [("1",)]
        assert time.monotonic() - began < PATIENCE
    finally:
        for each in silent:
            each.close()


def test_a_cancel_with_a_wrong_key_does_nothing(wire: Wire) -> None:
    """Only who has a session's key can cancel in it."""
    right, wire.secret = wire.secret, bytes(4)
    wire.send(run("select count(*) from orders a, generate_series(1, 20) b"), SYNC)
    wire.cancel()
    assert wire.until().tags == ["SELECT 1"]
    wire.secret = right


def test_cancel_inside_tls(reader: Lease) -> None:
    """A CancelRequest that comes through TLS, as new libpq sends it, works as the bare one."""
    with dialled(reader) as wire:
        wire.send(frames.build_query(b"select count(*) from orders a, orders b"))
        time.sleep(0.3)
        other = encrypted(reader)
        other.send(startup.build_cancel(wire.pid, wire.secret))
        assert wire.until().states == ["57014"]
        assert wire.query("select 1").rows == [("1",)]


def test_a_shut_socket_is_no_crash(reader: Lease) -> None:
    """Connections that break off at any point of start-up leave the gateway as it was."""
    whole = startup_packet(named(reader))
    for cut in (0, 1, 4, len(whole) - 1):
        wire = encrypted(reader)
        wire.send(whole[:cut])
        wire.socket.shutdown(socket.SHUT_RDWR)
        wire.close()
    with dialled(reader) as wire:
        assert wire.query("select 1").rows == [("1",)]
