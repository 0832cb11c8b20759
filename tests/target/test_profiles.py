"""Profiles: their grants are exactly what policy says, and a mask that would not hold is no profile."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from psycopg import errors

from gov.errors import Unavailable
from gov.sql.catalog import Catalog
from gov.target import upkeep
from gov.target.grants import Grant, On, held
from gov.target.profiles import Profile
from gov.target.target import Target
from gov.terms import Column, Relation
from target.world import CUSTOMERS, ORDERS, SECRETS, Shop, login, mint, outcome


async def built(target: Target, scope: str = "read", **masks: str) -> Profile:
    """The profile of the shop's outcome as it is now."""
    catalog = await target.refresh()
    return await target.profile(outcome(catalog, scope, **masks))


async def grants(target: Target, profile: Profile) -> frozenset[Grant]:
    """What the profile role holds."""
    async with target._connections.borrow() as connection:
        return await held(connection, profile.role)


def test_equal_outcomes_share_one_profile(shop: Shop) -> None:
    """Two principals with the same outcome have the same role, and asking again makes nothing new."""

    async def run() -> None:
        target = shop.target()
        await target.open()
        first, second = await built(target), await built(target)
        other = await built(target, "write")
        assert first is second
        assert other.role != first.role
        assert len(shop.roles("gov_p_")) == 2
        await target.close()

    asyncio.run(run())


def test_masked_tables_are_granted_by_column(shop: Shop) -> None:
    """Clear and system columns may be selected, masked ones seen in information_schema and no more."""

    async def run() -> None:
        target = shop.target()
        await target.open()
        profile = await built(target)
        found = await grants(target, profile)
        on_customers = {(grant.privilege, grant.column) for grant in found if grant.name == "customers"}
        assert on_customers == {
            ("SELECT", name) for name in ("id", "country", "balance", "ctid", "tableoid", "xmin")
        } | {("REFERENCES", "email"), ("REFERENCES", "ssn")}
        assert Grant(On.TABLE, "SELECT", "orders", "public") in found
        _, upstream = await mint(target, profile)
        with login(upstream) as session:
            columns = session.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public'"
                " AND table_name = 'customers' ORDER BY ordinal_position"
            ).fetchall()
        assert columns == [("id",), ("email",), ("ssn",), ("country",), ("balance",)]
        await target.close()

    asyncio.run(run())


def test_a_surplus_grant_is_taken_away(shop: Shop) -> None:
    """What a profile should not have it loses when it is built again."""

    async def run() -> None:
        target = shop.target()
        await target.open()
        profile = await built(target)
        before = await grants(target, profile)
        shop.as_owner(
            f"GRANT SELECT (email) ON customers TO {profile.role}; GRANT TRUNCATE ON orders TO {profile.role}"
        )
        fresh = shop.target()
        await fresh.open()
        assert await built(fresh) == profile
        assert await grants(fresh, profile) == before
        await asyncio.gather(target.close(), fresh.close())

    asyncio.run(run())


def test_a_swept_profile_can_read_its_views_again(shop: Shop) -> None:
    """The role goes with its grants and the views stay: building it anew grants them again."""

    async def run() -> None:
        target = shop.target()
        await target.open()
        profile = await built(target)
        await target.close()
        fresh = shop.target()
        await fresh.open()
        assert profile.role in await fresh.sweep([])
        again = await built(fresh)
        assert again == profile
        _, upstream = await mint(fresh, again)
        view = again.views[CUSTOMERS]
        with login(upstream) as session:
            session.execute(f"SELECT email FROM {view.schema}.{view.name} LIMIT 1")
        await fresh.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    "right",
    [
        "GRANT SELECT ON customers TO PUBLIC",
        "GRANT SELECT (ssn) ON customers TO PUBLIC",
        "CREATE VIEW leak AS SELECT ssn FROM customers; GRANT SELECT ON leak TO PUBLIC",
    ],
)
def test_a_mask_that_public_goes_around_is_no_profile(shop: Shop, right: str) -> None:
    """We never revoke PUBLIC's rights; we refuse, and say which."""

    async def run() -> None:
        target = shop.target()
        await target.open()
        shop.as_owner(right)
        with pytest.raises(Unavailable, match="readable past its mask"):
            await built(target)
        assert shop.roles("gov_p_") == []
        await target.close()

    asyncio.run(run())


def test_a_role_behind_the_profile_is_found(shop: Shop) -> None:
    """Membership that somebody gave a profile counts as its right."""

    async def run() -> None:
        target = shop.target()
        await target.open()
        profile = await built(target)
        with shop.admin() as admin:
            admin.execute(f"GRANT pg_read_all_data TO {profile.role}")
        fresh = shop.target()
        await fresh.open()
        with pytest.raises(Unavailable, match="readable past its mask"):
            await built(fresh)
        await asyncio.gather(target.close(), fresh.close())

    asyncio.run(run())


@pytest.mark.parametrize(
    ("definition", "reachable"),
    [
        ("CREATE VIEW v AS SELECT email FROM customers", False),
        ("CREATE VIEW v AS SELECT id FROM customers WHERE ssn > ''", False),
        ("CREATE VIEW v AS SELECT c FROM customers c", False),
        ("CREATE VIEW v AS SELECT row_to_json(c) AS j FROM customers c", False),
        ("CREATE VIEW v AS SELECT count(c.*) FROM customers c", False),
        ("CREATE VIEW inner_v AS TABLE customers; CREATE VIEW v AS SELECT id FROM inner_v", False),
        ("CREATE MATERIALIZED VIEW v AS SELECT email FROM customers", False),
        ("CREATE TABLE v() INHERITS (customers)", False),
        ("CREATE TABLE v(i int); CREATE RULE r AS ON UPDATE TO v DO ALSO SELECT ssn FROM customers", False),
        ("CREATE VIEW v AS SELECT id, country FROM customers", True),
        ("CREATE VIEW v AS SELECT count(*) FROM customers", True),
        ("CREATE VIEW v AS SELECT * FROM orders", True),
    ],
)
def test_what_shows_masked_values_is_withheld(shop: Shop, definition: str, reachable: bool) -> None:
    """Views, copies, rules and partitions carry raw values past a mask, unless they leave them out."""

    async def run() -> None:
        target = shop.target()
        await target.open()
        shop.as_owner(definition)
        profile = await built(target)
        _, upstream = await mint(target, profile)
        with login(upstream) as session:
            found = session.execute("SELECT has_table_privilege('public.v', 'SELECT')").fetchone()
        assert found == (reachable,)
        assert (Relation("public", "v") in profile.withheld) != reachable
        await target.close()

    asyncio.run(run())


def test_views_with_masks_of_their_own_are_served(shop: Shop) -> None:
    """What plainly shows a masked column and masks it too is no way around; what shows another one still is."""

    async def run() -> None:
        target = shop.target()
        await target.open()
        shop.as_owner(
            "CREATE VIEW v AS SELECT id, ssn AS number FROM customers; CREATE VIEW above AS SELECT id, number FROM v;"
            "CREATE MATERIALIZED VIEW kept AS SELECT ssn AS number FROM customers;"
            "CREATE VIEW less AS SELECT ssn AS number, email FROM customers;"
            "CREATE VIEW over_less AS SELECT l.email AS number, c.ssn FROM less l, customers c"
        )
        catalog = await target.refresh()
        plain = outcome(catalog)
        spec = next(iter(plain.masks.values()))
        names = [Relation("public", each) for each in ("v", "above", "kept", "less")]
        over = Relation("public", "over_less")
        own = {Column(name, "number"): spec for name in names} | {Column(over, "ssn"): spec}
        opened = {each: frozenset(c.name for c in catalog.relations[each].columns) for each in (*names, over)}
        profile = await target.profile(
            replace(plain, masks={**plain.masks, **own}, opened={**plain.opened, **opened})
        )
        assert {each.name for each in profile.withheld} == {"less", "over_less"}
        _, upstream = await mint(target, profile)
        with login(upstream) as session:
            for name in names[:3]:
                view = profile.views[name]
                rows = session.execute(f'SELECT * FROM "{view.schema}"."{view.name}"').fetchall()
                assert len(rows) == 2
                assert not any(secret in str(rows) for secret in SECRETS)
                with pytest.raises(errors.InsufficientPrivilege):
                    session.execute(f"SELECT number FROM public.{name.name}")
        await target.close()

    asyncio.run(run())


def test_a_sequence_is_not_read_past_the_mask_of_its_column(shop: Shop) -> None:
    """Its last value is the newest value of the column."""

    async def run() -> None:
        target = shop.target()
        await target.open()
        with shop.admin() as admin:
            assert admin.execute("SELECT last_value FROM customers_id_seq").fetchone() == (2,)
        for masks, seen in (({"ssn": "redact"}, True), ({"id": "redact"}, False)):
            profile = await built(target, **masks)
            _, upstream = await mint(target, profile)
            with login(upstream) as session:
                found = session.execute(
                    "SELECT last_value IS NOT NULL, has_sequence_privilege('customers_id_seq', 'SELECT, USAGE')"
                    " FROM pg_sequences WHERE sequencename = 'customers_id_seq'"
                ).fetchone()
            assert found == (seen, seen)
        await target.close()

    asyncio.run(run())


def test_a_partition_with_its_own_masks_is_reachable(shop: Shop) -> None:
    """Parent and child masked alike: both are served, both through views."""

    async def run() -> None:
        target = shop.target()
        await target.open()
        shop.as_owner("CREATE TABLE archive() INHERITS (customers)")
        catalog = await target.refresh()
        both = outcome(catalog)
        archive = Relation("public", "archive")
        masks = both.masks | {
            type(column)(archive, column.name): spec for column, spec in both.masks.items()
        }
        content = replace(both, masks=masks, opened=both.opened | {archive: both.opened[CUSTOMERS]})
        profile = await target.profile(content)
        assert profile.withheld == {}
        assert profile.views.keys() == {CUSTOMERS, archive}
        await target.close()

    asyncio.run(run())


def test_what_the_broker_does_not_govern_is_withheld(shop: Shop) -> None:
    """A table of a stranger is left alone, and the profile says why."""

    async def run() -> None:
        target = shop.target()
        await target.open()
        with shop.admin() as admin:
            admin.execute("CREATE TABLE foreign_land(i int)")
        profile = await built(target)
        assert list(profile.withheld) == [Relation("public", "foreign_land")]
        assert "no member of its owner" in profile.withheld[Relation("public", "foreign_land")]
        await target.close()

    asyncio.run(run())


def test_strange_names_are_only_names(shop: Shop) -> None:
    """Whatever the catalog says is quoted before it is used."""

    async def run() -> None:
        target = shop.target()
        await target.open()
        shop.as_owner('CREATE TABLE "a""b; DROP TABLE orders--"("c""; %s" text, "select" int)')
        catalog = await target.refresh()
        strange = Relation("public", 'a"b; DROP TABLE orders--')
        content = outcome(catalog, email="null", ssn="null")
        column = next(iter(content.masks))
        masks = content.masks | {type(column)(strange, 'c"; %s'): content.masks[column]}
        profile = await target.profile(replace(content, scope="write", masks=masks))
        assert strange in profile.views
        assert ORDERS in (await target.refresh()).relations
        await target.close()

    asyncio.run(run())


def test_a_database_closed_to_public_opens_for_leases(shop: Shop) -> None:
    """CONNECT is passed on where PUBLIC does not have it."""

    async def run() -> None:
        with shop.admin() as admin:
            admin.execute(f"REVOKE ALL ON DATABASE {shop.database} FROM PUBLIC")
        target = shop.target()
        await target.open()
        _, upstream = await mint(target, await built(target))
        with login(upstream) as session:
            assert session.execute("SELECT count(*) FROM orders").fetchone() == (2,)
        await target.close()

    asyncio.run(run())


def test_old_versions_go_when_nobody_uses_them(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change of the table makes new views beside the old; the old ones stay while they are in use."""

    async def run() -> None:
        target = shop.target()
        await target.open()
        old = await built(target)
        shop.as_owner("ALTER TABLE customers ADD COLUMN note text")
        new = await built(target)
        assert new.version != old.version
        for profile in (old, new):
            _, upstream = await mint(target, profile)
            view = profile.views[CUSTOMERS]
            with login(upstream) as session:
                rows = session.execute(f'SELECT * FROM "{view.schema}"."{view.name}"').fetchall()
                assert not any(secret in str(rows) for secret in SECRETS)
        assert await target.drop_unused([old.version, new.version]) == []
        monkeypatch.setattr(upkeep, "IDLE", -1.0)
        assert await target.drop_unused([new.version]) == [old.views[CUSTOMERS].schema]
        await target.close()

    asyncio.run(run())


def test_one_purpose_after_the_other_leaves_few_profiles(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for many leases, each for another purpose, does not fill the tables' lists of grants."""
    monkeypatch.setattr(upkeep, "SPARE", 2)

    async def run() -> None:
        target = shop.target()
        await target.open()
        profiles = [await built(target, email=f"hash(purpose {number})") for number in range(6)]
        role, _ = await mint(target, profiles[0])
        in_use = [profiles[0].version]
        await target.drop_unused(in_use)
        await target.sweep({role})
        assert set(shop.roles("gov_p_")) == {profiles[number].role for number in (0, 4, 5)}
        await target.close()

    asyncio.run(run())


def test_the_catalog_leaves_out_what_is_ours(shop: Shop) -> None:
    """Making views does not change the version of the catalog, or everything would be judged again."""

    async def run() -> tuple[Catalog, Catalog]:
        target = shop.target()
        await target.open()
        before = await target.catalog()
        await built(target)
        after = await target.refresh()
        await target.close()
        return before, after

    before, after = asyncio.run(run())

    assert before.version == after.version
    assert not [name for name in after.relations if name.schema.startswith("gov_m_")]


def test_no_lock_of_a_clients_keeps_profiles_from_being_built(shop: Shop) -> None:
    """Write scope has advisory locks, of any number, so gov's own work waits for none of them."""

    async def run() -> None:
        target = shop.target()
        await target.open()
        with shop.admin() as client:
            client.execute(
                "SELECT pg_advisory_lock(hashtextextended(%s, 0))", (f"gov profiles {target.installation}",)
            )
            profile = await built(target)
            waiting = client.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
            assert waiting.fetchone() == (0,)
            assert profile.views
        await target.close()

    asyncio.run(run())


def test_two_brokers_build_one_after_the_other(shop: Shop) -> None:
    """Whoever builds a profile locks the others out until it is done."""

    async def run() -> None:
        one, other = shop.target(), shop.target()
        await one.open()
        await other.open()
        builder = one._upkeep._builder
        async with one._connections.borrow() as first, first.transaction():
            await builder._serialise(first)
            with pytest.raises(Unavailable):
                await built(other)
        assert (await built(other)).views
        await one.close()
        await other.close()

    asyncio.run(run())
