"""Does the broker keep anything? `python tests/bench/soak.py --minutes 10 --connections 100`.

Many connections do everything that clients do, well-behaved and otherwise, under leases of which some
expire or are killed meanwhile. What the broker and PostgreSQL hold is looked at every few seconds and
printed. At the end all of it must be gone again: sessions, sockets, tasks, backends, roles; and memory
must be flat. Exit status 1 when it is not. `--plant task|socket|memory` makes the broker leak, to see
that this is noticed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

sys.path.insert(0, str(Path(__file__).parents[1]))

from gov.client.api import Broker
from gov.control.access import Kill, LeaseAsk, LeaseGrant
from gov.control.requests import ApproveAsk, DenyAsk
from gov.demo.process import clean_environment
from gov.demo.sign_in import sign_in
from gov.errors import GovError
from hostile.arena import PLANT, Seen, Watched

SHORT = 40
"""Seconds that leases last which are to expire meanwhile."""
LARGE = "select repeat('x', 1000) from generate_series(1, 20000)"
"""20 MB."""
LONG = "select count(*) from generate_series(1, 200000000)"
HELD = "delete from payments"
SLACK = 16 << 20
"""Bytes that memory may grow by from the first half's end on: caches fill, and pages break into pieces."""
SETTLE = 60.0
"""Seconds for all to be gone once the clients are."""

Connection = psycopg.Connection[Any]


def main() -> int:
    """Soak, print the series and a verdict."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--connections", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=float, default=15, help="seconds between two looks")
    parser.add_argument("--pause", type=float, default=0.5, help="seconds, at most, between two actions of a client")
    parser.add_argument("--plant", choices=("task", "socket", "memory"), help="make the broker leak this")
    args = parser.parse_args()
    if args.plant:
        os.environ[PLANT] = args.plant
    with tempfile.TemporaryDirectory(prefix="gov-soak-") as directory, standing(Path(directory) / "demo") as stage:
        return Soak(stage, args).run()


@contextmanager
def standing(directory: Path) -> Iterator[Watched]:
    """A demo of its own, gone afterwards."""
    stage = Watched(directory)
    stage.up(lambda line: print(f"# {line}", file=sys.stderr))
    try:
        yield stage
    finally:
        stage.down()


@dataclass(frozen=True)
class Look:
    """What is held at one moment."""

    at: float
    broker: Seen
    sessions: int
    backends: int
    roles: int


@dataclass
class Leases:
    """Leases that are live, so that each client finds one; a new one is asked for when one has ended."""

    brokers: Mapping[str, Broker]
    live: dict[str, LeaseGrant] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, kind: str) -> LeaseGrant:
        """A lease of a kind: user, scope and TTL, with slashes, and a number to have several."""
        with self.lock:
            if kind not in self.live:
                user, scope, ttl, _ = kind.split("/")
                ask = LeaseAsk(target="prod", scope=scope, ttl=int(ttl) if ttl else None, reason="soak", purpose="soak")
                self.live[kind] = self.brokers[user].lease(ask)
            return self.live[kind]

    def drop(self, kind: str, grant: LeaseGrant) -> None:
        """It opens nothing any more."""
        with self.lock:
            if self.live.get(kind) is grant:
                del self.live[kind]


class Soak:
    """One run."""

    def __init__(self, stage: Watched, args: argparse.Namespace) -> None:
        self.stage, self.args = stage, args
        environments = {
            name: clean_environment() | sign_in(stage, name) for name in ("alice", "bob", "dave", "etl")
        }
        self.brokers = {name: Broker.current(environment) for name, environment in environments.items()}
        self.leases = Leases(self.brokers)
        self.done: Counter[str] = Counter()
        """What happened, by name; refusals with their SQLSTATE."""
        self.stop = threading.Event()
        self.admin = psycopg.connect(stage.cluster.admin_dsn_of("shop"), autocommit=True)
        self.ca = str(stage.ca_file)
        self.began = time.monotonic()

    def run(self) -> int:
        """The exit status."""
        self._warm()
        before = self._look()
        looks: list[Look] = []
        threads = [threading.Thread(target=self._client, args=(n,)) for n in range(self.args.connections)]
        threads += [threading.Thread(target=work) for work in (self._approver, self._operator)]
        print(f"{'s':>5} {'rss MiB':>8} {'fds':>5} {'tasks':>5} {'objects':>8} {'sessions':>8} {'backends':>8} "
              f"{'roles':>5} {'done':>7}")
        self._print(before)
        for thread in threads:
            thread.start()
        until = time.monotonic() + 60 * self.args.minutes
        while time.monotonic() < until:
            self.stop.wait(min(self.args.every, max(0.0, until - time.monotonic())))
            looks.append(self._look())
            self._print(looks[-1])
        self.stop.set()
        for thread in threads:
            thread.join(120)
        late = [thread.name for thread in threads if thread.is_alive()]
        after = self._settled(before)
        self._print(after)
        print("\n".join(f"  {count:>7} {name}" for name, count in sorted(self.done.items())))
        return self._verdict(before, looks, after, late)

    def _warm(self) -> None:
        """Once through everything that is made at the first use and kept."""
        chance = random.Random(0)
        for kind in ("alice/read//0", "alice/write//0", "dave/read//0", "bob/read//0", "etl/read//0"):
            with self._connected(self.leases.get(kind)) as connection:
                for act in (point, large, copied_out, refused):
                    with contextlib.suppress(psycopg.Error):
                        act(self, connection, chance)

    # Looking

    def _look(self) -> Look:
        return Look(
            time.monotonic() - self.began, self.stage.look(), len(self.brokers["bob"].sessions(all=True)),
            self._number("SELECT count(*) FROM pg_stat_activity WHERE usename ~ '^gov_[lo]_'"),
            self._number("SELECT count(*) FROM pg_roles WHERE rolname ~ '^gov_[lo]_'"),
        )

    def _number(self, query: str) -> int:
        row = self.admin.execute(query.encode()).fetchone()
        assert row is not None
        return int(row[0])

    def _print(self, look: Look) -> None:
        seen = look.broker
        print(
            f"{look.at:>5.0f} {seen.rss / (1 << 20):>8.1f} {seen.fds:>5} {sum(seen.tasks.values()):>5}"
            f" {seen.objects:>8} {look.sessions:>8} {look.backends:>8} {look.roles:>5} {self.done.total():>7}",
            flush=True,
        )

    def _settled(self, before: Look) -> Look:
        """How it is once every client is gone and every lease is ended."""
        for user in self.brokers:
            with contextlib.suppress(GovError):
                self.brokers["bob"].kill(Kill(user=user))
        deadline = time.monotonic() + SETTLE
        while True:
            look = self._look()
            if not leaks(before, look) or time.monotonic() > deadline:
                return look
            time.sleep(1)

    def _verdict(self, before: Look, looks: list[Look], after: Look, late: list[str]) -> int:
        found = leaks(before, after)
        half = [look.broker.rss for look in looks[len(looks) // 2 :]]
        quarter = max(1, len(half) // 2)
        early, end = sum(half[:quarter]) / quarter, sum(half[-quarter:]) / quarter
        print(f"memory, mean of the third quarter and of the last: {early / (1 << 20):.1f}, {end / (1 << 20):.1f} MiB")
        if end - early > SLACK:
            found.append(f"memory grew by {(end - early) / (1 << 20):.1f} MiB in the second half")
        found += [f"a client hangs: {name}" for name in late]
        for kind in ("held approved", "held denied", "held withdrawn", "cancelled", "kill", "left amid", "expired"):
            if not self.done[kind] and self.args.minutes >= 5:
                found.append(f"never happened: {kind}")
        bugs = [name for name in self.done if name.startswith("bug")]
        found += bugs
        print("verdict: " + ("; ".join(found) if found else "nothing is kept, and memory is flat"))
        return 1 if found else 0

    # Who does something

    def _client(self, number: int) -> None:
        """A person or program who connects, does a few things and leaves, again and again."""
        chance = random.Random(self.args.seed * 1000 + number)
        while not self.stop.is_set():
            kind = chance.choice(KINDS)
            try:
                grant = self.leases.get(kind)
            except GovError as error:
                self.done[f"no lease: {error.code}"] += 1
                self.stop.wait(1)
                continue
            try:
                self._session(grant, kind, chance)
            except psycopg.Error as error:
                self._ended(kind, grant, error)
            except Exception as error:
                self.done[f"bug in the harness: {type(error).__name__}: {error}"] += 1

    def _session(self, grant: LeaseGrant, kind: str, chance: random.Random) -> None:
        with self._connected(grant) as connection:
            for _ in range(chance.randint(1, 30)):
                if self.stop.is_set():
                    return
                acts = ACTS + (WRITES if "/write/" in kind else ())
                act = chance.choices([act for act, _ in acts], [weight for _, weight in acts])[0]
                try:
                    if act(self, connection, chance) is LEFT:
                        return
                except psycopg.Error as error:
                    if connection.closed:
                        raise
                    self.done[f"refused {error.sqlstate}"] += 1
                    connection.rollback()
                self.stop.wait(chance.random() * self.args.pause)

    @contextmanager
    def _connected(self, grant: LeaseGrant) -> Iterator[Connection]:
        connection = psycopg.connect(
            host=grant.host, port=grant.port, user=grant.user, password=grant.password, dbname=grant.database,
            sslmode="verify-full", sslrootcert=self.ca, autocommit=True, connect_timeout=60,
        )  # fmt: skip
        try:
            yield connection
        finally:
            connection.close()

    def _ended(self, kind: str, grant: LeaseGrant, error: psycopg.Error) -> None:
        """A session could not begin, or ended from outside."""
        text = str(error)
        if "expired" in text or "no live lease" in text or "lease" in text:
            self.leases.drop(kind, grant)
            self.done["expired" if "expired" in text else "lease gone"] += 1
        elif "killed" in text or "ended" in text:
            self.done["session ended"] += 1
        else:
            self.done[f"connection: {text.splitlines()[0][:100] if text else type(error).__name__}"] += 1

    def _approver(self) -> None:
        """Bob answers what is held: yes, no, or not at all."""
        chance, broker, seen = random.Random(self.args.seed), self.brokers["bob"], set[str]()
        while not self.stop.wait(0.5):
            with contextlib.suppress(GovError):
                for request in broker.requests(all=True):
                    if request.state != "pending" or request.id in seen:
                        continue
                    seen.add(request.id)
                    roll = chance.random()
                    if roll < 0.4:
                        broker.approve(request.id, ApproveAsk())
                    elif roll < 0.8:
                        broker.deny(request.id, DenyAsk(reason="not now"))

    def _operator(self) -> None:
        """Dave ends a session now and then, and seldom a lease."""
        chance, broker = random.Random(self.args.seed + 1), self.brokers["dave"]
        while not self.stop.wait(4):
            with contextlib.suppress(GovError):
                sessions = broker.sessions(all=True)
                if not sessions:
                    continue
                victim = chance.choice(sessions)
                if chance.random() < 0.2:
                    broker.end_lease(victim.lease)
                else:
                    broker.end_session(victim.id)
                self.done["kill"] += 1


def leaks(before: Look, after: Look) -> list[str]:
    """What is there afterwards and was not before; nobody has a lease at either time but for those of `before`."""
    found = [
        f"{name}: {now}" for name, now in
        (("sessions", after.sessions), ("backends", after.backends), ("roles", after.roles)) if now
    ]
    # The API keeps connections of the harness open, and those come and go.
    if after.broker.fds > before.broker.fds + 8:
        found.append(f"file descriptors: {before.broker.fds} before, {after.broker.fds} after")
    for name, count in after.broker.tasks.items():
        if count > before.broker.tasks.get(name, 0) + (8 if "uvicorn" in name or "RequestResponse" in name else 0):
            found.append(f"tasks of {name}: {before.broker.tasks.get(name, 0)} before, {count} after")
    return found


# What clients do

LEFT = object()
Act = Callable[[Soak, Connection, random.Random], object]


def point(soak: Soak, connection: Connection, chance: random.Random) -> object:
    """A person by key, with masks."""
    connection.execute("select * from customers where id = %s", [chance.randint(1, 1000)]).fetchall()
    soak.done["point"] += 1
    return None


def literal(soak: Soak, connection: Connection, chance: random.Random) -> object:
    """A text that nobody has sent before."""
    text = sql.SQL("select email, {} as x from customers where id = {}")
    connection.execute(text.format(chance.random(), chance.randint(1, 1000))).fetchall()
    soak.done["literal"] += 1
    return None


def large(soak: Soak, connection: Connection, chance: random.Random) -> object:
    """20 MB."""
    with connection.cursor() as cursor:
        for _ in cursor.stream(LARGE):
            pass
    soak.done["large"] += 1
    return None


def copied_out(soak: Soak, connection: Connection, chance: random.Random) -> object:
    """All customers by COPY."""
    with connection.cursor() as cursor, cursor.copy("copy (select id, email from customers) to stdout") as copy:
        for _ in copy:
            pass
    soak.done["copy out"] += 1
    return None


def refused(soak: Soak, connection: Connection, chance: random.Random) -> object:
    """What policy denies."""
    connection.execute("copy orders to program 'id'")
    return None


def broken(soak: Soak, connection: Connection, chance: random.Random) -> object:
    """What the database refuses, in a transaction."""
    with connection.transaction():
        connection.execute("select 1")
        connection.execute("select 1/0")
    return None


def prepared(soak: Soak, connection: Connection, chance: random.Random) -> object:
    """A pipeline of prepared statements."""
    with connection.pipeline():
        for _ in range(10):
            connection.execute("select id from orders where id = %s", [chance.randint(1, 100)], prepare=True)
    soak.done["pipeline"] += 1
    return None


def cancelled(soak: Soak, connection: Connection, chance: random.Random) -> object:
    """Ctrl-C during a long statement."""
    timer = threading.Timer(0.2, connection.cancel)
    timer.start()
    try:
        connection.execute(LONG)
    except psycopg.errors.QueryCanceled:
        soak.done["cancelled"] += 1
    finally:
        timer.cancel()
    return None


def left_amid(soak: Soak, connection: Connection, chance: random.Random) -> object:
    """Hang up in the middle of a result."""
    connection.pgconn.send_query(LARGE.encode())
    connection.pgconn.flush()
    time.sleep(0.05)
    connection.close()
    soak.done["left amid"] += 1
    return LEFT


def held(soak: Soak, connection: Connection, chance: random.Random) -> object:
    """A statement that waits for Bob, and is withdrawn when he does not answer."""
    timer = threading.Timer(3, connection.cancel)
    timer.start()
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(HELD)
        soak.done["held approved"] += 1
    except psycopg.errors.InsufficientPrivilege:
        soak.done["held denied"] += 1
    except psycopg.errors.QueryCanceled:
        soak.done["held withdrawn"] += 1
    finally:
        timer.cancel()
    return None


def left_held(soak: Soak, connection: Connection, chance: random.Random) -> object:
    """Hang up while a statement waits."""
    connection.pgconn.send_query(HELD.encode())
    connection.pgconn.flush()
    time.sleep(0.2)
    connection.close()
    soak.done["left held"] += 1
    return LEFT


def written(soak: Soak, connection: Connection, chance: random.Random) -> object:
    """An insert and an update, kept."""
    with connection.transaction():
        row = connection.execute(
            "insert into orders (customer_id, amount, status) values (%s, 1, 'soak') returning id",
            [chance.randint(1, 1000)],
        ).fetchone()
        assert row is not None
        connection.execute("update orders set amount = amount + 1 where id = %s", [row[0]])
        connection.execute("delete from orders where id = %s", [row[0]])
    soak.done["written"] += 1
    return None


def copied_in(soak: Soak, connection: Connection, chance: random.Random) -> object:
    """A thousand rows by COPY, rolled back."""
    with (
        connection.transaction(force_rollback=True), connection.cursor() as cursor,
        cursor.copy("copy orders (customer_id, amount, status) from stdin") as copy,
    ):
        for number in range(1000):
            copy.write_row((number + 1, 1, "soak"))
    soak.done["copy in"] += 1
    return None


ACTS: tuple[tuple[Act, int], ...] = (
    (point, 40), (literal, 20), (large, 2), (copied_out, 3), (refused, 5), (broken, 5), (prepared, 5),
    (cancelled, 2), (left_amid, 2),
)
WRITES: tuple[tuple[Act, int], ...] = ((written, 15), (copied_in, 3), (held, 6), (left_held, 1))
KINDS = (
    "alice/read//0", "alice/read//1", "alice/write//0", "alice/write//1", "dave/read//0", "bob/read//0", "etl/read//0",
    f"alice/read/{SHORT}/2", f"dave/read/{SHORT}/1", f"etl/read/{SHORT}/1", f"alice/write/{SHORT}/3",
)

if __name__ == "__main__":
    sys.exit(main())
