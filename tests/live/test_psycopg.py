"""psycopg through the gateway: nothing of a program has to change but its connection string."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.pq import TransactionStatus

from live.door import eventually, parameters
from live.wire import Lease

Connection = psycopg.Connection[Any]
HELD = "delete from orders"
MASKED = ("s***@e***.com", "[redacted]")


@pytest.fixture
def reading(reader: Lease) -> Iterator[Connection]:
    """A connection of Alice's in read scope."""
    with psycopg.connect(**parameters(reader), autocommit=True) as connection:
        yield connection


@pytest.fixture
def writing(writer: Lease) -> Iterator[Connection]:
    """And in write scope, in psycopg's own mode: a transaction begins with the first statement."""
    with psycopg.connect(**parameters(writer)) as connection:
        yield connection
        connection.rollback()


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
@pytest.mark.parametrize("text", [
    "select email, ssn from customers where id = %s",
    "select (c).email, (c).ssn from (select customers as c from customers where id = %s) x",
    "select row_to_json(c) ->> 'email', to_json(c) ->> 'ssn' from customers c where id = %s",
    "with c as (select * from public.customers) select email, ssn from c where id = %s",
])  # fmt: skip
def test_values_are_masked(reading: Connection, text: str, binary: bool) -> None:
    """In text and binary format, by any spelling, with parameters and without."""
    with reading.cursor(binary=binary) as cursor:
        assert cursor.execute(text, [1]).fetchone() == MASKED
        assert cursor.execute(text.replace("%s", "1")).fetchone() == MASKED


def test_types_are_kept(reading: Connection) -> None:
    """A masked column has the type of what it masks."""
    with reading.cursor(binary=True) as cursor:
        cursor.execute("select * from customers where id = 1")
        assert [column.type_code for column in cursor.description or ()] == [
            23, 25, 25, 25, 25, 1082, 25, 1700, 25, 3802, 1184,
        ]  # fmt: skip


def test_prepared_by_itself(reading: Connection) -> None:
    """What psycopg prepares after five runs goes on being masked."""
    reading.prepare_threshold = 2
    for _ in range(8):
        assert reading.execute("select email, ssn from customers where id = %s", [1]).fetchone() == MASKED
    for n in range(150):
        reading.execute(sql.SQL("select {}::int").format(n), prepare=True)
    assert reading.execute("select email, ssn from customers where id = %s", [1]).fetchone() == MASKED


@pytest.mark.parametrize(("text", "state", "code"), [
    ("copy orders to program 'id'", "42501", "denied"),
    ("select pg_read_file('PG_VERSION')", "42501", "denied"),
    ("insert into orders (customer_id, amount, status) values (1, 1, 'x')", "42501", "denied"),
    ("set role shop_owner", "42501", "denied"),
    ("do $$ begin execute 'x'; end $$", "0A000", "not-understood"),
    ("select set_config('search' || '_path', 'x', false)", "0A000", "not-understood"),
    ("select " + "1+" * 200_000 + "1", "54001", "too-complex"),
])  # fmt: skip
def test_refusals_have_a_state_and_a_source(reading: Connection, text: str, state: str, code: str) -> None:
    """SQLSTATE for programs, a hint for people, and a routine that says it was gov; then all goes on."""
    with pytest.raises(psycopg.Error) as refused:
        reading.execute(text)
    diag = refused.value.diag

    assert diag.sqlstate == state
    assert diag.source_function == f"gov:{code}"
    assert diag.severity == "ERROR"
    assert diag.message_primary
    assert diag.message_hint
    assert reading.execute("select 1").fetchone() == (1,)


def test_a_refusal_in_a_transaction(writing: Connection) -> None:
    """The transaction is failed, ROLLBACK leads out of it, and a nested one out of a savepoint."""
    writing.execute("select 1")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        writing.execute("set role shop_owner")
    assert writing.info.transaction_status is TransactionStatus.INERROR
    with pytest.raises(psycopg.errors.InFailedSqlTransaction):
        writing.execute("select 1")
    writing.rollback()
    with pytest.raises(psycopg.errors.InsufficientPrivilege), writing.transaction():
        writing.execute("set role shop_owner")
    assert writing.execute("select 1").fetchone() == (1,)


def test_held_and_approved(writer: Lease, spare: str, approve: Callable[[str], object]) -> None:
    """The notice tells a program what it waits for; the statement then runs as if nothing had been."""
    with psycopg.connect(**parameters(writer), autocommit=True) as connection:
        notices = _answer(connection, approve)
        assert connection.execute(f"delete from {spare}").rowcount == 5
        assert connection.execute("select 1").fetchone() == (1,)

    state, said, hint = notices[0]
    assert state == "01G01"
    assert "unbounded-write" in said
    assert "gov approve" in hint


def test_held_and_denied(writing: Connection, deny: Callable[[str], object]) -> None:
    """A no is an error as any, with the approver's reason."""
    _answer(writing, deny)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="not today") as refused:
        writing.execute(HELD)
    assert refused.value.diag.source_function == "gov:approval-denied"
    writing.rollback()
    assert writing.execute("select count(*) from orders").fetchone() == (100_000,)


def test_held_and_cancelled(reading: Connection) -> None:
    """`cancel_safe` withdraws what is held: 57014, as for any cancelled statement."""
    _answer(reading, lambda _: reading.cancel_safe())
    with pytest.raises(psycopg.errors.QueryCanceled) as refused:
        reading.execute(HELD)
    assert refused.value.diag.source_function == "gov:not-approved"
    assert reading.execute("select 1").fetchone() == (1,)


def test_running_and_cancelled(reading: Connection, admin: Connection) -> None:
    """And reaches what runs."""
    pid = reading.info.backend_pid

    def cancel() -> None:
        eventually(admin, "SELECT state = 'active' FROM pg_stat_activity WHERE pid = %s", pid)
        reading.cancel_safe()

    threading.Thread(target=cancel).start()
    with pytest.raises(psycopg.errors.QueryCanceled):
        reading.execute("select count(*) from orders a, orders b")
    assert reading.execute("select 1").fetchone() == (1,)


def test_copy_in_and_out(writing: Connection) -> None:
    """Rows go in by COPY in text and binary, and come out the same."""
    columns = "(tid, bid, aid, delta, mtime, filler)"
    rows = [(-n, 1, n, n, None, f"{n:022}") for n in range(1, 501)]
    with writing.cursor() as cursor:
        with cursor.copy(f"copy pgbench_history {columns} from stdin") as copy:
            for row in rows[:250]:
                copy.write_row(row)
        with cursor.copy(f"copy pgbench_history {columns} from stdin (format binary)") as copy:
            copy.set_types(["int4", "int4", "int4", "int4", "timestamp", "text"])
            for row in rows[250:]:
                copy.write_row(row)
        with cursor.copy(
            "copy (select * from pgbench_history where tid < 0 order by tid desc) to stdout (format binary)"
        ) as copy:
            copy.set_types(["int4", "int4", "int4", "int4", "timestamp", "text"])
            assert list(copy.rows()) == rows


def test_copy_in_is_refused_in_read_scope(reading: Connection) -> None:
    """Before any data is sent."""
    with (
        reading.cursor() as cursor,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
        cursor.copy("copy pgbench_history from stdin"),
    ):
        pass
    assert reading.execute("select 1").fetchone() == (1,)


def test_copy_given_up(writing: Connection) -> None:
    """An exception inside of a COPY takes it back."""

    def give_up() -> None:
        with writing.cursor().copy("copy pgbench_history (tid) from stdin") as copy:
            copy.write_row((-1,))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        give_up()
    writing.rollback()
    assert writing.execute("select count(*) from pgbench_history where tid < 0").fetchone() == (0,)


def test_pipeline_mode(reading: Connection) -> None:
    """A hundred statements at once, and their results in order."""
    with reading.pipeline():
        cursors = [reading.execute("select %s::int, email from customers where id = 1", [n]) for n in range(100)]
    assert [cursor.fetchone() for cursor in cursors] == [(n, MASKED[0]) for n in range(100)]


def test_a_refusal_in_a_pipeline(reading: Connection) -> None:
    """Fails what stands behind it up to the sync, and nothing after."""

    def refused() -> None:
        with reading.pipeline():
            reading.execute("select 1")
            reading.execute("set role shop_owner")
            reading.execute("select 2")

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        refused()
    with reading.pipeline():
        after = reading.execute("select 3")
    assert after.fetchone() == (3,)


def test_server_side_cursors(writing: Connection) -> None:
    """Named cursors stream, scroll, and mask."""
    with writing.cursor("big") as cursor:
        cursor.itersize = 5_000
        cursor.execute("select id from orders order by id")
        assert [row[0] for row in cursor] == list(range(1, 100_001))
    with writing.cursor("people", scrollable=True) as cursor:
        cursor.execute("select email, ssn from customers order by id")
        first = cursor.fetchmany(2)
        cursor.scroll(0, mode="absolute")
        assert cursor.fetchmany(2) == first
        assert first[0] == MASKED


def test_streaming(reading: Connection) -> None:
    """Single-row and chunked mode."""
    with reading.cursor() as cursor:
        assert sum(1 for _ in cursor.stream("select * from orders")) == 100_000
        assert sum(1 for _ in cursor.stream("select * from orders", size=1000)) == 100_000


def test_notices_of_the_database_pass(reading: Connection) -> None:
    """Warnings from PostgreSQL itself arrive as they are."""
    said: list[str] = []
    reading.add_notice_handler(lambda diag: said.append(diag.message_primary or ""))
    reading.execute("rollback")
    assert said == ["there is no transaction in progress"]


def test_many_statements_and_results(reading: Connection) -> None:
    """`execute` without parameters may hold several."""
    cursor = reading.execute("select 1; select 2; select email from customers where id = 1")
    found = [cursor.fetchall()]
    while cursor.nextset():
        found.append(cursor.fetchall())
    assert found == [[(1,)], [(2,)], [(MASKED[0],)]]


def test_executemany_and_returning(writing: Connection) -> None:
    """Batches of writes by key pass unheld."""
    with writing.cursor() as cursor:
        cursor.executemany(
            "update orders set status = %s where id = %s returning id", [("new", n) for n in range(1, 21)],
            returning=True,
        )
        found = [cursor.fetchone()]
        while cursor.nextset():
            found.append(cursor.fetchone())
    assert found == [(n,) for n in range(1, 21)]


def test_wrong_secret(reader: Lease) -> None:
    """A wrong secret is 28000 with the command that helps."""
    with pytest.raises(psycopg.OperationalError, match="gov credentials"):
        psycopg.connect(**parameters(reader) | {"password": "guess"})


def test_channel_binding(reader: Lease) -> None:
    """`channel_binding=require` works, so nobody can sit in between with a certificate of their own."""
    with psycopg.connect(**parameters(reader), channel_binding="require") as connection:
        assert connection.execute("select 1").fetchone() == (1,)


@pytest.mark.parametrize("more", [{"sslmode": "disable"}, {"sslmode": "verify-full", "sslrootcert": "system"}])
def test_connections_that_are_not_safe_fail(reader: Lease, more: dict[str, str]) -> None:
    """Without TLS the gateway says no; without its root the client does."""
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(**parameters(reader) | more)


def _answer(connection: Connection, how: Callable[[str], object]) -> list[tuple[str, str, str]]:
    """Answer what will be held from beside; the notices as they come."""
    notices: list[tuple[str, str, str]] = []

    def hear(diag: Any) -> None:
        notices.append((diag.sqlstate, diag.message_primary, diag.message_hint))
        if diag.sqlstate == "01G01":
            request = diag.message_primary.rpartition("request ")[2].rstrip(")")
            threading.Thread(target=lambda: (time.sleep(0.05), how(request))).start()

    connection.add_notice_handler(hear)
    return notices
