"""EXECUTE, followed to what was prepared."""

from __future__ import annotations

import pytest

from gov.errors import TooComplex
from gov.sql.bind import follow, prepared
from gov.sql.catalog import Catalog
from gov.sql.outline import outline
from gov.sql.resolve import resolve
from gov.sql.rewrite import rewrite
from gov.terms import Effect, Relation

PATH = ("public",)


def test_execute_does_what_was_prepared(shop: Catalog) -> None:
    """Its facts are those of the prepared statement, though the text names nothing."""
    known = dict(prepared(outline("prepare p as delete from orders where id = $1")))
    facts = resolve(follow(outline("execute p (1)"), known), shop, PATH)

    assert facts.effects == {Effect.PREPARE, Effect.DELETE, Effect.READ}
    assert facts.writes == {Relation("public", "orders")}
    assert (facts.count, facts.command, facts.unknown) == (1, "EXECUTE", ())


def test_what_nobody_prepared_is_unknown(shop: Catalog) -> None:
    """A name that is not known could be anything."""
    assert resolve(follow(outline("execute q"), {}), shop, PATH).unknown


def test_the_text_itself_may_prepare(shop: Catalog) -> None:
    """The newest PREPARE of a name counts, in order."""
    text = "execute p; prepare p as select 1; execute p"
    facts = resolve(follow(outline(text), {}), shop, PATH)

    assert facts.unknown == ("EXECUTE p: the prepared statement is not known",)
    assert facts.count == 3


def test_names_mean_what_they_mean_when_it_runs(shop: Catalog) -> None:
    """PostgreSQL plans a prepared statement anew when the search path has changed, and so do we."""
    known = dict(prepared(outline("prepare p as select email from customers")))
    facts = resolve(follow(outline("execute p"), known), shop, ("archive",))

    assert facts.reads == {Relation("archive", "customers")}


def test_what_is_followed_is_not_rewritten(shop: Catalog) -> None:
    """Its text is somewhere else."""
    text, customers = "execute p", Relation("public", "customers")
    found = follow(outline(text), dict(prepared(outline("prepare p as select * from customers"))))
    facts = resolve(found, shop, PATH)
    views = {customers: Relation("m", "customers")}

    assert facts.reads == {customers}
    assert rewrite(text, found, facts, shop, views, {customers: frozenset({"email"})}, PATH) is text


def test_other_texts_stay_as_they_are() -> None:
    """Nothing is copied when there is nothing to follow."""
    found = outline("select 1")

    assert follow(found, {}) is found


def test_what_is_followed_prepares_nothing_anew() -> None:
    """EXECUTE gives no statement a name: what it runs keeps the name that it has."""
    found = follow(outline("execute p"), dict(prepared(outline("prepare p as select 1"))))

    assert list(prepared(found)) == []


def test_a_short_text_does_not_execute_without_bound() -> None:
    """What is named is counted each time that it is executed, as if the text said it itself."""
    once = "select 1 from orders where " + " and ".join(["id = 1"] * 900)
    known = dict(prepared(outline(f"prepare p as {once}")))

    assert len(follow(outline("execute p; " * 10), known).statements) == 20
    with pytest.raises(TooComplex):
        follow(outline("execute p; " * 30), known)
