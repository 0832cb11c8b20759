"""Which OIDC issuers are believed, for which audience, with which algorithms.

Pure values: fetching an issuer's keys is the broker's business, asking for tokens the client's.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from gov.errors import ConfigError

ASYMMETRIC: Final = frozenset(
    {
        "RS256",
        "RS384",
        "RS512",
        "PS256",
        "PS384",
        "PS512",
        "ES256",
        "ES384",
        "ES512",
        "EdDSA",
    }
)
"""Signature algorithms a configuration may pin: no shared secrets, no `none` (RFC 8725, 3.1)."""


@dataclass(frozen=True, slots=True)
class IdentityConfig:
    """One believed issuer.

    Raises:
        ConfigError: an algorithm that cannot be believed, an issuer that is not https (plain http is
            for loopback), or an empty audience.
    """

    issuer: str
    client_id: str
    audience: str = "gov"
    groups_claim: str = "groups"
    algorithms: tuple[str, ...] = ("RS256",)
    services: bool = False
    """Every token of this issuer is a job's, as with a CI system or a Kubernetes cluster."""

    def __post_init__(self) -> None:
        weak = sorted(set(self.algorithms) - ASYMMETRIC)
        if weak or not self.algorithms:
            raise ConfigError(
                f"issuer {self.issuer}: algorithms must be asymmetric, not {', '.join(weak) or 'none'}",
                hint=f"choose among {', '.join(sorted(ASYMMETRIC))}",
            )
        if not trustworthy(self.issuer):
            raise ConfigError(
                f"issuer {self.issuer!r} is not an https URL",
                hint="use https; plain http is for loopback addresses only",
            )
        if not (self.audience and self.client_id):
            raise ConfigError(
                f"issuer {self.issuer}: audience and client_id must not be empty",
                hint="name the audience that the issuer puts into access tokens for gov",
            )


def trustworthy(url: str) -> bool:
    """Whether secrets may travel to `url`: https, or http that never leaves this machine."""
    parts = urlsplit(url)
    if not parts.hostname or parts.username is not None or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and loopback(url))


def loopback(url: str) -> bool:
    """Whether the host of `url` is this machine, by address or as `localhost`."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
