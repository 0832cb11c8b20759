"""`hash` and `pseudonym` on a real PostgreSQL 18, behind a view as gov makes it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.conninfo import make_conninfo

from gov.demo.cluster import Cluster
from gov.mask.expression import expression
from gov.mask.tokens import reads_key
from gov.mask.view import view
from gov.policy.decision import MaskSpec
from gov.sql.catalog import ColumnInfo, RelationInfo, RelationKind
from gov.terms import Relation

Database = psycopg.Connection[tuple[Any, ...]]

LAW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TABLE = RelationInfo(
    Relation("public", "people"), 1, RelationKind.TABLE, "o",
    (ColumnInfo("id", "integer", 1), ColumnInfo("email", "text", 2)),
)  # fmt: skip


@pytest.fixture(scope="module")
def database(cluster: Cluster) -> Iterator[Database]:
    """A database with a key that the tests know."""
    with psycopg.connect(cluster.admin_dsn, autocommit=True) as admin:
        admin.execute("CREATE DATABASE tokens")
        yield from _with_key(make_conninfo(cluster.admin_dsn, dbname="tokens"))
        admin.execute("DROP DATABASE tokens WITH (FORCE)")


def _with_key(dsn: str) -> Iterator[Database]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA gov_m_keys")
        connection.execute("CREATE TABLE gov_m_keys.mask_key (key bytea)")
        connection.execute("INSERT INTO gov_m_keys.mask_key VALUES ('the key')")
        connection.execute("SET search_path = ''")
        yield connection


def token(database: Database, mask: str, type: str, value: object) -> Any:
    """What the mask makes of one value, in the column's own type."""
    sql = f"SELECT {expression(mask, 'c', type)} FROM (SELECT CAST(%s AS {type}) AS c) AS t"
    row = database.execute(sql.encode(), (value,)).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize(
    ("mask", "type", "value", "shape"),
    [
        ("hash", "text", "jane@example.com", "[0-9a-f]{64}"),
        ("hash", "character varying(20)", "jane", "[0-9a-f]{20}"),
        ("hash", "character(32)", "jane", "[0-9a-f]{32}"),
        ("hash", "character varying(15)", "jane", r"\[redacted\]"),
        ("hash", "uuid", "deadbeef-dead-beef-dead-beefdeadbeef", "[0-9a-f]{8}-[0-9a-f-]{27}"),
        ("hash", "integer", "4711", "-?[0-9]{1,10}"),
        ("hash", "bigint", "4711", "-?[0-9]{1,19}"),
        ("hash", "numeric", "47.11", "-?[0-9]{1,19}"),
        ("hash", "numeric(10,2)", "47.11", "0.00"),
        ("hash", "date", "1984-05-06", "1970-01-01"),
        ("pseudonym", "text", "jane@example.com", "p-[0-9a-f]{12}@example.invalid"),
        ("pseudonym", "text", "Jane Doe", "p-[0-9a-f]{12}"),
        ("pseudonym", "character varying(20)", "jane@example.com", "p-[0-9a-f]{12}"),
        ("pseudonym", "bigint", "4711", "-?[0-9]{1,19}"),
    ],
)
def test_the_shape_of_tokens(database: Database, mask: str, type: str, value: str, shape: str) -> None:
    """Each type has a token of its own size, or is redacted; never the value."""
    found = str(token(database, mask, type, value))

    assert re.fullmatch(shape, found)
    assert value not in found


def test_bytes_give_bytes(database: Database) -> None:
    """All 32 of the digest."""
    assert len(token(database, "hash", "bytea", b"raw")) == 32


@LAW
@given(one=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12), data=st.data())
def test_equal_values_and_only_they_share_a_token(database: Database, one: str, data: st.DataObject) -> None:
    """Backslashes, quotes and all; NULL stays NULL."""
    other = data.draw(st.just(one) | st.sampled_from([one + "\\", "\\" + one, one + "\\000", one.upper() + "'"]))
    for mask in ("hash", "pseudonym(a)"):
        assert (token(database, mask, "text", one) == token(database, mask, "text", other)) is (one == other)
        assert token(database, mask, "text", None) is None


def test_purposes_and_keys_keep_tokens_apart(database: Database) -> None:
    """The same value has another token for another purpose, and with another key."""
    tokens = {token(database, mask, "text", "jane") for mask in ("hash", "hash(a)", "hash(b)")}
    database.execute("UPDATE gov_m_keys.mask_key SET key = 'another'")
    other = token(database, "hash", "text", "jane")
    database.execute("UPDATE gov_m_keys.mask_key SET key = 'the key'")

    assert len(tokens | {other}) == 4


def test_types_that_share_a_text_can_be_joined(database: Database) -> None:
    """A column and its copy in another table, of another type, meet."""
    assert token(database, "hash", "bigint", 42) == token(database, "hash", "numeric", "42.000")
    assert token(database, "hash", "text", "x") == token(database, "hash", "character varying(64)", "x")


def test_a_view_joins_reads_no_key_itself_and_keeps_the_index(database: Database) -> None:
    """A role that reads two such views joins them; the key is the owner's; a point read uses the index."""
    database.execute("CREATE TABLE public.people (id int PRIMARY KEY, email text)")
    database.execute("INSERT INTO public.people SELECT i, 'a' || i % 100 FROM generate_series(1, 5000) i")
    database.execute("ANALYZE public.people")
    made = view(Relation("public", "seen"), TABLE, {"email": MaskSpec("hash(train)", "r", "pii")})
    database.execute(made.encode())
    role = f"reader_{id(database)}"
    database.execute(f"CREATE ROLE {role}".encode())
    try:
        database.execute(f"GRANT SELECT ON public.seen TO {role}".encode())
        database.execute(f"SET ROLE {role}".encode())
        plan = database.execute("EXPLAIN SELECT * FROM public.seen WHERE id = 7").fetchall()
        joined = database.execute(
            "SELECT count(*) FROM public.seen a JOIN public.seen b USING (email) WHERE a.id = 1"
        ).fetchone()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            database.execute("SELECT key FROM gov_m_keys.mask_key")
    finally:
        database.execute("RESET ROLE")
        database.execute(f"DROP OWNED BY {role}".encode())
        database.execute(f"DROP ROLE {role}".encode())

    assert reads_key(made)
    assert joined == (50,)
    assert any("Index Scan using people_pkey" in line for (line,) in plan)


@pytest.mark.parametrize("type", ["text", "character varying(20)", "uuid", "integer", "bigint", "numeric", "bytea"])
def test_every_function_is_immutable(database: Database, type: str) -> None:
    """But for the key, which no index may read: with a constant in its place PostgreSQL takes the expression."""
    constant = expression("hash(a)", "c", type).replace('(SELECT key FROM "gov_m_keys"."mask_key")', "'k'::bytea")
    database.execute(f"CREATE TEMP TABLE indexed (id int, c {type})".encode())
    try:
        database.execute(f"CREATE INDEX ON pg_temp.indexed (id) WHERE ({constant}) IS NOT NULL".encode())
    finally:
        database.execute("DROP TABLE pg_temp.indexed")
