"""What PostgreSQL's own rule says of a view: which columns it shows as they are, and which it does more with."""

from __future__ import annotations

import pytest

from gov.target.origins import origins
from target.world import Shop

SHOWN = [
    ("SELECT id, ssn FROM customers", {1: "id", 2: "ssn"}, set()),
    ('SELECT ssn AS "a {b} :rtekind 5", ssn FROM customers c', {1: "ssn", 2: "ssn"}, set()),
    ("SELECT c.email, o.amount FROM customers c JOIN orders o ON o.customer_id = c.id", {1: "email"}, {"id"}),
    ("SELECT id FROM customers WHERE ssn > ''", {1: "id"}, {"ssn"}),
    ("SELECT id, upper(email) AS email FROM customers", {1: "id"}, {"email"}),
    ("SELECT id, ssn FROM customers ORDER BY ssn LIMIT 1", {1: "id"}, {"ssn"}),
    ("SELECT DISTINCT country FROM customers", {}, {"country"}),
    ("SELECT id, 'x :varattno 0 {QUERY ' AS text FROM customers", {1: "id"}, set()),
]
BEYOND = [
    "SELECT c FROM customers c",
    "SELECT id, (SELECT max(ssn) FROM customers) AS m FROM orders",
    "SELECT * FROM (SELECT ssn FROM customers) x",
    "WITH c AS (SELECT ssn FROM customers) SELECT ssn FROM c",
    "SELECT id FROM orders UNION SELECT id FROM customers",
    "SELECT id FROM customers FULL JOIN (SELECT id FROM orders) o USING (id)",
    "SELECT a.id FROM customers a FULL JOIN customers b USING (id)",
    "SELECT id FROM customers a FULL JOIN customers b USING (id)",
    "SELECT n, ssn FROM customers, generate_series(1, 2) n",
    "VALUES (1)",
    "SELECT count(*) FROM orders o, LATERAL (SELECT ssn FROM customers WHERE id = o.id) x",
]


def test_what_views_show(shop: Shop) -> None:
    """As it is kept by each version; what is not a plain SELECT is not understood."""
    with shop.admin() as admin:
        (columns,) = admin.execute(
            "SELECT json_object_agg(attnum, attname) FROM pg_attribute WHERE attrelid = 'customers'::regclass"
        ).fetchone() or ({},)
        (oid,) = admin.execute("SELECT 'customers'::regclass::int8").fetchone() or (0,)

        def look(query: str) -> object:
            admin.execute(f"CREATE OR REPLACE VIEW pg_temp.v AS {query}".encode())
            row = admin.execute("SELECT ev_action::text FROM pg_rewrite WHERE ev_class = 'pg_temp.v'::regclass")
            ((action,),) = row.fetchall()
            admin.execute("DROP VIEW pg_temp.v")
            return origins(str(action))

        assert isinstance(columns, dict)
        for query, plain, elsewhere in SHOWN:
            found = look(query)
            assert found is not None, query
            mine = {at: columns[str(number)] for at, (source, number) in found.plain.items() if source == oid}
            assert mine == plain, query
            assert {columns[str(at)] for source, at in found.elsewhere if source == oid} == elsewhere, query
        assert [query for query in BEYOND if look(query) not in (None,)] == [
            "SELECT a.id FROM customers a FULL JOIN customers b USING (id)"
        ]


@pytest.mark.parametrize("text", ["", "<>", "({QUERY :commandType 1 :rtable <>", "({QUERY } {QUERY } :jointree )"])
def test_what_is_no_rule_says_nothing(text: str) -> None:
    """Nothing is taken for understood that is not whole."""
    assert origins(text) is None
