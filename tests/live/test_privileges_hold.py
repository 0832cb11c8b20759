"""The whole corpus again, against a broker that lets everything through: the database's privileges hold alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bypass.canaries import leaked, planted
from bypass.corpus import attempts
from bypass.playing import play
from gov.demo.process import clean_environment
from gov.demo.service import Plan
from gov.demo.sign_in import sign_in
from gov.demo.stage import Stage
from live import door
from live.wire import Lease, dialled

CORPUS = [each for each in attempts("attacks") if not each.gateway_only]
FILES = {"file": "/etc/passwd", "owned": "/nonexistent/owned"}
ROWS = "SELECT (SELECT count(*) FROM customers), (SELECT count(*) FROM orders)"


class Lax(Stage):
    """A demo whose broker is `allow_everything`."""

    def _broker(self, elsewhere: bool) -> Plan:
        plan = super()._broker(elsewhere)
        launcher = str(Path(__file__).with_name("allow_everything.py"))
        return replace(plan, command=(sys.executable, launcher, "--config", plan.command[-1]))


@pytest.fixture(scope="module")
def lax(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lax]:
    """A demo of this module's own, with canaries in it."""
    stage = Lax(tmp_path_factory.mktemp("lax"))
    stage.up(lambda line: None)
    try:
        with psycopg.connect(stage.cluster.admin_dsn_of("shop"), autocommit=True) as admin, planted(admin):
            yield stage
    finally:
        stage.down()


@pytest.fixture(scope="module")
def admin(lax: Lax) -> Iterator[psycopg.Connection[Any]]:
    """Its superuser."""
    with psycopg.connect(lax.cluster.admin_dsn_of("shop"), autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def leases(lax: Lax) -> dict[str, Lease]:
    """Alice's leases there, by scope."""
    path = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    environment = clean_environment() | path | sign_in(lax, "alice")
    return {
        "read": door.credentials(environment),
        "write": door.credentials(environment, "--scope", "write", "--reason", "a test"),
    }


def assert_lax(leases: dict[str, Lease]) -> None:
    """What is denied or held elsewhere reaches the database here: it is PostgreSQL that answers."""
    with dialled(leases["read"]) as wire:
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


def test_no_canary_comes_back(leases: dict[str, Lease], admin: psycopg.Connection[Any]) -> None:
    """No byte of a masked value returns, and in read scope no row goes, with no analysis at all.

    One test for all, so that one worker makes one demo for it.
    """
    assert_lax(leases)
    failed = []
    for attempt in CORPUS:
        before = admin.execute(ROWS).fetchone()
        (played,) = play(attempt, leases[attempt.scope], FILES, around=attempt.scope == "write", forms=["simple"])
        if leaked(played.heard) or (attempt.scope == "read" and admin.execute(ROWS).fetchone() != before):
            failed.append((attempt.name, attempt.why, leaked(played.heard)))

    assert not failed
