"""A permit: the thing that lets one statement pass. Without one in hand, nothing is relayed.

Only `policy.decide` and `approval.settle` may import `grant`; a test holds them to it. Python cannot stop a
determined colleague, but a permit made elsewhere is impossible by accident and visible in a diff.
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from typing import final

_SEAL = object()


@final
@dataclass(frozen=True, slots=True)
class Permit:
    """Lets one statement pass: the one whose digest it carries, in the session it names."""

    statement: str
    """The digest of the statement, as whoever judged it computed it."""
    session: str
    max_rows: int | None = None
    """More changed rows than this roll the statement back."""
    request: str | None = None
    """The approval that was spent for it."""
    seal: InitVar[object] = None

    def __post_init__(self, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("a permit comes out of a judgment, not out of thin air")


def grant(statement: str, session: str, *, max_rows: int | None = None, request: str | None = None) -> Permit:
    """A new permit. For `policy.decide` and `approval.settle` only."""
    return Permit(statement, session, max_rows, request, seal=_SEAL)
