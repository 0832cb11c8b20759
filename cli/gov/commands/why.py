"""`gov why`: the last thing of one's own that was refused, in whatever client, and what to type next."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from gov.commands.asking import JsonFlag, broker
from gov.ui import times
from gov.ui.escape import escape
from gov.ui.output import print_json
from gov.ui.sql import highlight
from gov.ui.terminal import coloured

if TYPE_CHECKING:
    from gov.control.statements import Refusal, Why

_WHAT = {"statement": "a statement", "request": "a request", "lease": "a lease", "session": "a session"}
_NOW = {"allow": "policy allows it", "hold": "policy holds it for approval", "confirm": "policy wants it confirmed",
        "deny": "policy still denies it"}


def run(json: JsonFlag = False) -> None:
    """Show what was last refused to you, by whom and why, and the command that helps.

    It does not matter which client was refused: psql, an application or gov itself.
    """
    with broker() as asked:
        why = asked.why()
    if json:
        print_json(why)
    elif why.refusal is None:
        typer.echo("nothing was refused")
    else:
        _show(why, why.refusal)


def _show(why: Why, refused: Refusal) -> None:
    colour = coloured(sys.stdout)
    what = f"{_WHAT[refused.kind]} on {refused.target} (scope {refused.scope})"
    typer.secho(escape(f"{refused.outcome}: {what}, {times.relative(refused.at)}"), fg="red" if colour else None)
    if refused.statement is not None:
        for line in highlight(refused.statement.strip(), colour=colour).splitlines():
            typer.echo(f"    {line}")
    elif refused.kind in ("statement", "request"):
        typer.echo("    its text is no longer kept")
    for label, text in _facts(why, refused):
        typer.echo(f"  {label:<11}{escape(text)}")
    typer.echo("next")
    for step in why.next:
        typer.echo(escape(f"  # {step.what}"))
        typer.secho(f"  {escape(step.command, lines=True)}", bold=colour)  # further lines are the statement's own


def _facts(why: Why, refused: Refusal) -> Iterator[tuple[str, str]]:
    """(label, text) lines: what was heard, why, who could have said yes, and where it stands."""
    reasons = [reason for reason in refused.reasons if reason not in refused.told]
    where = ", ".join(filter(None, (refused.client, refused.session, refused.request)))
    said = (
        ("told", refused.told), *(("because", reason) for reason in reasons), ("rule", refused.rule),
        ("approvers", ", ".join(refused.approvers)), ("where", where),
        ("entry", f"gov audit show {refused.entry}" if refused.entry is not None else ""),
        ("now", f"{_NOW[why.now]} in the scope {refused.scope}" if why.now in _NOW else ""),
    )
    return ((label, text) for label, text in said if text)
