"""The reviewed list of built-ins and the rule for the rest, held against what living servers have."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from gov.demo.cluster import Cluster
from gov.sql.catalog import Catalog, FunctionInfo
from gov.sql.functions import BUILT_IN, effect_of
from gov.sql.outline import outline
from gov.sql.resolve import resolve
from gov.sql.reviewed import EFFECTS, EXTENSIONS, OF_EXTENSIONS, OPERATORS, READS, RELATIONS
from gov.target.catalog import load
from gov.terms import Effect
from live.fifteen import running

CONTRIB = ("citext", "hstore", "pg_trgm", "dblink", "uuid-ossp", "pgcrypto", "intarray", "ltree", "tablefunc", "xml2",
           "unaccent", "fuzzystrmatch", "btree_gist", "tsm_system_rows", "adminpack")  # fmt: skip
NOT_READS = ("pg_read_file", "pg_ls_dir", "lo_import", "lo_get", "pg_terminate_backend", "pg_reload_conf", "pg_sleep",
             "query_to_xml", "pg_logical_emit_message", "pg_create_logical_replication_slot", "pg_promote", "nextval",
             "pg_advisory_lock", "pg_notify", "pg_input_is_valid", "domain_in", "record_in", "pg_config",
             "pg_replication_origin_oid", "pg_control_system", "brin_summarize_new_values", "pg_nextoid",
             "pg_import_system_collations", "pg_stat_reset")  # fmt: skip


def snapshot(dsn: str) -> Catalog:
    """The catalog of a server."""

    async def run() -> Catalog:
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
            await connection.execute("SET search_path = ''")
            return await load(connection, ("public",), connection.info.server_version)

    return asyncio.run(run())


@pytest.fixture(scope="module")
def eighteen(cluster: Cluster) -> Catalog:
    """PostgreSQL 18 as it is installed."""
    return snapshot(cluster.admin_dsn)


@pytest.fixture(scope="module")
def fifteen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """Debian's PostgreSQL 15, with its contrib extensions where they are there."""
    with running(tmp_path_factory.mktemp("fifteen") / "ca.pem") as server:
        with server.admin() as admin:
            there = {name for (name,) in admin.execute("SELECT name FROM pg_available_extensions")}
            for name in there.intersection(CONTRIB):
                admin.execute(f'CREATE EXTENSION "{name}"')
        yield snapshot(server.dsn("postgres", "superuser"))


@pytest.fixture(params=["fifteen", "eighteen"])
def living(request: pytest.FixtureRequest) -> Catalog:
    """Each of them."""
    found: Catalog = request.getfixturevalue(request.param)
    return found


def built_in(catalog: Catalog) -> Iterator[FunctionInfo]:
    """Every function of the server itself."""
    for overloads in catalog.functions.values():
        yield from (each for each in overloads if each.schema in BUILT_IN and each.extension is None)


def test_everything_listed_exists_and_once(shop: Catalog) -> None:
    """A name that PostgreSQL 18 does not have is a slip of the pen."""
    named = {name.partition("(")[0] for name in READS.keys() | EFFECTS.keys()}

    assert named <= shop.functions.keys()
    assert not READS.keys() & EFFECTS.keys()
    assert all(why for _, why in (READS | EFFECTS | EXTENSIONS | OF_EXTENSIONS | RELATIONS).values())


def test_only_volatile_functions_need_a_vouch(shop: Catalog) -> None:
    """Immutable and stable ones have it already."""
    for name in READS:
        assert any(each.volatility == "v" for each in shop.functions[name]), name


def test_every_built_in_has_an_effect_and_a_reason(living: Catalog) -> None:
    """A plain read is immutable or stable and open to everybody, or reviewed by name: no other is one."""
    counted: dict[str, int] = {}
    for each in built_in(living):
        effect, why = effect_of(each)
        counted[effect] = counted.get(effect, 0) + 1

        assert why, each
        if effect is Effect.READ and each.name not in READS:
            assert each.volatility in ("i", "s"), each
            assert each.public, each

    print(f"{living.server_version}: {dict(sorted(counted.items()))}")
    assert sum(counted.values()) > 3_000
    assert counted["call"] > 100


def test_what_reaches_out_or_changes_something_is_no_plain_read(living: Catalog) -> None:
    """Files, signals, locks, large objects, replication, settings of the server, and SQL given as text."""
    for name in NOT_READS:
        for each in living.functions.get(name, ()):
            assert effect_of(each)[0] is not Effect.READ, each


def test_an_overload_is_told_from_another(eighteen: Catalog) -> None:
    """`ts_rewrite(tsquery, text)` runs its text, and the one of three queries does not."""
    effects = {each.arguments: effect_of(each)[0] for each in eighteen.functions["ts_rewrite"]}

    assert effects == {
        ("tsquery", "text"): Effect.UNKNOWN,
        ("tsquery", "tsquery", "tsquery"): Effect.READ,
    }
    three = "select ts_rewrite('a'::tsquery, 'b'::tsquery, 'c'::tsquery)"
    assert not resolve(outline(three), eighteen, ("public",)).unknown
    assert resolve(outline("select ts_rewrite('a', 'select 1')"), eighteen, ("public",)).unknown


def test_a_new_built_in_is_a_call_unless_it_only_computes(eighteen: Catalog) -> None:
    """So a new version of PostgreSQL brings no new way out."""
    (like,) = eighteen.functions["pg_client_encoding"]
    new = replace(like, name="pg_new")

    assert effect_of(new)[0] is Effect.READ
    assert effect_of(replace(new, volatility="v"))[0] is Effect.CALL
    assert effect_of(replace(new, public=False))[0] is Effect.CALL


@pytest.mark.parametrize("name", sorted(name for name in EFFECTS if "(" not in name))
def test_a_listed_function_has_its_effect(name: str, shop: Catalog) -> None:
    """Whatever its volatility, and by its bare name as well."""
    effect, _ = EFFECTS[name]
    facts = resolve(outline(f"select {name}(1)"), shop, ("public",))

    assert effect in facts.effects
    assert facts.effects & {Effect.UNKNOWN} == ({Effect.UNKNOWN} if effect is Effect.UNKNOWN else set())


def test_system_views_do_what_their_functions_do(living: Catalog, cluster: Cluster) -> None:
    """A view of pg_catalog that reaches files is listed; the others are plain reads or their functions are kept."""
    with psycopg.connect(cluster.admin_dsn) as connection:
        found = connection.execute("""
            SELECT c.relname, p.oid::int8 FROM pg_rewrite w JOIN pg_class c ON c.oid = w.ev_class,
                   LATERAL regexp_matches(w.ev_action::text, ':funcid ([0-9]+)', 'g') m
              JOIN pg_proc p ON p.oid = m[1]::oid WHERE c.relnamespace = 'pg_catalog'::regnamespace
        """).fetchall()
    files = {view for view, oid in found if (each := living.by_oid.get(oid)) and
             effect_of(each)[0] is Effect.SERVER_FILE}

    if living.server_version >= 180_000:
        assert files == RELATIONS.keys()
    facts = resolve(outline("select * from pg_file_settings"), living, ("public",))
    assert Effect.SERVER_FILE in facts.effects


def test_contrib_is_judged_by_its_review_and_by_who_owns_it(fifteen: Catalog) -> None:
    """A superuser's citext only reads; the same function in other hands is somebody's code."""
    if "similarity" not in fifteen.functions:
        pytest.skip("contrib is not installed")
    (similarity,) = fifteen.functions["similarity"]
    (connect, *_) = fifteen.functions["dblink"]
    (crosstab, *_) = fifteen.functions["crosstab"]

    assert effect_of(similarity)[0] is Effect.READ
    assert effect_of(replace(similarity, trusted=False))[0] is Effect.CALL
    assert effect_of(replace(similarity, extension="pg_cron"))[0] is Effect.CALL
    assert effect_of(connect)[0] is Effect.NETWORK
    assert effect_of(crosstab)[0] is Effect.UNKNOWN
    for (extension, name), review in OF_EXTENSIONS.items():
        for each in fifteen.functions.get(name, ()):
            if each.extension == extension:
                assert effect_of(each) == review


@pytest.mark.parametrize("text", [
    "select 'a'::citext = 'b', 'a'::citext like 'B%'",
    "select similarity('a', 'b'), 'a' % 'b', 5 % 3, 'a' <-> 'b'",
    "select 'a=>1'::hstore -> 'a', 'top.a'::ltree <@ 'top'::ltree",
    "select uuid_generate_v4(), digest('x', 'sha256'), unaccent('é')",
    "select relname from pg_class where relname = 'x' and oid between 1 and 2 order by relname",
])  # fmt: skip
def test_a_database_with_contrib_reads_as_before(text: str, fifteen: Catalog) -> None:
    """Its operators have the names of built-in ones, and nothing becomes a call for it."""
    if "similarity" not in fifteen.functions:
        pytest.skip("contrib is not installed")
    facts = resolve(outline(text), fifteen, ("public",))

    assert facts.effects == {Effect.READ}, facts


def test_the_operators_are_those_of_postgresql(cluster: Cluster) -> None:
    """Not one more, not one less."""
    with psycopg.connect(cluster.admin_dsn) as connection:
        found = connection.execute(
            "SELECT DISTINCT oprname FROM pg_operator WHERE oprnamespace = 'pg_catalog'::regnamespace"
        ).fetchall()

    assert {name for (name,) in found} == OPERATORS


def test_no_operator_of_postgresql_is_more_than_a_read(cluster: Cluster, eighteen: Catalog) -> None:
    """Operators are judged by name where none of a user's is called so."""
    with psycopg.connect(cluster.admin_dsn) as connection:
        found = connection.execute("SELECT oprname, oprcode::oid::int8 FROM pg_operator WHERE oprcode <> 0").fetchall()

    assert [name for name, oid in found if effect_of(eighteen.by_oid[oid])[0] is not Effect.READ] == []


def test_what_somebody_puts_into_pg_catalog_is_not_built_in(eighteen: Catalog) -> None:
    """What comes with the server has an OID from before the first of a user's."""
    (like,) = eighteen.functions["pg_client_encoding"]

    assert effect_of(like)[0] is Effect.READ
    assert effect_of(replace(like, oid=16_384))[0] is Effect.CALL


def test_built_in_schemas_are_closed_to_others() -> None:
    """Nobody but initdb puts functions there."""
    assert {"pg_catalog", "information_schema"} == BUILT_IN
