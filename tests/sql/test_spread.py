"""How many rows one row of an answer can hold is never told too low."""

from __future__ import annotations

import psycopg
import pytest

from gov.demo.cluster import Cluster
from gov.sql import spread
from gov.sql.catalog import Catalog, ColumnInfo, RelationInfo, RelationKind
from gov.sql.facts import Facts
from gov.sql.outline import outline
from gov.sql.resolve import resolve
from gov.terms import Relation

CUSTOMERS, ORDERS = Relation("public", "c"), Relation("public", "o")
COLUMNS = (ColumnInfo("id", "int", 1), ColumnInfo("x", "text", 2))
CATALOG = Catalog("1", {
    relation: RelationInfo(relation, oid, RelationKind.TABLE, "o", COLUMNS)
    for oid, relation in enumerate((CUSTOMERS, ORDERS), 1)
})


def facts(text: str) -> Facts:
    """Of a text over two tables `c` and `o`, each with `id` and `x`."""
    return resolve(outline(text), CATALOG, ("public",))


@pytest.mark.parametrize(("text", "times"), [
    ("select x from c", 1),
    ("select x from c where id in (select id from o) order by x limit 5", 1),
    ("select upper(x), coalesce(x, 'y'), row(id, x), array[x, x] from c", 1),
    ("select x from c union all select x from o", 1),
    ("select distinct on (id) x from c", 1),
    ("select row_number() over (order by x), rank() over w, x from c window w as (order by id)", 1),
    ("select count(*) from c", 2),
    ("select min(x), max(x) from c group by id", 3),
    ("select x, lag(x) over (order by id) from c", 2),
    ("select sum(id), avg(id) from c where x like 'a%'", 3),
    ("select max(m) from (select max(x) as m from c group by id) as s", 4),
    ("with e as (select x from c) select * from e", 1),
    ("with e as (select x from c) select * from e a, e b, e d", 3),
    ("with e as (select x from c), f as (select a.x || b.x from e a, e b) select * from f a, f b", 4),
    ("select string_agg(x, ',') from c", 0),
    ("select pg_catalog.\"string_agg\"(x, ',') from c", 0),
    ("select array_agg(x) over () from c", 0),
    ("select jsonb_object_agg(id, x) from c", 0),
    ("select json_arrayagg(x) from c", 0),
    ("select json_array(select x from c)", 0),
    ("select array(select x from c)", 0),
    ("select xmlagg(x::xml) from c", 0),
    ("select c.json_agg from c", 0),
    ("select (c).array_agg from c", 0),
    ("select c.count, c.id from c", 2),
    ("with recursive r(x) as (select x from c union all select r.x || c.x from r, c) select x from r", 0),
    ("select sum(id * 10) from c", 0),
    ("select sum(n) from (select ascii(x) as n from c) as s", 0),
    ("select sum(c.id) from c join o on c.id > o.id", 0),
    ("select nobodys_own(distinct x) from c", 0),
    ("select nobodys_own(x) over () from c", 0),
    ("select exists (select 1 from c where x in (select string_agg(x, '') from o))", 0),
])
def test_what_a_row_can_hold(text: str, times: int) -> None:
    """Values of one row, of several side by side, or (0) of any number."""
    assert facts(text).spread == times


def test_how_often_a_table_is_named_is_told_beside() -> None:
    """A join with itself holds as many rows side by side; the other table is counted for itself."""
    found = facts("select * from c a, c b, o where exists (select 1 from c)")
    assert dict(found.times) == {CUSTOMERS: 3}
    assert ORDERS in found.reads


def test_every_aggregate_of_the_server_is_known(cluster: Cluster) -> None:
    """What PostgreSQL calls an aggregate or window function is in one of the lists."""
    with psycopg.connect(cluster.admin_dsn) as connection:
        rows = connection.execute(
            "SELECT DISTINCT proname FROM pg_proc"
            " WHERE prokind IN ('a', 'w') AND pronamespace = 'pg_catalog'::regnamespace"
        ).fetchall()
    assert {name for (name,) in rows} <= spread.NOTHING | spread.ONE | spread.SUMS | spread.ALL


def test_a_field_can_be_an_aggregate(cluster: Cluster) -> None:
    """`t.json_agg` is `json_agg(t)` to PostgreSQL, which is why it is looked at."""
    with psycopg.connect(cluster.admin_dsn) as connection:
        row = connection.execute("SELECT t.json_agg FROM (VALUES (1), (2)) AS t(n)").fetchone()
    assert row == ([{"n": 1}, {"n": 2}],)
