"""A lease is made in an order that survives a crash anywhere, and ends for certain."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from broker.rig import ALICE, BOB, EVE, Rig, Shop, a_request, held, kinds, person
from gov.broker import leases
from gov.broker.house import House
from gov.broker.reload import PolicyWatch
from gov.broker.revoking import TRIES
from gov.control.access import LeaseAsk, LeaseGrant
from gov.errors import Denied, GovError, LeaseEnded, NoSuch, NotApproved, Unavailable, Unreachable, UsageError
from gov.lease.lease import LeaseState
from gov.terms import LeaseId, TargetName

Played = Callable[[Coroutine[Any, Any, Any]], Any]
READ = LeaseAsk(target="prod")


def state_of(house: House, grant: LeaseGrant) -> LeaseState:
    """Where the lease stands."""
    return house.leases.get(grant.lease.id).state


def upstream(house: House, grant: LeaseGrant) -> psycopg.Connection[tuple[Any, ...]]:
    """Connect as the gateway would."""
    lease = house.leases.by_role(grant.user)
    assert lease is not None
    to = house.targets[lease.target].upstream(lease.role, lease.id)
    dsn = make_conninfo(host=to.host, port=to.port, user=to.user, password=to.password, dbname=to.database)
    return psycopg.connect(dsn, autocommit=True)


def test_a_lease_opens_the_target_masked(rig: Rig, shop: Shop, played: Played) -> None:
    """Alice gets a role of her own that reads the masked view and not the column."""

    async def story() -> None:
        async with rig.house(shop) as house:
            grant = await house.leases.issue(ALICE, READ)
            lease = house.leases.by_role(grant.user)
            assert lease is not None
            _, profile = await house.leases.current(lease)

            with upstream(house, grant) as connection:
                view = next(iter(profile.views.values()))
                (row,) = connection.execute(f'SELECT email FROM "{view.schema}"."{view.name}"'.encode()).fetchall()
                assert row == ("c***@e***.com",)
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute("SELECT email FROM public.customers")

            assert grant.masked == ["public.customers.email"]
            assert grant.password not in lease.verifier
            assert shop.roles() == [grant.user]
        assert shop.roles() == []

    played(story())
    assert kinds(rig.directory) == ["columns.accepted", "lease.created", "lease.ended"]


@pytest.mark.parametrize(
    ("who", "ask", "error", "says"),
    [
        (EVE, READ, Denied, "no access rule"),
        (ALICE, LeaseAsk(target="prod", scope="admin"), Denied, "scope admin"),
        (ALICE, LeaseAsk(target="prod", scope="write"), UsageError, "asks for a reason"),
        (person("etl", "services"), READ, UsageError, "asks for a purpose"),
        (ALICE, LeaseAsk(target="prod", ttl=0), UsageError, "is none"),
        (ALICE, LeaseAsk(target="prod", purpose="x" * 100_000), UsageError, "characters"),
        (ALICE, LeaseAsk(target="prod", run="a b"), UsageError, "run's id"),
        (ALICE, LeaseAsk(target="nowhere"), NoSuch, "no target"),
        (ALICE, LeaseAsk(target="prod", scope="root"), NoSuch, "no scope"),
    ],
)
def test_what_is_refused(
    rig: Rig, shop: Shop, played: Played, who: Any, ask: LeaseAsk, error: type[GovError], says: str
) -> None:
    """A refusal says what to do about it, and leaves nothing on the target."""

    async def story() -> None:
        async with rig.house(shop) as house:
            with pytest.raises(error, match=says) as refused:
                await house.leases.issue(who, ask)
            assert refused.value.hint

    played(story())
    assert shop.roles() == []
    assert "lease.created" not in kinds(rig.directory)


def test_a_refusal_by_policy_is_recorded(rig: Rig, shop: Shop, played: Played) -> None:
    """Whoever asks in vain leaves a trace."""

    async def story() -> None:
        async with rig.house(shop) as house:
            with suppress(Denied):
                await house.leases.issue(EVE, READ)

    played(story())
    assert kinds(rig.directory) == ["lease.refused"]


def test_the_time_asked_for_is_bounded_by_the_rule(rig: Rig, shop: Shop, played: Played) -> None:
    """Nine hours under a rule of eight become eight; nothing asked is an hour."""

    async def story() -> list[float]:
        async with rig.house(shop) as house:
            found = []
            for ttl in (9 * 3600, 60, None):
                grant = await house.leases.issue(ALICE, LeaseAsk(target="prod", ttl=ttl))
                lease = house.leases.get(grant.lease.id)
                found.append(lease.expires_at - lease.created_at)
            return found

    assert played(story()) == [pytest.approx(8 * 3600), pytest.approx(60), pytest.approx(3600)]


def test_it_ends_by_itself(rig: Rig, shop: Shop, played: Played) -> None:
    """After its time the gateway does not know it, and its role is gone."""

    async def story() -> None:
        async with rig.house(shop) as house:
            grant = await house.leases.issue(ALICE, LeaseAsk(target="prod", ttl=1))
            lease = house.leases.by_role(grant.user)
            assert lease is not None
            await until(lambda: state_of(house, grant) is LeaseState.ENDED)
            assert house.leases.by_role(grant.user) is None
            with pytest.raises(LeaseEnded):
                await house.leases.current(lease)

    played(story())
    assert shop.roles() == []


def test_it_ends_at_once_when_somebody_says_so(rig: Rig, shop: Shop, played: Played) -> None:
    """Killing a lease ends what is connected as its role; killing it twice is no error."""

    async def story() -> None:
        async with rig.house(shop) as house:
            grant = await house.leases.issue(ALICE, READ)
            with upstream(house, grant) as connection:
                await house.leases.end(LeaseId(grant.lease.id), "ended by bob")
                assert state_of(house, grant) is LeaseState.ENDED
                with pytest.raises(psycopg.OperationalError):
                    connection.execute("SELECT 1")
            assert await house.leases.end(LeaseId(grant.lease.id), "again") == []
            assert house.leases.get(grant.lease.id).ended_because == "ended by bob"

    played(story())
    assert kinds(rig.directory).count("lease.ended") == 1


class Crash(BaseException):
    """The process is gone: nothing after this line happens."""


STEPS = ("put creating", "mint", "minted", "put active", "record")


@pytest.mark.parametrize("step", STEPS)
def test_a_crash_at_any_step_leaves_no_role_behind(
    rig: Rig, shop: Shop, played: Played, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between intent and grant: the next start finds the lease and takes its role away."""

    async def story() -> None:
        async with rig.house(shop) as house:
            crash_at(house, step)
            monkeypatch.setattr(house.leases.revoker, "begin", lambda lease, because: None)
            with pytest.raises(Crash):
                await house.leases.issue(ALICE, READ)
            left = house.leases.unfinished()
        if step in ("minted", "put active", "record"):
            assert len(shop.roles()) == 1
        async with rig.house(shop) as house:
            assert house.leases.unfinished() == []
            assert all(house.leases.get(lease.id).ended_because == leases.RESTARTED for lease in left)

    played(story())
    assert shop.roles() == []


def crash_at(house: House, step: str) -> None:
    """Have the next lease die at `step`."""
    target, desk = house.targets[TargetName("prod")], house.leases
    mint, stored, durably = target.mint, desk._stored, desk._durably

    async def crashing_mint(*given: Any) -> None:
        if step == "mint":
            raise Crash
        await mint(*given)
        if step == "minted":
            raise Crash

    async def crashing_store(lease: Any) -> None:
        if step == f"put {lease.state.value}":
            raise Crash
        await stored(lease)

    async def crashing_record(entry: Any) -> None:
        if step == "record":
            raise Crash
        await durably(entry)

    parts: Any = (target, desk)
    parts[0].mint, parts[1]._stored, parts[1]._durably = crashing_mint, crashing_store, crashing_record


@pytest.mark.parametrize("step", STEPS)
def test_a_failure_at_any_step_takes_the_role_back(rig: Rig, shop: Shop, played: Played, step: str) -> None:
    """Without a crash nobody waits for a restart: what was begun is undone at once."""

    async def story() -> None:
        async with rig.house(shop) as house:
            crash_at(house, step)
            with pytest.raises(Crash):
                await house.leases.issue(ALICE, READ)
            await until(lambda: house.leases.unfinished() == [] or step == "put creating")
            assert house.leases.live() == []
            assert shop.roles() == []

    played(story())


def test_a_lease_without_its_record_is_none(rig: Rig, shop: Shop, played: Played) -> None:
    """The trail fails: no secret leaves, and the role goes."""

    async def story() -> None:
        async with rig.house(shop) as house:
            house.trail._refusal = "the disk is gone"
            with pytest.raises(Unavailable):
                await house.leases.issue(ALICE, READ)
            await until(lambda: house.leases.unfinished() == [])

    played(story())
    assert shop.roles() == []


def test_a_restart_ends_what_was_live(rig: Rig, shop: Shop, played: Played) -> None:
    """Sessions died with the broker; the leases they had are worth nothing to anybody."""

    async def story() -> None:
        async with rig.house(shop) as house:
            grant = await house.leases.issue(ALICE, READ)
            house.leases._held.clear()  # killed: nothing is ended in good order
        assert shop.roles() == [grant.user]
        async with rig.house(shop) as house:
            lease = house.leases.get(grant.lease.id)
            assert (lease.state, lease.ended_because) == (LeaseState.ENDED, leases.RESTARTED)
            assert house.leases.by_role(grant.user) is None

    played(story())
    assert shop.roles() == []


def test_the_sweep_knows_every_lease_that_is_being_made(rig: Rig, shop: Shop, played: Played) -> None:
    """A role is owned before it exists, so a sweep at any moment leaves it alone."""

    async def story() -> None:
        async with rig.house(shop) as house:
            target = house.targets[TargetName("prod")]
            asked = [asyncio.create_task(house.leases.issue(ALICE, READ)) for _ in range(5)]
            while not all(task.done() for task in asked):
                assert await target.sweep(house.leases.revoker.owned) == []
            assert shop.roles() == sorted(task.result().user for task in asked)

    played(story())


def test_a_target_that_is_down(rig: Rig, shop: Shop, played: Played) -> None:
    """Unreachable, soon; and a lease whose role cannot be dropped is tried again until it is."""

    async def story() -> None:
        async with rig.house(shop) as house:
            grant = await house.leases.issue(ALICE, READ)
            target = house.targets[TargetName("prod")]
            revoke = target.revoke
            tries: list[str] = []

            async def down(role: str) -> None:
                tries.append(role)
                if len(tries) <= TRIES:
                    raise Unreachable("target prod does not answer", hint="wait")
                await revoke(role)

            target.revoke = down
            house.down[TargetName("prod")] = "it does not answer"
            await house.leases.end(LeaseId(grant.lease.id), "ended by bob")
            assert state_of(house, grant) is not LeaseState.ENDED
            for count in range(1, TRIES + 1):
                await until(lambda: len(tries) >= count)  # noqa: B023
                await asyncio.sleep(0.02)
                house.leases.revoker.retry(TargetName("prod"))
            await until(lambda: state_of(house, grant) is LeaseState.ENDED)

    played(story())
    assert shop.roles() == []


def test_nobody_listens_there(rig: Rig, shop: Shop, played: Played) -> None:
    """Asking for a lease on a dead target is answered, not awaited."""

    async def story() -> None:
        async with rig.house(replace(shop, broker_dsn="host=127.0.0.1 port=9 dbname=x user=y")) as house:
            with pytest.raises(Unreachable):
                await house.leases.issue(ALICE, READ)

    played(story())


def test_a_new_policy_ends_what_it_would_not_grant(rig: Rig, shop: Shop, played: Played) -> None:
    """Reload: leases whose terms changed end, the others live on."""

    async def story() -> None:
        async with rig.house(shop) as house:
            watch = PolicyWatch(house)
            write = LeaseAsk(target="prod", scope="write", reason="fix")
            kept, lost = await house.leases.issue(ALICE, READ), await house.leases.issue(ALICE, write)
            change(rig, "    groups: [engineering]", "    groups: [dba]")
            await watch.reload()
            assert state_of(house, kept) is LeaseState.ACTIVE
            assert house.leases.get(lost.lease.id).ended_because == leases.CHANGED

    played(story())


def test_a_stricter_mask_ends_every_lease_that_it_touches(rig: Rig, shop: Shop, played: Played) -> None:
    """What was readable is not any more: the lease cannot go on as it was."""

    async def story() -> None:
        async with rig.house(shop) as house:
            watch = PolicyWatch(house)
            grant = await house.leases.issue(ALICE, READ)
            change(rig, "with: partial", "with: redact")
            await watch.reload()
            assert house.leases.get(grant.lease.id).ended_because == leases.CHANGED

    played(story())


def test_a_person_who_left_a_group_loses_its_leases(rig: Rig, shop: Shop, played: Played) -> None:
    """The next token without the group is enough."""

    async def story() -> None:
        async with rig.house(shop) as house:
            grant = await house.leases.issue(ALICE, READ)
            assert await house.leases.reconsider(replace(ALICE, auth_time=time.time())) == []
            assert await house.leases.reconsider(replace(ALICE, groups=frozenset())) == [grant.lease.id]

    played(story())


def test_tables_come_and_go_under_a_lease(rig: Rig, shop: Shop, played: Played) -> None:
    """A new table comes into reach of a live lease, and a policy reload takes it for no change."""

    async def story() -> None:
        async with rig.house(shop) as house:
            watch = PolicyWatch(house)
            grant = await house.leases.issue(ALICE, READ)
            lease = house.leases.by_role(grant.user)
            assert lease is not None
            shop.admin(f"SET ROLE {shop.owner}; CREATE TABLE fresh(id int); DROP TABLE orders")
            await house.targets[TargetName("prod")].refresh()
            await watch.reload()
            assert await house.leases.reconsider() == []
            content, _ = await house.leases.current(lease)

            assert {str(each) for each in content.relations} == {"public.customers", "public.fresh"}
            with upstream(house, grant) as connection:
                assert connection.execute("SELECT count(*) FROM public.fresh").fetchone() == (0,)
            assert await house.targets[TargetName("prod")].intact(grant.user)

    played(story())


def test_what_comes_later_is_judged_by_the_policy_of_then(rig: Rig, shop: Shop, played: Played) -> None:
    """A lease that a new policy lets live stands on it: a table made afterwards is masked as it says."""

    async def story() -> None:
        async with rig.house(shop) as house:
            watch = PolicyWatch(house)
            grant = await house.leases.issue(ALICE, READ)
            lease = house.leases.by_role(grant.user)
            assert lease is not None
            change(rig, "[public.customers.email]", '[public.customers.email, "*.*.iban"]')
            await watch.reload()
            shop.admin(f"SET ROLE {shop.owner}; CREATE TABLE accounts(id int, iban text)")
            await house.targets[TargetName("prod")].refresh()
            content, profile = await house.leases.current(lease)

            assert sorted(map(str, content.masks)) == ["public.accounts.iban", "public.customers.email"]
            assert len(profile.views) == 2
            with upstream(house, grant) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("SELECT iban FROM public.accounts")

    played(story())


def test_a_lease_to_spend_an_approved_request(rig: Rig, shop: Shop, played: Played) -> None:
    """Only the requester's own, approved, for the same target and scope, and never a held one."""

    async def story() -> None:
        async with rig.house(shop) as house:
            ask = READ.model_copy(update={"request": "rq-000001"})
            await house.desk.open(a_request(purpose="cleanup"))
            with pytest.raises(NotApproved):
                await house.leases.issue(ALICE, ask)
            await house.desk.answer(a_request().id, BOB, yes=True)
            with pytest.raises(Denied, match="somebody else"):
                await house.leases.issue(person("ann", "engineering"), ask)
            with pytest.raises(Denied, match="scope read"):
                await house.leases.issue(ALICE, ask.model_copy(update={"scope": "write", "reason": "x"}))
            grant = await house.leases.issue(ALICE, ask)
            lease = house.leases.get(grant.lease.id)
            assert (lease.request, lease.purpose) == ("rq-000001", "cleanup")

            await house.desk.open(held("rq-000002"))
            with pytest.raises(Denied, match="session"):
                await house.leases.issue(ALICE, READ.model_copy(update={"request": "rq-000002"}))

    played(story())


def change(rig: Rig, old: str, new: str) -> None:
    """Edit the policy file."""
    file = rig.directory / "policy.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something that happens in the background."""
    while not holds():  # noqa: ASYNC110 - there is no event for what a test looks at
        await asyncio.sleep(0.02)
