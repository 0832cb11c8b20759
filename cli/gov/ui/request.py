"""An approval request as requester and approvers see it: everything that an answer is bound to.

What somebody else typed is escaped, never interpreted; the statement is shown whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from gov.ui import times
from gov.ui.escape import escape
from gov.ui.sql import highlight

if TYPE_CHECKING:
    from gov.control.requests import AnswerView, RequestView

_LABEL = 13


def card(view: RequestView, *, colour: bool, now: datetime | None = None) -> str:
    """The whole request, ready to print."""
    when = f"expires {times.relative(view.expires_at, now)}"
    head = f"{view.id}  {view.state}" + (f"  {when}" if view.state in ("pending", "approved") else "")
    statement = highlight(view.statement.strip(), colour=colour).splitlines()
    facts = [f"  {escape(label):<{_LABEL}}{escape(text)}" for label, text in _facts(view, now)]
    return "\n".join([escape(head), "", *(f"    {line}" for line in statement), "", *facts])


def _facts(view: RequestView, now: datetime | None) -> Iterator[tuple[str, str]]:
    for number, value in enumerate(view.parameters, 1):
        yield f"${number}", "NULL" if value is None else repr(value)
    yield "asked by", view.requester + (f" for {view.on_behalf_of}" if view.on_behalf_of else "")
    yield "asked", times.relative(view.created_at, now)
    yield "on", f"{view.target}{f' ({view.environment})' if view.environment else ''}, scope {view.scope}"
    yield "reason", view.reason or "none given"
    if view.purpose:
        yield "purpose", view.purpose
    yield "held by", view.rule
    for reason in view.reasons:
        yield "because", reason
    yield from view.facts
    needed = f", {view.count} of them" if view.count > 1 else ""
    yield "approvers", (", ".join(view.approvers) or "nobody") + needed
    if view.alone and view.state == "pending":
        yield "break glass", f"{', '.join(view.alone)} lets whoever asked go ahead alone, with a reason"
    for answer in view.answers:
        yield "answered", _answer(answer, now)


def _answer(answer: AnswerView, now: datetime | None) -> str:
    if answer.break_glass:
        when = times.relative(answer.at, now)
        return f"BREAK GLASS: {answer.approver} goes ahead alone by {answer.break_glass} {when}: {answer.reason}"
    said = f"{'yes' if answer.yes else 'no'} by {answer.approver} {times.relative(answer.at, now)}"
    bound = f", at most {answer.max_rows} rows" if answer.max_rows is not None else ""
    return f"{said}{bound}{f': {answer.reason}' if answer.reason else ''}"
