"""What Tab offers."""

from __future__ import annotations

import pytest
from prompt_toolkit.completion import CompleteEvent, Completion
from prompt_toolkit.document import Document

from gov.commands.backslash import OURS
from gov.commands.completing import Sql, quoted
from gov.commands.reaching import Known
from gov.control.access import ColumnView, Reach, RelationView


def relation(namespace: str, name: str, **columns: str) -> RelationView:
    """A table whose columns are all text, masked as the values say (`-` for not)."""
    return RelationView(namespace=namespace, name=name, kind="table", columns=[
        ColumnView(name=column, type="text", mask=None if mask == "-" else mask) for column, mask in columns.items()])


KNOWN = Known.of(Reach(search_path=["public"], functions=["public.total_of", "hr.raise_pay"], relations=[
    relation("public", "customers", id="-", email="partial", full_name="-"),
    relation("public", "orders", id="-", customer_id="-", amount="-"),
    relation("public", "Weird Name", Odd="-"), relation("hr", "salaries", amount="null"),
    relation("public", "evil\x1b[2J", id="-")]))
SQL = Sql(lambda: KNOWN, OURS, ["SELECT", "DROP TABLE"])


def offered(text: str, *, asked: bool = True) -> list[Completion]:
    """What is offered where the `|` is; `asked`: Tab was pressed."""
    cursor = text.index("|")
    document = Document(text.replace("|", ""), cursor)
    return list(SQL.get_completions(document, CompleteEvent(completion_requested=asked)))


@pytest.mark.parametrize(("text", "expected"), [
    ("select * from cust|", ["customers"]), ("select * from public.cust|", ["customers"]),
    ("select * from ord| where id = 1", ["orders"]), ("SELECT * FROM c JOIN ord|", ["orders"]),
    ("select * from customers c, ord|", ["orders"]), ("select * from hr.|", ["salaries", "raise_pay"]),
    ("select * from sal|", ["hr.salaries"]), ("select * from wei|", ['"Weird Name"']),
    ('select * from "Wei|', ['"Weird Name"']), ("with recent as (select 1) select * from rec|", ["recent"]),
    ("insert into ord|", ["orders"]), ("update cust|", ["customers"]), ("delete from cust|", ["customers"]),
    ("select em| from customers", ["email"]), ("select name| from customers", ["full_name"]),
    ("select c.| from customers c", ["id", "email", "full_name"]),
    ("select c.em| from public.customers as c", ["email"]),
    ("select o.am| from customers c join orders o on true", ["amount"]),
    ("select public.customers.em| from public.customers", ["email"]), ("select orders.am| from orders", ["amount"]),
    ("insert into orders (custo|", ["customer_id"]), ("update orders set am|", ["amount"]),
    ("select 1; select em| from customers; select 2", ["email"]),
    ("select am| from orders -- from customers", ["amount"]),
    ("select total| from orders", ["total_of"]), ("select raise|", []),
    ("sel|", ["select"]), ("SEL|", ["SELECT"]), ("select 'em|", []), ("select -- em|", []), ("select 1 as em|", []),
    ("select $$ em|", []), ("select 12|", []), ("select * from evil|", []), ("select x.em| from nowhere x", []),
])
def test_what_fits_the_place(text: str, expected: list[str]) -> None:
    """Relations after FROM and its like, columns of what the statement speaks of elsewhere, nothing inside quotes."""
    assert [each.text for each in offered(text)] == expected


def test_masked_columns_are_marked() -> None:
    """With the mask's name and a style of its own; others tell their type."""
    offers = offered("select c.| from customers c")
    found = {each.text: (each.display_meta_text, each.display_meta[0][0]) for each in offers}

    assert found["email"] == ("masked: partial", "class:masked")
    assert found["full_name"] == ("text", "")
    assert [each.display_meta_text for each in offered("select * from cust|")] == ["table, 1 masked"]


def test_columns_of_several_relations_say_whose_they_are() -> None:
    """`id` of two tables is offered once, others with their table."""
    found = {each.text: each.display_meta_text for each in offered("select | from customers join orders on true")}

    assert found["email"] == "masked: partial  customers"
    assert found["amount"] == "text  orders"


def test_nothing_pops_up_after_a_space() -> None:
    """Unasked, the menu opens for relations after FROM, and for columns only once a letter is typed."""
    assert offered("select | from customers", asked=False) == []
    assert [each.text for each in offered("select * from |", asked=False)][:2] == ["customers", "orders"]


@pytest.mark.parametrize(("line", "expected"), [
    ("\\ti|", ["\\timing"]), ("\\x |", ["on", "off", "auto"]), ("\\d ord|", ["orders"]),
    ("\\d hr.|", ["salaries"]), ("\\h dr|", ["DROP TABLE"]), ("\\pset nu|", ["null"]), ("\\lease |", ["new"]),
    ("\\unmask |", ["hr.salaries.amount", "customers.email"]), ("\\unmask cust|", ["customers.email"]),
    ("\\unmask customers.email,hr|", ["hr.salaries.amount"]), ("\\unmask customers.email cus|", [])])
def test_backslash_commands_and_their_arguments(line: str, expected: list[str]) -> None:
    """Names of commands, then what may follow them."""
    assert [each.text for each in offered(line)] == expected


@pytest.mark.parametrize(("name", "typed"), [
    ("orders", "orders"), ("Orders", '"Orders"'), ("a b", '"a b"'), ('a"b', '"a""b"'), ("select", '"select"')])
def test_names_are_quoted_where_needed(name: str, typed: str) -> None:
    """What is offered means the object it names."""
    assert quoted(name) == typed
