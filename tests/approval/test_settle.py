"""Who may answer, what comes of it, and that an approval is spent once, for what it approved."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gov.approval.request import Answer, Request, RequestState
from gov.approval.settle import Voided, answer, expire, may_answer, spend, void, withdraw
from gov.errors import AlreadySettled, Denied, GovError, UsageError
from gov.identity.principal import Kind, Principal
from gov.terms import RequestId, Scope, SessionId, StatementDigest, TargetName

ISSUER = "https://id.example"
DBA = frozenset({"dba"})


def person(name: str, *groups: str, auth_time: float | None = 90.0) -> Principal:
    """A human of the demo's issuer."""
    return Principal(ISSUER, f"sub-{name}", name, frozenset(groups), auth_time=auth_time)


ALICE, BOB, DAVE = person("alice", "dba"), person("bob", "dba"), person("dave", "dba")
EVE = person("eve", "sales")
AGENT_OF_ALICE = replace(ALICE, kind=Kind.AGENT, agent="assistant")
AGENT_OF_BOB = replace(BOB, kind=Kind.AGENT, agent="assistant")
DIGEST = StatementDigest("d" * 64)

REQUEST = Request(
    id=RequestId("rq-7k3f9q"),
    state=RequestState.PENDING,
    requester=ALICE,
    target=TargetName("prod"),
    scope=Scope.READ,
    purpose="",
    reason="",
    statement="DROP TABLE orders",
    parameters=(),
    digest=DIGEST,
    definitions="as-it-was",
    relations=(),
    rule="destructive-needs-dba",
    reasons=("it is destructive",),
    approvers=DBA,
    count=1,
    created_at=100.0,
    expires_at=1000.0,
    lease=None,
    session=SessionId("ss-000000000001"),
)


def yes(who: Principal, max_rows: int | None = None) -> Answer:
    """A yes at 200 seconds."""
    return Answer(who, yes=True, at=200.0, max_rows=max_rows)


APPROVED = answer(REQUEST, yes(BOB), 200.0)


def test_an_approver_may_answer() -> None:
    """Somebody of the group, who logged in lately."""
    may_answer(REQUEST, BOB, 200.0, 900.0)


@pytest.mark.parametrize(
    ("request_", "who", "why"),
    [
        (REQUEST, ALICE, "your own"),
        (REQUEST, AGENT_OF_ALICE, "your own"),
        (replace(REQUEST, requester=AGENT_OF_BOB), BOB, "your own"),
        (replace(REQUEST, requester=AGENT_OF_BOB), AGENT_OF_BOB, "your own"),
        (REQUEST, AGENT_OF_BOB, "an agent cannot answer"),
        (REQUEST, EVE, "none of the groups"),
        (REQUEST, person("frank"), "none of the groups"),
        (replace(REQUEST, approvers=frozenset()), BOB, "none of the groups"),
        (replace(REQUEST, count=2, answers=(yes(BOB),)), BOB, "answered rq-7k3f9q already"),
        (REQUEST, replace(BOB, auth_time=None), "logged in within the last 15 minutes"),
        (REQUEST, replace(BOB, auth_time=200.0 - 901.0), "logged in within"),
        (REQUEST, replace(BOB, auth_time=400.0), "logged in within"),
    ],
)
def test_others_may_not(request_: Request, who: Principal, why: str) -> None:
    """Not one's own, by whatever agent; not a stranger; not twice; not without a fresh login."""
    with pytest.raises(Denied, match=why):
        may_answer(request_, who, 200.0, 900.0)


@pytest.mark.parametrize("state", [state for state in RequestState if state is not RequestState.PENDING])
def test_a_settled_request_takes_no_answer(state: RequestState) -> None:
    """Approved, denied, withdrawn, expired and spent are all too late."""
    with pytest.raises(AlreadySettled, match=state.value):
        answer(replace(REQUEST, state=state), yes(BOB), 200.0)


def test_time_is_up_at_the_second_it_is_up() -> None:
    """Expiry counts even before anybody has stored it."""
    with pytest.raises(AlreadySettled, match="expired"):
        answer(REQUEST, yes(BOB), 1000.0)
    with pytest.raises(AlreadySettled, match="expired"):
        spend(APPROVED, DIGEST, "as-it-was", 1000.0)

    assert expire(REQUEST, 999.9) is REQUEST
    assert expire(REQUEST, 1000.0).state is RequestState.EXPIRED
    assert expire(APPROVED, 1000.0).state is RequestState.EXPIRED


def test_one_no_is_enough_and_owes_a_reason() -> None:
    """A denial without a reason is refused; with one it settles the request, whatever was said before."""
    half = answer(replace(REQUEST, count=2), yes(BOB), 200.0)
    with pytest.raises(UsageError, match="reason"):
        answer(half, Answer(DAVE, yes=False, at=200.0, reason="  "), 200.0)
    denied = answer(half, Answer(DAVE, yes=False, at=200.0, reason="not today"), 200.0)

    assert denied.state is RequestState.DENIED
    assert denied.answers[-1].reason == "not today"


def test_two_means_two_people() -> None:
    """With `count: 2` the second yes approves, and it must be somebody else's."""
    first = answer(replace(REQUEST, count=2), yes(BOB), 200.0)
    second = answer(first, yes(DAVE), 200.0)

    assert (first.state, second.state) == (RequestState.PENDING, RequestState.APPROVED)


def test_spent_once() -> None:
    """The permit names statement, session and request; the second attempt finds nothing to spend."""
    spent, permit = spend(APPROVED, DIGEST, "as-it-was", 300.0)

    assert spent.state is RequestState.SPENT
    assert (permit.statement, permit.session, permit.request) == (DIGEST, "ss-000000000001", "rq-7k3f9q")
    with pytest.raises(AlreadySettled):
        spend(spent, DIGEST, "as-it-was", 300.0)


def test_the_tightest_bound_counts() -> None:
    """Of several `--max-rows` the smallest holds; without any there is none."""
    first = answer(replace(REQUEST, count=2), yes(BOB, max_rows=10), 200.0)
    _, bounded = spend(answer(first, yes(DAVE, max_rows=3), 200.0), DIGEST, "as-it-was", 300.0)
    _, unbounded = spend(APPROVED, DIGEST, "as-it-was", 300.0)

    assert (bounded.max_rows, unbounded.max_rows) == (3, None)
    with pytest.raises(UsageError, match="below zero"):
        answer(REQUEST, yes(BOB, max_rows=-1), 200.0)


def test_another_statement_is_not_approved() -> None:
    """The digest must be the one that was answered."""
    with pytest.raises(Denied, match="another statement"):
        spend(APPROVED, StatementDigest("e" * 64), "as-it-was", 300.0)


def test_another_session_cannot_spend_it() -> None:
    """A held statement runs where it was held; a `--no-wait` one in the session that comes for it."""
    other = SessionId("ss-000000000002")
    with pytest.raises(Denied, match="another session"):
        spend(APPROVED, DIGEST, "as-it-was", 300.0, other)
    _, permit = spend(replace(APPROVED, session=None), DIGEST, "as-it-was", 300.0, other)

    assert permit.session == other


def test_a_swap_while_it_waits_voids_it() -> None:
    """Another definition is another statement: the approval is void and stays so."""
    with pytest.raises(Voided, match="changed while it waited"):
        spend(APPROVED, DIGEST, "swapped", 300.0)
    voided = void(APPROVED)

    assert voided.state is RequestState.WITHDRAWN
    with pytest.raises(AlreadySettled):
        spend(voided, DIGEST, "as-it-was", 300.0)


@pytest.mark.parametrize(
    "answers",
    [
        (),
        (yes(ALICE),),
        (yes(AGENT_OF_BOB),),
        (yes(EVE),),
        (yes(BOB), Answer(DAVE, yes=False, at=200.0, reason="no")),
    ],
)
def test_a_state_alone_opens_nothing(answers: tuple[Answer, ...]) -> None:
    """The answers are counted again when spending: a row that only says `approved` is worth nothing."""
    with pytest.raises(Denied, match="lacks the word"):
        spend(replace(APPROVED, answers=answers), DIGEST, "as-it-was", 300.0)


def test_withdrawn_is_over() -> None:
    """Ctrl-C ends a request, approved or not; afterwards nobody can answer or spend it."""
    for request in (REQUEST, APPROVED):
        gone = withdraw(request)

        assert gone.state is RequestState.WITHDRAWN
        with pytest.raises(AlreadySettled):
            spend(gone, DIGEST, "as-it-was", 300.0)


people = st.sampled_from([ALICE, BOB, DAVE, EVE, AGENT_OF_ALICE, AGENT_OF_BOB, person("erin", "dba")])
deeds = st.lists(
    st.one_of(
        st.tuples(st.just("answer"), people, st.booleans()),
        st.just(("withdraw",)),
        st.just(("expire",)),
        st.just(("spend",)),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(deeds=deeds, count=st.integers(1, 3), requester=st.sampled_from([ALICE, AGENT_OF_ALICE, BOB, EVE]))
def test_no_history_spends_without_the_word_of_enough_others(
    deeds: list[tuple[str, ...]], count: int, requester: Principal
) -> None:
    """Whatever happens in whatever order: at most one permit, never on one's own word, never on too few."""
    request = replace(REQUEST, count=count, requester=requester)
    permits = 0
    for number, deed in enumerate(deeds):
        now = 200.0 + number
        try:
            match deed:
                case ("answer", Principal() as who, bool(said)):
                    request = answer(request, Answer(who, yes=said, at=now, reason="r"), now)
                case ("withdraw",):
                    request = withdraw(request)
                case ("expire",):
                    request = expire(request, now)
                case _:
                    request, _ = spend(request, DIGEST, "as-it-was", now)
                    permits += 1
                    agreed = {each.approver.subject for each in request.answers if each.yes}
                    assert len(agreed) >= count
                    assert requester.subject not in agreed
                    assert all(each.yes for each in request.answers)
        except GovError:
            continue
    assert permits <= 1
