"""`--unmask`: a lease in which masks are lifted, once somebody has said yes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gov.client import approvals
from gov.commands.sink import ended_by_signals
from gov.errors import NotApproved, UsageError
from gov.ui.escape import escape
from gov.ui.hold import Hold, Waiting
from gov.ui.output import print_json
from gov.ui.terminal import say

if TYPE_CHECKING:
    from gov.client.api import Broker
    from gov.commands.asking import Asking
    from gov.control.access import LeaseGrant
    from gov.control.requests import RequestView


def taken(broker: Broker, asking: Asking) -> LeaseGrant:
    """The lease that is asked for: after the answer, or with the approved request that is brought along."""
    if asking.request:
        return _of_request(broker, asking)
    if not asking.unmask:
        return broker.lease(asking.ask())
    request = _approved(broker, asking)
    return broker.lease(asking.ask(request))


def submit(broker: Broker, asking: Asking) -> None:
    """`--no-wait`: open the request, print it and leave with status 6.

    Raises:
        NotApproved: always, once the request is printed.
    """
    answer = broker.unmask(asking.unmasking())
    print_json({"request": answer.request, "state": answer.state, "expires_at": answer.expires_at})
    raise NotApproved(
        f"{answer.request} waits for its answer",
        hint=f"when it is approved: gov connect {asking.target} --request {answer.request}",
    )


def _approved(broker: Broker, asking: Asking) -> str:
    """The id of the request, once it is approved; while it waits that is shown."""
    waiting, said = Waiting(), set[str]()

    def watch(view: RequestView) -> None:
        hold = Hold(f"waiting for {view.id}", view.id, view.rule, tuple(view.approvers), tuple(view.reasons),
                    view.expires_at)
        if view.id not in said:
            say(f"gov: {escape(view.statement)}")
            said.add(view.id)
        waiting.show(hold)

    with ended_by_signals():
        try:
            request = approvals.unmasked(broker, asking.unmasking(), watch, alone=asking.break_glass)
        finally:
            waiting.end()
    say(f"gov: {request} {'goes ahead alone, by break glass; it is recorded' if asking.break_glass else 'approved'}")
    return request


def _of_request(broker: Broker, asking: Asking) -> LeaseGrant:
    """The lease of an approved request, which says by itself what was asked for."""
    view = broker.request(asking.request)
    check_kind(view, asking.target)
    approvals.check_approved(view)
    return broker.lease(asking.of_request(view).ask(view.id))


def check_kind(view: RequestView, target: str) -> None:
    """Do nothing for a request to lift masks on `target`.

    Raises:
        UsageError: It is for another target, or about a statement.
    """
    if view.target != target:
        raise UsageError(f"{view.id} is for {view.target}, not for {target}", hint=f"gov connect {view.target}")
    if not view.unmask:
        raise UsageError(f"{view.id} is about a statement", hint=f"gov exec {view.target} --request {view.id}")
