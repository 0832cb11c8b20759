"""What Tab offers."""

from __future__ import annotations

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from gov.commands.completing import Sql, quoted


@pytest.mark.parametrize(("text", "expected"), [
    ("select * from cust", ["customers"]), ("select public.cust", ["customers"]), ("sel", ["select"]),
    ("SEL", ["SELECT"]), ("", []), ("select ", []), ("wei", []), ('"Wei', []), ("xyz", [])])
def test_the_word_before_the_cursor(text: str, expected: list[str]) -> None:
    """Names and keywords that begin like it; keywords in the case of the hand that types."""
    found = Sql(lambda: ["customers", "Weird Name"]).get_completions(Document(text), CompleteEvent())

    assert [completion.text for completion in found] == expected


@pytest.mark.parametrize(("name", "typed"), [
    ("orders", "orders"), ("Orders", '"Orders"'), ("a b", '"a b"'), ('a"b', '"a""b"'), ("select", '"select"')])
def test_names_are_quoted_where_needed(name: str, typed: str) -> None:
    """What is offered means the object it names."""
    assert quoted(name) == typed
