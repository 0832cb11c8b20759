"""pg8000 through the gateway: a driver in pure Python, with a protocol implementation of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from live.wire import Lease, trust

pg8000 = pytest.importorskip("pg8000.native")


@pytest.fixture
def connection(reader: Lease) -> Iterator[Any]:
    """A connection of Alice's."""
    made = pg8000.Connection(
        reader["pguser"], host=reader["pghost"], port=reader["pgport"], password=reader["pgpassword"],
        database=reader["pgdatabase"], ssl_context=trust(reader),
    )  # fmt: skip
    yield made
    made.close()


def test_values_are_masked(connection: Any) -> None:
    """With parameters and without, and from a prepared statement."""
    assert connection.run("select email, ssn from customers where id = :id", id=1) == [["s***@e***.com", "[redacted]"]]
    assert connection.run("select email from customers where id = 1") == [["s***@e***.com"]]
    assert connection.prepare("select ssn from customers where id = :id").run(id=1) == [["[redacted]"]]


def test_a_refusal_leaves_it_usable(connection: Any) -> None:
    """The state and the routine are in the exception."""
    with pytest.raises(pg8000.DatabaseError) as refused:
        connection.run("copy orders to program 'id'")
    assert refused.value.args[0]["C"] == "42501"
    assert refused.value.args[0]["R"] == "gov:denied"
    assert connection.run("select 1") == [[1]]


def test_a_transaction(connection: Any) -> None:
    """BEGIN, a refusal, ROLLBACK."""
    connection.run("begin")
    with pytest.raises(pg8000.DatabaseError):
        connection.run("set role shop_owner")
    with pytest.raises(pg8000.DatabaseError):
        connection.run("select 1")
    connection.run("rollback")
    assert connection.run("select 1") == [[1]]
