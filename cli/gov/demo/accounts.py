"""Who lives in the demo: people, a service and an agent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody the demo's issuer vouches for."""

    name: str
    full_name: str
    groups: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """The issuer's own stable id of the account, which is not its name."""
        return f"u-{self.name}"

    @property
    def email(self) -> str:
        """An address that goes nowhere (RFC 2606)."""
        return f"{self.name}@shop.example"


@dataclass(frozen=True, slots=True)
class Client:
    """A program that proves itself with a secret."""

    name: str
    groups: tuple[str, ...] = ()
    acts_for_others: bool = False
    """May exchange a person's token for one that says who acts for whom (RFC 8693)."""


PEOPLE: Final = {
    account.name: account
    for account in (
        Account("alice", "Alice Ahn", ("engineering",)),
        Account("bob", "Bob Berg", ("dba",)),
        Account("carol", "Carol Cruz", ("privacy",)),
        Account("dave", "Dave Diaz", ("dba",)),
        Account("eve", "Eve Endo"),
    )
}
SERVICES: Final = {
    client.name: client
    for client in (Client("etl", ("services",)), Client("assistant", acts_for_others=True))
}
PUBLIC_CLIENT: Final = "gov-cli"
AUDIENCE: Final = "gov"
