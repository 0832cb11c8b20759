"""Approval requests go into the store, come out the same, and are claimed once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings

from gov.approval.request import Answer, Request, RequestState
from gov.errors import Unavailable
from gov.identity.principal import Principal
from gov.store.database import REQUESTS, Database
from gov.store.requests import Requests
from gov.terms import RequestId, Scope, StatementDigest, TargetName
from store import values

ALICE = Principal("https://id.example.com", "8f2c", "alice", frozenset({"engineering"}))


def request(name: str, state: RequestState = RequestState.PENDING, created_at: float = 1.0) -> Request:
    """A request of alice's to drop a table."""
    return Request(
        RequestId(f"rq-{name}"), state, ALICE, TargetName("prod"), Scope.READ, "", "", "DROP TABLE orders", (),
        StatementDigest("d"), "", (), "destructive-needs-dba", ("it drops",), frozenset({"dba"}), 1, created_at,
        created_at + 900, None, None,
    )


@pytest.fixture(name="requests")
def _requests(tmp_path: Path) -> Requests:
    return Requests(Database(f"sqlite:///{tmp_path}/state.db"))


@pytest.fixture(scope="module", name="database")
def _database() -> Iterator[Database]:
    with TemporaryDirectory() as directory:
        yield Database(f"sqlite:///{directory}/state.db")


@given(values.requests)
@settings(deadline=None, max_examples=25)
def test_a_request_comes_back_as_it_was(database: Database, given_request: Request) -> None:
    """Every field survives, answers and their approvers too."""
    with database.write() as connection:
        connection.execute(REQUESTS.delete())
    requests = Requests(database)

    requests.put(given_request)

    assert requests.get(given_request.id) == given_request


def test_open_requests_can_still_come_to_something(requests: Requests) -> None:
    """Pending and approved ones, oldest first; settled ones only in `all`."""
    for number, state in enumerate(RequestState):
        requests.put(request(str(number), state, created_at=100 - number))

    assert [found.state for found in requests.open()] == [RequestState.APPROVED, RequestState.PENDING]
    assert [found.state for found in requests.pending()] == [RequestState.PENDING]
    assert [found.id for found in requests.all(2)] == ["rq-1", "rq-0"]


def test_an_id_is_used_once(requests: Requests) -> None:
    """A second request of the same id is refused, and the first one stays."""
    requests.put(request("a"))

    with pytest.raises(Unavailable):
        requests.put(replace(request("a"), statement="DROP TABLE customers"))

    assert requests.get(RequestId("rq-a")) == request("a")


def test_of_many_that_claim_a_request_one_gets_it(requests: Requests) -> None:
    """Eight threads spend an approved request; it is spent once."""
    approved = request("a", RequestState.APPROVED)
    requests.put(approved)

    with ThreadPoolExecutor(8) as pool:
        claims = [
            pool.submit(requests.replace, approved, replace(approved, state=RequestState.SPENT))
            for _ in range(8)
        ]

    assert sorted(claim.result() for claim in claims) == [False] * 7 + [True]


def test_two_answers_at_once_do_not_lose_one(requests: Requests) -> None:
    """Where two approvers are needed, the second must have seen the first one's answer."""
    asked = replace(request("a"), count=2)
    requests.put(asked)
    bob, dave = (replace(asked, answers=(Answer(replace(ALICE, subject=name), True, 2.0),)) for name in "bd")

    assert [requests.replace(asked, bob), requests.replace(asked, dave)] == [True, False]
    assert requests.get(asked.id) == bob


def test_what_is_not_there_is_not_replaced(requests: Requests) -> None:
    """Nothing appears by being changed."""
    assert not requests.replace(request("a"), request("a", RequestState.EXPIRED))
    assert requests.all() == []


def test_what_trail_and_store_may_differ_in_is_remembered(tmp_path: Path) -> None:
    """From the beginning of a change to its end, also for whoever opens the store anew after a crash."""
    url = f"sqlite:///{tmp_path}/state.db"
    requests = Requests(Database(url))
    new, old = request("a", created_at=2.0), request("b", created_at=1.0)
    approved = replace(old, state=RequestState.APPROVED)

    def doubtful() -> list[str]:
        return [each.id for each in Requests(Database(url)).doubtful()]

    requests.put(new)
    requests.put(old)
    assert doubtful() == [old.id, new.id]
    requests.certain(old.id)
    requests.certain(old.id)
    assert doubtful() == [new.id]
    requests.doubt(old.id)
    requests.doubt(old.id)
    assert requests.replace(old, approved, recorded=True)
    assert doubtful() == [new.id]
    assert requests.replace(approved, replace(approved, state=RequestState.SPENT))
    assert doubtful() == [old.id, new.id]
    assert not requests.replace(approved, old, recorded=True)
    assert doubtful() == [old.id, new.id]


def test_settled_requests_are_forgotten_when_they_are_old(tmp_path: Path) -> None:
    """Not the open ones, nor what the trail may not say yet."""
    requests = Requests(Database(f"sqlite:///{tmp_path}/state.db"))
    for name, state in (("a", RequestState.SPENT), ("b", RequestState.APPROVED), ("c", RequestState.DENIED)):
        requests.put(request(name, state))
    requests.put(request("d", RequestState.SPENT, created_at=100.0))
    asked = replace(request("e", RequestState.DENIED), reason="because of mrs brown")
    requests.put(asked)
    requests.certain(asked.id)
    assert requests.forget(50.0, lambda who: who.subject == "nobody") == 0
    assert b"mrs brown" in b"".join(each.read_bytes() for each in tmp_path.iterdir())
    for name in "abd":
        requests.certain(RequestId(f"rq-{name}"))

    assert requests.forget(50.0) == 2
    assert b"mrs brown" not in b"".join(each.read_bytes() for each in tmp_path.iterdir())
    assert {each.id for each in requests.all()} == {"rq-b", "rq-c", "rq-d"}
    requests.certain(RequestId("rq-c"))
    assert (requests.forget(50.0), requests.forget(50.0)) == (1, 0)
