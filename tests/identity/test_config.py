"""Which issuers and addresses may be believed at all."""

from __future__ import annotations

import pytest

from gov.errors import ConfigError
from gov.identity.config import ASYMMETRIC, IdentityConfig, loopback, trustworthy


@pytest.mark.parametrize(
    "url", ["https://id.example.com/realms/acme", "http://127.0.0.1:8080", "http://[::1]:1"]
)
def test_secrets_travel_over_https_or_not_at_all(url: str) -> None:
    """Plain http is for this machine."""
    assert trustworthy(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://id.example.com",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://127.0.0.1@example.com",
        "https://user@id.example.com",
        "https://id.example.com#x",
        "ftp://127.0.0.1",
        "file:///etc/passwd",
        "id.example.com",
        "https://",
        "",
    ],
)
def test_other_addresses_get_no_secrets(url: str) -> None:
    """Names that look like loopback, credentials in the URL and other schemes are refused."""
    assert not trustworthy(url)


def test_loopback_is_an_address_or_localhost() -> None:
    """All of 127.0.0.0/8 is this machine, and no other name is."""
    assert loopback("http://127.9.9.9")
    assert loopback("http://localhost:1")
    assert not loopback("http://10.0.0.1")
    assert not loopback("")


@pytest.mark.parametrize("algorithms", [("none",), ("HS256",), ("RS256", "HS256"), ()])
def test_only_asymmetric_algorithms_can_be_pinned(algorithms: tuple[str, ...]) -> None:
    """A shared secret, or no signature, vouches for nobody."""
    with pytest.raises(ConfigError, match="asymmetric"):
        IdentityConfig("https://id.example.com", "gov-cli", algorithms=algorithms)


def test_all_asymmetric_algorithms_can_be_pinned() -> None:
    """The list of what may be pinned is what may be pinned."""
    config = IdentityConfig("https://id.example.com", "gov-cli", algorithms=tuple(sorted(ASYMMETRIC)))

    assert set(config.algorithms) == ASYMMETRIC


def test_an_issuer_needs_https_an_audience_and_a_client() -> None:
    """A token for everybody is a token for us, too; that must not be configured by leaving something out."""
    with pytest.raises(ConfigError, match="not an https URL"):
        IdentityConfig("http://id.example.com", "gov-cli")
    with pytest.raises(ConfigError, match="audience and client_id"):
        IdentityConfig("https://id.example.com", "gov-cli", audience="")
    with pytest.raises(ConfigError, match="audience and client_id"):
        IdentityConfig("https://id.example.com", "")
