"""kill -9 of the broker amid a result: no row that the client has seen is uncounted afterwards."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from broker.rig import POLICY, Shop
from broker.site import Site
from gov.control.access import LeaseAsk
from servers import RunningIssuer

ROWS = 20_000
PIECE = 100
BUDGET = f"""
budget:
  - {{ name: few, data: pii, rows: {ROWS}, per: 1d }}
"""


@pytest.fixture
def site(issuer: RunningIssuer, shop: Shop, tmp_path: Path) -> Iterator[Site]:
    """A broker with a budget, over customers enough for several of its blocks; it does not run yet."""
    shop.admin("INSERT INTO customers SELECT n, 'm' || n || '@example.com' FROM generate_series(2, 30000) n")
    site = Site(tmp_path, shop, issuer.url)
    site.policy.write_text(POLICY + BUDGET)
    yield site
    if site.process is not None:
        site.end(signal.SIGKILL)


def used(site: Site) -> int:
    """What Alice has used of it, as the broker counts."""
    (budget,) = site.as_user("alice").whoami().budgets
    return budget.rows - budget.left


def seen_until(site: Site, pieces: int) -> int:
    """Rows that Alice's client has in hand when the broker is killed after so many pieces of her result."""
    seen = 0
    grant = site.as_user("alice").lease(LeaseAsk(target="prod"))
    with suppress(psycopg.OperationalError), site.session(grant) as connection:
        connection.autocommit = False
        with connection.cursor("paged") as cursor:
            cursor.execute("SELECT id, email FROM customers")
            for _ in range(pieces):
                seen += len(cursor.fetchmany(PIECE))
            site.kill()
            seen += len(cursor.fetchmany(PIECE))
            raise AssertionError("the session outlived its broker")
    return seen


def streamed_until(site: Site, rows: int) -> int:
    """The same amid one streamed result; what is on its way yet, the client reads to the end."""
    seen = 0
    grant = site.as_user("alice").lease(LeaseAsk(target="prod"))
    with suppress(psycopg.OperationalError), site.session(grant) as connection, connection.cursor() as cursor:
        for _ in cursor.stream("SELECT id, email, repeat('x', 2000) FROM customers"):
            seen += 1
            if seen == rows:
                site.kill()
    return seen


def test_what_was_seen_before_a_kill_counts_after_it(site: Site) -> None:
    """Kill after kill, in pieces and in a stream: the count is never short, and the budget is never exceeded."""
    site.start()
    total = 0
    for amid in (lambda: seen_until(site, 3), lambda: streamed_until(site, 200)):
        seen = amid()
        assert seen
        total += seen
        site.start()
        assert total <= used(site) < ROWS
    grant = site.as_user("alice").lease(LeaseAsk(target="prod"))
    with site.session(grant) as connection, connection.cursor() as cursor:
        rows = cursor.stream("SELECT email FROM customers")
        with suppress(psycopg.errors.InsufficientPrivilege):
            for _ in rows:
                total += 1
    assert total <= ROWS
    assert used(site) == ROWS
