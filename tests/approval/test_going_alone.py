"""Break glass: only by whoever asked, only by a rule, only with a reason, and spent once as any approval."""

from __future__ import annotations

from dataclasses import replace

import pytest

from approval.test_settle import AGENT_OF_ALICE, ALICE, BOB, DIGEST, REQUEST, yes
from gov.approval.request import Answer, Request, RequestState
from gov.approval.settle import answer, break_glass, may_break_glass, spend, withdraw
from gov.errors import AlreadySettled, Denied, UsageError
from gov.identity.principal import Kind, Principal

MINE = replace(REQUEST, alone=("on-call",))
ALONE = Answer(ALICE, yes=True, at=200.0, reason="INC-31", alone="on-call")


def test_it_is_approved_and_spent_once() -> None:
    """Its requester's own answer is enough, whatever the count, and no approver is named."""
    settled = break_glass(replace(MINE, count=2), ALONE, 200.0)
    spent, permit = spend(settled, DIGEST, "as-it-was", 300.0)

    assert (settled.state, settled.break_glass, settled.approved_by) == (RequestState.APPROVED, ALONE, ())
    assert (spent.state, permit.request) == (RequestState.SPENT, REQUEST.id)
    with pytest.raises(AlreadySettled):
        spend(spent, DIGEST, "as-it-was", 300.0)


def test_a_bound_holds_for_it_too() -> None:
    """Of whoever breaks the glass with one, and of an approver who had said yes with a lower one."""
    one_yes = answer(replace(MINE, count=2), yes(BOB, max_rows=3), 150.0)
    settled = break_glass(one_yes, replace(ALONE, max_rows=7), 200.0)

    assert spend(settled, DIGEST, "as-it-was", 300.0)[1].max_rows == 3
    assert [each.approver for each in settled.approved_by] == [BOB]


@pytest.mark.parametrize(("request_", "who"), [
    (REQUEST, ALICE),
    (MINE, BOB),
    (MINE, AGENT_OF_ALICE),
    (replace(MINE, requester=AGENT_OF_ALICE), ALICE),
    (MINE, replace(ALICE, auth_time=None)),
    (MINE, replace(ALICE, auth_time=0.0)),
    (MINE, replace(ALICE, issuer="https://elsewhere.example")),
], ids=["no rule", "another's", "an agent for its person", "a person for their agent", "no login", "old login",
        "another issuer"])
def test_who_may_not(request_: Request, who: Principal) -> None:
    """Without a rule, for somebody else, across agent and person, or without a fresh login."""
    with pytest.raises(Denied):
        may_break_glass(request_, who, 1000.0 - 1, 900.0)


def test_what_has_no_login_needs_none() -> None:
    """A service that a rule names has proved itself with its token."""
    service = replace(ALICE, kind=Kind.SERVICE, auth_time=None)
    may_break_glass(replace(MINE, requester=service), service, 200.0, 900.0)


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_a_reason_is_owed(reason: str) -> None:
    """Always."""
    with pytest.raises(UsageError, match="owes a reason"):
        break_glass(MINE, replace(ALONE, reason=reason), 200.0)


def test_only_by_a_rule_of_the_request() -> None:
    """A name that is none of them opens nothing, nor does a no."""
    for wrong in (replace(ALONE, alone="other"), replace(ALONE, alone=""), replace(ALONE, yes=False)):
        with pytest.raises(Denied):
            break_glass(MINE, wrong, 200.0)


def test_an_ordinary_answer_is_never_one() -> None:
    """One's own request stays one's own, and an approver's answer that claims a rule is an approver's answer."""
    with pytest.raises(Denied, match="your own"):
        answer(MINE, ALONE, 200.0)
    assert answer(MINE, replace(ALONE, approver=BOB), 200.0).break_glass is None


def test_what_is_settled_stays_so() -> None:
    """Denied, withdrawn, expired or broken before: there is no second answer."""
    denied = answer(MINE, replace(yes(BOB), yes=False, reason="no"), 150.0)
    for over in (denied, withdraw(MINE), break_glass(MINE, ALONE, 200.0)):
        with pytest.raises(AlreadySettled):
            break_glass(over, ALONE, 210.0)
    with pytest.raises(AlreadySettled, match="expired"):
        break_glass(MINE, ALONE, 1000.0)


def test_a_stored_answer_is_looked_at_again() -> None:
    """A state that says approved is not enough: the rule and whoever answered must fit when it is spent."""
    settled = break_glass(MINE, ALONE, 200.0)
    forged = (
        replace(settled, alone=()),
        replace(settled, requester=BOB),
        replace(settled, requester=AGENT_OF_ALICE),
        replace(settled, answers=(*settled.answers, replace(yes(BOB), yes=False))),
    )
    for each in forged:
        with pytest.raises(Denied):
            spend(each, DIGEST, "as-it-was", 300.0)
