"""A statement that does not wait on the wire: `--no-wait` opens its request, `--request` runs it later."""

from __future__ import annotations

from shlex import quote

from gov.client.api import Broker
from gov.commands.asking import Asking
from gov.commands.batch import Batch
from gov.commands.wallet import Wallet
from gov.control.models import RequestView, Submit, Submitted
from gov.errors import AlreadySettled, ApprovalDenied, Denied, NotApproved, UsageError
from gov.terms import Scope
from gov.ui.output import print_json


def submit(broker: Broker, asking: Asking, texts: list[str], values: dict[str, str]) -> bool:
    """Whether policy lets the statement run at once. If it waits, the request is printed."""
    if len(texts) != 1 or values:
        raise UsageError("--no-wait takes one statement without parameters",
                         hint="one -c, with its values written in it")
    answer = broker.submit(Submit(target=asking.target, scope=asking.scope.value, statement=texts[0],
                                  reason=asking.reason, purpose=asking.purpose))
    if answer.verdict == "allow":
        return True
    if answer.request is None:
        raise _refused(answer, asking, texts[0])
    print_json({"request": answer.request, "state": answer.state, "expires_at": answer.expires_at})
    return False


def _refused(answer: Submitted, asking: Asking, text: str) -> Denied:
    why, *more = answer.reasons or ["denied by policy"]
    return Denied(why, hint=f"gov explain {asking.target} -c {quote(text)}", detail="\n".join(more))


def spend(broker: Broker, asking: Asking, request: str, batch: Batch) -> None:
    """Run the statement of an approved request under a lease of its own, which ends with it."""
    view = broker.request(request)
    if view.target != asking.target:
        raise UsageError(f"{request} is for {view.target}, not for {asking.target}",
                         hint=f"gov exec {view.target} --request {request}")
    _require_approved(view)
    asked = Asking(view.target, Scope(view.scope), asking.ttl, view.reason, view.purpose, asking.run)
    grant = Wallet.of(broker).once(broker, asked, request)
    try:
        batch.run(grant, [view.statement])
    finally:
        broker.end_lease(grant.lease.lease.id)


def _require_approved(view: RequestView) -> None:
    """Raise what the state of a request says, unless it is approved."""
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
            raise AlreadySettled(f"{view.id} is {view.state}",
                                 hint=f"gov exec {view.target} --no-wait -c '…' asks again")


def _who(view: RequestView) -> str:
    return " or ".join(view.approvers) or "an approver"
