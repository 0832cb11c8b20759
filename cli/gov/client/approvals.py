"""Waiting for somebody's word on a request that no session holds, and what became of it."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from gov.client.api import Broker
from gov.control.requests import ApproveAsk, RequestView, UnmaskAsk
from gov.errors import AlreadySettled, ApprovalDenied, GovError, NotApproved, Unavailable, Unreachable

EVERY: Final = 0.5
"""Seconds between two looks."""
_ENDINGS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
Watch = Callable[[RequestView], None]


def _nothing(view: RequestView) -> None:
    return None


def unmasked(broker: Broker, ask: UnmaskAsk, watch: Watch = _nothing, *, alone: bool = False) -> str:
    """Ask for masks to be lifted and wait for the answer; the id of the approved request.

    With `alone` the answer is one's own, by break glass, with the reason that is asked with.

    `watch` is called with the request at once, and with every look at it. Whoever stops waiting, by Ctrl-C
    for one, withdraws it.

    Raises:
        ApprovalDenied: Somebody said no.
        NotApproved: Nobody answered in time, or it was withdrawn.
        GovError: It cannot be asked for.
    """
    request = ""
    try:
        with _whole():
            request = broker.unmask(ask.model_copy(update={"awaited": True})).request or ""
        if alone:
            broker.approve(request, ApproveAsk(reason=ask.reason, break_glass=True))
        view = broker.request(request)
        while view.state == "pending":
            watch(view)
            time.sleep(EVERY)
            view = _looked(broker, view)
    except BaseException:
        if request:
            with suppress(GovError):
                broker.withdraw(request)
        raise
    check_approved(view)
    return request


@contextmanager
def _whole() -> Iterator[None]:
    """Hold back what would end us while a request is opened: one whose id nobody has is withdrawn by nobody."""
    if threading.current_thread() is not threading.main_thread():  # no signal ends another
        yield
        return
    heard: list[int] = []
    before = {
        number: signal.signal(number, lambda number, frame: heard.append(number))
        for number in _ENDINGS if signal.getsignal(number) is not None
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if heard:
            signal.raise_signal(heard[0])


def _looked(broker: Broker, before: RequestView) -> RequestView:
    """The request as it is now; as it was while the broker does not answer, which a restart takes a moment for."""
    try:
        return broker.request(before.id)
    except (Unreachable, Unavailable):
        if time.time() > _end(before):
            raise
        return before


def _end(view: RequestView) -> float:
    from datetime import datetime

    return datetime.fromisoformat(view.expires_at).timestamp()


def check_approved(view: RequestView) -> None:
    """Do nothing when the request is approved.

    Raises:
        ApprovalDenied, NotApproved, AlreadySettled: What its state says.
    """
    match view.state:
        case "approved":
            return
        case "denied":
            said = [f"{a.approver}: {a.reason}" for a in view.answers if not a.yes and a.reason]
            raise ApprovalDenied(f"{view.id} was denied", hint=f"gov requests --all, or ask {_who(view)}",
                                 detail="\n".join(said))
        case "pending":
            raise NotApproved(f"{view.id} is still waiting for {_who(view)}",
                              hint=f"one of them answers with: gov approve {view.id}")
        case "expired" | "withdrawn" | "spent":
            raise AlreadySettled(f"{view.id} is {view.state}", hint=_again(view))


def _again(view: RequestView) -> str:
    if view.unmask:
        return f"gov connect {view.target} {' '.join(f'--unmask {each}' for each in view.unmask)} asks again"
    return f"gov exec {view.target} --no-wait -c '…' asks again"


def _who(view: RequestView) -> str:
    return " or ".join(view.approvers) or "an approver"
