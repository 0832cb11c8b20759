"""The demo's database: the promised tables, made-up people, and a broker that is no superuser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from gov.demo import shop
from gov.demo.cluster import Cluster

PASSWORD = "only-for-this-test"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A server with a shop of its own: the shop's roles have fixed names."""
    made = Cluster(Path(tmp_path_factory.mktemp("shop")))
    try:
        made.start()
        shop.create(made, PASSWORD)
        yield made
    finally:
        made.remove()


@pytest.fixture
def admin(server: Cluster) -> Iterator[psycopg.Connection]:
    """The superuser in the shop."""
    with psycopg.connect(server.admin_dsn_of("shop")) as it:
        yield it


def test_it_has_the_promised_tables(admin: psycopg.Connection) -> None:
    """Tables and row counts are those that the documentation speaks of, owned by shop_owner."""
    rows = admin.execute("""
        SELECT relname, relowner::regrole::text FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
    """).fetchall()
    counts = {name: admin.execute(f"SELECT count(*) FROM {name}").fetchone() for name, _ in rows}

    assert {owner for _, owner in rows} == {"shop_owner"}
    assert counts["customers"] == (10_000,)
    assert counts["orders"] == (100_000,)
    assert counts["pgbench_accounts"] == (100_000,)
    assert {"payments", "products", "pgbench_branches", "pgbench_tellers", "pgbench_history"} <= set(counts)


def test_nothing_refers_to_orders_and_payments_refer_to_customers(admin: psycopg.Connection) -> None:
    """So that DROP TABLE orders takes nothing along, and DROP TABLE customers would."""
    links = admin.execute(
        "SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint"
        " WHERE contype = 'f' AND conrelid::regclass::text NOT LIKE 'pgbench%'"
    ).fetchall()

    assert links == [("payments", "customers")]


def test_the_people_are_made_up(admin: psycopg.Connection) -> None:
    """Only reserved domains and numbers; every card number passes Luhn; every secret value is unique."""
    rows = admin.execute("SELECT email, ssn, phone, credit_card FROM customers").fetchall()

    assert {email.split("@")[1] for email, *_ in rows} == {"example.com", "example.org", "example.net"}
    assert all(ssn[0] == "9" and "01" <= ssn[4:6] <= "49" for _, ssn, *_ in rows)
    assert all(" 555 01" in phone for _, _, phone, _ in rows)
    assert all(_luhn(card) for *_, card in rows)
    assert len({ssn for _, ssn, *_ in rows}) == len({card for *_, card in rows}) == len(rows)


def test_it_is_the_same_every_time(admin: psycopg.Connection) -> None:
    """The data come from a hash, not from chance: examples in the documentation stay true."""
    first = admin.execute("SELECT full_name, email FROM customers WHERE id = 1").fetchone()

    assert first == ("Samir Abbott", "samir.abbott1@example.com")


def test_the_broker_is_no_superuser(server: Cluster) -> None:
    """It can make roles, and cannot read the tables by itself being a superuser."""
    with psycopg.connect(server.dsn("gov_broker", PASSWORD, "shop")) as broker:
        rights = broker.execute(
            "SELECT rolsuper, rolcreaterole FROM pg_roles WHERE rolname = current_user"
        ).fetchone()

    assert rights == (False, True)
    assert shop.exists(server)


def _luhn(number: str) -> bool:
    digits = [int(each) for each in reversed(number)]
    return sum(digits[0::2] + [sum(divmod(2 * each, 10)) for each in digits[1::2]]) % 10 == 0
