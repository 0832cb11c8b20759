"""What names mean: the search path as PostgreSQL walks it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gov.sql.catalog import Catalog
from gov.sql.outline import outline
from gov.sql.resolve import resolve
from gov.sql.world import path_of, search
from gov.terms import Relation


@pytest.mark.parametrize(
    ("path", "temporary", "means"),
    [
        (("public",), set(), "public"),
        (("archive", "public"), set(), "archive"),
        (("nosuch", "archive"), set(), "archive"),
        (("$user", "", "public"), set(), "public"),
        (("public",), {"customers"}, "pg_temp"),
        (("public", "pg_temp"), {"customers"}, "public"),
        (("pg_temp", "public"), {"customers"}, "pg_temp"),
        (("nosuch",), set(), "nosuch"),
        ((), set(), ""),
    ],
)
def test_the_first_schema_that_has_it_counts(
    path: tuple[str, ...], temporary: set[str], means: str, shop: Catalog
) -> None:
    """Temporary relations come first unless the path says where they come."""
    facts = resolve(outline("select email from customers"), shop, path, frozenset(temporary))

    assert facts.reads == {Relation(means, "customers")}
    assert facts.missing == (facts.reads if means in ("nosuch", "") else set())


def test_the_system_comes_before_the_path_unless_it_is_in_it(shop: Catalog) -> None:
    """`pg_catalog` is searched first without being told."""
    assert search(("public",)) == ("pg_temp", "pg_catalog", "public")
    assert search(("public", "pg_catalog")) == ("pg_temp", "public", "pg_catalog")


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("public", ("public",)),
        ('Public, "My Schema", "a""b"', ("public", "My Schema", 'a"b')),
        ('"a, b"', ("a, b",)),
        ("", ()),
        ("$1", None),
        ("a b", None),
        ("'a'", None),
        (None, None),
    ],
)
def test_the_value_of_search_path_is_read_or_is_not_told(value: str | None, path: tuple[str, ...] | None) -> None:
    """What cannot be read is never guessed."""
    assert path_of(value) == path


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)))
def test_quoted_schemas_come_back(schemas: list[str]) -> None:
    """Whatever their names are."""
    value = ", ".join('"' + schema.replace('"', '""') + '"' for schema in schemas)

    assert path_of(value) == tuple(schemas)


@pytest.mark.parametrize("text", [
    "select id from {}.public.customers", "select email from {}.public.customers c",
    "copy {}.public.customers to stdout",
    "select {}.public.customers.id from customers", "select {}.public.customers.* from public.customers",
    'with q as (table {}."public".customers) select * from q', "delete from {}.public.orders where id = 1",
])  # fmt: skip
def test_another_database_is_not_this_one(text: str, shop: Catalog) -> None:
    """PostgreSQL refuses it; a text rewritten to the views must not be answered from here."""
    here = replace(shop, database="shop")
    (why,) = resolve(outline(text.format("other")), here, ("public",)).unknown
    assert "other is not this database" in why
    assert resolve(outline(text.format("shop")), here, ("public",)).unknown == ()
    assert resolve(outline(text.format("other")), shop, ("public",)).unknown == ()
