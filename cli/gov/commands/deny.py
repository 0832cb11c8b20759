"""`gov deny ID --reason R`: refuse a held statement, and say why."""

from __future__ import annotations

from typing import Annotated

import typer

from gov.commands.asking import broker


def run(
    id: Annotated[str, typer.Argument(metavar="ID", help="The request, as `gov requests` shows it.")],
    reason: Annotated[str, typer.Option(
        "--reason", metavar="TEXT", help="Why; it appears on the requester's screen.")],
) -> None:
    """Refuse a held statement. The requester sees your reason at once."""
    from gov.control.requests import DenyAsk

    with broker() as asked:
        view = asked.deny(id, DenyAsk(reason=reason))
    typer.echo(f"{view.id} {view.state}")
