"""Which privileges follow from an outcome, before any database is asked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gov.policy.decision import MaskSpec, Outcome
from gov.sql.catalog import Catalog, ColumnInfo, RelationInfo, RelationKind
from gov.target.grants import SYSTEM_COLUMNS, Grant, On, give, take, wanted
from gov.terms import Column, Relation, Scope

NAMES = ["a", "b", "c", "d"]


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Outcome, Catalog]:
    """A few relations of any kind, some masked in any of their columns."""
    infos: dict[Relation, RelationInfo] = {}
    masks: dict[Column, MaskSpec] = {}
    for number in range(draw(st.integers(0, 4))):
        name = Relation(draw(st.sampled_from(["s", "t"])), f"r{number}")
        columns = draw(st.lists(st.sampled_from(NAMES), unique=True))
        infos[name] = RelationInfo(
            relation=name,
            oid=number,
            kind=draw(st.sampled_from(RelationKind)),
            owner="owner",
            columns=tuple(ColumnInfo(column, "text", place) for place, column in enumerate(columns, 1)),
        )
        for column in draw(st.sets(st.sampled_from(NAMES))):
            masks[Column(name, column)] = MaskSpec("null", "rule", "pii")
    scope = draw(st.sampled_from(Scope))
    return Outcome("prod", scope.value, frozenset(infos), masks), Catalog("v", infos)


@given(worlds())
def test_a_masked_column_is_never_readable_or_updatable(world: tuple[Outcome, Catalog]) -> None:
    """Neither by itself nor with the whole table."""
    outcome, catalog = world
    for grant in wanted(outcome, catalog, ()):
        if grant.on is On.TABLE and grant.privilege in ("SELECT", "UPDATE"):
            masked = outcome.masked_in(Relation(grant.schema, grant.name))
            assert grant.column not in masked
            assert grant.column or not masked


@given(worlds())
def test_read_scope_grants_nothing_that_writes(world: tuple[Outcome, Catalog]) -> None:
    """And no scope grants what only owners do."""
    outcome, catalog = world
    allowed = {"SELECT", "USAGE", "REFERENCES"}
    if outcome.scope != Scope.READ:
        allowed |= {"INSERT", "UPDATE", "DELETE"}

    assert {grant.privilege for grant in wanted(outcome, catalog, ())} <= allowed


@given(worlds(), st.data())
def test_withholding_only_takes_away(world: tuple[Outcome, Catalog], data: st.DataObject) -> None:
    """Nothing of a withheld relation is granted, and nothing more of the others."""
    outcome, catalog = world
    withheld = data.draw(st.sets(st.sampled_from(sorted(outcome.relations)))) if outcome.relations else set()
    left = wanted(outcome, catalog, withheld)

    assert left <= wanted(outcome, catalog, ())
    assert not [grant for grant in left if Relation(grant.schema, grant.name) in withheld]


@given(worlds())
def test_every_grant_has_its_schema(world: tuple[Outcome, Catalog]) -> None:
    """USAGE where something is granted, and nowhere else."""
    outcome, catalog = world
    grants = wanted(outcome, catalog, ())
    schemas = {grant.name for grant in grants if grant.on is On.SCHEMA}

    assert schemas == {grant.schema for grant in grants if grant.schema}


def test_statements_are_few_and_quoted() -> None:
    """One for each privilege over all tables, one for each table with columns."""
    grants = {
        Grant(On.TABLE, "SELECT", "orders", "public"),
        Grant(On.TABLE, "SELECT", 'o"x', "public"),
        Grant(On.TABLE, "SELECT", "customers", "public", "id"),
        Grant(On.TABLE, "SELECT", "customers", "public", "ctid"),
        Grant(On.TABLE, "REFERENCES", "customers", "public", "email"),
        Grant(On.SCHEMA, "USAGE", "public"),
    }

    assert sorted(statement.as_string(None) for statement in give(grants, "p")) == [
        'GRANT REFERENCES ("email"), SELECT ("ctid", "id") ON TABLE "public"."customers" TO "p"',
        'GRANT SELECT ON TABLE "public"."o""x", "public"."orders" TO "p"',
        'GRANT USAGE ON SCHEMA "public" TO "p"',
    ]
    assert take([Grant(On.SCHEMA, "USAGE", "public")], "p")[0].as_string(None) == (
        'REVOKE USAGE ON SCHEMA "public" FROM "p"'
    )
    assert "ctid" in SYSTEM_COLUMNS
