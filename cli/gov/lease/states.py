"""The life of a lease as a table; what is not in the table does not happen.

    creating ──created──▶ active
        │                    │
        └────────end────────▶ ending ──gone──▶ ended
                              │    ▲             ▲
                           failed retry          │
                              ▼    │             │
                              stuck ────gone─────┘
"""

from __future__ import annotations

from enum import StrEnum

from gov.lease.lease import LeaseState


class LeaseEvent(StrEnum):
    """What can happen to a lease."""

    CREATED = "created"  # the role exists on the target
    END = "end"  # expired, killed, refused, or found after a crash
    GONE = "gone"  # the role is verified gone
    FAILED = "failed"  # the role could not be dropped
    RETRY = "retry"  # the janitor tries again


MOVES: dict[tuple[LeaseState, LeaseEvent], LeaseState] = {
    (LeaseState.CREATING, LeaseEvent.CREATED): LeaseState.ACTIVE,
    (LeaseState.CREATING, LeaseEvent.END): LeaseState.ENDING,
    (LeaseState.ACTIVE, LeaseEvent.END): LeaseState.ENDING,
    (LeaseState.ENDING, LeaseEvent.END): LeaseState.ENDING,  # asked again, after a crash
    (LeaseState.ENDING, LeaseEvent.GONE): LeaseState.ENDED,
    (LeaseState.ENDING, LeaseEvent.FAILED): LeaseState.STUCK,
    (LeaseState.STUCK, LeaseEvent.RETRY): LeaseState.ENDING,
    (LeaseState.STUCK, LeaseEvent.END): LeaseState.ENDING,
    (LeaseState.STUCK, LeaseEvent.GONE): LeaseState.ENDED,
}

OPEN = frozenset({LeaseState.CREATING, LeaseState.ACTIVE, LeaseState.ENDING, LeaseState.STUCK})
"""States in which a role may exist on the target."""


def move(state: LeaseState, event: LeaseEvent) -> LeaseState:
    """The state after `event`.

    Raises:
        ValueError: The table does not know this move: a bug of the caller.
    """
    try:
        return MOVES[state, event]
    except KeyError:
        raise ValueError(f"a lease that is {state} cannot meet {event}") from None
