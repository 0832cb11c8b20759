"""A policy that lifts masks more easily is said to be wider, one that does so less easily narrower."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gov.policy.decision import Unmask
from gov.policy.unmask_compare import NEVER, lift_change
from gov.terms import Scope

TERMS = Unmask(frozenset({"privacy"}), 3600.0, reason_required=True)


@pytest.mark.parametrize(("old", "new", "more", "less"), [
    (None, TERMS, True, False),
    (TERMS, None, False, True),
    (TERMS, replace(TERMS, max_ttl=7200.0), True, False),
    (TERMS, replace(TERMS, count=2), False, True),
    (TERMS, replace(TERMS, approvers=frozenset({"privacy", "dba"})), True, False),
    (TERMS, replace(TERMS, approvers=frozenset({"dba"})), True, True),
    (TERMS, replace(TERMS, reason_required=False), True, False),
    (TERMS, replace(TERMS, purposes=(frozenset({"support:*"}),)), False, True),
    (TERMS, replace(TERMS, max_ttl=60.0, count=0), True, True),
])
def test_the_direction_of_a_change(old: Unmask | None, new: Unmask | None, more: bool, less: bool) -> None:
    """Each of the terms counts; what goes both ways is neither."""
    found = lift_change(old, new, Scope.READ)
    assert found is not None
    assert (found.more, found.less) == (more, less)


def test_it_is_said_in_words_and_for_the_scope_at_hand() -> None:
    """Who says yes, for how long and what for; in a scope in which nobody may lift it nothing changes."""
    found = lift_change(None, replace(TERMS, count=2, purposes=(frozenset({"support"}),)), Scope.READ)
    assert found is not None
    assert (found.old, found.new) == (NEVER, "unmasked for 1h by 2 of privacy with a reason, for support")
    assert lift_change(None, TERMS, Scope.WRITE) is None
    assert lift_change(TERMS, TERMS, Scope.READ) is None
