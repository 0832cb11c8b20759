"""Columns are found by the names that people use."""

from __future__ import annotations

import pytest

from gov.audit.columns import covers, ends


@pytest.mark.parametrize(
    ("stated", "asked", "found"),
    [
        ("public.customers.email", "public.customers.email", True),
        ("public.customers.email", "customers.email", True),
        ("public.customers.email", "email", True),
        ("public.customers.*", "public.customers.email", True),
        ("public.customers.*", "email", True),
        ("public.customers.email", "stomers.email", False),
        ("public.customers.email", "archive.customers.email", False),
        ("public.customers.email", "mail", False),
        ("public.orders.*", "public.customers.email", False),
        ("public.customers.emails", "public.customers.email", False),
    ],
)
def test_a_column_is_named_by_the_end_of_its_name(stated: str, asked: str, found: bool) -> None:
    """Whole words only; a star covers every column of its table."""
    assert covers(stated, asked) is found


def test_tables_too() -> None:
    """With or without the schema."""
    assert ends("public.orders", "orders")
    assert ends("public.orders", "public.orders")
    assert not ends("public.reorders", "orders")
