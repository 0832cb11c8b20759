"""`gov trace WHAT`: where data came from and what became of it, through statements, masks, people and files."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gov.commands.asking import JsonFlag, broker
from gov.errors import UsageError
from gov.ui.output import print_json
from gov.ui.terminal import say

if TYPE_CHECKING:
    from gov.client.api import Broker
    from gov.control.tracing import Trace


class Format(StrEnum):
    """How a trace is shown."""

    TREE = "tree"
    MERMAID = "mermaid"
    SVG = "svg"
    JSON = "json"
    OPENLINEAGE = "openlineage"


def run(
    what: Annotated[str, typer.Argument(
        metavar="[WHAT]", help="A file, or a column or table: customers.email, prod:public.customers.")] = "",
    user: Annotated[str, typer.Option("--user", metavar="NAME", help="What a person or agent did.")] = "",
    run_id: Annotated[str, typer.Option("--run", metavar="ID", help="What a run did, by its --run-id.")] = "",
    table: Annotated[bool, typer.Option("--table", help="WHAT is a table, and no column of that name.")] = False,
    up: Annotated[bool, typer.Option("--up", help="Only what it came from.")] = False,
    down: Annotated[bool, typer.Option("--down", help="Only what became of it.")] = False,
    all: Annotated[bool, typer.Option(
        "--all", help="Follow filters, joins and the like as far as values.")] = False,
    format: Annotated[Format, typer.Option("--format", help="How it is shown.")] = Format.TREE,
    output: Annotated[Path | None, typer.Option(
        "-o", "--output", metavar="FILE", help="Write it there.", dir_okay=False)] = None,
    to: Annotated[str, typer.Option(
        "--to", metavar="FILE|URL", help="Deliver OpenLineage events: append to a file, or POST them.")] = "",
    json: JsonFlag = False,
) -> None:
    """Show where data came from, what became of it, and who approved it."""
    from gov.commands import tracing

    format = _format(format, json=json, to=to)
    with broker() as asked:
        subject = tracing.subject(what, user, run_id, table=table)
        found = asked.trace(subject.about, subject.name, way=_way(up, down), target=subject.target,
                            all="true" if all else "")  # fmt: skip
        proofs = tracing.proofs(asked, found) if format is Format.TREE and found.about == "file" else []
        if to:
            tracing.deliver(tracing.events(asked, found), to)
            return
        text = _rendered(asked, found, format)
    if output is not None:
        output.write_text(text)
    elif format is Format.JSON:
        print_json(found)
    else:
        sys.stdout.write(text)
    for line in proofs:
        print(line)
    if found.more and format is not Format.TREE:
        say("gov: there is more than is told: narrow it with --up, --down or TARGET:")


def _format(format: Format, *, json: bool, to: str) -> Format:
    if to and format not in (Format.TREE, Format.OPENLINEAGE):
        raise UsageError("--to delivers OpenLineage events", hint="leave out --format, or --format openlineage")
    if json and format not in (Format.TREE, Format.JSON):
        raise UsageError("--json and --format say different things", hint="leave out one of them")
    return Format.JSON if json else format


def _way(up: bool, down: bool) -> str:
    if up and down:
        return "both"
    return "up" if up else "down" if down else "both"


def _rendered(asked: Broker, found: Trace, format: Format) -> str:
    if format is Format.JSON:
        return found.model_dump_json(indent=2) + "\n"
    if format is Format.OPENLINEAGE:
        from gov.commands import tracing

        return "".join(f"{tracing.line(event)}\n" for event in tracing.events(asked, found))
    if format is Format.TREE:
        from gov.ui.trace_tree import lines

        return "".join(f"{line}\n" for line in lines(found))
    from gov.ui.graph import graph_of

    if format is Format.MERMAID:
        from gov.ui.mermaid import mermaid

        return mermaid(graph_of(found))
    from gov.ui.graph_svg import svg

    return svg(graph_of(found))
