"""`gov why`: the last statement of one's own that was refused, why, and what would help.

The trail says what was refused then; what policy makes of the same statement now is asked anew.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from gov.commands import explain
from gov.commands.asking import JsonFlag, broker
from gov.errors import NoSuch
from gov.ui import times
from gov.ui.escape import escape
from gov.ui.output import print_json
from gov.ui.sql import highlight
from gov.ui.terminal import coloured

if TYPE_CHECKING:
    from gov.client.api import Broker
    from gov.control.models import EntryView


def run(json: JsonFlag = False) -> None:
    """Show your last refused statement, why it was refused, and what policy makes of it now."""
    from gov.control.models import ExplainAsk

    with broker() as asked:
        entry = _last(asked)
        if json:
            print_json(entry)
            return
        _show(entry)
        statement = (entry.payload or {}).get("text")
        if isinstance(statement, str):
            ask = ExplainAsk(target=_said(entry, "target"), scope=_said(entry, "scope"), statement=statement)
            now = asked.explain(ask)
            typer.echo("now")
            explain.show(now if now.hint != "gov why" else now.model_copy(update={"hint": "gov targets"}))


def _last(broker: Broker) -> EntryView:
    found = broker.entries(kind="statement", verdict="deny", principal=broker.whoami().subject, limit=1).entries
    if not found:
        raise NoSuch("nothing of yours was refused", hint="gov explain TARGET -c SQL says what would be")
    return found[-1]


def _show(entry: EntryView) -> None:
    where = f"on {_said(entry, 'target')}, scope {_said(entry, 'scope')}"
    typer.echo(escape(f"refused {times.relative(entry.at)} {where} (entry {entry.index})"))
    statement = (entry.payload or {}).get("text", "its text is no longer kept")
    for line in highlight(str(statement).strip(), colour=coloured(sys.stdout)).splitlines():
        typer.echo(f"    {line}")


def _said(entry: EntryView, field: str) -> str:
    return str(entry.fields.get(field) or "")
