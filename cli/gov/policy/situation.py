"""The circumstances of a statement: everything policy may ask about besides person and facts."""

from __future__ import annotations

from dataclasses import dataclass

from gov.terms import Scope


@dataclass(frozen=True, slots=True)
class Situation:
    """Where, in which lease and with what a statement arrives."""

    target: str
    environment: str
    scope: Scope
    client: str = ""
    """What the client calls itself; nobody vouches for it."""
    purpose: str = ""
    hour: int | None = None
    """Of the day, UTC. None: not known, which no rule takes as permission."""
    transaction: bool = False
    """Whether the client has a transaction open."""
    estimated_rows: int | None = None
    """None: not estimated, which counts as more than any bound."""
