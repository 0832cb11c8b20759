"""`gov sessions`: the open connections through the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gov.commands.asking import JsonFlag, broker
from gov.ui import tables, times
from gov.ui.output import print_json
from gov.ui.tables import Heading

if TYPE_CHECKING:
    from gov.control.access import SessionView

HEADINGS = (Heading("SESSION", "bold"), Heading("WHO"), Heading("TARGET"), Heading("SCOPE"), Heading("STATE"),
            Heading("STARTED"), Heading("STATEMENTS", right=True), Heading("CLIENT", gives=True))


def run(
    all: Annotated[bool, typer.Option("--all", help="Everybody's, as far as you may see.")] = False,
    json: JsonFlag = False,
) -> None:
    """List open sessions, and which of them are held."""
    with broker() as asked:
        sessions = asked.sessions(all=all)
    if json:
        print_json(sessions)
    else:
        tables.show(HEADINGS, map(_row, sessions), empty="no sessions are open")


def _row(session: SessionView) -> tuple[str, ...]:
    state = f"{session.state} {session.request}" if session.request else session.state
    return (session.id, session.principal, session.target, session.scope, state,
            times.relative(session.started_at), str(session.statements), session.client)
