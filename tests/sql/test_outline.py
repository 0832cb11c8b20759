"""Outlines: any text has one or an error of ours, and how it is spelled does not matter."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gov.errors import GovError, TooComplex
from gov.sql import outline as outlining
from gov.sql.catalog import Catalog
from gov.sql.grammar import tokens
from gov.sql.outline import decode, outline
from gov.sql.resolve import resolve

WORDS = st.sampled_from([
    "select", "from", "where", "a", "b", "t", "public", ".", ",", ";", "*", "(", ")", "with", "as", "insert",
    "into", "values", "update", "set", "delete", "returning", "union", "all", "order by", "1", "'x'", "$1",
    "copy", "to stdout", "drop table", "explain", "analyze", "for", "lateral", "join", "on", "using", "=",
])  # fmt: skip
STATEMENTS = [
    "select c.email, o.amount from customers c join orders o on o.customer_id = c.id where o.status = 'paid'",
    "with x as (delete from orders where id = 1 returning *) select * from x",
    "insert into orders (id, amount) values (1, 2) on conflict (id) do update set amount = excluded.amount",
    "copy customers (id, email) to stdout with (format csv)",
    "update products set price = 1 where id in (select customer_id from orders)",
    "create table t as select email from customers",
    "explain analyze select public.customers.ssn from public.customers",
    "drop table if exists orders, archive.customers cascade",
]


@given(st.one_of(st.text(), st.lists(WORDS, max_size=20).map(" ".join)))
def test_any_text_has_an_outline_or_an_error_of_ours(text: str) -> None:
    """Garbage in, our words out; and what comes out crosses the border whole."""
    try:
        found = outline(text)
    except GovError:
        return

    assert decode(json.loads(json.dumps(found))) == found


@given(st.lists(WORDS, max_size=25).map(" ".join))
def test_whatever_parses_has_facts(shop: Catalog, text: str) -> None:
    """An unknown, or effects, or no statement: never nothing, never an exception."""
    facts = resolve(outline(text), shop, ("public",))

    assert facts.effects or facts.count == 0
    assert bool(facts.unknown) == ("unknown" in facts.effects)


@pytest.mark.parametrize("text", STATEMENTS)
@given(data=st.data())
def test_spelling_does_not_matter(text: str, shop: Catalog, data: st.DataObject) -> None:
    """Case, white space and comments between tokens leave the facts as they are."""
    gaps = st.sampled_from([" ", "\n", "\t", " /* ; drop table orders */ ", " -- x'\n", "/**/ "])
    pieces = [text[token.start : token.end] for token in tokens(text)]
    spelled = "".join(
        (piece if piece[0] == "'" else data.draw(st.sampled_from([piece, piece.upper()]))) + data.draw(gaps)
        for piece in pieces
    )

    assert resolve(outline(spelled), shop, ("public",)) == resolve(outline(text), shop, ("public",))


def test_a_syntax_error_is_an_unknown(shop: Catalog) -> None:
    """PostgreSQL's message is kept, and policy denies."""
    found = outline("selec 1")

    assert (found.syntax_error, found.position) == ('syntax error at or near "selec"', 1)
    assert resolve(found, shop, ()).unknown == ('syntax error: syntax error at or near "selec"',)


def test_a_node_that_nobody_vouches_for_is_unknown(monkeypatch: pytest.MonkeyPatch, shop: Catalog) -> None:
    """What a later grammar brings is named, and denied."""
    monkeypatch.delitem(outlining.METHODS, "TruncateStmt")
    monkeypatch.delitem(outlining.METHODS, "SubLink")

    assert resolve(outline("truncate orders"), shop, ()).unknown == ("not understood: TruncateStmt",)
    assert resolve(outline("select (select 1)"), shop, ()).unknown == ("not understood: SubLink",)


def test_a_text_names_only_so_much() -> None:
    """Whoever resolves the names does so while others wait."""
    with pytest.raises(TooComplex, match="names more than"):
        outline(f"select {', '.join(['a'] * (outlining.MAX_SIZE + 1))}")


def test_a_condition_may_be_deep() -> None:
    """Beyond what the interpreter holds it is refused, never half looked at."""
    text = "delete from t where " + "not (a = 1 and " * 2_000 + "true" + ")" * 2_000

    with pytest.raises(TooComplex):
        outline(text)
