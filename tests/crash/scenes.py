"""What people do while something breaks: each scene is one of them, in a thread of its own.

A statement carries a mark of its own in its text, so that it can be found again in the server's log, in the
data and in the trail. A claim says what its client knows of it.
"""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg

from crash.stage import FAILURES, Stage
from gov.control.access import Kill, LeaseAsk, LeaseGrant
from gov.control.requests import ApproveAsk, Submit, UnmaskAsk
from gov.lease import names
from gov.terms import LeaseId


@dataclass(slots=True)
class Claim:
    """One statement as its client knows it."""

    mark: str
    kind: str
    """`read`, `write`, `ddl`, `slate` or `vault`: where its effect would be."""
    approvers: int = 0
    """How many must have said yes."""
    bounded: bool = False
    """Whether it was approved for fewer rows than it would change, so that it must leave nothing."""
    heard: bool = False
    """Whether the client heard that it was done, and, in a transaction, that this was committed."""


@dataclass
class Play:
    """One seed's players and what they know."""

    stage: Stage
    seed: int
    chance: random.Random
    claims: list[Claim] = field(default_factory=list)
    noted: list[str] = field(default_factory=list)
    """What went wrong for whom: for a person who looks into a seed."""
    over: threading.Event = field(default_factory=threading.Event)
    _open: set[psycopg.Connection[Any]] = field(default_factory=set)
    _threads: list[threading.Thread] = field(default_factory=list)

    def claim(self, kind: str, **more: Any) -> Claim:
        """A fresh mark."""
        tail = f"{self.chance.randrange(1 << 16):04x}"
        made = Claim(f"mk_{self.seed}_{len(self.claims)}_{tail}", kind, **more)
        self.claims.append(made)
        return made

    def begin(self, scene: str) -> threading.Thread:
        """Let somebody play `scene`."""
        chance = random.Random(self.chance.random())

        def run() -> None:
            try:
                SCENES[scene](self, chance)
            except FAILURES as error:
                self.noted.append(f"{scene}: {type(error).__name__}: {str(error).strip()[:200]}")

        thread = threading.Thread(target=run, daemon=True, name=scene)
        self._threads.append(thread)
        thread.start()
        return thread

    def side(self, work: Callable[[], object]) -> threading.Thread:
        """Something that one of them does meanwhile."""

        def run() -> None:
            try:
                work()
            except FAILURES as error:
                self.noted.append(f"beside: {type(error).__name__}: {str(error).strip()[:200]}")

        thread = threading.Thread(target=run, daemon=True, name="beside")
        self._threads.append(thread)
        thread.start()
        return thread

    def end(self) -> bool:
        """Everybody goes home; False when somebody does not."""
        self.over.set()
        deadline = time.monotonic() + 1.0
        for thread in list(self._threads):
            thread.join(max(0, deadline - time.monotonic()))
        for connection in list(self._open):
            cut(connection)
        for thread in list(self._threads):
            thread.join(20)
        return not any(thread.is_alive() for thread in self._threads)

    @contextmanager
    def session(self, grant: LeaseGrant) -> Iterator[psycopg.Connection[Any]]:
        """A session that is cut when the play is over."""
        connection = self.stage.connect(grant)
        self._open.add(connection)
        try:
            yield connection
        finally:
            self._open.discard(connection)
            with suppress(psycopg.Error):
                connection.close()

    def lease(self, scope: str, **more: Any) -> LeaseGrant:
        """Alice's."""
        return self.stage.person("alice").lease(LeaseAsk(target="prod", scope=scope, **more))

    def done_with(self, grant: LeaseGrant, chance: random.Random) -> None:
        """Mostly the lease is given back, and sometimes left."""
        if chance.random() < 0.7:
            self.stage.person("alice").end_lease(grant.lease.id)


def cut(connection: psycopg.Connection[Any]) -> None:
    """The client is gone, without a word."""
    with suppress(psycopg.Error, OSError):
        sock = socket.socket(fileno=socket.dup(connection.fileno()))
        with sock:
            sock.shutdown(socket.SHUT_RDWR)


def reads(play: Play, chance: random.Random) -> None:
    """Statements that change nothing, in both protocols."""
    grant = play.lease("read")
    with play.session(grant) as session:
        for _ in range(3):
            claim = play.claim("read")
            query = f"SELECT email, '{claim.mark}' FROM customers WHERE id < 4"
            if chance.random() < 0.5:
                session.execute(query.encode()).fetchall()
            else:
                session.execute(f"{query} AND id > %s".encode(), (chance.randrange(3),)).fetchall()
            claim.heard = True
    play.done_with(grant, chance)


def writes(play: Play, chance: random.Random) -> None:
    """Rows, one by one and in a transaction."""
    grant = play.lease("write")
    with play.session(grant) as session:
        for _ in range(2):
            claim = play.claim("write")
            session.execute(f"INSERT INTO marks VALUES ('{claim.mark}')".encode())
            claim.heard = True
        claims = [play.claim("write") for _ in range(2)]
        with session.transaction():
            for claim in claims:
                session.execute(f"INSERT INTO marks SELECT '{claim.mark}' WHERE %s".encode(), (True,))
        for claim in claims:
            claim.heard = True
    play.done_with(grant, chance)


def expires(play: Play, chance: random.Random) -> None:
    """A lease of one second, with a transaction open at its end."""
    grant = play.lease("write", ttl=1)
    with play.session(grant) as session:
        session.execute(b"BEGIN")
        claim = play.claim("write")
        session.execute(f"INSERT INTO marks VALUES ('{claim.mark}')".encode())
        for _ in range(40):
            if play.over.wait(0.1):
                return
            session.execute(b"SELECT 1")


def killed(play: Play, chance: random.Random) -> None:
    """A lease with sessions in use, and some that just begin, ended by an operator."""
    grant = play.lease("write")
    with play.session(grant) as session:
        session.execute(b"BEGIN")
        claim = play.claim("write")
        session.execute(f"INSERT INTO marks VALUES ('{claim.mark}')".encode())
        for _ in range(2):
            play.side(lambda: _knocking(play, grant))
        play.stage.person("bob").kill(Kill(id=grant.lease.id))


def killed_user(play: Play, chance: random.Random) -> None:
    """Everything of a user, held statements too, ended by an operator."""
    play.side(lambda: writes(play, chance))
    grant = play.lease("read")
    claim = play.claim("slate", approvers=1)
    with play.session(grant) as session:
        play.side(lambda: _executed(session, f"UPDATE slate SET note = note || '{claim.mark};'", claim))
        bob = play.stage.person("bob")
        _asked(play, claim, 2.0)
        bob.kill(Kill(user="alice"))


def blocked(play: Play, chance: random.Random) -> None:
    """A statement that waits for a lock: its backend does not hear that its client is gone."""
    grant = play.lease("write")
    claim = play.claim("gate")
    with play.session(grant) as session:
        _executed(session, f"INSERT INTO gate VALUES ('{claim.mark}')", claim)


def _knocking(play: Play, grant: LeaseGrant) -> None:
    """Come in again and again, as pools do."""
    for _ in range(20):
        if play.over.is_set():
            return
        with play.session(grant) as session:
            session.execute(b"SELECT 1")
            play.over.wait(0.05)


def _executed(session: psycopg.Connection[Any], text: str, claim: Claim) -> None:
    session.execute(text.encode())
    claim.heard = True


def _asked(play: Play, claim: Claim, patience: float = 10.0) -> str | None:
    """The request for the claim's statement, once somebody entitled sees it."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and not play.over.is_set():
        for request in play.stage.person("bob").requests():
            if claim.mark in request.statement and request.state == "pending":
                return request.id
        time.sleep(0.03)
    return None


def _approves(play: Play, claim: Claim, *people: str, max_rows: int | None = None) -> None:
    if (request := _asked(play, claim)) is not None:
        for each in people:
            play.stage.person(each).approve(request, ApproveAsk(max_rows=max_rows))


def alters(play: Play, chance: random.Random) -> None:
    """A change of a table with a masked view, approved and run one-shot as the owner."""
    grant = play.lease(chance.choice(("read", "write")))
    claim = play.claim("ddl", approvers=1)
    with play.session(grant) as session:
        play.side(lambda: _approves(play, claim, "bob"))
        _executed(session, f"ALTER TABLE customers ALTER COLUMN note SET DEFAULT '{claim.mark}'", claim)
    play.done_with(grant, chance)


def lends(play: Play, chance: random.Random) -> None:
    """DML beyond a read lease, approved for so many rows, run one-shot with the write profile."""
    grant = play.lease("read")
    few = chance.random() < 0.3
    claim = play.claim("slate", approvers=1, bounded=few)
    with play.session(grant) as session:
        play.side(lambda: _approves(play, claim, "bob", max_rows=1 if few else 10))
        text = f"UPDATE slate SET note = note || '{claim.mark};'"
        if chance.random() < 0.5:
            _executed(session, text, claim)
        else:
            session.execute(f"{text[:-1]}' || %s".encode(), (";",))
            claim.heard = True
    play.done_with(grant, chance)


def pairs(play: Play, chance: random.Random) -> None:
    """What two people must approve, run in the session of a write lease."""
    grant = play.lease("write")
    claim = play.claim("vault", approvers=2)
    with play.session(grant) as session:
        play.side(lambda: _approves(play, claim, *chance.sample(("bob", "dave"), 2)))
        _executed(session, f"UPDATE vault SET note = note || '{claim.mark};'", claim)
    play.done_with(grant, chance)


def submits(play: Play, chance: random.Random) -> None:
    """Asked for without waiting, approved, then two sessions at once want to spend it."""
    alice = play.stage.person("alice")
    claim = play.claim("slate", approvers=1)
    text = f"UPDATE slate SET note = note || '{claim.mark};'"
    asked = alice.submit(Submit(target="prod", scope="read", statement=text))
    assert asked.request is not None
    play.stage.person("bob").approve(asked.request, ApproveAsk())
    grant = play.lease("read", request=asked.request)
    with play.session(grant) as one, play.session(grant) as two:
        both = [play.side(lambda each=each: _executed(each, text, claim)) for each in (one, two)]  # type: ignore[misc]
        while all(each.is_alive() for each in both) and not play.over.wait(0.02):
            pass
        for each in both:
            each.join(0.3)
        for session in (one, two):
            cut(session)
    play.done_with(grant, chance)


def unmasks(play: Play, chance: random.Random) -> None:
    """A mask lifted by approval, for which two leases are asked at once: one of them is had, and reads the column."""
    asked = play.stage.person("alice").unmask(UnmaskAsk(target="prod", columns=["customers.email"]))
    assert asked.request is not None
    play.stage.person("bob").approve(asked.request, ApproveAsk())
    had: list[LeaseGrant] = []

    def ask() -> None:
        with suppress(*FAILURES):
            had.append(play.lease("read", request=asked.request))

    for each in [play.side(ask), play.side(ask)]:
        each.join(10.0)
    assert len(had) <= 1, "one approval gave two leases"
    for grant in had:
        claim = play.claim("read")
        with play.session(grant) as session:
            _executed(session, f"SELECT email FROM customers WHERE id = 1 AND '{claim.mark}' <> ''", claim)
            cut(session)
        play.done_with(grant, chance)


def left_over(play: Play, chance: random.Random) -> None:
    """Roles that no lease owns, one of them in use, as a crash of long ago would have left them."""
    installed = play.stage.installation
    broker = f"host=127.0.0.1 port={play.stage.cluster.port} user=broker password=broker dbname=shop"
    with psycopg.connect(broker, autocommit=True) as connection:
        for kind in ("lease", "one-shot"):
            unique = f"{chance.randrange(1 << 48):012x}".replace("0", "a").replace("1", "b")
            lease = names.lease_role(installed, LeaseId(f"ls-{unique}"))
            role = lease if kind == "lease" else names.one_shot_role(installed, unique)
            marker = names.Marker(installed, "prod", kind, f"ls-{unique}")  # type: ignore[arg-type]
            connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'left'".encode())
            connection.execute(f"COMMENT ON ROLE {role} IS '{marker.encode()}'".encode())
    left = broker.replace("user=broker password=broker", f"user={role} password=left")
    for _ in range(4):
        play.side(lambda: _storming(left))
    _storming(left)


def _storming(dsn: str) -> None:
    """Come back at once, whenever one is thrown out; a fence is an end of it."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        with suppress(psycopg.errors.AdminShutdown), psycopg.connect(dsn, autocommit=True) as session:
            while time.monotonic() < deadline:
                session.execute(b"SELECT 1")
                time.sleep(0.01)


def restarts(play: Play, chance: random.Random) -> None:
    """The broker is killed in the middle of everything, and what is armed awaits the next one as it starts."""
    for scene in chance.sample(("writes", "alters", "submits", "pairs"), 2):
        play.begin(scene)
    play.over.wait(chance.uniform(0.05, 0.6))
    play.stage.kill_broker()
    play.stage.start_broker()


SCENES: dict[str, Callable[[Play, random.Random], None]] = {
    "reads": reads, "writes": writes, "expires": expires, "killed": killed, "killed-user": killed_user,
    "alters": alters, "lends": lends, "pairs": pairs, "submits": submits, "left-over": left_over, "blocked": blocked,
    "restarts": restarts, "unmasks": unmasks,
}  # fmt: skip
