"""LISTEN through the gateway: on channels that policy vouches for, and on no other."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from gov.demo.stage import Stage
from live.door import PATIENCE, parameters
from live.wire import Lease

Connection = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def vouched(demo: Stage) -> Iterator[str]:
    """The channel that policy vouches for while these tests run."""
    before = demo.policy_file.read_text()
    demo.policy_file.write_text(f"{before}\nvouch: {{ channels: [stock_has_changed] }}\n")
    yield "stock_has_changed"
    demo.policy_file.write_text(before)


@pytest.fixture
def connection(reader: Lease) -> Iterator[Connection]:
    """A session of Alice's in read scope."""
    with psycopg.connect(**parameters(reader), autocommit=True) as made:
        yield made


def listening(connection: Connection, channel: str) -> None:
    """LISTEN as soon as the broker has taken up the policy."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute(f"LISTEN {channel}")
        except psycopg.errors.InsufficientPrivilege:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


def test_what_others_send_arrives(vouched: str, connection: Connection, admin: Connection) -> None:
    """In an idle session at once, with the payload and the sender's own pid."""
    listening(connection, vouched)
    admin.execute("SELECT pg_notify(%s, 'sold out')", [vouched])
    (heard,) = connection.notifies(timeout=PATIENCE, stop_after=1)

    assert (heard.channel, heard.payload, heard.pid) == (vouched, "sold out", admin.info.backend_pid)
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_in_a_transaction_it_comes_at_the_end(vouched: str, connection: Connection, admin: Connection) -> None:
    """As PostgreSQL has it: between transactions, and not after UNLISTEN."""
    listening(connection, vouched)
    heard: list[str] = []
    connection.add_notify_handler(lambda notice: heard.append(notice.payload))
    with connection.transaction():
        connection.execute("SELECT 1")
        admin.execute("SELECT pg_notify(%s, 'meanwhile')", [vouched])
        connection.execute("SELECT email FROM customers WHERE id = 1")
        assert heard == []
    connection.execute("SELECT 1")
    assert heard == ["meanwhile"]
    connection.execute("UNLISTEN *")
    admin.execute("SELECT pg_notify(%s, 'too late')", [vouched])
    connection.execute("SELECT 1")
    assert heard == ["meanwhile"]


@pytest.mark.parametrize("text", [
    "LISTEN stock", 'LISTEN "Stock_has_changed"', "LISTEN stock_has_changed; LISTEN salaries",
    "NOTIFY stock_has_changed",
    "SELECT pg_notify('stock_has_changed', email) FROM customers",
])  # fmt: skip
def test_every_other_channel_and_sending_stay_closed(
    vouched: str, connection: Connection, text: str
) -> None:
    """Vouching for a channel lets nobody send on it, nor listen on one whose name is only alike."""
    listening(connection, vouched)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(text)
