"""Where an approval request may go from where it stands. What is not in the table does not happen."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from gov.approval.request import RequestState
from gov.errors import AlreadySettled


class Event(StrEnum):
    """What can happen to a request."""

    AGREE = "agree"  # a yes, and more are needed
    APPROVE = "approve"  # the last yes that was needed
    BREAK_GLASS = "break_glass"  # the requester goes ahead alone
    DENY = "deny"
    WITHDRAW = "withdraw"  # the requester, the end of the session, or a restart of the broker
    EXPIRE = "expire"
    VOID = "void"  # what it would run on is no longer what was approved
    SPEND = "spend"


NEXT: Mapping[tuple[RequestState, Event], RequestState] = {
    (RequestState.PENDING, Event.AGREE): RequestState.PENDING,
    (RequestState.PENDING, Event.APPROVE): RequestState.APPROVED,
    (RequestState.PENDING, Event.BREAK_GLASS): RequestState.APPROVED,
    (RequestState.PENDING, Event.DENY): RequestState.DENIED,
    (RequestState.PENDING, Event.WITHDRAW): RequestState.WITHDRAWN,
    (RequestState.PENDING, Event.EXPIRE): RequestState.EXPIRED,
    (RequestState.APPROVED, Event.WITHDRAW): RequestState.WITHDRAWN,
    (RequestState.APPROVED, Event.EXPIRE): RequestState.EXPIRED,
    (RequestState.APPROVED, Event.VOID): RequestState.WITHDRAWN,
    (RequestState.APPROVED, Event.SPEND): RequestState.SPENT,
}


def move(state: RequestState, event: Event) -> RequestState:
    """The state after `event`.

    Raises:
        AlreadySettled: The table has no such step; a request that has left pending takes no answer.
    """
    try:
        return NEXT[state, event]
    except KeyError:
        raise AlreadySettled(
            f"the request is {state}, so it cannot {event}", hint="gov requests --all"
        ) from None
