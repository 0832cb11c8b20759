"""The proof: what a rewrite may change, and that it may change nothing else."""

from __future__ import annotations

import pytest

from gov.sql.proof import same
from gov.terms import Relation

RENAMES = {
    Relation("m", "t"): Relation("public", "t"),
    Relation("m", "Ü"): Relation("public", "Ü"),
    Relation("m", "u"): Relation("other", "u"),
}


@pytest.mark.parametrize(
    ("original", "rewritten"),
    [
        ("select 1", "select 1"),
        ("select  1 -- x", "SELECT 1"),
        ("select a from t", "select a from m.t"),
        ("select a from public.t as x", 'select a from "m"."t" as x'),
        ("select a from db.public.t", "select a from m.t"),
        ("select a from other.u", "select a from m.u"),
        ('select a from "Ü"', 'select a from m."Ü"'),
        ("select public.t.a from public.t", "select m.t.a from m.t"),
        ("select db.public.t.* from t", "select m.t.* from m.t"),
        ("copy t to stdout", "copy (select a, b from m.t) to stdout"),
        ("copy t (b, a) to stdout csv", "copy (select b, a from m.t) to stdout csv"),
        ("create tablespace x location '/a'", "create tablespace x location '/a'"),
    ],
)
def test_the_same_statement_over_views_is_the_same(original: str, rewritten: str) -> None:
    """A view stands for its relation, by whichever name the text gives it."""
    assert same(original, rewritten, RENAMES)


@pytest.mark.parametrize(
    ("original", "rewritten"),
    [
        ("select a from t where a in (1)", "select a from t where a in (1, 2)"),
        ("select a from t", "select a from m.u"),
        ("select a from t", "select a from m.t x"),
        ("select a from t", "select a from only m.t"),
        ("select a from t", "select a, b from m.t"),
        ("select a from t", "select a from n.t"),
        ("select a from t", "select a from m.t; drop table t"),
        ("select a from t; select 1", "select a from m.t"),
        ("select a from other.t", "select a from m.t"),
        ("select a from public.u", "select a from m.u"),
        ("select a from m.t", "select a from t"),
        ("select a from t", "select a from db.m.t"),
        ("select public.t.a from t", "select m.t.b from m.t"),
        ("select public.t.a from t", "select m.u.a from m.t"),
        ("select t.a from t", "select m.t.a from m.t"),
        ("select 'a' from t", "select 'b' from m.t"),
        ("select true", "select false"),
        ("select 1", "select 0"),
        ("select null", "select 0"),
        ("select a from t", "selec"),
        ("selec", "selec"),
        ("create tablespace x location '/a'", "create tablespace x location '/b'"),
        ("copy t to stdout", "copy (select a from n.t) to stdout"),
        ("copy t to stdout", "copy (select * from m.t) to stdout"),
        ("copy t to stdout", "copy (select a as b from m.t) to stdout"),
        ("copy t to stdout", "copy (select a from m.t where b = 1) to stdout"),
        ("copy t to stdout", "copy (select a from m.t x) to stdout"),
        ("copy t to stdout", "copy (select a from only m.t) to stdout"),
        ("copy t to stdout", "copy (select a from m.t, m.u) to stdout"),
        ("copy t to stdout", "copy (select distinct a from m.t) to stdout"),
        ("copy t to stdout", "copy (select a from m.t for update) to stdout"),
        ("copy t to stdout", "copy (select a into x from m.t) to stdout"),
        ("copy t to stdout", "copy (select f(a) from m.t) to stdout"),
        ("copy t to stdout", "copy (select t.a from m.t) to stdout"),
        ("copy t to stdout", "copy (values (1)) to stdout"),
        ("copy t to stdout", "copy (select a from m.t) to program 'x'"),
        ("copy t to stdout", "copy (select a from m.t) to stdout csv"),
        ("copy t (a, b) to stdout", "copy (select b, a from m.t) to stdout"),
        ("copy t (a) to stdout", "copy (select a, b from m.t) to stdout"),
        ("copy t from stdin", "copy (select a from m.t) to stdout"),
        ("copy t from stdin", "copy m.u from stdin"),
        ("copy (select a from t) to stdout", "copy t to stdout"),
    ],
)
def test_anything_else_is_not_the_same(original: str, rewritten: str) -> None:
    """Not a constant, not a column, not a clause, not another relation."""
    assert not same(original, rewritten, RENAMES)
