"""The reviewed list of built-ins, held against what PostgreSQL has."""

from __future__ import annotations

import psycopg
import pytest

from gov.demo.cluster import Cluster
from gov.sql.catalog import Catalog
from gov.sql.functions import BUILT_IN, EFFECTS, OPERATORS, VOUCHED
from gov.sql.outline import outline
from gov.sql.resolve import resolve
from gov.terms import Effect


def test_everything_listed_exists(shop: Catalog) -> None:
    """A name that PostgreSQL does not have is a slip of the pen."""
    named = {name for name in VOUCHED | EFFECTS.keys() if not name.startswith("dblink")}

    assert named <= shop.functions.keys()
    assert not VOUCHED & EFFECTS.keys()


def test_only_volatile_functions_need_a_vouch(shop: Catalog) -> None:
    """Immutable and stable ones have it already."""
    for name in VOUCHED:
        assert any(each.volatility == "v" for each in shop.functions[name]), name


def test_a_volatile_function_that_nobody_looked_at_is_a_call(shop: Catalog) -> None:
    """So a new version of PostgreSQL brings no new way out."""
    for name, overloads in shop.functions.items():
        built_in = [each for each in overloads if each.schema == "pg_catalog"]
        if not built_in or len(built_in) < len(overloads) or name in VOUCHED or name in EFFECTS:
            continue
        volatile = any(each.volatility == "v" for each in built_in)
        facts = resolve(outline(f'select pg_catalog."{name}"()'), shop, ("public",))

        assert (Effect.CALL in facts.effects) == volatile, name


@pytest.mark.parametrize("name", sorted(EFFECTS))
def test_a_listed_function_has_its_effect(name: str, shop: Catalog) -> None:
    """Whatever its volatility, and by its bare name as well."""
    effect, why = EFFECTS[name]
    facts = resolve(outline(f"select {name}(1)"), shop, ("public",))

    assert why
    assert effect in facts.effects or (name.startswith("dblink") and Effect.CALL in facts.effects)
    assert facts.effects & {Effect.UNKNOWN} == ({Effect.UNKNOWN} if effect is Effect.UNKNOWN else set())


def test_the_operators_are_those_of_postgresql(cluster: Cluster) -> None:
    """Not one more, not one less."""
    with psycopg.connect(cluster.admin_dsn) as connection:
        found = connection.execute(
            "SELECT DISTINCT oprname FROM pg_operator WHERE oprnamespace = 'pg_catalog'::regnamespace"
        ).fetchall()

    assert {name for (name,) in found} == OPERATORS


def test_built_in_schemas_are_closed_to_others(shop: Catalog) -> None:
    """Nobody but initdb puts functions there."""
    assert {"pg_catalog", "information_schema"} == BUILT_IN
