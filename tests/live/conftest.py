"""Leases and a superuser's eye for the tests of the live gateway."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from gov.demo.stage import Stage
from live import door
from live.wire import Lease, Wire, dialled

Environment = Callable[[str], dict[str, str]]
Leased = Callable[..., Lease]


@pytest.fixture(scope="session")
def leased(as_user: Environment) -> Leased:
    """Call it with a name and options of `gov credentials` for a lease; the same again for the same words."""
    return lambda user, *options: door.lease(as_user(user), user, *options)


@pytest.fixture(scope="module")
def reader(leased: Leased) -> Lease:
    """Alice's, to read with."""
    return leased("alice")


@pytest.fixture(scope="module")
def writer(leased: Leased) -> Lease:
    """Alice's, to write with."""
    return leased("alice", "--scope", "write", "--reason", "a test")


@pytest.fixture
def wire(reader: Lease) -> Iterator[Wire]:
    """A session of Alice's in read scope, by hand."""
    with dialled(reader) as made:
        yield made


@pytest.fixture
def writing(writer: Lease) -> Iterator[Wire]:
    """A session of Alice's in write scope, by hand."""
    with dialled(writer) as made:
        yield made


@pytest.fixture
def admin(demo: Stage) -> Iterator[psycopg.Connection[Any]]:
    """The target as its superuser sees it, past the gateway."""
    with psycopg.connect(demo.cluster.admin_dsn_of("shop"), autocommit=True) as connection:
        yield connection


@pytest.fixture
def approve(as_user: Environment) -> Callable[..., object]:
    """Call it with a request's id, and what else `gov approve` takes: Bob says yes."""
    return lambda request, *more: door.gov(as_user("bob"), "approve", request, "--yes", *more)


@pytest.fixture
def deny(as_user: Environment) -> Callable[[str], object]:
    """Call it with a request's id: Bob says no, `not today`."""
    return lambda request: door.gov(as_user("bob"), "deny", request, "--reason", "not today")


@pytest.fixture
def spare(admin: psycopg.Connection[Any], as_user: Environment) -> Iterator[str]:
    """The name of a table of this test's own, with the numbers 1 to 5 in column `n`, known to the broker."""
    name = f"spare_{uuid4().hex[:8]}"
    admin.execute(f"CREATE TABLE public.{name} (n int PRIMARY KEY, note text)")
    admin.execute(f"ALTER TABLE public.{name} OWNER TO shop_owner")
    admin.execute(f"INSERT INTO public.{name} SELECT n, 'row ' || n FROM generate_series(1, 5) AS n")
    door.gov(as_user("bob"), "broker", "sync", "prod")
    yield name
    admin.execute(f"DROP TABLE IF EXISTS public.{name}")
