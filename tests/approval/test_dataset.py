"""What may be made of an approved query, and what may not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approval.test_settle import REQUEST, person
from gov.approval import settle
from gov.approval.dataset import DataSet, derived, ends, last_part, part, rest
from gov.approval.request import Answer, RequestState
from gov.errors import AlreadySettled, Denied

QUERY = "select id, v from t where v <> ') AS gov_dataset WHERE'"
SET = replace(
    REQUEST, statement=QUERY, approvers=frozenset({"privacy"}), dataset=DataSet("d", 3600.0), session=None,
)  # fmt: skip


def answer_of(name: str, *groups: str) -> Answer:
    """A yes."""
    return Answer(person(name, *groups), yes=True, at=5.0)


@given(st.text(min_size=1, max_size=12).filter(lambda name: "\0" not in name))
def test_parts_of_the_query_are_known(column: str) -> None:
    """Whatever the column is called."""
    assert derived(QUERY, (), QUERY)
    assert derived(part(QUERY, column), ("1", "2"), QUERY)
    assert derived(last_part(QUERY, column), ("1",), QUERY)
    assert derived(rest(QUERY, column), (), QUERY)
    assert derived(ends(QUERY, column), (), QUERY)


@pytest.mark.parametrize("text", [
    "", "select 1", QUERY + " ", QUERY + " union select ssn from customers", QUERY.upper(),
    part(QUERY, "id") + " OR true", part(QUERY, "id").replace("$2", "2"), part("select 1", "id"),
    part(QUERY, "id").replace('"id" <', '"v" <'), f"SELECT * FROM (\n{QUERY}\n) AS gov_dataset",
    f"SELECT min(\"id\"), max(\"v\"), count(*) FROM (\n{QUERY}\n) AS gov_dataset",
    f"SELECT min(\"id\"), max(\"id\"), count(*), (select ssn from c) FROM (\n{QUERY}\n) AS gov_dataset",
    ends(QUERY, "id") + ", customers", part(QUERY, 'id" >= $1 OR "id'), rest(QUERY, "id") + "\n;select 1",
], ids=range(15))  # fmt: skip
def test_anything_else_is_not(text: str) -> None:
    """A letter beside the text makes it another one; a name that looks like a condition is a name."""
    assert derived(text, None, QUERY) == (text == part(QUERY, 'id" >= $1 OR "id'))
    assert not derived(QUERY, ("1",), QUERY)


def test_an_approval_is_used_and_not_spent() -> None:
    """It lasts from the answer on, gives one permit after the other, and ends as any other."""
    approved = settle.answer(SET, answer_of("carol", "privacy"), now=5.0)
    assert (approved.state, approved.expires_at) == (RequestState.APPROVED, 3605.0)

    for _ in range(3):
        used, permit = settle.spend(approved, approved.digest, approved.definitions, 10.0, "ss-1")
        assert (used, permit.request) == (approved, approved.id)
    with pytest.raises(settle.Voided):
        settle.spend(approved, approved.digest, "changed", 10.0, "ss-1")
    with pytest.raises(AlreadySettled):
        settle.spend(approved, approved.digest, approved.definitions, 3605.0, "ss-1")
    for over in (settle.void(approved), settle.withdraw(approved), settle.expire(approved, 3605.0)):
        with pytest.raises(AlreadySettled):
            settle.spend(over, approved.digest, approved.definitions, 10.0, "ss-1")


def test_who_a_guardrail_names_must_say_yes_too() -> None:
    """Where a rule holds the query by itself, one of its approvers is needed beside those of the data set."""
    held = replace(SET, dataset=DataSet("d", 3600.0, rule="r", also=frozenset({"dba"})))

    once = settle.answer(held, answer_of("carol", "privacy"), now=5.0)
    assert once.state is RequestState.PENDING
    assert settle.answer(once, answer_of("bob", "dba"), now=6.0).state is RequestState.APPROVED
    assert settle.answer(held, answer_of("cora", "privacy", "dba"), now=5.0).state is RequestState.APPROVED
    assert settle.answer(held, answer_of("bob", "dba"), now=5.0).state is RequestState.PENDING
    with pytest.raises(Denied, match="in none of the groups"):
        settle.may_answer(held, person("eve"), 5.0, None)
