"""`gov kill`: end a session, a lease, or all of somebody's, at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gov.commands.asking import JsonFlag, broker
from gov.errors import UsageError
from gov.ui.escape import escape
from gov.ui.output import print_json

if TYPE_CHECKING:
    from gov.control.access import Killed


def run(
    id: Annotated[str, typer.Argument(metavar="ID", help="A session or lease.", show_default=False)] = "",
    user: Annotated[str, typer.Option("--user", metavar="NAME", help="End everything of this person.")] = "",
    json: JsonFlag = False,
) -> None:
    """End a session or a lease at once, or with --user all of somebody's."""
    if bool(id) == bool(user):
        raise UsageError("name either an id or a user", hint="gov kill ID, or gov kill --user NAME")
    from gov.control.access import Kill

    with broker() as asked:
        killed = asked.kill(Kill(id=id or None, user=user or None))
    if json:
        print_json(killed)
    else:
        show(killed)


def show(killed: Killed) -> None:
    """A line for each lease and session that was ended."""
    for what, ids in (("lease", killed.leases), ("session", killed.sessions)):
        for name in ids:
            typer.echo(f"ended {what} {escape(name)}")
    if not killed.leases and not killed.sessions:
        typer.echo("nothing was open")
