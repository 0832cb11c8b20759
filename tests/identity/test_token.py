"""The strict reading of tokens, on any input. Well-signed attacks are in tests/broker/test_tokens.py."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gov.errors import NotLoggedIn
from gov.identity.config import IdentityConfig
from gov.identity.token import LEEWAY, LIFETIME, check_claims, check_header, parse

CONFIG = IdentityConfig("https://id.example.com", "gov-cli")
NOW = 1_800_000_000.0
GOOD: dict[str, Any] = {
    "iss": CONFIG.issuer,
    "aud": "gov",
    "sub": "u-1",
    "iat": NOW - 10,
    "exp": NOW + 10,
}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def compact(header: str, claims: str, signature: bytes = b"signature") -> str:
    """The compact form of what is given."""
    parts = [header.encode(), claims.encode(), signature]
    return ".".join(urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def test_a_token_is_read_as_it_was_written() -> None:
    """Header and claims come back unchanged."""
    said = parse(compact('{"alg":"RS256"}', json.dumps(GOOD)))

    assert said.header == {"alg": "RS256"}
    assert said.claims == GOOD


@settings(deadline=None)
@given(
    st.text(max_size=200) | st.from_regex(r"[A-Za-z0-9_-]{0,40}(\.[A-Za-z0-9_=-]{0,40}){0,4}", fullmatch=True)
)
def test_any_text_is_a_token_or_a_refusal(text: str) -> None:
    """Nothing but NotLoggedIn is raised, however broken the token."""
    with suppress(NotLoggedIn):
        parse(text)


@pytest.mark.parametrize(
    "claims",
    [
        '{"a":1,"a":1}',
        '{"x":{"a":1,"a":2}}',
        "[]",
        "null",
        '"x"',
        "{",
        "",
        '{"a":Infinity}',
        '{"a":1e999}',
        "[" * 5000,
    ],
)
def test_json_must_be_one_object_without_tricks(claims: str) -> None:
    """Duplicates at any depth, constants that are not JSON, other values and deep nesting are refused."""
    with pytest.raises(NotLoggedIn):
        parse(compact("{}", claims))


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["alg", "typ", "kid", "jku", "crit"]), JSON))
def test_a_header_of_any_shape_names_a_key_or_is_refused(header: dict[str, Any]) -> None:
    """A key id comes only from a header with the pinned algorithm, an access token's type and no extras."""
    try:
        kid = check_header(header, ("RS256",))
    except NotLoggedIn:
        return

    assert kid == header["kid"]
    assert header["alg"] == "RS256"
    assert not {"jku", "crit"} & header.keys()


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from([*GOOD, "nbf", "typ"]), JSON))
def test_claims_of_any_shape_are_in_order_or_refused(changes: dict[str, Any]) -> None:
    """What is accepted has our issuer and audience, a subject, and an end ahead of us within a day."""
    claims = {**GOOD, **changes}
    try:
        ends = check_claims(claims, CONFIG, NOW)
    except NotLoggedIn:
        return

    assert NOW < ends == claims["exp"] <= NOW + LIFETIME + LEEWAY
    assert claims["iss"] == CONFIG.issuer
    assert claims["aud"] in ("gov", ["gov"])
    assert isinstance(claims["sub"], str)
    assert claims["sub"].strip()


@pytest.mark.parametrize("name", ["iat", "nbf"])
def test_the_issuers_clock_may_be_half_a_minute_ahead(name: str) -> None:
    """Thirty seconds are forgiven, more are not."""
    assert check_claims({**GOOD, "exp": NOW + 100, name: NOW + LEEWAY}, CONFIG, NOW)
    with pytest.raises(NotLoggedIn) as caught:
        check_claims({**GOOD, "exp": NOW + 100, name: NOW + LEEWAY + 1}, CONFIG, NOW)
    assert "clocks" in caught.value.detail


def test_what_a_stranger_wrote_is_shown_harmlessly() -> None:
    """A refusal quotes the token without its control characters."""
    with pytest.raises(NotLoggedIn) as caught:
        check_claims({**GOOD, "iss": "\x1b[2J" + "x" * 500}, CONFIG, NOW)

    assert caught.value.detail.isprintable()
    assert len(caught.value.detail) < 200
