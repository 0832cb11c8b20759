"""Hidden rows stay hidden from whatever a lease's role says to PostgreSQL itself, with no gateway in between."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import psycopg

from gov.policy.decision import FilterSpec, Outcome
from gov.target.target import Target
from gov.terms import Relation
from target.world import CUSTOMERS, ORDERS, Shop, login, mint, outcome

HIDDEN = ("canary-joe@example.com", "seen fr", "met fr", "('fr'", "fr\t")
SHOWN = FilterSpec("germans-only", "country = 'de' -- and no other")

# The cheapest function there can be, and operators on it: without a security barrier they see every row.
SPIES = """
CREATE FUNCTION spy(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
  $$BEGIN RAISE NOTICE 'seen %', $1; RETURN true; END$$;
CREATE FUNCTION fails(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
  $$BEGIN IF $1 = 'fr' THEN RAISE EXCEPTION 'met %', $1; END IF; RETURN true; END$$;
CREATE FUNCTION spies(text, text) RETURNS boolean LANGUAGE sql COST 0.0000001 AS 'SELECT spy($1)';
CREATE OPERATOR ~~~~ (FUNCTION = spies, LEFTARG = text, RIGHTARG = text);
GRANT EXECUTE ON FUNCTION spy(text), fails(text), spies(text, text) TO PUBLIC;
CREATE VIEW everybody AS SELECT id, country FROM customers;
CREATE TABLE consents(customer int, given boolean);
INSERT INTO consents VALUES (1, true), (2, false);
"""

ATTACKS = (
    "SELECT * FROM {t} WHERE spy(country)",
    "SELECT * FROM {t} WHERE fails(country)",
    "SELECT * FROM {t} WHERE country ~~~~ 'x'",
    "SELECT * FROM {t} c JOIN orders o ON o.customer_id = c.id AND spy(c.country)",
    "SELECT 1 FROM {t} WHERE 1 / (CASE country WHEN 'fr' THEN 0 ELSE 1 END) > 0",
    "SELECT country::int FROM {t}",
    "SELECT * FROM {t} WHERE (country || id)::numeric > 0 AND country <> 'de'",
    "SELECT count(*) FROM {t}",
    "SELECT max(country), min(country), array_agg(country) FROM {t}",
    "SELECT {t} FROM {t}",
    "SELECT ctid, xmin, tableoid FROM {t}",
    "SELECT * FROM {t} TABLESAMPLE system (100)",
    "SELECT * FROM {t} FOR UPDATE",
    "SELECT * FROM ONLY {t}",
    "TABLE {t}",
    "COPY {t} TO STDOUT",
    "COPY (SELECT * FROM {t}) TO STDOUT",
    "DECLARE c CURSOR WITH HOLD FOR SELECT * FROM {t}; FETCH ALL FROM c",
    "EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM {t} WHERE spy(country)",
    "SELECT query_to_xml('SELECT * FROM {t}', true, true, '')",
    "DO $$ DECLARE r record; BEGIN FOR r IN SELECT * FROM {t} LOOP RAISE NOTICE '%', r; END LOOP; END $$",
    "INSERT INTO {t} (email, ssn, country, balance) VALUES ('x', '987-65-4321', 'de', 1)",
    "INSERT INTO {t} (id, country) VALUES (2, 'de') ON CONFLICT (id) DO UPDATE SET country = 'de' RETURNING *",
    "UPDATE {t} SET balance = 1 WHERE spy(country) RETURNING *",
    "UPDATE {t} SET country = 'de' WHERE id = 2 RETURNING *",
    "DELETE FROM {t} WHERE fails(country) RETURNING *",
    "MERGE INTO {t} c USING orders o ON c.id = o.customer_id WHEN MATCHED THEN UPDATE SET country = 'de'",
    "TRUNCATE {t}",
    "LOCK TABLE {t} IN ACCESS SHARE MODE",
    "ALTER VIEW {t} RESET (security_barrier)",
    "CREATE OR REPLACE VIEW {t} AS SELECT * FROM public.customers",
    "SELECT * FROM everybody",
    "SELECT * FROM consents",
    "SELECT most_common_vals, histogram_bounds FROM pg_stats WHERE tablename = 'customers'",
    "SELECT * FROM pg_statistic",
    "SELECT pg_catalog.ts_stat('SELECT to_tsvector(country) FROM {t}')",
    "SELECT has_table_privilege('public.customers', 'SELECT')",
)  # fmt: skip


def filtered(outcome: Outcome, *specs: FilterSpec) -> Outcome:
    """`outcome` with these filters on customers; views and consents are out of reach, as policy has them."""
    reach = frozenset({CUSTOMERS, ORDERS})
    return replace(outcome, relations=reach, filters={CUSTOMERS: specs})


def said(connection: psycopg.Connection[tuple[object, ...]], statement: str) -> str:
    """Everything that comes back: rows, copied data, notices, and every field of an error."""
    heard: list[str] = []
    connection.add_notice_handler(lambda diag: heard.append(str(diag.message_primary)))
    try:
        with connection.cursor() as cursor:
            if statement.startswith("COPY"):
                with cursor.copy(statement.encode()) as copy:
                    heard += [bytes(data).decode() for data in copy]
            else:
                cursor.execute(statement.encode())
                while True:
                    heard += [str(row) for row in cursor.fetchall()] if cursor.description else []
                    if not cursor.nextset():
                        break
    except psycopg.Error as error:
        diag = error.diag
        heard += map(str, (diag.message_primary, diag.message_detail, diag.message_hint, diag.context))
    return "\n".join(heard)


def test_no_statement_sees_a_hidden_row(shop: Shop) -> None:
    """Rows, counts, errors, notices, plans and statistics: through the view and at the table, in every scope."""
    shop.as_owner(SPIES)

    async def run() -> None:
        target = shop.target()
        await target.open()
        for scope in ("read", "write"):
            catalog = await target.refresh()
            profile = await target.profile(filtered(outcome(catalog, scope, balance="null"), SHOWN))
            assert CUSTOMERS not in profile.withheld
            _, upstream = await mint(target, profile)
            view = profile.views[CUSTOMERS]
            with login(upstream) as connection:
                for table in (f'"{view.schema}"."{view.name}"', "public.customers"):
                    for attack in ATTACKS:
                        answer = said(connection, attack.format(t=table))
                        # The client's own words may hold `fr`: only what was hidden may not come back.
                        assert not any(each in answer for each in HIDDEN), (attack, answer)
                rows = connection.execute(f'SELECT id, country FROM "{view.schema}"."{view.name}"'.encode()).fetchall()
                assert rows == [(1, "de")]
                assert "permission denied" in said(connection, "SELECT 1 FROM public.customers")
                assert "permission denied" in said(connection, "SELECT ctid FROM public.customers")
        with shop.admin() as admin:
            (kept,) = admin.execute("SELECT count(*) FROM customers WHERE country = 'fr' AND balance = 8").fetchall()
            assert kept == (1,)
        await target.close()

    asyncio.run(run())


def test_a_filter_that_cannot_be_made_closes_its_table_alone(shop: Shop) -> None:
    """Whatever is wrong with it, the other tables stay in reach; and the reason names the filter or its fault."""
    faults = {
        "no_such_column": SHOWN.where.replace("country", "contry"),
        "no condition": "country || 'x'",
        "another type": "id = 'abc'",
        "an aggregate": "count(*) > 1",
    }

    async def run(target: Target) -> None:
        await target.open()
        catalog = await target.refresh()
        for fault, where in faults.items():
            profile = await target.profile(filtered(outcome(catalog), FilterSpec("f", where)))
            assert CUSTOMERS not in profile.views, fault
            assert CUSTOMERS in target.closed, fault
            _, upstream = await mint(target, profile)
            with login(upstream) as connection:
                assert connection.execute("SELECT count(*) FROM orders").fetchall() == [(2,)]
                assert "permission denied" in said(connection, "SELECT count(*) FROM customers")
        missing = FilterSpec("f", "EXISTS (SELECT FROM public.gone)", (Relation("public", "gone"),))
        profile = await target.profile(filtered(outcome(catalog), missing))
        assert "its row filter f cannot be made: there is no table public.gone" in profile.withheld[CUSTOMERS]
        await target.close()

    asyncio.run(run(shop.target()))


def test_a_filter_may_look_into_other_tables_that_the_person_may_not(shop: Shop) -> None:
    """Consents decide which customers are there; nobody in the lease can read the consents themselves."""
    shop.as_owner(SPIES)
    consents = Relation("public", "consents")
    consenting = FilterSpec(
        "consenting", "EXISTS (SELECT FROM public.consents c WHERE c.customer = customers.id AND c.given)", (consents,)
    )

    async def run() -> None:
        target = shop.target()
        await target.open()
        profile = await target.profile(filtered(outcome(await target.refresh()), consenting))
        _, upstream = await mint(target, profile)
        view = profile.views[CUSTOMERS]
        with login(upstream) as connection:
            assert connection.execute(f'SELECT id FROM "{view.schema}"."{view.name}"'.encode()).fetchall() == [(1,)]
            assert "permission denied" in said(connection, "SELECT * FROM consents")
        await target.close()

    asyncio.run(run())


def test_whoever_reads_the_table_for_others_is_withheld(shop: Shop) -> None:
    """A view over a filtered table runs with its owner's rights and would show every row."""
    shop.as_owner(SPIES)
    everybody = Relation("public", "everybody")

    async def run() -> None:
        target = shop.target()
        await target.open()
        content = outcome(await target.refresh(), balance="null")
        content = replace(content, relations=frozenset({CUSTOMERS, everybody}), filters={CUSTOMERS: (SHOWN,)})
        profile = await target.profile(content)
        assert profile.withheld[everybody] == "it shows hidden rows of public.customers"
        await target.close()

    asyncio.run(run())
