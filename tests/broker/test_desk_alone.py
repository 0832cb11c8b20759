"""Break glass at the desk: by today's policy when it is answered and when it is spent, and recorded with its rule."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from broker.rig import ALICE, BOB, EVE, Rig, held, kinds, person
from gov.broker.house import House
from gov.errors import AlreadySettled, Denied
from gov.policy.rules import BreakGlass, People, When
from gov.store.disk import Files
from gov.store.search import Filters, search

Played = Callable[[Coroutine[Any, Any, Any]], Any]
RULE = BreakGlass("on-call", People(groups=frozenset({"engineering"})), frozenset({"prod"}))


def ruled(house: House, *rules: BreakGlass) -> None:
    """The house's policy with these rules alone."""
    house.policy = replace(house.policy, break_glass=rules)


def test_it_is_recorded_as_what_it_is(rig: Rig, played: Played) -> None:
    """Answer and use carry the rule and the reason; no approver is named; a second time there is nothing to break."""

    async def story() -> None:
        async with rig.house() as house:
            ruled(house, RULE)
            request = await house.desk.open(held(alone=("on-call",)))
            assert house.desk.may_break_glass(request, ALICE)
            assert not house.desk.may_answer(request, ALICE)
            await house.desk.answer(request.id, ALICE, yes=True, reason="INC-31", alone=True)
            with pytest.raises(AlreadySettled):
                await house.desk.answer(request.id, ALICE, yes=True, reason="INC-31", alone=True)
            await house.desk.spend(request.id, request.digest, request.definitions)

    played(story())
    assert kinds(rig.directory) == ["request.opened", "request.answered", "request.spent"]
    answered, spent = sorted(search(Files(rig.directory / "audit"), Filters(kind="request.answered,request.spent")),
                             key=lambda each: each.index)
    for each in (answered, spent):
        assert each.fields["break_glass"] == "on-call"
    assert (answered.payload or {})["reason"] == "INC-31"
    assert not spent.fields.get("approved_by")


@pytest.mark.parametrize(("alone", "rules", "who"), [
    ((), [RULE], ALICE),
    (("on-call",), [], ALICE),
    (("on-call",), [replace(RULE, people=People(users=frozenset({"bob"})))], ALICE),
    (("on-call",), [replace(RULE, targets=frozenset({"staging"}))], ALICE),
    (("on-call",), [replace(RULE, environments=frozenset({"test"}))], ALICE),
    (("on-call",), [replace(RULE, when=When(purposes=frozenset({"incident"})))], ALICE),
    (("on-call",), [replace(RULE, name="other")], ALICE),
    (("on-call",), [RULE], BOB),
    (("on-call",), [RULE], EVE),
    (("on-call",), [RULE], person("alice", "engineering", agent="assistant")),
    (("on-call",), [RULE], person("alice")),
    (("on-call",), [RULE], person("alice", "engineering", auth_time=1)),
], ids=["not when it was held", "rule is gone", "not them", "not there", "not in production", "another purpose",
        "another rule", "somebody else's", "a stranger", "their agent", "left the group", "old login"])
def test_who_may_not(rig: Rig, played: Played, alone: tuple[str, ...], rules: list[BreakGlass], who: Any) -> None:
    """Neither view nor answer offers it, nothing is recorded, and the request still waits."""

    async def story() -> None:
        async with rig.house() as house:
            ruled(house, *rules)
            request = await house.desk.open(held(alone=alone))
            assert not house.desk.may_break_glass(request, who)
            with pytest.raises(Denied):
                await house.desk.answer(request.id, who, yes=True, reason="INC-31", alone=True)

    played(story())
    assert kinds(rig.directory) == ["request.opened"]


def test_the_right_is_looked_at_again_when_it_is_spent(rig: Rig, played: Played) -> None:
    """The rule goes between answer and use: nothing runs."""

    async def story() -> None:
        async with rig.house() as house:
            ruled(house, RULE)
            request = await house.desk.open(held(alone=("on-call",)))
            await house.desk.answer(request.id, ALICE, yes=True, reason="INC-31", alone=True)
            ruled(house)
            with pytest.raises(Denied, match="no longer lets alice"):
                await house.desk.spend(request.id, request.digest, request.definitions)

    played(story())


def test_a_swapped_object_voids_it(rig: Rig, played: Played) -> None:
    """What was held is what runs, whoever said so."""

    async def story() -> None:
        async with rig.house() as house:
            ruled(house, RULE)
            request = await house.desk.open(held(alone=("on-call",)))
            await house.desk.answer(request.id, ALICE, yes=True, reason="INC-31", alone=True)
            with pytest.raises(Denied, match="changed while it waited"):
                await house.desk.spend(request.id, request.digest, "f" * 64)

    played(story())
