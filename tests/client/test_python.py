"""gov from Python, against a whole demo."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import psycopg
import pytest
import sqlalchemy

import gov
from gov.client import leases as leases_module
from gov.client.api import Broker
from gov.demo.stage import Stage
from gov.errors import Denied, NotLoggedIn, UsageError

AsUser = Callable[[str], dict[str, str]]


@pytest.fixture
def alice(as_user: AsUser, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process is alice's."""
    become(as_user("alice"), monkeypatch)


def become(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this process somebody's."""
    for name in ("GOV_TOKEN", "GOV_CONTEXT", "GOV_CA_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        if name.startswith("GOV_"):
            monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("alice")
def test_a_connection_is_psycopgs_own_and_masked() -> None:
    """Whatever psycopg can do, under a lease of its own."""
    with gov.connect("prod", autocommit=True, application_name="notebook") as connection:
        row = connection.execute("select email, ssn from customers where id = %s", [1]).fetchone()

        assert isinstance(connection, psycopg.Connection)
        assert connection.autocommit
        assert row is not None
        assert "***" in row[0]


@pytest.mark.usefixtures("alice")
def test_an_engine_uses_one_lease_until_it_is_about_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool outlives its leases."""
    engine = gov.engine("prod", ttl=300)
    query = sqlalchemy.text("select count(*) from orders")

    def leases() -> set[str]:
        for _ in range(2):
            with engine.connect() as connection:
                assert connection.execute(query).scalar_one() == 100_000
            engine.dispose()
        with Broker.current() as broker:
            return {lease.id for lease in broker.leases()}

    before = leases()
    assert leases() == before
    monkeypatch.setattr(leases_module, "_margin", lambda lease: 3600.0)
    assert len(leases() - before) == 2


@pytest.mark.usefixtures("alice")
def test_an_engine_replaces_a_lease_that_was_ended() -> None:
    """Whoever ends it, the next connection is under another, as long as policy gives one."""
    engine, query = gov.engine("prod", ttl=300), sqlalchemy.text("select current_user")

    def user() -> str:
        with engine.connect() as connection:
            return str(connection.execute(query).scalar_one())

    with Broker.current() as broker:
        before = {lease.id for lease in broker.leases()}
        first = user()
        engine.dispose()
        (made,) = {lease.id for lease in broker.leases()} - before
        broker.end_lease(made)
    assert user() != first


def test_errors_are_the_commands_own(demo: Stage, as_user: AsUser, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not logged in, not entitled, no such scope."""
    become(as_user(""), monkeypatch)
    with pytest.raises(NotLoggedIn):
        gov.connect("prod")
    become(as_user("alice"), monkeypatch)
    with pytest.raises(Denied):
        gov.connect("prod", scope="admin", reason="curious")
    with pytest.raises(UsageError):
        gov.connect("prod", scope="everything")


def test_importing_gov_is_light() -> None:
    """Neither psycopg nor httpx come with it; an unknown name is an AttributeError."""
    heavy = "{'psycopg', 'httpx', 'sqlalchemy', 'pydantic'}"
    code = f"import sys, gov; assert not {heavy} & set(sys.modules); assert not hasattr(gov, 'x')"

    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
