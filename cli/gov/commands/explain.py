"""`gov explain TARGET -c SQL`: what policy makes of a statement that is not run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from gov.commands.asking import JsonFlag, ScopeFlag, TargetName, broker
from gov.errors import UsageError
from gov.terms import Scope
from gov.ui.escape import escape
from gov.ui.output import print_json
from gov.ui.sql import highlight
from gov.ui.terminal import coloured

if TYPE_CHECKING:
    from gov.control.statements import Explained, MaskView

_COLOURS = {"allow": "green", "hold": "yellow", "confirm": "yellow", "deny": "red"}


def run(
    target: TargetName,
    command: Annotated[str, typer.Option(
        "-c", "--command", metavar="SQL", help="The statement to judge; left out: standard input.")] = "",
    scope: ScopeFlag = Scope.READ,
    json: JsonFlag = False,
) -> None:
    """Show the decision about a statement, and why. It is not run."""
    from gov.control.statements import ExplainAsk

    if not command and sys.stdin.isatty():
        raise UsageError("no statement given", hint="gov explain TARGET -c 'select 1'")
    statement = command or sys.stdin.read()
    with broker() as asked:
        explained = asked.explain(ExplainAsk(target=target, scope=scope.value, statement=statement))
    if json:
        print_json(explained)
    else:
        show(explained)


def show(explained: Explained) -> None:
    """Print the decision: the verdict, then why, who and what."""
    verdict = explained.verdict
    colour = _COLOURS.get(verdict) if coloured(sys.stdout) else None
    said = f"{verdict} by rule {escape(explained.rule)}" if explained.rule else verdict
    typer.secho(said, fg=colour, bold=colour is not None)
    for label, text in _facts(explained):
        typer.echo(f"  {label:<11}{escape(text)}")
    if explained.rewritten:
        typer.echo("  sent as")
        shown = highlight(explained.rewritten, colour=coloured(sys.stdout))
        typer.echo("\n".join(f"    {line}" for line in shown.splitlines()))


def _masked(mask: MaskView) -> str:
    """A mask, its rule, and who may lift it."""
    lifted = f"; --unmask {mask.column} asks {' or '.join(mask.approvers)}" if mask.approvers else ""
    return f"{mask.column}: {mask.mask}, by {mask.rule} ({mask.classification}){lifted}"


def _estimate(explained: Explained) -> str:
    """How many rows; nothing for what returns and changes none, or will not run."""
    if explained.estimated_rows is not None:
        return f"about {explained.estimated_rows:,}, the planner estimates"
    planned = {"read", "insert", "update", "delete", "merge"}
    return "not estimated" if explained.verdict != "deny" and planned.issuperset(explained.effects) else ""


def _facts(explained: Explained) -> Iterator[tuple[str, str]]:
    """(label, text) lines in the order that answers: why, who, what."""
    said: tuple[tuple[str, list[str]], ...] = (
        ("because", explained.reasons),
        ("message", [explained.message] if explained.message not in explained.reasons else []),
        ("unknown", explained.unknown),
        ("approvers", [", ".join(explained.approvers)]),
        ("alone", [f"by {each}, with --break-glass and a reason" for each in explained.break_glass]),
        ("next", [explained.hint]),
        ("effects", [", ".join(explained.effects)]),
        ("reads", [", ".join(explained.columns_read or explained.reads)]),
        ("writes", [", ".join(explained.columns_written or explained.writes)]),
        ("calls", [", ".join(explained.functions)]),
        ("code", explained.code),
        ("masked", list(map(_masked, explained.masks))),
        ("filtered", [f"{each.table}, by {each.rule}" for each in explained.filters]),
        ("counted", [", ".join(explained.budgets)]),
        ("closed", [", ".join(explained.closed)]),
        ("rows", [_estimate(explained)]),
    )
    for label, texts in said:
        for number, text in enumerate(filter(None, texts)):
            yield ("" if number else label), text
