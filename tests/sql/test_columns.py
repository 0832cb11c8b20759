"""Columns against the best judge there is: PostgreSQL records what a view reads in pg_depend."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings

from gov.demo.cluster import Cluster
from gov.errors import TooComplex
from gov.sql import columns
from gov.sql.catalog import Catalog, ColumnInfo, RelationInfo, RelationKind
from gov.sql.facts import Facts
from gov.sql.outline import outline
from gov.sql.resolve import resolve
from gov.terms import Column, Relation
from sql.random_queries import TABLES, queries

DEPENDS = """
SELECT DISTINCT c.relname, coalesce(a.attname, '')
  FROM pg_depend d
  JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
  JOIN pg_class c ON d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid
  LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid AND d.refobjsubid <> 0
 WHERE r.ev_class = 'judged'::regclass AND c.relname <> 'judged'
"""
CATALOG = Catalog(
    "1",
    {
        Relation("public", name): RelationInfo(
            Relation("public", name), number, RelationKind.TABLE, "owner",
            tuple(ColumnInfo(each, "integer", at) for at, each in enumerate(listed.split(), start=1)),
        )
        for number, (name, listed) in enumerate(TABLES.items(), start=1)
    },
)  # fmt: skip


@pytest.fixture(scope="module")
def database(cluster: Cluster) -> Iterator[psycopg.Connection[tuple[str, str]]]:
    """A session in a database with the tables, undone at the end."""
    with psycopg.connect(cluster.admin_dsn) as connection:
        connection.execute("CREATE SCHEMA judge")
        connection.execute("SET search_path = judge")
        for name, listed in TABLES.items():
            connection.execute(f"CREATE TABLE {name} ({', '.join(f'{each} int' for each in listed.split())})")
        yield connection
        connection.rollback()


def read_by_postgresql(connection: psycopg.Connection[tuple[str, str]], query: str) -> set[Column] | None:
    """What a view of `query` depends on; None when PostgreSQL refuses the query."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(f"CREATE VIEW judged AS SELECT 1 AS one FROM ({query}) AS q".encode())
            found = connection.execute(DEPENDS).fetchall()
    except psycopg.errors.Error:
        return None
    return {Column(Relation("public", name), column) for name, column in found if column}


def facts(query: str) -> Facts:
    """What we make of it."""
    return resolve(outline(query), CATALOG, ("public",))


@settings(
    max_examples=300, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(query=queries().map(lambda query: query.text))
def test_no_column_is_missed(query: str, database: psycopg.Connection[tuple[str, str]]) -> None:
    """Whatever PostgreSQL says a query reads, the facts have it too, or `*` of its relation."""
    read = read_by_postgresql(database, query)
    if read is None:
        return
    found = facts(query)

    assert read <= found.columns_read
    assert {column.relation for column in read} <= found.reads


@pytest.mark.parametrize(
    "query",
    [
        "select 1 from u where exists (select 1 from t, (select a) y)",
        "select 1 from u where exists (select 1 from t cross join lateral (select a) y)",
        "select 1 from u where exists (select 1 from t join (select 1 as z) s on true join w on d = e)",
        "select 1 from u where exists (select 1 from t join (w cross join w x) on x.b = d)",
        "select 1 from u x where exists (select 1 from t join (w cross join w y) on x.b = y.b)",
        "select 1 from t x where exists (select 1 from w x where x.b = 1 and a = 1)",
        "select 1 from t where exists (with u as (select a) select 1 from w, u)",
        "select 1 from u where exists (select 1 from t cross join (w x join w y on a = 1))",
        "select 1 from u where exists (select 1 from t cross join (w x join w y on (select a) = 1))",
        "select 1 from u where exists (select 1 from generate_series(1, a) g, t)",
        "select 1 from u where exists (select 1 from generate_series(1, (select a)) g, t)",
        "select 1 from u where exists (select 1 from (t cross join w) j(p, q, r, s) where a = 1)",
        "select (select (select (select c))) from t",
        "select 1 from t where (select b from (select 1) s) = 1",
        "select x.a from t as x(b, a) where exists (select 1 from u where x.b = d)",
        "select 1 from t order by (select d from u order by a limit 1)",
        "select b from t union select d from u order by b",
        "select 1 from w where t = (select w.b from t limit 1)",
        "with t as (select 1 as z) select z from t where exists (with u as (select * from t) select 1 from u)",
        "select sum(a) filter (where b = 1) over (partition by c) from t",
        "select 1 from t join u using (a, b)",
        "select a from (t join u using (a)) where d = 1",
        "select 1 from t tablesample system ((select 1))",
        "select x from t cross join lateral (select t.c) as s(x)",
        "select 1 from t where (a, b) in (select a, d from u)",
        "select 1 from rows from (generate_series(1, 2), unnest(array[1])) as s(a, b) join t on t.a = s.b",
        "select case when exists (select from u where u.a = t.a) then b end from t",
        "select json_object('k': c) from t",
        "values ((select a from t limit 1))",
        "select 1 from t group by grouping sets ((a), (b)) having max(c) > 1",
        "select 1 from t window s as (partition by a order by b)",
    ],
)
def test_no_column_of_these_is_missed(query: str, database: psycopg.Connection[tuple[str, str]]) -> None:
    """Each has a name that a simpler resolution would look up in the wrong place."""
    read = read_by_postgresql(database, query)

    assert read is not None, "PostgreSQL refuses it"
    assert read <= facts(query).columns_read


@pytest.mark.parametrize(
    ("query", "read"),
    [
        ("select x.a from t x where exists (select 1 from u x where x.a = 1)", {"t.a", "u.a"}),
        ("select a from t where exists (select 1 from u where c = d)", {"t.a", "t.c", "u.d"}),
        ("select x.a from (select a, b from t) x", {"t.a", "t.b"}),
        ("select t from w", {"w.t"}),
        ("select x.e from t as x(e)", {"t.a"}),
        ("select a from t order by a", {"t.a"}),
        ("select t.a from t join w using (b)", {"t.a", "t.b", "w.b"}),
    ],
)
def test_what_can_be_told_is_told_exactly(query: str, read: set[str]) -> None:
    """Ordinary queries do not widen: only what is read counts."""
    assert {f"{each.relation.name}.{each.name}" for each in facts(query).columns_read} == read


def test_names_that_multiply_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What names can mean is bounded."""
    monkeypatch.setattr(columns, "MAX_STEPS", 10)

    with pytest.raises(TooComplex, match="beyond the bounds"):
        facts("select nosuch, nosuch, nosuch from t x1, t x2, t x3, t x4")
