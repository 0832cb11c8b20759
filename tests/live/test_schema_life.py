"""Tables change under people who read them, through the gateway and past it, and nobody reads what is masked."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from gov.demo.stage import Stage
from live import door

Environment = Callable[[str], dict[str, str]]
Connection = psycopg.Connection[Any]
CANARY = "canary-123-45-6789"


@pytest.fixture
def people(admin: Connection, as_user: Environment) -> Iterator[str]:
    """The name of a table of this test's own, with ten people whose `ssn` is masked."""
    name = f"people_{uuid4().hex[:8]}"
    admin.execute(f"CREATE TABLE public.{name} (id int PRIMARY KEY, ssn text, city text, old int DEFAULT 7)")
    admin.execute(f"INSERT INTO public.{name} SELECT n, '{CANARY}', 'city ' || n FROM generate_series(1, 10) AS n")
    admin.execute(f"ALTER TABLE public.{name} OWNER TO shop_owner")
    door.gov(as_user("bob"), "broker", "sync", "prod")
    yield name
    admin.execute(f"DROP TABLE IF EXISTS public.{name} CASCADE")
    door.gov(as_user("bob"), "broker", "sync", "prod")


@pytest.fixture
def changed(as_user: Environment, approve: Callable[..., object]) -> Callable[[str], None]:
    """Call it with a DDL statement: alice asks for it, Bob says yes, alice has it run."""

    def change(statement: str) -> None:
        alice = as_user("alice")
        words = ["gov", "exec", "prod", "-c", statement, "--no-wait"]
        asked = subprocess.run(words, env=alice, capture_output=True, text=True, timeout=door.PATIENCE)
        assert asked.returncode == 6, asked.stderr
        request = json.loads(asked.stdout)["request"]
        approve(request)
        door.gov(alice, "exec", "prod", "--request", request)

    return change


@contextmanager
def connected(as_user: Environment, **options: Any) -> Iterator[Connection]:
    """A session of Alice's in read scope, under a lease that is live now."""
    lease = door.credentials(as_user("alice"))
    with psycopg.connect(**door.parameters(lease), autocommit=True, **options) as session:
        yield session


class Readers:
    """Sessions of one lease that read all the time, each in another way, until told to stop."""

    def __init__(self, as_user: Environment, queries: Sequence[tuple[str, dict[str, Any]]]) -> None:
        self.errors: list[str] = []
        self.rows: list[set[Any]] = [set() for _ in queries]
        self._rounds = [0 for _ in queries]
        self._stop = threading.Event()
        lease = door.parameters(door.credentials(as_user("alice")))
        self._threads = [
            threading.Thread(target=self._read, args=(number, lease, query, options))
            for number, (query, options) in enumerate(queries)
        ]

    def _read(self, number: int, lease: dict[str, Any], query: str, options: dict[str, Any]) -> None:
        try:
            with psycopg.connect(**lease, autocommit=True, **options) as session:
                while not self._stop.is_set():
                    self.rows[number].update(session.execute(query.encode()).fetchall())
                    self._rounds[number] += 1
        except psycopg.Error as error:
            self.errors.append(f"{query}: {error}")

    def round(self) -> None:
        """Wait until each has read anew, twice, so that it has begun after this was called."""
        goal = [rounds + 2 for rounds in self._rounds]
        for _ in range(3000):
            if self.errors or all(now >= then for now, then in zip(self._rounds, goal, strict=True)):
                break
            self._stop.wait(0.02)
        assert not self.errors
        assert all(now >= then for now, then in zip(self._rounds, goal, strict=True)), "a reader hangs"

    def __enter__(self) -> Readers:
        for thread in self._threads:
            thread.start()
        self.round()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(door.PATIENCE)


def test_readers_live_through_approved_changes(
    people: str, as_user: Environment, changed: Callable[[str], None]
) -> None:
    """Simple, prepared and by `*`: what is altered is waited for, and no statement fails."""
    queries: list[tuple[str, dict[str, Any]]] = [
        (f"SELECT * FROM {people}", {"prepare_threshold": 0}),
        (f"SELECT id, ssn FROM {people}", {"prepare_threshold": 0}),
        (f"SELECT * FROM {people}", {"cursor_factory": psycopg.ClientCursor}),
        (f"SELECT city FROM {people}", {"prepare_threshold": None}),
    ]
    with Readers(as_user, queries) as readers:
        for change in (
            f"ALTER TABLE {people} ALTER ssn TYPE varchar(40)",
            f"ALTER TABLE {people} DROP COLUMN old",
            f"ALTER TABLE {people} ADD COLUMN note text DEFAULT '{CANARY}'",
            f"ALTER TABLE {people} ALTER city TYPE varchar(40)",
        ):
            changed(change)
            readers.round()
    assert readers.errors == []
    assert CANARY not in str(readers.rows)
    assert (1, "[redacted]", "city 1", 7) in readers.rows[0]
    assert (1, "[redacted]", "city 1") in readers.rows[0]
    assert (1, "[redacted]") in readers.rows[1]
