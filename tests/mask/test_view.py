"""Masked views on a real PostgreSQL 18: types kept, NULL kept, nothing raw, indexes still used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from gov.errors import ConfigError
from gov.mask.view import qualified, quote, view
from gov.policy.decision import MaskSpec
from gov.policy.masks import PLAIN as MASKS
from gov.sql.catalog import ColumnInfo, RelationInfo, RelationKind
from gov.terms import Relation

TABLE = Relation("sh op", 'cust"omers')

COLUMNS: dict[str, tuple[str, str]] = {
    "id": ("integer", "'7'"),
    "t": ("text", "'canary-text'"),
    "v20": ("varchar(20)", "'canary-v20'"),
    "v": ("varchar", "'canary-v'"),
    "c2": ("char(2)", "'CA'"),
    "c12": ("char(12)", "'canary-c12'"),
    "bp": ("bpchar", "'canary-bp'"),
    "email": ("text", "'jane.canary@example.com'"),
    "d": ("date", "'1984-05-06'"),
    "ts": ("timestamp", "'1984-05-06 07:08:09'"),
    "ts3": ("timestamp(3)", "'1984-05-06 07:08:09.123'"),
    "tz": ("timestamptz", "'1984-05-06 07:08:09+02'"),
    "ti": ("time", "'11:12:13'"),
    "iv": ("interval", "'41 days'"),
    "n": ("numeric", "'4711.25'"),
    "n42": ("numeric(4,2)", "'47.11'"),
    "n33": ("numeric(3,3)", "'0.471'"),
    "i2": ("smallint", "'4711'"),
    "i4": ("integer", "'4711471'"),
    "i8": ("bigint", "'47114711471'"),
    "f8": ("float8", "'47.11'"),
    "b": ("boolean", "'true'"),
    "u": ("uuid", "'deadbeef-dead-beef-dead-beefdeadbeef'"),
    "j": ("json", """'{"canary": 1}'"""),
    "jb": ("jsonb", """'{"canary": 1}'"""),
    "by": ("bytea", r"'\xdeadbeef'"),
    "ip": ("inet", "'10.47.11.12'"),
    "net": ("cidr", "'10.47.11.0/24'"),
    "mac": ("macaddr", "'de:ad:be:ef:de:ad'"),
    "ta": ("text[]", "'{canary}'"),
    "va": ("varchar(20)[]", "'{canary}'"),
    "ia": ("integer[]", "'{4711,4712}'"),
    "mood": ("sh.mood", "'canary-mood'"),
    "moods": ("sh.mood[]", "'{canary-mood}'"),
    "dom": ("sh.code", "'canary-dom'"),
    "x": ("box", "'(1,2),(3,4)'"),
    "p": ("point", "'(47,11)'"),
    'we"ird': ("text", "'canary-weird'"),
}
"""Name to type and a raw value. The names hold whatever a name may."""

Database = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def database(fresh_database: Callable[[], str]) -> Iterator[Database]:
    """A table with a column of every kind and two rows: one of canaries, one of NULLs."""
    with psycopg.connect(fresh_database(), autocommit=True) as connection:
        connection.execute("CREATE SCHEMA sh")
        connection.execute("CREATE TYPE sh.mood AS ENUM ('canary-mood', 'other')")
        connection.execute("CREATE DOMAIN sh.code AS text CHECK (length(value) > 3)")
        connection.execute(f"CREATE SCHEMA {quote(TABLE.schema)}")
        columns = ", ".join(f"{quote(name)} {type}" for name, (type, _) in COLUMNS.items())
        values = ", ".join(value for _, value in COLUMNS.values())
        connection.execute(f"CREATE TABLE {qualified(TABLE)} ({columns})")
        connection.execute(f"INSERT INTO {qualified(TABLE)} VALUES ({values})")
        connection.execute(f"INSERT INTO {qualified(TABLE)} (id) VALUES (8)")
        connection.execute("CREATE SCHEMA masked")
        connection.execute("SET search_path = ''")
        yield connection


def described(connection: Database, relation: Relation) -> list[tuple[str, str]]:
    """(name, type with modifiers) of each column, in order."""
    return connection.execute(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum",
        (qualified(relation),),
    ).fetchall()


def info(connection: Database, relation: Relation = TABLE) -> RelationInfo:
    """The relation as the catalog has it."""
    found = enumerate(described(connection, relation), 1)
    columns = tuple(ColumnInfo(name, type, number) for number, (name, type) in found)
    return RelationInfo(relation, 1, RelationKind.TABLE, "owner", columns)


def masked(connection: Database, mask: str) -> Relation:
    """The table with every column but `id` masked."""
    made = Relation("masked", f"by {mask}")
    spec = MaskSpec(mask, "rule", "pii")
    connection.execute(view(made, info(connection), {name: spec for name in COLUMNS if name != "id"}))
    return made


@pytest.mark.parametrize("mask", MASKS)
def test_names_order_and_types_are_the_tables(database: Database, mask: str) -> None:
    """A client cannot tell the view from the table by its description, lengths included."""
    assert described(database, masked(database, mask)) == described(database, TABLE)


@pytest.mark.parametrize("mask", MASKS)
def test_no_raw_value_comes_out(database: Database, mask: str) -> None:
    """Every masked value differs from the raw one, in every type."""
    made = masked(database, mask)
    raw = database.execute(f"SELECT row_to_json(whole) FROM {qualified(TABLE)} whole WHERE id = 7").fetchone()
    seen = database.execute(f"SELECT row_to_json(whole) FROM {qualified(made)} whole WHERE id = 7").fetchone()
    assert raw is not None
    assert seen is not None

    assert [name for name in COLUMNS if name != "id" and seen[0][name] == raw[0][name]] == []
    assert "canary" not in str(seen)


@pytest.mark.parametrize("mask", MASKS)
def test_null_stays_null(database: Database, mask: str) -> None:
    """A missing value is not turned into a constant."""
    rows = database.execute(f"SELECT * FROM {qualified(masked(database, mask))} WHERE id = 8").fetchall()

    assert set(rows[0][1:]) == {None}


@pytest.mark.parametrize("mask", MASKS)
def test_the_definition_can_be_read_back(database: Database, mask: str) -> None:
    """`pg_get_viewdef` works, and calls nothing volatile and nothing outside pg_catalog."""
    made = masked(database, mask)
    row = database.execute("SELECT pg_get_viewdef(%s::regclass)", (qualified(made),)).fetchone()
    volatile = database.execute(
        "SELECT p.proname FROM pg_depend d"
        " JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_proc p ON p.oid = d.refobjid"
        " WHERE d.refclassid = 'pg_proc'::regclass AND r.ev_class = %s::regclass"
        " AND (p.provolatile <> 'i' OR p.pronamespace <> 'pg_catalog'::regnamespace)",
        (qualified(made),),
    ).fetchall()

    assert row is not None
    assert row[0].startswith(" SELECT")
    assert volatile == []


def test_an_index_on_a_clear_column_stays_in_use(database: Database) -> None:
    """The view is pulled up, so a point read costs what it costs on the table."""
    database.execute("CREATE TABLE masked.people (id int PRIMARY KEY, email text, born date, pay int, notes jsonb)")
    database.execute("INSERT INTO masked.people SELECT i, 'a@b.de' FROM generate_series(1, 5000) i")
    database.execute("ANALYZE masked.people")
    people = Relation("masked", "people")
    masks = {"email": "partial", "born": "year", "pay": "round(1000)", "notes": "json(a.b=partial, c=redact)"}
    specs = {name: MaskSpec(mask, "r", "pii") for name, mask in masks.items()}
    database.execute(view(Relation("masked", "v"), info(database, people), specs).encode())
    plan = database.execute("EXPLAIN SELECT * FROM masked.v WHERE id = 77").fetchall()

    assert "Index Scan using people_pkey" in plan[0][0]


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("jane.doe@example.com", "j***@e***.com"),
        ("078-05-1120", "***-**-1120"),
        ("4111 1111 1111 1234", "**** **** **** 1234"),
        ("4111111111111234", "************1234"),
        ("5500-0000-0000-0004", "****-****-****-0004"),
        ("+1 (555) 010-9977", "+* (***) ***-**77"),
        ("030 1234567", "*** *****67"),
        ("Jane Doe", "J***"),
        ("M", "***"),
        ("yes", "***"),
        ("", "***"),
        ("not@an@email.com", "n***"),
        ("x@y.secret-last-label", "x***"),
        ("12345", "1***"),
    ],
)
def test_partial_keeps_the_shape(database: Database, raw: str, shown: str) -> None:
    """Email, number, card, phone and other text each keep what their row in the manual says."""
    database.execute("CREATE TABLE masked.shapes (t text)")
    database.execute("INSERT INTO masked.shapes VALUES (%s)", (raw,))
    shapes = info(database, Relation("masked", "shapes"))
    database.execute(view(Relation("masked", "v"), shapes, {"t": MaskSpec("partial", "r", "pii")}))

    assert database.execute("SELECT t FROM masked.v").fetchall() == [(shown,)]


@pytest.mark.parametrize("length", [1, 2, 3, 9, 10, 20])
def test_a_mask_never_overflows_its_column(database: Database, length: int) -> None:
    """Text masks fit varchar(n) and char(n), however short."""
    database.execute(f"CREATE TABLE masked.short (v varchar({length}), c char({length}))")
    database.execute("INSERT INTO masked.short VALUES (left('a@b.de', %s), 'x')", (length,))
    short = info(database, Relation("masked", "short"))
    for mask in ("redact", "partial"):
        spec = MaskSpec(mask, "r", "pii")
        database.execute(view(Relation("masked", mask), short, {"v": spec, "c": spec}))
        rows = database.execute(f"SELECT length(v) <= {length}, v <> 'a@b.de' FROM masked.{mask}").fetchall()

        assert rows == [(True, True)]


@pytest.mark.parametrize("mask", ["redact", "partial", "hash", "null", "pseudonym"])
def test_a_masked_virtual_column_is_not_computed(database: Database, mask: str) -> None:
    """Computing it can fail, and the error quotes what it is computed from; NULL is not told either."""
    database.execute("CREATE TABLE masked.virtual (t text, n int GENERATED ALWAYS AS (t::int) VIRTUAL,"
                     " u text GENERATED ALWAYS AS ((t::int + 1)::text) VIRTUAL)")
    database.execute("INSERT INTO masked.virtual VALUES ('canary')")
    spec = MaskSpec(mask, "r", "pii")
    columns = (ColumnInfo("t", "text", 1), ColumnInfo("n", "integer", 2, generated=True, virtual=True),
               ColumnInfo("u", "text", 3, generated=True, virtual=True))
    table = RelationInfo(Relation("masked", "virtual"), 1, RelationKind.TABLE, "o", columns)
    database.execute(view(Relation("masked", "shown"), table, {"n": spec, "u": spec}))

    null = mask == "null"
    rows = database.execute("SELECT n, u FROM masked.shown WHERE n IS NOT NULL OR u IS DISTINCT FROM 'x'").fetchall()
    assert rows == [(None, None) if null else (0, "[redacted]")]


def test_a_mask_for_no_column_is_refused() -> None:
    """A stale catalog must not leave a column clear in silence."""
    relation = RelationInfo(TABLE, 1, RelationKind.TABLE, "o", (ColumnInfo("id", "integer", 1),))

    with pytest.raises(ConfigError, match="no column email"):
        view(Relation("m", "v"), relation, {"email": MaskSpec("null", "r", "pii")})


@pytest.mark.parametrize("name", ["", "a\0b"])
def test_what_cannot_be_a_name_is_not_quoted(name: str) -> None:
    """An empty name or a zero byte never reaches SQL."""
    with pytest.raises(ConfigError):
        quote(name)
