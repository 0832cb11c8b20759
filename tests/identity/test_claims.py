"""Whom claims speak of."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gov.errors import NotLoggedIn
from gov.identity.claims import principal
from gov.identity.config import IdentityConfig
from gov.identity.principal import Kind

CONFIG = IdentityConfig("https://id.example.com", "gov-cli")
ALICE: dict[str, Any] = {"sub": "u-1", "preferred_username": "alice", "client_id": "gov-cli"}

JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
NAMES = (
    "preferred_username",
    "email",
    "email_verified",
    "groups",
    "auth_time",
    "act",
    "gty",
    "client_id",
    "azp",
)


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"preferred_username": "alice", "email": "a@shop.example"}, "alice"),
        ({"email": "a@shop.example"}, "a@shop.example"),
        ({"email": "bob@shop.example", "email_verified": False}, "u-1"),
        (
            {"preferred_username": "b@shop.example", "email": "b@shop.example", "email_verified": False},
            "b@shop.example",
        ),
        ({}, "u-1"),
    ],
)
def test_people_are_called_by_the_best_name_there_is(claims: dict[str, Any], name: str) -> None:
    """User name, else address unless it is known to be unverified, else the subject."""
    assert principal({"sub": "u-1", **claims}, CONFIG).name == name


@pytest.mark.parametrize(
    ("claims", "kind"),
    [
        (ALICE, Kind.USER),
        ({"sub": "u-1"}, Kind.USER),
        ({"sub": "u-1", "azp": "gov-cli", "email": "a@shop.example"}, Kind.USER),
        ({"sub": "u-1", "client_id": "gov-cli", "auth_time": 1}, Kind.USER),
        ({"sub": "etl", "client_id": "etl"}, Kind.SERVICE),
        ({"sub": "etl", "azp": "etl"}, Kind.SERVICE),
        ({"sub": "etl@clients", "azp": "etl", "gty": "client-credentials"}, Kind.SERVICE),
        ({"sub": "5f1c", "client_id": "etl"}, Kind.SERVICE),
        ({**ALICE, "act": {"sub": "assistant"}}, Kind.AGENT),
    ],
)
def test_people_services_and_agents_are_told_apart(claims: dict[str, Any], kind: Kind) -> None:
    """By what issuers put into their tokens: see the habits of Auth0, Keycloak, Okta and RFC 9068."""
    assert principal(claims, CONFIG).kind is kind


def test_the_groups_claim_is_the_configured_one() -> None:
    """Issuers differ in what they call it; a missing one means no groups."""
    config = IdentityConfig("https://id.example.com", "gov-cli", groups_claim="roles")

    assert principal({**ALICE, "roles": ["dba"], "groups": ["x"]}, config).groups == {"dba"}
    assert principal({**ALICE, "groups": ["x"]}, config).groups == frozenset()


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), JSON))
def test_claims_of_any_shape_give_a_principal_or_a_refusal(claims: dict[str, Any]) -> None:
    """Whatever a signed token holds, nothing but NotLoggedIn is raised, and no name is unprintable."""
    try:
        who = principal({"sub": "u-1", **claims}, CONFIG)
    except NotLoggedIn:
        return

    assert who.subject == "u-1"
    assert who.name.isprintable()
    assert all(isinstance(group, str) and group.isprintable() for group in who.groups)
    assert (who.kind is Kind.AGENT) == (who.agent is not None) == ("act" in claims)
