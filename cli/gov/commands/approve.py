"""`gov approve [ID]`: let a held statement run. Without an id it is an inbox."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from gov.commands import requests
from gov.commands.asking import broker
from gov.errors import AlreadySettled, Denied, UsageError
from gov.ui.escape import escape
from gov.ui.request import card
from gov.ui.terminal import coloured, interactive

if TYPE_CHECKING:
    from gov.client.api import Broker
    from gov.control.requests import RequestView

RequestId = Annotated[str, typer.Argument(metavar="ID", help="The request, as `gov requests` shows it.",
                                          show_default=False)]


def run(
    id: RequestId = "",
    max_rows: Annotated[int | None, typer.Option(
        "--max-rows", metavar="N", min=0, help="Roll the statement back if it changes more rows.")] = None,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="A word to the requester.")] = "",
    break_glass: Annotated[bool, typer.Option(
        "--break-glass", help="Go ahead alone with your own request, where policy lets you; owes --reason.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; the statement is shown all the same.")]
    = False,
) -> None:
    """Show a held statement with all that is known about it, and let it run.

    Without an id, list what waits for your answer and choose. With --break-glass it is your own request that
    runs, on nobody's word but yours: the trail and every approver see it.
    """
    from gov.control.requests import ApproveAsk

    if not id and yes:
        raise UsageError("--yes needs an id", hint="gov requests shows them")
    check_glass(id, reason, break_glass=break_glass)
    with broker() as asked:
        view = asked.request(id) if id else _chosen(asked)
        if view is None:
            return
        typer.echo(card(view, colour=coloured(sys.stdout)))
        check(view, break_glass=break_glass)
        if not yes and not _agreed(view, max_rows):
            typer.echo(f"not answered; it keeps waiting (to refuse it: gov deny {view.id} --reason REASON)")
            return
        answered = asked.approve(view.id, ApproveAsk(max_rows=max_rows, reason=reason, break_glass=break_glass))
    typer.echo(_outcome(answered))


def check_glass(id: str, reason: str, *, break_glass: bool) -> None:
    """Raise UsageError where `--break-glass` lacks what it always needs."""
    if break_glass and not id:
        raise UsageError("--break-glass needs an id", hint="gov requests shows your own")
    if break_glass and not reason.strip():
        raise UsageError("--break-glass owes a reason", hint=f"gov approve {id} --break-glass --reason TEXT")


def check(view: RequestView, *, break_glass: bool = False) -> None:
    """Raise at once what the broker would say to an answer."""
    if view.state != "pending":
        raise AlreadySettled(f"{view.id} is {view.state} already", hint="gov requests")
    if break_glass or (not view.mine and view.may_answer):
        return  # about breaking the glass the broker knows more to say
    what = f"{view.id} is your own request" if view.mine else f"you may not answer {view.id}"
    who = f"somebody of {' or '.join(view.approvers)}" if view.approvers else "an approver"
    more = f"; or go ahead alone: gov approve {view.id} --break-glass --reason TEXT" if view.may_break_glass else ""
    raise Denied(what, hint=f"ask {who} to run: gov approve {view.id}{more}")


def _chosen(broker: Broker) -> RequestView | None:
    """The request picked from those that wait for one's answer; None when there is none."""
    waiting = [view for view in broker.requests() if view.state == "pending" and view.may_answer]
    if not waiting:
        typer.echo("nothing waits for your answer", err=True)
        return None
    if not interactive():
        requests.show(waiting)
        raise UsageError("which one?", hint=f"gov approve {waiting[0].id}")
    if len(waiting) == 1:
        return waiting[0]
    for number, view in enumerate(waiting, 1):
        id, _, who, target, expires, _, statement = requests.row(view)
        typer.echo(f"{number:>3}  {escape(f'{id}  {who} on {target}  {expires}')}  {statement}")
    return _picked(waiting)


def _picked(waiting: list[RequestView]) -> RequestView:
    """The one whose number or id somebody types."""
    named = {str(number): view for number, view in enumerate(waiting, 1)} | {view.id: view for view in waiting}
    while (word := typer.prompt("which", default="1", err=True).strip()) not in named:
        typer.echo(f"a number from 1 to {len(waiting)}, or an id; Ctrl-C leaves", err=True)
    return named[word]


def _agreed(view: RequestView, max_rows: int | None) -> bool:
    if not interactive():
        how = "--break-glass --reason TEXT --yes" if view.mine else "--yes"
        raise UsageError("nobody is here to ask", hint=f"gov approve {view.id} {how}")
    bound = f" if it changes at most {max_rows} rows" if max_rows is not None else ""
    if view.mine:
        bound = f" if it changes at most {max_rows} rows" if max_rows is not None else ""
        question = f"go ahead alone, on record{bound}"
        return typer.confirm(f"\n{question}?", default=False, err=True)
    question = "let them see it" if view.unmask else f"let it run{bound}"
    return typer.confirm(f"\n{question}?", default=False, err=True)


def _outcome(view: RequestView) -> str:
    if view.state == "pending":
        given = sum(answer.yes for answer in view.answers)
        return f"{view.id}: your yes is recorded, {given} of {view.count}"
    if view.break_glass:
        return f"{view.id} {view.state}: you go ahead alone by {view.break_glass}, and that is on record"
    return f"{view.id} {view.state}"
