"""`gov policy`: what is wrong with policy files, without a broker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from gov.commands import policy_comparing, policy_showing, policy_testing
from gov.commands.asking import JsonFlag
from gov.commands.policy_files import catalog_of_target, snapshot, texts_of
from gov.errors import ConfigError
from gov.policy import document
from gov.policy.complaint import Complaint
from gov.policy.rules import Policy
from gov.ui.escape import escape
from gov.ui.output import print_json

app = typer.Typer(add_completion=False, no_args_is_help=True)

Files = Annotated[
    list[str], typer.Argument(metavar="FILE...", help="Policy files that merge; `-` for standard input.")
]


@app.callback()
def policy() -> None:
    """Check policy, and accept what it does not speak of."""


@app.command()
def check(
    files: Files,
    catalog: Annotated[list[str] | None, typer.Option(
        "--catalog", metavar="FILE", help="Look for what meets nothing in this snapshot. May be given again.")] = None,
    target: Annotated[list[str] | None, typer.Option(
        "--target", metavar="NAME", help="Look for what meets nothing in this target. May be given again.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Doubts are mistakes, too.")] = False,
    json: JsonFlag = False,
) -> None:
    """Check policy files; every mistake is shown with its line and column.

    Mistakes are what the broker would refuse, rules that can never apply among them. Doubts are what may be
    meant otherwise: a group that is spelled nearly as another, and with a catalog every pattern that meets no
    table or column.

    \b
    Examples:
      gov policy check policy.yaml
      gov policy check base.yaml team.yaml --target prod --strict
    """
    loaded, complaints = document.read(texts_of(files))
    doubtful = [] if complaints else _doubts(loaded, catalog or [], target or [])
    if json:
        print_json({
            "valid": not complaints,
            "digest": None if complaints else loaded.digest,
            "complaints": [*map(_as_json, complaints)],
            "doubts": [*map(_as_json, doubtful)],
        })
    elif complaints:
        raise document.refusal(files, complaints)
    else:
        for each in doubtful:
            typer.echo(f"{escape(str(each.at))}: doubt: {escape(each.what)}", err=True)
        typer.echo(f"{escape(', '.join(files))}: {_summary(loaded)}")
        typer.echo(f"digest {loaded.digest}")
    if complaints or (strict and doubtful):
        raise typer.Exit(ConfigError.exit_status)


def _doubts(loaded: Policy, snapshots: Sequence[str], targets: Sequence[str]) -> list[Complaint]:
    from gov.policy.doubts import doubts, unmatched

    found = [*map(snapshot, snapshots), *map(catalog_of_target, targets)]
    return sorted([*doubts(loaded), *unmatched(loaded, {each.target: each.catalog for each in found})])


def _as_json(each: Complaint) -> dict[str, object]:
    return {"file": each.at.file, "line": each.at.line, "column": each.at.column, "what": each.what}


@app.command()
def accept(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="A target of the running broker.")],
    table: Annotated[
        str, typer.Argument(metavar="[SCHEMA.TABLE]", help="Its closed columns only, and its partitions'.")
    ] = "",
    json: JsonFlag = False,
) -> None:
    """Say that new columns of classified tables hold nothing sensitive. For policy admins.

    A column that appears in such a table is closed for everybody, until the policy classifies it or this
    command says that it is clear. It is recorded who said so.

    \b
    Examples:
      gov policy accept prod public.customers
      gov policy accept prod --json
    """
    from gov.commands.asking import broker

    with broker() as asked:
        opened = asked.accept(target, table or None)
    if json:
        print_json({"target": target, "accepted": opened})
        return
    for column in opened:
        typer.echo(f"{escape(column)} is clear now")
    if not opened:
        typer.echo("no column was closed", err=True)


def _summary(policy: Policy) -> str:
    """`6 access rules, 2 maskings, 4 guardrails, 2 classifications`."""
    counted = (
        (len(policy.access), "access rule"), (len(policy.masking), "masking"),
        (len(policy.guardrails), "guardrail"), (len(policy.classify), "classification"),
    )
    limits = (
        (len(policy.rows), "row filter"), (len(policy.budget), "budget"), (len(policy.datasets), "data set rule"),
        (len(policy.break_glass), "break-glass rule"), (len(policy.notify), "notification"),
    )
    said = [*counted, *(each for each in limits if each[0])]
    return ", ".join(f"{count} {what}{'' if count == 1 else 's'}" for count, what in said)


app.command("test")(policy_testing.run)
app.command("diff")(policy_comparing.run)
app.command()(policy_showing.show)
app.command()(policy_showing.catalog)
