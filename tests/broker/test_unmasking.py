"""A mask is lifted for one lease, on the word of whoever policy names, and comes back by itself."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from broker.rig import ALICE, BOB, EVE, POLICY, Rig, Shop, kinds, person
from gov.approval.request import RequestState
from gov.approval.settle import Voided
from gov.broker import unmasking
from gov.broker.house import House
from gov.broker.reload import PolicyWatch, policy_of
from gov.control.access import LeaseAsk, LeaseGrant
from gov.control.requests import UnmaskAsk
from gov.errors import AlreadySettled, Denied, GovError, NoSuch, NotApproved, Unavailable, UsageError
from gov.lease.lease import LeaseState
from gov.store.disk import Files
from gov.store.search import Filters, search
from gov.terms import Column, Relation, RequestId, TargetName

Played = Callable[[Coroutine[Any, Any, Any]], Any]
CAROL, DORA = person("carol", "privacy"), person("dora", "privacy")
READ = LeaseAsk(target="prod")
EMAIL = "public.customers.email"
LIFTED = (
    POLICY.replace("with: partial,", "with: partial, unmask: { approvers: [privacy], max_ttl: 30m, reason: required },")
    .replace("[public.customers.email], as: pii.contact }", f"[{EMAIL}], as: pii.contact }}\n"
             "  - { columns: [public.customers.ssn], as: pii.secret }")
    .replace("guardrails:", "  - { name: secrets, data: pii.secret, with: redact }\nguardrails:")
)


def asked(*columns: str, **more: Any) -> UnmaskAsk:
    """A question for these columns, with a reason."""
    return UnmaskAsk(**{"target": "prod", "columns": list(columns or (EMAIL,)), "reason": "case 7"} | more)


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """With a second masked column beside the first."""
    shop.admin("ALTER TABLE customers ADD ssn text; UPDATE customers SET ssn = 'canary-ssn'")
    return shop


@pytest.fixture
def rig(rig: Rig) -> Rig:
    """Under a policy that lets privacy lift one of two masks."""
    (rig.directory / "policy.yaml").write_text(LIFTED)
    return rig


async def approved(house: House, ask: UnmaskAsk | None = None, by: Any = CAROL) -> RequestId:
    """A request of alice's that somebody has said yes to."""
    submitted = await unmasking.ask(house, ALICE, ask or asked())
    request = RequestId(submitted.request or "")
    await house.desk.answer(request, by, yes=True)
    return request


async def leased(house: House, request: RequestId, **more: Any) -> LeaseGrant:
    """Alice's lease that spends it."""
    return await house.leases.issue(ALICE, LeaseAsk(target="prod", request=request, **more))


async def reads(house: House, grant: LeaseGrant, column: str) -> str | None:
    """What the lease's own role reads of the first customer past the gateway; None when PostgreSQL forbids it."""
    lease = house.leases.by_role(grant.user)
    assert lease is not None
    await house.leases.current(lease)
    to = house.targets[lease.target].upstream(lease.role, lease.id)
    dsn = make_conninfo(host=to.host, port=to.port, user=to.user, password=to.password, dbname=to.database)
    with psycopg.connect(dsn, autocommit=True) as connection:
        try:
            row = connection.execute(f"SELECT {column} FROM public.customers".encode()).fetchone()
        except psycopg.errors.InsufficientPrivilege:
            return None
    return str(row[0]) if row else ""


def entries(rig: Rig, kind: str) -> list[dict[str, object]]:
    """The public fields of the entries of one kind."""
    found = search(Files(rig.directory / "audit"), Filters(kind=kind))
    return [each.fields for each in found]


def test_an_approved_lease_reads_the_column_and_no_other(rig: Rig, shop: Shop, played: Played) -> None:
    """The role has just one right more, for as long as the rule says; an ordinary lease beside it stays masked."""

    async def story() -> None:
        async with rig.house(shop) as house:
            ordinary = await house.leases.issue(ALICE, READ)
            request = await approved(house, asked(ttl=7200))
            grant = await leased(house, request)
            lease = house.leases.get(grant.lease.id)

            assert await reads(house, grant, "email") == "canary-jane@example.com"
            assert await reads(house, grant, "ssn") is None
            assert await reads(house, ordinary, "email") is None
            assert grant.masked == ["public.customers.ssn"]
            assert (grant.lease.unmasked, grant.lease.approval, grant.lease.reason) == ([EMAIL], request, "case 7")
            assert lease.expires_at - lease.created_at == pytest.approx(1800)
            assert house.desk.get(request).state is RequestState.SPENT
            with pytest.raises(AlreadySettled, match="one lease"):
                await leased(house, request)

            assert await house.leases.end(lease.id, "done") == []
            assert await reads(house, ordinary, "email") is None
        assert shop.roles() == []

    played(story())
    assert [each for each in kinds(rig.directory) if each.startswith(("request", "lease.created"))] == [
        "lease.created", "request.opened", "request.answered", "request.spent", "lease.created",
    ]
    opened, (spent,) = entries(rig, "request.opened"), entries(rig, "request.spent")
    assert opened[0]["unmask"] == [EMAIL]
    lease = next(each for each in entries(rig, "lease.created") if "unmasked" in each)
    assert (lease["unmasked"], lease["approval"]) == ([EMAIL], spent["request"])
    assert spent["lease"] == lease["lease"]


REFUSED: tuple[tuple[Any, UnmaskAsk, type[GovError], str], ...] = (
    (EVE, asked(), Denied, "no access rule"),
    (ALICE, asked(reason=""), UsageError, "asks for a reason"),
    (ALICE, asked("ssn"), UsageError, "of which table"),
    (ALICE, asked("customers.ssn"), Denied, "secrets masks public.customers.ssn, and nobody may lift that"),
    (ALICE, asked(EMAIL, "customers.ssn"), Denied, "nobody may lift that"),
    (ALICE, asked("customers.id"), UsageError, "not masked for you"),
    (ALICE, asked("customers.emial"), NoSuch, "did you mean `email`"),
    (ALICE, asked("custmers.email"), NoSuch, "did you mean `customers`"),
    (ALICE, asked("a.b.c.d"), UsageError, "is no column"),
    (ALICE, asked(scope="write"), Denied, "in the scope read only"),
    (ALICE, UnmaskAsk(target="prod", columns=[], reason="x"), UsageError, "no column"),
)


def test_what_cannot_be_asked_for(rig: Rig, shop: Shop, played: Played) -> None:
    """A refusal says what is in the way and what to do, and nobody is asked."""

    async def story() -> None:
        async with rig.house(shop) as house:
            for who, ask, error, says in REFUSED:
                with pytest.raises(error, match=says) as refused:
                    await unmasking.ask(house, who, ask)
                assert refused.value.hint
            assert house.desk.pending == 0

    played(story())


def test_what_does_not_make_a_lease(rig: Rig, shop: Shop, played: Played) -> None:
    """Not before the answer, not for somebody else, another scope or an agent; the approval outlives the attempts."""

    async def story() -> None:
        async with rig.house(shop) as house:
            request = RequestId((await unmasking.ask(house, ALICE, asked())).request or "")
            with pytest.raises(NotApproved):
                await leased(house, request)
            for who in (ALICE, BOB, person("carol", "privacy", agent="assistant")):
                with pytest.raises(Denied):
                    await house.desk.answer(request, who, yes=True)
            with pytest.raises(UsageError, match="rows could be counted"):
                await house.desk.answer(request, CAROL, yes=True, max_rows=5)
            await house.desk.answer(request, CAROL, yes=True)
            spending = LeaseAsk(target="prod", request=request)
            for who in (person("dora", "engineering"), person("alice", "engineering", agent="assistant")):
                with pytest.raises(Denied, match="somebody else's"):
                    await house.leases.issue(who, spending)
            with pytest.raises(Denied, match="with scope read"):
                await house.leases.issue(ALICE, LeaseAsk(target="prod", scope="write", reason="x", request=request))
            with pytest.raises(Denied, match="with scope read"):
                await house.leases.issue(ALICE, LeaseAsk(target="prod", purpose="another", request=request))
            assert shop.roles() == []
            assert await reads(house, await leased(house, request), "email") == "canary-jane@example.com"

    played(story())


def test_two_people_must_agree_where_the_rule_says_so(rig: Rig, shop: Shop, played: Played) -> None:
    """`count: 2` is two different people; the request stays pending in between."""
    (rig.directory / "policy.yaml").write_text(LIFTED.replace("reason: required }", "reason: required, count: 2 }"))

    async def story() -> None:
        async with rig.house(shop) as house:
            request = await approved(house)
            with pytest.raises(Denied, match="already"):
                await house.desk.answer(request, CAROL, yes=True)
            assert house.desk.get(request).state is RequestState.PENDING
            await house.desk.answer(request, DORA, yes=True)
            assert await reads(house, await leased(house, request), "email") == "canary-jane@example.com"

    played(story())


TERMS = "unmask: { approvers: [privacy], max_ttl: 30m, reason: required },"
CHANGES = (
    (TERMS, "", True),
    ("approvers: [privacy]", "approvers: [dba]", True),
    ("max_ttl: 30m", "max_ttl: 5m", True),
    ("reason: required }", "reason: required, count: 2 }", True),
    ("reason: required }", 'reason: required, purposes: ["support"] }', True),
    ("reason: required }", "reason: required, expires: 1h }", False),
    ("max_ttl: 30m, reason: required }", "max_ttl: 1h }", False),
)


def test_a_policy_that_would_not_give_it_ends_the_lease(rig: Rig, shop: Shop, played: Played) -> None:
    """Who may lift the mask, how long and for what is asked again with every policy; the ordinary lease stays."""

    async def story() -> None:
        async with rig.house(shop) as house:
            watch = PolicyWatch(house)
            ordinary = await house.leases.issue(ALICE, READ)
            for old, new, ends in CHANGES:
                grant = await leased(house, await approved(house))
                (rig.directory / "policy.yaml").write_text(LIFTED.replace(old, new))
                await watch.reload()
                expected = LeaseState.ENDED if ends else LeaseState.ACTIVE
                assert house.leases.get(grant.lease.id).state is expected, new
                assert house.leases.get(ordinary.lease.id).state is LeaseState.ACTIVE
                assert (grant.user in shop.roles()) is not ends
                (rig.directory / "policy.yaml").write_text(LIFTED)
                await watch.reload()

    played(story())


def test_rights_are_looked_at_again_when_it_is_spent(rig: Rig, shop: Shop, played: Played) -> None:
    """An approver whom policy no longer names has approved nothing; no role is made, and that is recorded."""

    async def story() -> None:
        async with rig.house(shop) as house:
            request = await approved(house)
            (rig.directory / "policy.yaml").write_text(LIFTED.replace("approvers: [privacy]", "approvers: [dba]"))
            house.policy = policy_of(house.config.policy, ())
            with pytest.raises(Denied, match="may no longer"):
                await leased(house, request)
            assert shop.roles() == []

    played(story())
    assert "lease.created" not in kinds(rig.directory)


@pytest.mark.parametrize("swap", [
    "ALTER TABLE customers RENAME email TO was_email; ALTER TABLE customers RENAME ssn TO email",
    "ALTER TABLE customers RENAME TO old; CREATE TABLE customers(id int, email text, ssn text);"
    " GRANT ALL ON customers TO CURRENT_USER",
])
def test_a_table_that_changed_meanwhile_voids_the_approval(rig: Rig, shop: Shop, played: Played, swap: str) -> None:
    """What was approved is the column that was there, not one that takes its name; nothing with raw rights is left."""

    async def story() -> None:
        async with rig.house(shop) as house:
            request = await approved(house)
            shop.admin(f"SET ROLE {shop.owner}; {swap}")
            await house.schemas.sync(BOB, TargetName("prod"))
            with pytest.raises(Voided):
                await leased(house, request)
            assert house.desk.get(request).state is RequestState.WITHDRAWN
            assert shop.roles() == []

    played(story())
    assert "lease.created" not in kinds(rig.directory)


def test_a_column_that_takes_the_name_stays_masked(rig: Rig, shop: Shop, played: Played) -> None:
    """While the lease lives, a rename puts the mask back: the approval was for another column."""

    async def story() -> None:
        async with rig.house(shop) as house:
            grant = await leased(house, await approved(house))
            lease = house.leases.by_role(grant.user)
            assert lease is not None
            shop.admin(
                f"SET ROLE {shop.owner}; ALTER TABLE customers RENAME email TO was_email;"
                " ALTER TABLE customers RENAME ssn TO email"
            )
            await house.schemas.sync(BOB, TargetName("prod"))
            outcome, _ = await house.leases.current(lease)
            assert Column(Relation("public", "customers"), "email") in outcome.masks
            assert await reads(house, grant, "email") is None

    played(story())


def test_a_restart_takes_back_what_somebody_waited_for(rig: Rig, shop: Shop, played: Played) -> None:
    """Who waits is told no when the broker restarts; a request of `--no-wait` waits on, approved or not."""

    async def story() -> None:
        async with rig.house(shop) as house:
            awaited = RequestId((await unmasking.ask(house, ALICE, asked(awaited=True))).request or "")
            left = await approved(house)
            lease = (await leased(house, await approved(house))).lease.id
        async with rig.house(shop) as house:
            assert house.desk.get(awaited).state is RequestState.WITHDRAWN
            assert house.leases.get(lease).state is LeaseState.ENDED
            assert await reads(house, await leased(house, left), "email") == "canary-jane@example.com"

    played(story())


def test_what_cannot_be_recorded_unmasks_nothing(
    rig: Rig, shop: Shop, played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its record the approval is spent and lost, and the lease ends before it was made."""

    async def story() -> None:
        async with rig.house(shop) as house:
            request = await approved(house)
            durable = house.trail.durable

            async def broken(index: int) -> None:
                if house.desk.get(request).state is RequestState.SPENT:
                    raise Unavailable("the disk is full", hint="df")
                await durable(index)

            monkeypatch.setattr(house.trail, "durable", broken)
            with pytest.raises(Unavailable):
                await leased(house, request)
            monkeypatch.setattr(house.trail, "durable", durable)
            assert house.desk.get(request).state is RequestState.SPENT
            with suppress(GovError):
                await leased(house, request)
            assert shop.roles() == []

    played(story())
