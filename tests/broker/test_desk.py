"""Requests are answered once, spent once, and a restart takes back what was held."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from broker.rig import ALICE, BOB, DAVE, EVE, Rig, a_request, held, kinds, person
from gov.approval.dataset import DataSet
from gov.approval.request import RequestState
from gov.broker.house import House
from gov.errors import AlreadySettled, Denied, NoSuch, Unavailable
from gov.store.disk import Files
from gov.store.search import Filters, search
from gov.terms import RequestId, SessionId, StatementDigest

Played = Callable[[Coroutine[Any, Any, Any]], Any]


def test_a_yes_wakes_whoever_waits_and_is_recorded(rig: Rig, played: Played) -> None:
    """The session that holds the statement hears the answer, and the trail tells the whole story."""

    async def story() -> None:
        async with rig.house() as house:
            request = await house.desk.open(held())
            waiting = asyncio.create_task(house.desk.answered(request.id))
            await house.desk.answer(request.id, BOB, yes=True, max_rows=7)
            answered = await waiting
            permit = await house.desk.spend(request.id, request.digest, request.definitions)

            assert answered.state is RequestState.APPROVED
            assert (permit.request, permit.max_rows) == (request.id, 7)
            assert house.desk.get(request.id).state is RequestState.SPENT

    played(story())
    assert kinds(rig.directory) == ["request.opened", "request.answered", "request.spent"]


@pytest.mark.parametrize(
    "who", [ALICE, EVE, person("alice", "dba", agent="assistant"), person("bob", "dba", auth_time=1)]
)
def test_not_everybody_may_answer(rig: Rig, played: Played, who: Any) -> None:
    """Not one's own, not outside the approvers, not an agent, not signed in long ago."""

    async def story() -> None:
        async with rig.house() as house:
            await house.desk.open(a_request())
            assert not house.desk.may_answer(house.desk.get(a_request().id), who)
            with pytest.raises(Denied):
                await house.desk.answer(a_request().id, who, yes=True)

    played(story())
    assert kinds(rig.directory) == ["request.opened"]


def test_of_two_answers_at_once_one_counts(rig: Rig, played: Played) -> None:
    """Two approvers who press return in the same moment: one is told that it is settled."""

    async def story() -> Any:
        async with rig.house() as house:
            await house.desk.open(a_request())
            return await asyncio.gather(
                house.desk.answer(a_request().id, BOB, yes=True),
                house.desk.answer(a_request().id, DAVE, yes=False, reason="not today"),
                return_exceptions=True,
            )

    first, second = played(story())
    assert first.state is RequestState.APPROVED
    assert isinstance(second, AlreadySettled)


def test_two_who_must_agree_are_both_kept(rig: Rig, played: Played) -> None:
    """With `count: 2`, answers that come at once do not overwrite each other."""

    async def story() -> Any:
        async with rig.house() as house:
            await house.desk.open(a_request(count=2))
            await asyncio.gather(
                house.desk.answer(a_request().id, BOB, yes=True),
                house.desk.answer(a_request().id, DAVE, yes=True),
            )
            return house.desk.get(a_request().id)

    settled = played(story())
    assert settled.state is RequestState.APPROVED
    assert {answer.approver.name for answer in settled.answers} == {"bob", "dave"}


def test_an_approval_and_a_withdrawal_at_once_end_withdrawn(rig: Rig, played: Played) -> None:
    """Ctrl-C in the moment of the approval: nothing can be spent afterwards."""

    async def story() -> Any:
        async with rig.house() as house:
            request = await house.desk.open(held())
            await asyncio.gather(
                house.desk.answer(request.id, BOB, yes=True), house.desk.withdraw(request.id, "Ctrl-C")
            )
            with pytest.raises(AlreadySettled):
                await house.desk.spend(request.id, request.digest, request.definitions)
            return house.desk.get(request.id)

    assert played(story()).state is RequestState.WITHDRAWN


def test_it_is_spent_once(rig: Rig, played: Played) -> None:
    """Ten sessions that spend at once get one permit."""

    async def story() -> list[Any]:
        async with rig.house() as house:
            request = await house.desk.open(a_request())
            await house.desk.answer(request.id, BOB, yes=True)
            return await asyncio.gather(
                *(
                    house.desk.spend(request.id, request.digest, request.definitions, SessionId(f"ss-{n}"))
                    for n in range(10)
                ),
                return_exceptions=True,
            )

    outcomes = played(story())
    assert sum(not isinstance(each, Exception) for each in outcomes) == 1
    assert kinds(rig.directory).count("request.spent") == 1


def test_a_swapped_object_voids_the_approval(rig: Rig, played: Played) -> None:
    """The table was replaced while the request waited: nobody can spend it any more."""

    async def story() -> Any:
        async with rig.house() as house:
            request = await house.desk.open(held())
            await house.desk.answer(request.id, BOB, yes=True)
            with pytest.raises(Denied, match="changed while it waited"):
                await house.desk.spend(request.id, request.digest, "f" * 64)
            return house.desk.get(request.id)

    assert played(story()).state is RequestState.WITHDRAWN


def test_another_statement_does_not_spend_it(rig: Rig, played: Played) -> None:
    """The approval stays good for the statement it was given for."""

    async def story() -> Any:
        async with rig.house() as house:
            request = await house.desk.open(held())
            await house.desk.answer(request.id, BOB, yes=True)
            with pytest.raises(Denied):
                await house.desk.spend(request.id, StatementDigest("0" * 64), request.definitions)
            return house.desk.get(request.id)

    assert played(story()).state is RequestState.APPROVED


def test_a_policy_that_takes_the_right_away_is_heard_when_spending(rig: Rig, played: Played) -> None:
    """Bob approved; before it is spent the policy names other approvers: his word no longer counts."""

    async def story() -> None:
        async with rig.house() as house:
            request = await house.desk.open(held())
            await house.desk.answer(request.id, BOB, yes=True)
            house.policy = replace(
                house.policy,
                guardrails=tuple(replace(rule, approvers=frozenset({"ciso"})) for rule in house.policy.guardrails),
            )
            with pytest.raises(Denied, match="may no longer"):
                await house.desk.spend(request.id, request.digest, request.definitions)

    played(story())


def test_it_expires_by_itself(rig: Rig, played: Played) -> None:
    """Nobody answers: whoever waits is told, and no answer is taken afterwards."""

    async def story() -> Any:
        async with rig.house() as house:
            request = await house.desk.open(held(expires_at=time.time() + 0.05))
            expired = await house.desk.answered(request.id)
            with pytest.raises(AlreadySettled):
                await house.desk.answer(request.id, BOB, yes=True)
            return expired

    assert played(story()).state is RequestState.EXPIRED
    assert kinds(rig.directory) == ["request.opened", "request.ended"]


def test_an_answer_that_cannot_be_recorded_does_not_count(rig: Rig, played: Played) -> None:
    """The trail fails: the approver is told so, and the request still waits."""

    async def story() -> None:
        async with rig.house() as house:
            request = await house.desk.open(held())
            _break(house)
            with pytest.raises(Unavailable):
                await house.desk.answer(request.id, BOB, yes=True)
            assert house.desk.get(request.id).state is RequestState.PENDING

    played(story())


def test_a_request_that_cannot_be_recorded_is_none(rig: Rig, played: Played) -> None:
    """Nobody is asked about what the trail does not have."""

    async def story() -> None:
        async with rig.house() as house:
            _break(house)
            with pytest.raises(Unavailable):
                await house.desk.open(a_request())
            assert house.desk.visible_to(BOB) == []

    played(story())


def test_nobody_floods_the_approvers(rig: Rig, played: Played) -> None:
    """Open requests of one person are bounded; settled ones make room."""

    async def story() -> None:
        async with rig.house() as house:
            limit = house.config.limits.requests_per_principal
            for number in range(limit):
                await house.desk.open(a_request(f"rq-{number:06}"))
            with pytest.raises(Denied, match="the limit"):
                await house.desk.open(a_request("rq-999999"))
            await house.desk.open(a_request("rq-777777", requester=person("ann", "engineering")))
            await house.desk.withdraw(a_request("rq-000000").id, "not needed")
            await house.desk.open(a_request("rq-999999"))

    played(story())


def test_what_cannot_be_recorded_as_spent_gives_no_permit(rig: Rig, played: Played) -> None:
    """It is lost rather than run without a record."""

    async def story() -> None:
        async with rig.house() as house:
            request = await house.desk.open(held())
            await house.desk.answer(request.id, BOB, yes=True)
            _break(house)
            with pytest.raises(Unavailable):
                await house.desk.spend(request.id, request.digest, request.definitions)
            assert house.desk.get(request.id).state is RequestState.SPENT

    played(story())


def _break(house: House) -> None:
    """Take the disk away: from now on the trail refuses."""
    house.trail._refusal = "the disk is gone"


def test_a_restart_withdraws_what_was_held(rig: Rig, played: Played) -> None:
    """Held requests, approved or not, died with their session; `--no-wait` ones live on."""

    async def story() -> list[RequestState]:
        async with rig.house() as house:
            await house.desk.open(held("rq-000001"))
            await house.desk.open(held("rq-000002"))
            await house.desk.answer(held("rq-000002").id, BOB, yes=True)
            await house.desk.open(a_request("rq-000003"))
            await house.desk.open(a_request("rq-000004"))
            await house.desk.answer(a_request("rq-000004").id, BOB, yes=True)
        async with rig.house() as house:
            return [house.desk.get(a_request(f"rq-00000{n}").id).state for n in range(1, 5)]

    assert played(story()) == [
        RequestState.WITHDRAWN,
        RequestState.WITHDRAWN,
        RequestState.PENDING,
        RequestState.APPROVED,
    ]


async def change(house: House, doing: str) -> None:
    """One of the four things that happen to a request."""
    desk, request = house.desk, a_request()
    match doing:
        case "open":
            await desk.open(request)
        case "answer":
            await desk.answer(request.id, BOB, yes=True)
        case "spend":
            await desk.spend(request.id, request.digest, request.definitions, SessionId("ss-1"))
        case _:
            await desk.withdraw(request.id, "not needed")


class Crash(BaseException):
    """The broker's end, at this place."""


def said(rig: Rig) -> list[str]:
    """What the trail says of the requests, in its order, as states."""
    first = {"request.opened": "pending", "request.spent": "spent"}
    found = [*search(Files(rig.directory / "audit"), Filters(kind="request"))][::-1]
    return [first.get(each.kind) or str(each.fields["state"]) for each in found]


@pytest.mark.parametrize(
    ("doing", "before", "after"),
    [
        ("open", [], ["withdrawn"]),
        ("answer", ["pending"], ["pending", "withdrawn"]),
        ("spend", ["pending", "approved"], ["pending", "approved", "spent"]),
        ("withdraw", ["pending", "approved"], ["pending", "approved", "withdrawn"]),
    ],
)
@pytest.mark.parametrize("recorded", [False, True])
def test_a_crash_between_store_and_trail_leaves_no_doubt(
    rig: Rig, played: Played, doing: str, before: list[str], after: list[str], recorded: bool
) -> None:
    """After the next start the trail's last word of a request is what the store says, and nothing half done counts."""

    async def story() -> str:
        async with rig.house() as house:
            desk, request = house.desk, a_request()
            if before:
                await desk.open(request)
            if len(before) > 1:
                await desk.answer(request.id, BOB, yes=True)
            durably = desk._durably

            async def crash(entry: Any) -> None:
                if recorded:
                    await durably(entry)
                raise Crash

            desk._durably = crash  # type: ignore[method-assign]
            with pytest.raises(Crash):
                await change(house, doing)
        async with rig.house() as house:
            assert await _answered_now(house, request) is False
            return house.desk.get(request.id).state.value

    state = played(story())
    assert said(rig)[: len(before)] == before
    assert said(rig)[-1] == state == after[-1]


async def _answered_now(house: House, request: Any) -> bool:
    """Whether somebody can still say yes, or spend it."""
    for attempt in (
        house.desk.answer(request.id, DAVE, yes=True),
        house.desk.spend(request.id, request.digest, request.definitions, SessionId("ss-1")),
    ):
        with suppress(AlreadySettled):
            await attempt
            return True
    return False


@pytest.mark.parametrize("doing", ["open", "answer", "spend", "withdraw"])
def test_a_change_of_a_request_is_not_cut_off_in_its_middle(rig: Rig, played: Played, doing: str) -> None:
    """The session that spends it ends, or the client hangs up: store and trail agree nevertheless."""

    async def story() -> str:
        async with rig.house() as house:
            desk, request = house.desk, a_request()
            if doing != "open":
                await desk.open(request)
            if doing == "spend":
                await desk.answer(request.id, BOB, yes=True)
            durably, reached = desk._durably, asyncio.Event()

            async def slowly(entry: Any) -> None:
                reached.set()
                await asyncio.sleep(0)
                await durably(entry)

            desk._durably = slowly  # type: ignore[method-assign]
            task = asyncio.ensure_future(change(house, doing))
            await reached.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await house.desk.close()
            return house.desk.get(request.id).state.value

    state = played(story())
    assert said(rig)[-1] == state


def test_what_ran_out_while_the_broker_was_down_expires_at_start(rig: Rig, played: Played) -> None:
    """A `--no-wait` request does not outlive its time because nobody was there to end it."""

    async def story() -> Any:
        async with rig.house() as house:
            await house.desk.open(a_request(expires_at=time.time() + 0.2))
        await asyncio.sleep(0.2)
        async with rig.house() as house:
            return await house.desk.answered(a_request().id)

    assert played(story()).state is RequestState.EXPIRED


def test_one_sees_what_concerns_one(rig: Rig, played: Played) -> None:
    """The requester and the approvers see a request; eve does not."""

    async def story() -> list[int]:
        async with rig.house() as house:
            await house.desk.open(a_request())
            return [len(house.desk.visible_to(who)) for who in (ALICE, BOB, EVE)]

    assert played(story()) == [1, 1, 0]


def test_an_id_that_nobody_has(rig: Rig, played: Played) -> None:
    """A typo is told from a request that is settled."""

    async def story() -> None:
        async with rig.house() as house:
            with pytest.raises(NoSuch):
                await house.desk.answer(a_request("rq-zzzzzz").id, BOB, yes=True)

    played(story())


def test_a_data_set_is_found_behind_however_many_requests(rig: Rig, played: Played) -> None:
    """What can still be used is not pushed out by what came later."""

    async def story() -> None:
        async with rig.house() as house:
            dataset = DataSet("churn", 3600.0)
            await house.desk.open(replace(held(), id=RequestId("rq-first"), created_at=1.0, dataset=dataset))
            for number in range(1001):
                house.desk._store.put(replace(a_request(), id=RequestId(f"rq-{number}"), state=RequestState.DENIED))

            assert house.desk.dataset("churn").id == "rq-first"

    played(story())
