"""The same conversation with the gateway and with PostgreSQL itself: what is heard is the same."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from gov.demo.stage import Stage
from gov.protocol import frames
from live.wire import (
    FLUSH,
    PATIENCE,
    SYNC,
    Lease,
    Wire,
    authenticate,
    bind,
    close,
    describe,
    dialled,
    execute,
    named,
    parse,
    startup_packet,
)

ROUNDS = 60
NAMES = ("", "a", "b")
TEXTS = (
    "select 1", "select 1/0", "select generate_series(1, 3)", "begin", "commit", "rollback", "savepoint s",
    "rollback to s", "copy (values (1), (2)) to stdout", "", "select nothing", "set geqo = on", "show geqo",
    "select count(*) from orders where id < 5", "declare c cursor for select 1", "fetch c", "close c",
)  # fmt: skip
FIN = frames.build_query(b"select 'fin'")


def message(chance: random.Random) -> bytes:
    """Something that a client may say; within a group no Query, which is a test of its own."""
    name, other, text = chance.choice(NAMES), chance.choice(NAMES), chance.choice(TEXTS)
    makers: list[tuple[int, Callable[[], bytes]]] = [
        (5, lambda: SYNC + frames.build_query(text.encode())),
        (4, lambda: parse(text, name)),
        (4, lambda: bind(name, other)),
        (2, lambda: describe(chance.choice("SP"), name)),
        (4, lambda: execute(name, chance.choice((0, 0, 1)))),
        (1, lambda: close(chance.choice("SP"), name)),
        (1, lambda: FLUSH),
        (4, lambda: SYNC),
    ]
    (made,) = chance.choices([maker for _, maker in makers], [weight for weight, _ in makers])
    return made()


@pytest.fixture
def direct(demo: Stage) -> Iterator[Wire]:
    """A session on the target, past the gateway."""
    at = urlsplit(demo.cluster.admin_dsn_of("shop"))
    who = {"pguser": at.username, "pgpassword": at.password, "pgdatabase": "shop"}
    wire = Wire(socket.create_connection((at.hostname, at.port), PATIENCE))
    wire.send(startup_packet(named(who)))
    assert authenticate(wire, who)[-1].kind == "Z"
    yield wire
    wire.close()


def said(wire: Wire, sent: bytes) -> list[Any]:
    """What is answered, group by group; of a group with an error that it has one, and how it ends.

    What a group says before its error may be left out: the gateway refuses a group as a whole when it knows
    that a part of it will fail.
    """
    wire.send(sent, SYNC, frames.build_query(b"rollback"), frames.build_query(b"deallocate all"), FIN)
    groups: list[Any] = []
    while True:
        heard = [each for each in wire.until() if each.kind not in "NS"]
        if any(each.kind == "E" for each in heard):
            groups.append(("E", heard[-1].body))
        else:
            groups.append([(each.kind, each.body if each.kind in "CDZd" else b"") for each in heard])
        if any(each.kind == "D" and each.body.endswith(b"fin") for each in heard):
            return groups


def test_conversations_are_the_same(reader: Lease, direct: Wire) -> None:
    """Sixty conversations of a few messages each, always the same sixty."""
    with dialled(reader) as governed:
        for seed in range(ROUNDS):
            chance = random.Random(seed)
            sent = b"".join(message(chance) for _ in range(chance.randint(2, 9)))

            assert said(governed, sent) == said(direct, sent), (seed, sent)
