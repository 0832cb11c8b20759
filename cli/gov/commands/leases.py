"""`gov leases`: who may connect where, until when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gov.commands.asking import JsonFlag, broker
from gov.ui import tables, times
from gov.ui.output import print_json
from gov.ui.tables import Heading

if TYPE_CHECKING:
    from gov.control.models import LeaseView

HEADINGS = (Heading("LEASE", "bold"), Heading("WHO"), Heading("TARGET"), Heading("SCOPE"), Heading("STATE"),
            Heading("ENDS"), Heading("SESSIONS", right=True), Heading("REASON", gives=True))


def run(
    all: Annotated[bool, typer.Option("--all", help="Everybody's, as far as you may see.")] = False,
    stuck: Annotated[bool, typer.Option("--stuck", help="Those whose role could not be dropped.")] = False,
    json: JsonFlag = False,
) -> None:
    """List leases: yours that are open, or all."""
    with broker() as asked:
        leases = asked.leases(all=all or stuck)
    if stuck:
        leases = [lease for lease in leases if lease.state == "stuck"]
    if json:
        print_json(leases)
    else:
        tables.show(HEADINGS, map(_row, leases), empty="no leases; gov connect TARGET takes one")


def _row(lease: LeaseView) -> tuple[str, ...]:
    why = lease.ended_because or lease.reason
    return (lease.id, lease.principal, lease.target, lease.scope, lease.state,
            times.relative(lease.expires_at), str(lease.sessions), why)
