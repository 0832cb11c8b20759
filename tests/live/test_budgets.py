"""A budget of rows: nothing that a client can do with statements, portals, sessions or leases gets it one more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gov.client.api import Broker
from gov.demo.stage import Stage
from live.door import granted, parameters, ruled
from live.wire import Lease

NAME = "few-clear-rows"
ROWS = 300
RULES = f"""
budget:
  - {{ name: {NAME}, data: pii, unmasked: true, rows: {ROWS}, per: 1h, for: {{ groups: [privacy] }} }}
"""


Carol = tuple[Broker, Callable[..., Lease]]


@pytest.fixture
def carol(demo: Stage, as_user: Callable[[str], dict[str, str]], tmp_path: Path) -> Iterator[Carol]:
    """Somebody who reads contact data in the clear, and has a budget of her own for this test; and her leases."""
    text = demo.policy_file.read_text(encoding="utf-8")
    fresh = RULES.replace(NAME, f"{NAME}-{time.time_ns()}")
    access = "  - { name: privacy-writes, groups: [privacy], targets: [prod], scope: write, max_ttl: 1h }\n"
    text = text.replace("reads: pii, unmasked", "reads: pii.secret, unmasked")  # masked for everybody: held never
    text = text.replace("\nmasking:\n", f"{access}\nmasking:\n") + fresh
    with Broker.current(as_user("bob")) as bob, Broker.current(as_user("carol")) as broker, ruled(demo, bob, text):
        yield broker, lambda scope: granted(as_user("carol"), tmp_path / "ca.pem", scope=scope)


def left(broker: Broker) -> int:
    """What `gov whoami` says is left, once what was set aside and not used is back."""
    found = -1
    while found != (found := broker.whoami().budgets[0].left):
        time.sleep(0.1)
    return found


def _copy(connection: psycopg.Connection[Any], statement: str, into: list[object]) -> None:
    with connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
        into.extend(iter(copy))


def _at_once(connection: psycopg.Connection[Any], *statements: str) -> None:
    for statement in statements:
        connection.execute(statement.encode())


def test_exactly_so_many_rows_pass_however_they_are_asked_for(carol: Carol) -> None:
    """A plain SELECT, a portal in pieces, a cursor, COPY, another session and another lease share one count."""
    broker, leased = carol
    lease = leased("write")
    assert left(broker) == ROWS
    with psycopg.connect(**parameters(lease)) as connection:
        assert len(connection.execute("SELECT email FROM customers LIMIT 100").fetchall()) == 100
        assert left(broker) == ROWS - 100
        assert len(connection.execute("SELECT id FROM customers LIMIT 500").fetchall()) == 500
        connection.commit()
        with connection.cursor("paged") as cursor:
            cursor.execute("SELECT id, email FROM customers")
            assert len(cursor.fetchmany(60)) == 60
            assert len(cursor.fetchmany(40)) == 40
        connection.commit()
        assert left(broker) == ROWS - 200
        copied: list[object] = []
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match=f"budget {NAME}"):
            _copy(connection, "COPY (SELECT email FROM customers) TO STDOUT", copied)
        assert len(copied) == 100
        assert left(broker) == 0
        connection.rollback()
        assert connection.execute("SELECT 1").fetchall() == [(1,)]
    for again in (lease, leased("read")):
        with psycopg.connect(**parameters(again), autocommit=True) as connection:
            with pytest.raises(psycopg.errors.InsufficientPrivilege) as refused:
                connection.execute("SELECT email FROM customers LIMIT 1")
            diag = refused.value.diag
            assert f"{ROWS} of {ROWS} rows with pii in 1h" in str(diag.message_primary)
            assert "free again at" in str(diag.message_detail)
            assert "gov whoami" in str(diag.message_hint)
            with pytest.raises(psycopg.Error), connection.pipeline():
                _at_once(
                    connection, "SELECT email FROM customers",
                    "INSERT INTO products (name, price, stock) VALUES ('behind a stop', 1, 1)",
                )
            (found,) = connection.execute("SELECT count(*) FROM products WHERE name = 'behind a stop'").fetchall()
            assert found == (0,)


def test_a_plan_counts_as_one_row_however_long_it_is(carol: Carol) -> None:
    """EXPLAIN shows no row, so a long plan is not many, and not gathered rows; for free it could be asked for ever."""
    broker, leased = carol
    with psycopg.connect(**parameters(leased("read")), autocommit=True) as connection:
        lines = connection.execute("EXPLAIN SELECT a.email FROM customers a, customers b ORDER BY 1").fetchall()
        assert len(lines) > 3
        assert left(broker) == ROWS - 1
        for statement in (
            "EXPLAIN SELECT string_agg(email, ',') FROM customers", "EXPLAIN ANALYZE SELECT email FROM customers",
        ):
            connection.execute(statement)
        assert left(broker) == ROWS - 3


def test_a_change_that_shows_too_much_is_undone(carol: Carol) -> None:
    """RETURNING beyond the budget, and copying into a table of one's own, roll back; what fits goes through."""
    broker, leased = carol
    lease = leased("write")
    with psycopg.connect(**parameters(lease), autocommit=True) as connection:
        rows = connection.execute("UPDATE customers SET balance = balance WHERE id <= 20 RETURNING email").fetchall()
        assert len(rows) == 20
        assert left(broker) == ROWS - 20
        ((before,),) = connection.execute("SELECT sum(balance) FROM customers").fetchall()
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="budget"):
            connection.execute("UPDATE customers SET balance = balance + 1 WHERE id < 900 RETURNING email")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="budget"):
            connection.execute("INSERT INTO products (name, price, stock) SELECT email, 1, 1 FROM customers")
        assert connection.execute("SELECT sum(balance) FROM customers").fetchall() == [(before,)]
        assert connection.execute("SELECT count(*) FROM products WHERE name LIKE '%@%'").fetchall() == [(0,)]


def test_what_gathers_rows_in_one_is_no_way_around(carol: Carol) -> None:
    """What can hold any number of rows in one is refused; joins count by their rows, large values by their bytes."""
    broker, leased = carol
    lease = leased("write")
    with psycopg.connect(**parameters(lease), autocommit=True) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="counts rows"):
            connection.execute("SELECT string_agg(email, ',') FROM customers")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="counts rows"):
            connection.execute("SELECT array(SELECT email FROM customers)")
        assert connection.execute("SELECT count(email) FROM customers").fetchall() == [(10000,)]
        before = left(broker)
        pairs = "SELECT a.email, b.email FROM customers a JOIN customers b ON b.id = a.id + 1 WHERE a.id <= 10"
        assert len(connection.execute(pairs).fetchall()) == 10
        assert left(broker) == before - 20
        repeated = "SELECT repeat((SELECT email FROM customers WHERE id = 1), 100000)"
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="budget"):
            connection.execute(repeated)


def test_errors_quote_nothing_that_counts(carol: Carol) -> None:
    """A cast that fails quotes no value, however it is sent; what is wrong with the text is still said."""
    broker, leased = carol
    lease = leased("write")
    with psycopg.connect(**parameters(lease), autocommit=True) as connection:
        before = left(broker)
        for statement in (
            "SELECT email::int FROM customers", "SELECT 1 FROM customers WHERE email::regclass IS NULL",
            "EXPLAIN ANALYZE SELECT email::date FROM customers",
            "INSERT INTO products (name, price, stock) SELECT 'x', email::int, 1 FROM customers",
            "DO $$ BEGIN PERFORM email::int FROM customers; END $$",
        ):
            with pytest.raises(psycopg.Error) as refused:
                connection.execute(statement.encode())
            assert "@" not in str(refused.value), statement
        with pytest.raises(psycopg.errors.InvalidTextRepresentation) as copying:
            _copy(connection, "COPY (SELECT email::int FROM customers) TO STDOUT", [])
        assert "@" not in str(copying.value)
        with connection.transaction(force_rollback=True):
            connection.execute("DECLARE c CURSOR FOR SELECT email::int FROM customers")
            with pytest.raises(psycopg.errors.InvalidTextRepresentation) as refused:
                connection.execute("FETCH 1 FROM c")
            assert "@" not in str(refused.value)
            assert "audit log" in str(refused.value.diag.message_hint)
        with pytest.raises(psycopg.errors.UndefinedColumn, match="emial"):
            connection.execute("SELECT emial FROM customers")
        assert left(broker) == before


def test_a_row_of_a_second_cursor_counts_by_what_it_holds(carol: Carol) -> None:
    """A cursor over few values does not make rows of one over many any cheaper."""
    broker, leased = carol
    lease = leased("write")
    with psycopg.connect(**parameters(lease), autocommit=True) as connection, connection.transaction():
        connection.execute("DECLARE a CURSOR FOR SELECT email FROM customers")
        connection.execute("DECLARE b CURSOR FOR SELECT a.email, b.email FROM customers a JOIN customers b USING (id)")
        before = left(broker)
        assert len(connection.execute("FETCH 10 FROM b").fetchall()) == 10
        assert left(broker) == before - 20
