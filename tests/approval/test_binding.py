"""An approval is for one statement in its circumstances: any change of them is another digest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gov.approval.binding import bind
from gov.identity.principal import Principal
from gov.terms import Scope, SessionId, TargetName

ALICE = Principal("https://id.example", "sub-alice", "alice", frozenset({"engineering"}))
BASE: dict[str, Any] = {
    "statement": "DELETE FROM orders WHERE id IN (1)",
    "parameters": ("1", None),
    "settings": {"search_path": "public"},
    "target": TargetName("prod"),
    "principal": ALICE,
    "scope": Scope.WRITE,
    "session": SessionId("ss-000000000001"),
    "purpose": "support",
}


@pytest.mark.parametrize(
    "change",
    [
        {"statement": "DELETE FROM orders WHERE id IN (1,2,3)"},
        {"statement": "DELETE FROM orders WHERE id IN (1) "},
        {"statement": "DELETE FROM orders WHERE id IN (2)"},
        {"parameters": ("2", None)},
        {"parameters": ("1", "None")},
        {"parameters": ("1", "")},
        {"parameters": ("1",)},
        {"parameters": (None, "1")},
        {"settings": {"search_path": "private, public"}},
        {"settings": {}},
        {"settings": {"search_path": "public", "timezone": "UTC"}},
        {"target": TargetName("staging")},
        {"principal": replace(ALICE, subject="sub-bob")},
        {"principal": replace(ALICE, issuer="https://other.example")},
        {"principal": replace(ALICE, agent="assistant")},
        {"scope": Scope.ADMIN},
        {"session": SessionId("ss-000000000002")},
        {"session": None},
        {"purpose": ""},
    ],
)
def test_a_change_is_another_digest(change: dict[str, Any]) -> None:
    """Constants, parameters, settings, target, person, scope, session and purpose are all bound."""
    assert bind(**BASE) != bind(**BASE | change)


def test_what_means_nothing_changes_nothing() -> None:
    """Groups, display name and time of login are not part of who somebody is; settings have no order."""
    later = replace(ALICE, name="Alice", groups=frozenset(), auth_time=1.0)
    settings = {"b": "2", "a": "1"}

    assert bind(**BASE | {"principal": later}) == bind(**BASE)
    assert bind(**BASE | {"settings": settings}) == bind(**BASE | {"settings": {"A": "1", "B": "2"}})


def test_the_form_is_fixed() -> None:
    """A stored approval keeps its meaning over releases: a new form needs a new domain."""
    assert bind(**BASE) == "47464376bfa88a0383c62cdefc487b7f3ad75276133e0c5259676e8fbfc7fbb0"


texts = st.text(max_size=20)
circumstances = st.fixed_dictionaries({
    "statement": texts,
    "parameters": st.lists(st.none() | texts, max_size=3),
    "settings": st.dictionaries(st.sampled_from(["a", "b"]), texts),
    "purpose": texts,
})


@settings(deadline=None)
@given(one=circumstances, other=circumstances)
def test_equal_digests_mean_equal_circumstances(one: dict[str, Any], other: dict[str, Any]) -> None:
    """No two different circumstances run together, whatever the texts hold."""
    assert (bind(**BASE | one) == bind(**BASE | other)) == (one == other)
