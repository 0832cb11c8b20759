"""From the claims of a verified access token to a principal.

Claims read: `sub`, `preferred_username`, `email`, the configured groups claim, `auth_time`, `act`
(RFC 8693, 4.1), and what tells a job from a person: `gty`, `client_id`, `azp`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gov.identity.config import IdentityConfig
from gov.identity.principal import Kind, Principal
from gov.identity.token import refused

_LONGEST_NAME: Final = 255
_MOST_GROUPS: Final = 1000


def principal(claims: Mapping[str, Any], config: IdentityConfig) -> Principal:
    """Whom the claims speak of. The token's signature and its `sub` have been checked already.

    Raises:
        NotLoggedIn: groups, name or `act` are in a form that could be read in two ways.
    """
    agent = _agent(claims)
    return Principal(
        issuer=config.issuer,
        subject=claims["sub"],
        name=_name(claims),
        groups=_groups(claims, config.groups_claim),
        kind=Kind.AGENT if agent else _kind(claims, config),
        agent=agent,
        auth_time=_auth_time(claims),
    )


def _name(claims: Mapping[str, Any]) -> str:
    # Where addresses are not verified, anybody may claim anybody's.
    email = None if claims.get("email_verified") is False else claims.get("email")
    name = claims.get("preferred_username") or email or claims["sub"]
    if not isinstance(name, str) or not name.isprintable() or len(name) > _LONGEST_NAME:
        raise refused("its name is no plain text")
    return name


def _groups(claims: Mapping[str, Any], claim: str) -> frozenset[str]:
    """The groups; none when the claim is missing.

    Azure leaves the claim out of a person with many groups and points elsewhere (`_claim_names`). That
    is not "no groups": rules that forbid something to a group would be lost.
    """
    if claim in _mapping(claims.get("_claim_names")):
        raise refused(f"it has too many groups to list them in `{claim}`")
    groups = claims.get(claim, [])
    if not isinstance(groups, list) or len(groups) > _MOST_GROUPS:
        raise refused(f"its `{claim}` is no list of groups")
    if not all(isinstance(group, str) and group and group.isprintable() for group in groups):
        raise refused(f"its `{claim}` holds something that is no group")
    return frozenset(groups)


def _agent(claims: Mapping[str, Any]) -> str | None:
    """Who acts for the subject. A chain of agents is refused: who is accountable in it is not settled."""
    if "act" not in claims:
        return None
    actor = claims["act"]
    subject = actor.get("sub") if isinstance(actor, dict) else None
    if not isinstance(subject, str) or not subject.strip() or not subject.isprintable() or "act" in actor:
        raise refused("its `act` does not name one agent")
    return subject


def _kind(claims: Mapping[str, Any], config: IdentityConfig) -> Kind:
    """Whether a person or a job holds the token, by the habits of the issuers.

    Auth0 says so with `gty`, most others give the client's own id as the subject (RFC 9068, 2.2), and
    the rest leave out everything that speaks of a person.
    """
    clients = [claims[name] for name in ("client_id", "azp") if claims.get(name)]
    speaks_of_a_person = any(claims.get(name) for name in ("preferred_username", "email", "auth_time"))
    if (
        config.services
        or claims.get("gty") in ("client_credentials", "client-credentials")
        or claims["sub"] in clients
        or (clients and not speaks_of_a_person)
    ):
        return Kind.SERVICE
    return Kind.USER


def _auth_time(claims: Mapping[str, Any]) -> float | None:
    value = claims.get("auth_time")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refused("its `auth_time` is no time")
    return float(value)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
