"""Broken conversations with a real broker: `python tests/hostile/fuzz.py --seeds 1000`.

Each seed takes a conversation that is right and breaks it: bytes flipped, cut, repeated, lengths that lie,
messages out of turn, or nothing but noise, at every phase from the first byte to an open transaction.
After each the broker must hold no less than before: a neighbour goes on, a new client gets in, and the
broker's log has no traceback. `--seed N` plays one seed again.
"""

from __future__ import annotations

import argparse
import os
import random
import socket
import ssl
import struct
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from gov.demo.process import clean_environment
from gov.demo.sign_in import sign_in
from gov.demo.stage import Stage
from gov.protocol import frames, startup
from hostile.arena import Watched, broker_of, neighbour
from live import door
from live.wire import (
    FLUSH,
    GSS_REQUEST,
    SSL_REQUEST,
    SYNC,
    Lease,
    authenticate,
    bind,
    close,
    describe,
    dialled,
    encrypted,
    execute,
    named,
    parse,
    plain,
    run,
    startup_packet,
)

Messages = list[bytes]
QUIET = 0.03
"""Seconds without a byte after which nothing more is waited for."""
SESSIONS: tuple[Messages, ...] = (
    [frames.build_query(b"select 1"), frames.build_query(b"select email from customers where id = 2")],
    [run("select $1::int", ["7"]), SYNC],
    [parse("select id from orders where id = $1", "s"), describe("S", "s"), FLUSH, bind("s", "p", ["3"]),
     execute("p", 1), execute("p"), close("P", "p"), SYNC, bind("s", "", ["4"]), execute(), SYNC,
     close("S", "s"), SYNC],
    [frames.build_query(b"begin"), run("select 1/0"), SYNC, frames.build_query(b"rollback")],
    [frames.build_query(b"copy orders (customer_id, amount, status) from stdin"),
     frames.message(b"d", b"1\t1\tx\n"), frames.message(b"d", b"2\t1\ty\n"), frames.message(b"f", b"no\0")],
    [frames.build_query(b"copy (select id from orders) to stdout"), run("declare c cursor for select 1"), SYNC],
    [frames.build_query(b"prepare q as select 1"), frames.build_query(b"execute q"),
     frames.build_query(b"discard all")],
    [run("delete from payments"), SYNC, frames.build_query(b"copy orders to program 'id'")],
    [frames.message(b"F", struct.pack("!ihhh", 1, 0, 0, 0)), run("set search_path = pg_catalog"), SYNC,
     frames.build_query(b"select 1; select 2; selec")],
    [run("select 1"), run("select 2"), FLUSH, frames.build_query(b"begin"), SYNC, frames.message(b"X")],
)


def broken(chance: random.Random, messages: Messages) -> bytes:
    """A conversation, not as it should be."""
    messages = list(messages)
    for _ in range(chance.randint(1, 3)):
        if messages:
            chance.choice(BREAKS)(chance, messages)
    return b"".join(messages)


def _flip(chance: random.Random, messages: Messages) -> None:
    at = chance.randrange(len(messages))
    data = bytearray(messages[at])
    for _ in range(chance.randint(1, 4)):
        if data:
            data[chance.randrange(len(data))] = chance.randrange(256)
    messages[at] = bytes(data)


def _cut(chance: random.Random, messages: Messages) -> None:
    at = chance.randrange(len(messages))
    messages[at] = messages[at][: chance.randint(0, len(messages[at]))]


def _lie(chance: random.Random, messages: Messages) -> None:
    at = chance.randrange(len(messages))
    length = chance.choice((0, 3, 4, 5, 8, 2**31 - 1, 2**31, 2**32 - 1, 1 << 24, (1 << 24) + 1, chance.randrange(300)))
    place = 1 if messages[at][:1].isalpha() else 0
    messages[at] = messages[at][:place] + struct.pack("!I", length) + messages[at][place + 4 :]


def _noise(chance: random.Random, messages: Messages) -> None:
    messages.insert(chance.randint(0, len(messages)), chance.randbytes(chance.choice((1, 5, 64, 4000))))


def _shuffle(chance: random.Random, messages: Messages) -> None:
    chance.shuffle(messages)


def _repeat(chance: random.Random, messages: Messages) -> None:
    at = chance.randrange(len(messages))
    messages[at:at] = [messages[at]] * chance.choice((1, 2, 200))


def _drop(chance: random.Random, messages: Messages) -> None:
    del messages[chance.randrange(len(messages))]


def _other(chance: random.Random, messages: Messages) -> None:
    kind = bytes((chance.choice((*b"QPBDECHSdcfFXpRZKE\0\xff", chance.randrange(256))),))
    messages.insert(chance.randint(0, len(messages)), frames.message(kind, chance.randbytes(chance.randrange(40))))


BREAKS: tuple[Callable[[random.Random, Messages], None], ...] = (
    _flip, _flip, _cut, _lie, _noise, _shuffle, _repeat, _drop, _other,
)


class Fuzz:
    """Broken conversations under one lease; what became of them is counted."""

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        self.ends: Counter[str] = Counter()

    def play(self, seed: int) -> None:
        """One conversation. However it ends is fine, as long as it does."""
        chance = random.Random(seed)
        phase = chance.choice(PHASES)
        try:
            how = phase(self, chance)
        except (EOFError, OSError) as error:
            how = type(error).__name__
        self.ends[f"{phase.__name__.strip('_')}: {how}"] += 1

    def _bare(self, chance: random.Random) -> str:
        cancel = startup.build_cancel(chance.randrange(1 << 16), chance.randbytes(4))
        with plain(self.lease) as bare:
            packet = startup_packet(named(self.lease))
            bare.sendall(broken(chance, [chance.choice((SSL_REQUEST, GSS_REQUEST, cancel, packet)), packet]))
            return _heard(bare)

    def _handshake(self, chance: random.Random) -> str:
        with plain(self.lease) as bare:
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="x")
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                bare.sendall(SSL_REQUEST)
                bare.recv(1)
            bare.sendall(broken(chance, [outgoing.read()]))
            return _heard(bare)

    def _startup(self, chance: random.Random) -> str:
        wire = encrypted(self.lease)
        with wire.socket:
            more = {chance.choice(("options", "replication", "client_encoding", "_pq_.x", "\xe9")): "\x01-c x=y'"}
            given = named(self.lease) | (more if chance.random() < 0.5 else {})
            wire.send(broken(chance, [startup_packet(given, chance.choice((3 << 16, 3 << 16 | 2, 1 << 30)))]))
            return _heard(wire.socket)

    def _scram(self, chance: random.Random) -> str:
        wire = encrypted(self.lease)
        with wire.socket:
            wire.send(startup_packet(named(self.lease)))
            wire.one()
            first = chance.choice((b"n,,n=,r=abc", b"y,,n=,r=abc", b"p=tls-server-end-point,,n=,r=\xff", b",,,,"))
            body = b"SCRAM-SHA-256\0" + struct.pack("!i", chance.choice((len(first), -1, 1 << 30))) + first
            final = frames.message(b"p", b"c=biws,r=abc,p=" + chance.randbytes(8))
            wire.send(broken(chance, [frames.message(b"p", body), final]))
            return _heard(wire.socket)

    def _session(self, chance: random.Random) -> str:
        wire = encrypted(self.lease)
        with wire.socket:
            wire.send(startup_packet(named(self.lease)))
            said = authenticate(wire, self.lease)
            if said[-1].kind != "Z":
                return said[-1].state
            conversation = [message for each in chance.sample(SESSIONS, 2) for message in each]
            data = broken(chance, conversation)
            for piece in _pieces(chance, data):
                wire.send(piece)
            if chance.random() < 0.3:
                return "left"
            how = _heard(wire.socket)
            if how == "quiet":
                wire.send(frames.message(b"X"))
            return how


PHASES: tuple[Callable[[Fuzz, random.Random], str], ...] = (
    Fuzz._bare, Fuzz._handshake, Fuzz._startup, Fuzz._scram, *[Fuzz._session] * 6,
)


def _pieces(chance: random.Random, data: bytes) -> list[bytes]:
    if chance.random() < 0.5:
        return [data]
    at = chance.randint(0, len(data))
    return [piece for piece in (data[:at], data[at:]) if piece]


def _heard(sock: socket.socket) -> str:
    """Read until the other side closes, or says nothing for a moment."""
    sock.settimeout(QUIET)
    try:
        while sock.recv(1 << 16):
            pass
    except TimeoutError:
        return "quiet"
    return "closed"


def traces(stage: Stage) -> list[str]:
    """Lines of the broker's log that tell of a bug."""
    log = (stage.directory / "log" / "broker.log").read_text(errors="replace")
    marks = ("Traceback", "never retrieved", "failed", "Fatal error", "exception")
    return [line for line in log.splitlines() if any(mark in line for mark in marks)]


def main() -> int:
    """Play seeds against a demo of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--seed", type=int, help="only this one")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gov-fuzz-") as directory:
        stage = Watched(Path(directory) / "demo")
        stage.up(lambda line: print(f"# {line}", file=sys.stderr))
        try:
            return _fuzzed(stage, [args.seed] if args.seed is not None else range(args.seeds))
        finally:
            stage.down()


def _fuzzed(stage: Watched, seeds: range | list[int]) -> int:
    path = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    leases = [
        door.credentials(clean_environment() | path | sign_in(stage, user), *more)
        for user, *more in (("alice", "--scope", "write", "--reason", "fuzz"), ("bob",))
    ]
    fuzz, process = Fuzz(leases[0]), broker_of(stage)
    with neighbour(leases[1]) as other:
        for seed in seeds[:50]:
            fuzz.play(seed)
        before = stage.look()
        for number, seed in enumerate(seeds[50:]):
            fuzz.play(seed)
            if number % 100 == 0:
                other.answers()
                with dialled(leases[0]) as wire:
                    assert wire.query("select 1").rows == [("1",)], seed
                assert not traces(stage), (seed, traces(stage))
    after = stage.look()
    assert process.is_running()
    print("\n".join(f"  {count:>6} {name}" for name, count in sorted(fuzz.ends.items())))
    print(f"{len(seeds)} seeds; broker {before.rss >> 20} -> {after.rss >> 20} MiB, {before.fds} -> {after.fds} fds, "
          f"{sum(before.tasks.values())} -> {sum(after.tasks.values())} tasks; the neighbour waited "
          f"{other.longest * 1000:.0f} ms at most in {len(other.waits)} statements")
    if found := traces(stage):
        print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
