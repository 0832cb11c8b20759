"""SQLAlchemy and pandas through the gateway: reflection, the ORM, and frames read and appended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine.reflection import ObjectKind, ObjectScope
from sqlalchemy.ext.automap import automap_base
from sqlalchemy.orm import Session

from live.wire import Lease, trust

TABLES = {
    "customers", "orders", "payments", "products",
    "pgbench_accounts", "pgbench_branches", "pgbench_history", "pgbench_tellers",
}  # fmt: skip
Engines = Callable[..., sa.Engine]


@pytest.fixture
def engine() -> Iterator[Engines]:
    """Call it with a lease and a driver for an engine."""
    made: list[sa.Engine] = []

    def make(lease: Lease, driver: str = "psycopg") -> sa.Engine:
        pytest.importorskip(driver)
        libpq = {"sslmode": lease["pgsslmode"], "sslrootcert": lease["pgsslrootcert"]}
        url = sa.URL.create(
            f"postgresql+{driver}", lease["pguser"], lease["pgpassword"], lease["pghost"], lease["pgport"],
            lease["pgdatabase"], query=libpq if driver == "psycopg" else {},
        )  # fmt: skip
        made.append(sa.create_engine(url, connect_args={} if driver == "psycopg" else {"ssl_context": trust(lease)}))
        return made[-1]

    yield make
    for each in made:
        each.dispose()


@pytest.mark.parametrize("driver", ["psycopg", "pg8000"])
def test_every_table_is_reflected(
    engine: Engines, reader: Lease, driver: str, admin: psycopg.Connection[Any]
) -> None:
    """Columns, types, keys and indexes are what the catalog has, masked or not; nothing is held or refused."""
    schema = sa.MetaData()
    schema.reflect(engine(reader, driver), views=True)

    assert set(schema.tables) >= TABLES
    for name in TABLES:
        real = admin.execute(
            "SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attnum > 0", [name]
        ).fetchone()  # fmt: skip
        assert real == ([column.name for column in schema.tables[name].columns],)
    customers, payments = schema.tables["customers"], schema.tables["payments"]
    assert [column.name for column in customers.primary_key] == ["id"]
    assert {key.target_fullname for key in payments.foreign_keys} == {"customers.id"}
    assert isinstance(customers.c.notes.type, sa.dialects.postgresql.JSONB)
    assert isinstance(customers.c.dob.type, sa.Date)
    assert "customers_email_idx" in {index.name for index in customers.indexes}


@pytest.mark.parametrize("driver", ["psycopg", "pg8000"])
def test_the_inspector_answers_all_its_questions(engine: Engines, reader: Lease, driver: str) -> None:
    """Every question that the inspector can ask of all tables at once, and those about schemas and types."""
    inspector = sa.inspect(engine(reader, driver))
    asked = [name for name in dir(inspector) if name.startswith("get_multi_")]
    assert len(asked) >= 6
    for name in asked:
        found = getattr(inspector, name)(kind=ObjectKind.ANY, scope=ObjectScope.ANY)
        assert {table for _, table in found} >= TABLES, name

    assert set(inspector.get_table_names()) >= TABLES
    assert {"public", "information_schema"} <= set(inspector.get_schema_names())
    assert "orders_id_seq" in inspector.get_sequence_names()
    for name in ("get_view_names", "get_materialized_view_names", "get_temp_table_names", "get_enums", "get_domains"):
        assert isinstance(getattr(inspector, name)(), list)


def test_a_round_trip_of_the_orm(engine: Engines, writer: Lease) -> None:
    """Classes from the schema: insert, refresh, update and delete; masked columns are read masked."""
    base = automap_base()
    made = engine(writer)
    base.prepare(made)
    customers, orders = base.classes.customers, base.classes.orders

    with Session(made) as session:
        customer = session.get(customers, 1)
        assert (customer.email, customer.ssn, customer.dob) == ("s***@e***.com", "[redacted]", date(1970, 1, 1))
        order = orders(customer_id=1, amount=Decimal("5.25"), status="new")
        session.add(order)
        session.flush()
        assert order.id > 100_000
        assert order.created_at is not None
        order.status = "paid"
        session.flush()
        session.expire(order)
        assert (order.status, order.amount) == ("paid", Decimal("5.25"))
        session.delete(order)
        session.flush()
        assert session.get(orders, order.id) is None
        session.rollback()


def test_the_orm_changes_clear_columns_and_no_masked_ones(engine: Engines, writer: Lease) -> None:
    """An UPDATE names what was changed: a clear column passes, a masked one is refused by name and rule."""
    base = automap_base()
    made = engine(writer)
    base.prepare(made)
    with Session(made) as session:
        customer = session.get(base.classes.customers, 1)
        customer.full_name = "Somebody Else"
        session.flush()
        customer.email = "somebody@else.example"
        with pytest.raises(sa.exc.ProgrammingError, match=r"would overwrite public\.customers\.email"):
            session.flush()
        session.rollback()


def test_pandas_reads_frames(engine: Engines, reader: Lease) -> None:
    """By query, by table, in chunks and through a cursor on the server: types kept, masks in place."""
    pandas = pytest.importorskip("pandas")
    with engine(reader).connect() as connection:
        frame = pandas.read_sql("select * from customers order by id limit 3", connection)
        assert list(frame.email) == ["s***@e***.com", "z***@e***.net", "r***@e***.com"]
        assert set(frame.ssn) == {"[redacted]"}
        assert frame.dtypes["id"] == "int64"
        assert frame.dtypes["balance"] == "float64"
        assert str(frame.dtypes["created_at"]).startswith("datetime64[")
        assert frame.notes[0] == {"tier": "silver", "newsletter": False}
        assert len(pandas.read_sql_table("products", connection)) == 50
        chunks = pandas.read_sql("select id from orders", connection, chunksize=40_000)
        assert [len(each) for each in chunks] == [40_000, 40_000, 20_000]
    with engine(reader).connect().execution_options(stream_results=True) as connection:
        chunks = pandas.read_sql(sa.text("select id from orders"), connection, chunksize=40_000)
        assert [len(each) for each in chunks] == [40_000, 40_000, 20_000]


@pytest.mark.parametrize("method", [None, "multi"])
def test_pandas_appends(engine: Engines, writer: Lease, method: str | None) -> None:
    """`to_sql(if_exists="append")` in write scope, as many rows as the frame has."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"tid": range(300), "bid": 1, "aid": -7, "delta": range(300)})
    with engine(writer).connect() as connection, connection.begin() as transaction:
        frame.to_sql("pgbench_history", connection, if_exists="append", index=False, method=method)
        back = pandas.read_sql("select tid, bid, aid, delta from pgbench_history where aid = -7 order by 1", connection)
        transaction.rollback()

    pandas.testing.assert_frame_equal(back, frame.astype(back.dtypes.to_dict()))


def test_pandas_makes_no_table(engine: Engines, writer: Lease) -> None:
    """`to_sql` into a new table needs DDL, and is told which scope that would be."""
    pandas = pytest.importorskip("pandas")
    with engine(writer).connect() as connection, pytest.raises(sa.exc.ProgrammingError, match="create is not within"):
        pandas.DataFrame({"n": [1]}).to_sql("a_new_table", connection, index=False)
