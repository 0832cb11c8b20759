"""The client's bytes: cut into messages, heard in order, and kept while something is awaited."""

from __future__ import annotations

import asyncio
from collections import Counter
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gov.broker.inbox import AHEAD, PIECE, Inbox
from gov.broker.session import Session
from gov.control.config import Limits
from gov.errors import GovError
from gov.protocol import frames

SAID = [(ord("P"), b"a\0SELECT 1\0\0\0"), (ord("S"), b""), (ord("Q"), b"SELECT 2\0")]
BYTES = b"".join(frames.message(bytes((kind,)), body) for kind, body in SAID)


class World:
    """A session as its inbox knows it, which keeps what it is told. Made while the loop runs."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, bytes]] = []
        self.errors: list[GovError] = []
        self.pauses: Counter[str] = Counter()
        self.forwarded = b""
        self.replies = SimpleNamespace(copying=False, expected=[])
        client = SimpleNamespace(
            stuffed=False, pause=lambda why: self.pauses.update([why]), resume=lambda why: self.pauses.pop(why, None)
        )
        session = SimpleNamespace(
            id="ss-1", client=client, replies=self.replies, ending=None, fatal=self.errors.append,
            closed=asyncio.get_running_loop().create_future(), group=SimpleNamespace(hear=self.hear),
            link=SimpleNamespace(side=SimpleNamespace(write=self.forward)),
            house=SimpleNamespace(config=SimpleNamespace(limits=Limits())),
        )
        self.inbox = Inbox(cast(Session, session))

    def hear(self, kind: int, body: bytes) -> None:
        """What the group would do."""
        self.heard.append((kind, body))

    def forward(self, data: bytes) -> None:
        """What the target would get."""
        self.forwarded += data

    def take(self, data: bytes, size: int = 1 << 20) -> None:
        """The client's bytes come in pieces of `size`."""
        for at in range(0, len(data), size):
            self.inbox.take(memoryview(data[at : at + size]))


@pytest.mark.parametrize("size", [1, 3, 7, 1 << 20])
def test_messages_are_the_same_however_their_bytes_arrive(size: int) -> None:
    """A message is heard once it is whole, and each of them once."""

    async def play() -> None:
        world = World()
        world.take(BYTES, size)
        assert world.heard == SAID

    asyncio.run(play())


@pytest.mark.parametrize("size", [1, 3, 7, 1 << 20])
def test_copy_data_is_forwarded_as_it_comes(size: int) -> None:
    """It is not kept until a message of it is whole, and what is behind it is heard."""

    async def play() -> None:
        world = World()
        world.replies.copying = True
        data = frames.message(b"d", b"1\n" * 50) + frames.message(b"d", b"2\n")
        world.take(data + frames.message(b"c"), size)
        assert world.forwarded == data
        assert world.heard == [(ord("c"), b"")]

    asyncio.run(play())


def test_what_comes_behind_awaited_work_is_heard_after_it() -> None:
    """Also what came while it was awaited; too much of that stays with the client meanwhile."""

    async def play() -> None:
        world = World()
        much = bytes(Limits().pending_bytes)
        go: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        world.inbox.later(asyncio.wait_for(go, 30))
        world.take(BYTES)
        assert not world.pauses
        world.take(frames.message(b"Q", much))
        assert world.heard == []
        assert world.pauses["busy"]
        go.set_result(None)
        await asyncio.wait([cast(Any, world.inbox.busy)])
        assert world.heard == [*SAID, (ord("Q"), much)]
        assert not world.pauses

    asyncio.run(play())


def test_others_have_their_turn_between_many_messages() -> None:
    """So many are heard at once; the rest when the loop comes by again."""

    async def play() -> None:
        world = World()
        world.take(frames.message(b"S") * (PIECE + 1))
        assert len(world.heard) == PIECE
        await asyncio.sleep(0)
        assert len(world.heard) == PIECE + 1

    asyncio.run(play())


def test_a_client_that_is_far_ahead_waits_for_an_answer() -> None:
    """What it says next is heard once the database has answered something."""

    async def play() -> None:
        world = World()
        world.replies.expected += [None] * AHEAD
        world.take(BYTES)
        assert world.heard == []
        world.replies.expected.pop()
        world.inbox.answered()
        await asyncio.sleep(0)
        assert world.heard == SAID

    asyncio.run(play())


@pytest.mark.parametrize(("length", "overlong"), [(3, False), (1 << 31, True)])
def test_a_length_that_cannot_be_ends_the_session(length: int, overlong: bool) -> None:
    """It is known from the header alone; who is still sending is heard out."""

    async def play() -> None:
        world = World()
        world.take(b"Q" + length.to_bytes(4, "big"))
        assert [error.wire_state for error in world.errors] == ["08P01"]
        assert world.inbox.overlong is overlong

    asyncio.run(play())
