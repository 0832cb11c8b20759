"""`gov discover` proposes from values under the caller's own lease, and prints none of them."""

from __future__ import annotations

import json
from collections.abc import Callable

import psycopg

from gov.policy.document import load
from live import door

Environment = Callable[[str], dict[str, str]]


def test_it_proposes_what_policy_can_load(
    spare: str, admin: psycopg.Connection, as_user: Environment
) -> None:
    """Free text and documents are looked into; what is found is a fragment of policy with evidence."""
    admin.execute(f"UPDATE public.{spare} SET note = 'write to canary' || n || '@example.org'")
    printed = door.gov(as_user("alice"), "discover", "prod", "--relation", f"public.{spare}")
    policy = load([("proposed.yaml", printed)])
    assert [str(each) for rule in policy.classify for each in rule.columns] == [f"public.{spare}.note"]
    assert "5 of 5 texts hold: e-mail address" in printed
    assert "canary" not in printed


def test_masked_columns_are_not_proposed_again(as_user: Environment) -> None:
    """What alice sees masked is classified already."""
    found = json.loads(door.gov(as_user("alice"), "discover", "prod", "--relation", "public.customers", "--json"))
    assert found["masked"] == 5
    assert [each["column"] for each in found["proposals"]] == ["public.customers.full_name"]
    assert found["skipped"] == []


def test_what_would_be_held_is_judged_by_names(as_user: Environment) -> None:
    """Carol sees clear values, and so many rows of them would wait for an approver: nobody is asked."""
    found = json.loads(door.gov(
        as_user("carol"), "discover", "prod", "--relation", "public.customers", "--rows", "500", "--json"
    ))
    assert found["rows"] == 0
    assert found["skipped"] == [
        {"relation": "public.customers", "because": "held by rule bulk-pii-export"}
    ]
    assert {each["confidence"] for each in found["proposals"]} == {"low"}
    requests = json.loads(door.gov(as_user("carol"), "requests", "--json"))
    assert [each for each in requests if each["state"] == "pending" and each["requester"].startswith("carol")] == []
