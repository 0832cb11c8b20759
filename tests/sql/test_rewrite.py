"""Rewriting, whatever the spelling; the cases are in tests/cases/sql/rewrites.sql."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gov.demo.cluster import Cluster
from gov.errors import NotUnderstood
from gov.sql.catalog import Catalog, ColumnInfo, RelationInfo, RelationKind
from gov.sql.outline import outline
from gov.sql.proof import same
from gov.sql.resolve import resolve
from gov.sql.rewrite import renames, rewrite
from gov.terms import Relation
from sql.random_queries import TABLES, queries

CUSTOMERS = Relation("public", "customers")
VIEWS = {CUSTOMERS: Relation('gov_m_"1', "customers")}
MASKED = {CUSTOMERS: frozenset({"email"})}
PATH = ("public",)

GAPS = st.sampled_from(["", " ", "/* . */", " --\n"])


def escaped(name: str) -> st.SearchStrategy[str]:
    """`name` in one of the ways SQL can write it."""
    return st.sampled_from(
        [
            name,
            name.upper(),
            f'"{name}"',
            f'U&"{name[0]}\\{ord(name[1]):04x}{name[2:]}"',
            f"u&\"{name[0]}!{ord(name[1]):04x}{name[2:]}\" /* e */ uescape '!'",
        ]
    )


@st.composite
def qualified(draw: st.DrawFn) -> str:
    """The relation, with or without its schema."""
    name = draw(escaped("customers"))
    if draw(st.booleans()):
        return f"{draw(escaped('public'))}{draw(GAPS)}.{draw(GAPS)}{name}"
    return name


TEMPLATES = st.sampled_from(
    [
        "select * from {0}",
        "select email from {0} as c, {1} as d where c.id = d.id",
        "table {0}",
        "copy {0} to stdout",
        "copy {0} (id, email) to stdout with (format csv)",
        "with x as (select email from {0}) select * from x",
        "insert into products (name) select email from {0} join {1} c using (id)",
        "declare c cursor for select * from only {0}",
        "select (select max(email) from {0}) from {1}",
        "explain (costs off) select * from {0}; select 'é', * from {1}",
    ]
)


@given(template=TEMPLATES, first=qualified(), second=qualified())
def test_every_spelling_goes_to_the_view(template: str, first: str, second: str, shop: Catalog) -> None:
    """No way to write the name escapes, and the rest of the text stays as it is."""
    text = template.format(first, second)
    found = outline(text)
    facts = resolve(found, shop, PATH)
    sent = rewrite(text, found, facts, shop, VIEWS, MASKED, PATH)
    after = resolve(outline(sent), shop, PATH)

    assert facts.reads >= {CUSTOMERS}
    assert same(text, sent, renames(VIEWS))
    assert CUSTOMERS not in after.reads
    assert VIEWS[CUSTOMERS] in after.reads


@given(template=TEMPLATES, first=qualified(), second=qualified())
def test_rewriting_again_changes_nothing(template: str, first: str, second: str, shop: Catalog) -> None:
    """What goes to the views is not touched a second time."""
    text = template.format(first, second)
    found = outline(text)
    sent = rewrite(text, found, resolve(found, shop, PATH), shop, VIEWS, MASKED, PATH)
    again = outline(sent)

    assert rewrite(sent, again, resolve(again, shop, PATH), shop, VIEWS, MASKED, PATH) is sent


@pytest.fixture(scope="module")
def database(cluster: Cluster) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A session with tables, rows and views that hide nothing, undone at the end."""
    with psycopg.connect(cluster.admin_dsn) as connection:
        connection.execute("CREATE SCHEMA base; CREATE SCHEMA gov_m_1; SET search_path = base")
        for name, columns in TABLES.items():
            listed = columns.split()
            connection.execute(f"CREATE TABLE {name} ({', '.join(f'{each} int' for each in listed)})")
            connection.execute(f"INSERT INTO {name} VALUES (1, 2, 3), (2, 2, NULL), (3, 1, 1)")
            connection.execute(f"CREATE VIEW gov_m_1.{name} AS SELECT * FROM base.{name}")
        yield connection
        connection.rollback()


def answer(connection: psycopg.Connection[tuple[object, ...]], query: str) -> list[str] | None:
    """The rows, in no order; None when PostgreSQL refuses the query."""
    try:
        with connection.transaction(force_rollback=True):
            return sorted(map(repr, connection.execute(query.encode()).fetchall()))
    except psycopg.errors.Error:
        return None


TABLES_ALL = Catalog(
    "1",
    {
        Relation("base", name): RelationInfo(
            Relation("base", name), number, RelationKind.TABLE, "owner",
            tuple(ColumnInfo(each, "integer", at) for at, each in enumerate(columns.split(), start=1)),
        )
        for number, (name, columns) in enumerate(TABLES.items(), start=1)
    },
)  # fmt: skip


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(query=queries().map(lambda query: query.text), hidden=st.sets(st.sampled_from("abcde"), max_size=3))
def test_over_views_that_hide_nothing_every_query_answers_the_same(
    query: str, hidden: set[str], database: psycopg.Connection[tuple[object, ...]]
) -> None:
    """Only the relations change: PostgreSQL gives the same rows, whichever columns are masked."""
    expected = answer(database, query)
    if expected is None:
        return
    found = outline(query)
    views = {each: Relation("gov_m_1", each.name) for each in TABLES_ALL.relations}
    masked = dict.fromkeys(views, frozenset(hidden))
    facts = resolve(found, TABLES_ALL, ("base",))
    sent = rewrite(query, found, facts, TABLES_ALL, views, masked, ("base",))

    assert answer(database, sent) == expected
    assert sent is query or same(query, sent, renames(views))


def test_nothing_to_do_gives_the_text_itself(shop: Catalog) -> None:
    """Not even a copy."""
    text = "select id from customers"
    found = outline(text)

    assert rewrite(text, found, resolve(found, shop, PATH), shop, VIEWS, MASKED, PATH) is text


def test_without_known_masks_every_read_goes_to_the_view(shop: Catalog) -> None:
    """A row filter has no masked column, and must be met all the same."""
    text = "select id from customers"
    found = outline(text)
    sent = rewrite(text, found, resolve(found, shop, PATH), shop, VIEWS, {}, PATH)

    assert sent == 'select id from "gov_m_""1"."customers"'


def test_what_is_unknown_is_left_alone(shop: Catalog) -> None:
    """It is denied; there is nothing to send."""
    text = "select * from customers; do 'x'"
    found = outline(text)

    assert rewrite(text, found, resolve(found, shop, PATH), shop, VIEWS, MASKED, PATH) is text


@pytest.mark.parametrize("text", [
    "copy binary customers to stdout",
    "copy /* as of old */ BINARY public.customers (id, email) to stdout",
    "copy customers to stdout using delimiters '|'",
    "copy customers (email) to stdout delimiters '|' with null as ''",
    "select 1; copy customers to stdout using delimiters '|'",
])  # fmt: skip
def test_copy_in_an_old_spelling_is_refused_by_name(text: str, shop: Catalog) -> None:
    """A query cannot be copied that way; the error says so, and which way is open."""
    outlined = outline(text)
    facts = resolve(outlined, shop, PATH)

    with pytest.raises(NotUnderstood, match=r"COPY of public\.customers in a spelling") as refused:
        rewrite(text, outlined, facts, shop, VIEWS, MASKED, PATH)
    assert "WITH (FORMAT binary)" in refused.value.hint


@pytest.mark.parametrize(("text", "refused"), [
    ("select email from only customers", "ONLY public.customers leaves"),
    ("select id from orders where exists (select from only (customers) where email = 'x')", "ONLY public.customers"),
    ("copy customers to stdout", "COPY public.customers leaves"),
    ("select id from only customers", ""), ("select email from only orders, customers", ""),
    ("select email from customers", ""), ("copy customers (id) to stdout", ""),
])  # fmt: skip
def test_what_a_view_has_not_apart_is_refused(text: str, refused: str, shop: Catalog) -> None:
    """A masked view of a table with children has their rows too, so it takes no place of the table alone."""
    child = RelationInfo(Relation("public", "vips"), 1, RelationKind.TABLE, "o", (), parent=CUSTOMERS)
    family = replace(shop, relations={**shop.relations, child.relation: child})
    for catalog, expected in ((shop, ""), (family, refused)):
        outlined = outline(text)
        with pytest.raises(NotUnderstood, match=expected) if expected else nullcontext():
            rewrite(text, outlined, resolve(outlined, catalog, PATH), catalog, VIEWS, MASKED, PATH)


@pytest.mark.parametrize("text", [
    "copy customers to stdout binary",
    "copy customers to stdout with delimiter '|'",
    "copy customers (email) to stdout with (format csv, delimiter '|', force_quote (email))",
])  # fmt: skip
def test_copy_in_every_newer_spelling_is_rewritten(text: str, shop: Catalog) -> None:
    """Also those that PostgreSQL 9.0 replaced."""
    outlined = outline(text)
    sent = rewrite(text, outlined, resolve(outlined, shop, PATH), shop, VIEWS, MASKED, PATH)

    assert sent.startswith("copy (SELECT")
    assert same(text, sent, renames(VIEWS))
