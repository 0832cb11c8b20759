"""The whole corpus again, against a broker that lets everything through: the database's privileges hold alone."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache, partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from bypass import kinds
from bypass.canaries import leaked, planted
from bypass.corpus import SIMPLE, attempts
from bypass.interference import corpora, gate
from bypass.playing import Behind, Seats, behind, play
from bypass.standing import Lax, alices, somebody
from live.wire import Lease, dialled

CORPUS = sorted(
    (each for each in attempts("attacks") if not each.gateway_only and each.aim not in ("wedge", "trail")),
    key=lambda each: each.scope,
)
"""What reads comes first: what writes may well delete a table that it was given."""
SAMPLE = random.Random(2).sample([each for each in corpora() if not each.gateway_only], 16)
FILES = {"file": "/etc/passwd", "owned": "/nonexistent/owned"}
ROWS = "SELECT (SELECT count(*) FROM customers), (SELECT count(*) FROM orders)"
Admin = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def lax(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lax]:
    """A demo of this module's own, whose broker is `allow_everything`."""
    stage = Lax(tmp_path_factory.mktemp("lax"))
    stage.up(lambda line: None)
    try:
        yield stage
    finally:
        stage.down()


@pytest.fixture(scope="module")
def admin(lax: Lax) -> Iterator[Admin]:
    """Its superuser."""
    with psycopg.connect(lax.cluster.admin_dsn_of("shop"), autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def file(lax: Lax, admin: Admin) -> Iterator[Path]:
    """One of every kind of relation stands there, too; a table of them is this file."""
    file = Path("/tmp") / f"gov-kinds-{uuid4().hex}.csv"
    with kinds.standing(lax, admin, partial(somebody, lax), file):
        yield file


@pytest.fixture(scope="module")
def lease_for(lax: Lax, file: Path) -> Callable[[str], Lease]:
    """Alice's leases there, by scope."""
    return cache(partial(alices, lax))


@pytest.fixture(scope="module")
def views_of(lease_for: Callable[[str], Lease]) -> dict[str, Behind]:
    """Where the masked views of her leases are, by scope."""
    return {scope: behind(lease_for(scope)) for scope in ("read", "write")}


def assert_lax(lease: Lease) -> None:
    """What is denied or held elsewhere reaches the database here: it is PostgreSQL that answers."""
    with dialled(lease) as wire:
        held = wire.query("drop table orders")
        denied = wire.query("select pg_read_file('PG_VERSION')")
        raw = wire.query("select email from customers limit 1")
        unread = wire.query("select " + "1+" * 100_000 + "1")
        ran = wire.query("do $$ begin raise notice 'ran'; end $$")

    assert held.error["R"] == "aclcheck_error"
    assert denied.error["R"] == "aclcheck_error"
    assert raw.error["R"] == "aclcheck_error"
    assert not any(each.fields.get("R", "").startswith("gov:") for each in unread if each.kind == "E")
    assert ran.tags == ["DO"]


def test_no_canary_comes_back(
    lease_for: Callable[[str], Lease], views_of: dict[str, Behind], admin: Admin
) -> None:
    """No byte of a masked value returns, and in read scope no row goes, with no analysis at all.

    Every other attempt to read is also sent about the masked views, by their own names: there is something to be
    seen then. `bypass/interference.py --allow-everything` sends all of them so.
    """
    assert_lax(lease_for("read"))
    failed, shown = [], 0
    with planted(admin), closing(Seats()) as seats:
        before = admin.execute(ROWS).fetchone()
        for number, attempt in enumerate(CORPUS):
            if attempt.scope != "read" and CORPUS[number - 1].scope == "read":
                assert admin.execute(ROWS).fetchone() == before
            also = attempt.aim == "read" and number % 2
            for views in (None, views_of[attempt.scope]) if also else (None,):
                for played in play(
                    attempt, lease_for(attempt.scope), FILES, around=attempt.scope == "write", forms=[SIMPLE],
                    behind=views, seats=seats,
                ):
                    shown += bool(views and "D" in played.replies.kinds)
                    if found := leaked(played.heard):
                        failed.append((attempt.name, attempt.why, found))
    assert failed == []
    assert shown > 50


def test_answers_do_not_depend_on_masked_values(
    lease_for: Callable[[str], Lease], views_of: dict[str, Behind], admin: Admin, file: Path
) -> None:
    """Nor can values be told apart there; `bypass/interference.py --allow-everything` compares all."""
    found = gate(admin, SAMPLE, lease_for, FILES, file, lambda lease: views_of[
        "read" if lease == lease_for("read") else "write"])  # fmt: skip
    assert found.different == [], found.answers
    assert found.compared > len(SAMPLE)
