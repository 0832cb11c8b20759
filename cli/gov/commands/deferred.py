"""A statement that does not wait on the wire: `--no-wait` opens its request, `--request` runs it later."""

from __future__ import annotations

from shlex import quote

from gov.client.api import Broker
from gov.client.approvals import check_approved
from gov.commands.asking import Asking
from gov.commands.batch import Batch
from gov.commands.wallet import Wallet
from gov.control.requests import RequestView, Submit, Submitted
from gov.errors import Denied, UsageError
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


def spend(broker: Broker, asking: Asking, view: RequestView, batch: Batch) -> None:
    """Run the statement of an approved request under a lease of its own, which ends with it."""
    request = view.id
    if view.target != asking.target:
        raise UsageError(f"{request} is for {view.target}, not for {asking.target}",
                         hint=f"gov exec {view.target} --request {request}")
    check_approved(view)
    asked = Asking(view.target, Scope(view.scope), asking.ttl, view.reason, view.purpose, asking.run)
    grant = Wallet.of(broker).once(broker, asked, request)
    try:
        batch.run(broker, grant, [view.statement])
    finally:
        broker.end_lease(grant.lease.lease.id)
