"""A principal: the accountable person, service or agent behind everything that happens."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What sort of principal it is."""

    USER = "user"
    SERVICE = "service"
    AGENT = "agent"


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody whom an OIDC issuer vouched for.

    An agent acts for somebody (RFC 8693 `act`): then `subject` and `name` are the human's, `agent`
    is the agent's subject, and `kind` is AGENT.
    """

    issuer: str
    subject: str
    name: str
    """What people call them: `preferred_username`, else `email`, else the subject."""
    groups: frozenset[str] = frozenset()
    kind: Kind = Kind.USER
    agent: str | None = None
    auth_time: float | None = None
    """When the person last proved themselves, seconds since the epoch; None when the issuer does not say."""

    @property
    def display(self) -> str:
        """`alice`, or `assistant for alice`."""
        return f"{self.agent} for {self.name}" if self.agent else self.name

    def same_person(self, other: Principal) -> bool:
        """Whether both are the same accountable human or service, agent or not."""
        return (self.issuer, self.subject) == (other.issuer, other.subject)
