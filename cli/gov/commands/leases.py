"""`gov leases`: who may connect where, until when; and the end of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gov.commands import kill
from gov.commands.asking import JsonFlag, broker
from gov.errors import UsageError
from gov.ui import tables, times
from gov.ui.output import print_json
from gov.ui.tables import Heading

if TYPE_CHECKING:
    from gov.control.access import LeaseView

HEADINGS = (Heading("LEASE", "bold"), Heading("WHO"), Heading("TARGET"), Heading("SCOPE"), Heading("STATE"),
            Heading("ENDS"), Heading("SESSIONS", right=True), Heading("REASON", gives=True))
STUCK = (Heading("LEASE", "bold"), Heading("WHO"), Heading("TARGET"), Heading("STATE"), Heading("TRIES", right=True),
         Heading("NEXT"), Heading("IN THE WAY", gives=True))

app = typer.Typer(add_completion=False, subcommand_metavar="[end ID…]",
                  context_settings={"help_option_names": ["-h", "--help"]})


@app.callback(invoke_without_command=True)
def run(
    context: typer.Context,
    all: Annotated[bool, typer.Option("--all", help="Everybody's, as far as you may see.")] = False,
    mine: Annotated[bool, typer.Option("--mine", help="Yours, which is what you get anyway.")] = False,
    stuck: Annotated[bool, typer.Option("--stuck", help="Those whose role could not be dropped.")] = False,
    json: JsonFlag = False,
) -> None:
    """List leases: yours that are open, or all. `gov leases end ID` ends one.

    A lease is never made longer: commands take the next one when it is about to end.
    """
    if context.invoked_subcommand is not None:
        return
    if mine and (all or stuck):
        raise UsageError("yours or everybody's, not both", hint="gov leases --mine, or gov leases --all")
    with broker() as asked:
        leases = asked.leases(all=all or stuck)
    if stuck:
        leases = [lease for lease in leases if lease.stuck]
    if json:
        print_json(leases)
    elif stuck:
        tables.show(STUCK, map(_stuck_row, leases), empty="no lease is stuck")
    else:
        tables.show(HEADINGS, map(_row, leases), empty="no leases; gov connect TARGET takes one")


@app.command("end")
def end(
    ids: Annotated[list[str], typer.Argument(metavar="ID…", help="Leases to end.", show_default=False)],
    json: JsonFlag = False,
) -> None:
    """End leases at once, and every session under them.

    \b
    Example:
      gov leases end ls-k3v9tz
    """
    from gov.control.access import Killed

    leases: list[str] = []
    sessions: list[str] = []
    try:
        with broker() as asked:
            for each in ids:
                done = asked.end_lease(each)
                leases, sessions = [*leases, *done.leases], [*sessions, *done.sessions]
    finally:  # what was ended is said also when the next one could not be
        killed = Killed(leases=leases, sessions=sessions)
        if json:
            print_json(killed)
        elif leases:
            kill.show(killed)


def _row(lease: LeaseView) -> tuple[str, ...]:
    unmasked = f"unmasks {', '.join(lease.unmasked)}" if lease.unmasked else ""
    why = lease.ended_because or "; ".join(filter(None, (unmasked, lease.reason)))
    return (lease.id, lease.principal, lease.target, lease.scope, lease.state,
            times.relative(lease.expires_at), str(lease.sessions), why)


def _stuck_row(lease: LeaseView) -> tuple[str, ...]:
    when = times.relative(lease.next_try) if lease.next_try else ""
    return (lease.id, lease.principal, lease.target, lease.state, str(lease.tries), when, lease.last_error)
