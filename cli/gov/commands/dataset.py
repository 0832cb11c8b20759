"""`gov dataset`: a query approved once for a purpose, and read again and again until it expires."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gov.commands import asking as words
from gov.commands.asking import Asking, broker
from gov.errors import UsageError
from gov.ui import tables, times
from gov.ui.escape import escape
from gov.ui.output import print_json
from gov.ui.results import Format
from gov.ui.tables import Heading
from gov.ui.terminal import say

if TYPE_CHECKING:
    from gov.control.requests import DataSetView

app = typer.Typer(no_args_is_help=True)

HEADINGS = (Heading("NAME", "bold"), Heading("STATE"), Heading("TARGET"), Heading("PURPOSE"), Heading("WHO"),
            Heading("ENDS"), Heading("QUERY", gives=True))
Name = Annotated[str, typer.Argument(metavar="NAME", help="The data set, by its name.")]


@app.command("request")
def request(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it shall be called: churn-v4.")],
    target: Annotated[str, typer.Option("--target", metavar="TARGET", help="The database, as gov targets shows it.")],
    purpose: Annotated[str, typer.Option("--purpose", metavar="TEXT", help="What for, in policy's words.")],
    query: Annotated[str, typer.Option("-c", "--query", metavar="SQL", help="The query.", show_default=False)] = "",
    file: Annotated[str, typer.Option("-f", "--file", metavar="FILE", help="Read it from FILE; - is standard input.")]
    = "",
    expires: Annotated[str, typer.Option(
        "--expires", metavar="TIME", help="How long it lasts from the answer on: 30d.  [default: what policy gives]")]
    = "",
    group: Annotated[list[str] | None, typer.Option(
        "--group", metavar="GROUP", help="Who else shall be able to read it; may be given several times.")] = None,
    reason: words.ReasonFlag = "",
    json: words.JsonFlag = False,
) -> None:
    """Ask that a query may be run for a purpose, again and again until the approval expires.

    Whoever policy's `datasets` names answers as ever, with gov approve. A change of what the query reaches voids it.
    """
    from gov.control.requests import DataSetAsk

    try:
        ttl = times.duration(expires) if expires else None
    except ValueError as error:
        raise UsageError(f"--expires: {error}", hint="--expires 30d") from error
    ask = DataSetAsk(name=name, target=target, statement=_query(query, file), purpose=purpose, reason=reason, ttl=ttl,
                     groups=group or [])
    with broker() as asked:
        view = asked.ask_dataset(ask)
    if json:
        print_json(view)
    else:
        typer.echo(escape(f"{view.name}: {view.request} waits for {' or '.join(view.approvers)},"
                          f" until {times.relative(view.expires_at)}"))
        say(escape(f"gov: one of them answers with: gov approve {view.request}"))


@app.command("list")
def list_(
    all: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False, json: words.JsonFlag = False,
) -> None:
    """List data sets that concern you: yours, those shared with you, and those you may answer."""
    with broker() as asked:
        found = asked.datasets(all=all)
    if json:
        print_json(found)
    else:
        tables.show(HEADINGS, map(_row, found), empty="no data sets; gov dataset request asks for one")


@app.command("show")
def show(name: Name, json: words.JsonFlag = False) -> None:
    """Show a data set: its query, its purpose, and where its approval stands."""
    with broker() as asked:
        view = asked.dataset(name)
    if json:
        print_json(view)
        return
    facts = (
        ("data set", f"{view.name}, {view.state}"), ("request", view.request), ("target", view.target),
        ("purpose", view.purpose), ("reason", view.reason), ("asked by", f"{view.requester}, {view.created_at}"),
        ("shared", ", ".join(view.groups)), ("approvers", ", ".join(view.approvers)),
        ("approved", ", ".join(view.approved_by)), ("ends", f"{times.relative(view.expires_at)}, {view.expires_at}"),
        ("in clear", ", ".join(view.clear)), ("reads", ", ".join(view.relations)),
    )
    typer.echo(escape("\n".join(f"{label:<11}{text}" for label, text in facts if text), lines=True))
    typer.echo(escape("\n" + view.statement, lines=True))


@app.command("end")
def end(name: Name) -> None:
    """Withdraw a data set, or its request: nobody reads it any more. For whom it is, and for operators."""
    with broker() as asked:
        view = asked.withdraw(asked.dataset(name).request)
    typer.echo(escape(f"{name}: {view.id} is {view.state}"))


@app.command("export")
def export(
    name: Name,
    output: Annotated[str, typer.Option(
        "-o", "--output", metavar="FILE", help="Write to FILE; with --readers to a new directory.")],
    format: Annotated[Format | None, typer.Option(
        "--format", help="How to write rows.  [default: by FILE's ending; of a directory, parquet]")] = None,
    readers: Annotated[int, typer.Option("--readers", metavar="N", min=1, max=64, help="Read in N parts at once.")] = 1,
    by: Annotated[str, typer.Option(
        "--by", metavar="COLUMN", help="The output column whose range is divided: numbers, dates or times.")] = "",
    croissant: words.CroissantFlag = False,
    run_id: words.RunFlag = "",
    ttl: words.TtlFlag = "",
) -> None:
    """Read an approved data set into a file, or in parallel into a directory, with a receipt that names it.

    All parts are read under one lease and run, and see one snapshot of the database.
    """
    from gov.commands.batch import Batch
    from gov.commands.parts import Parts
    from gov.commands.sink import format_of
    from gov.commands.wallet import Wallet

    if (readers > 1) != bool(by):
        raise UsageError("--readers N and --by COLUMN go together", hint="--readers 4 --by id")
    kind = format or (Format.PARQUET if readers > 1 else format_of(None, output))
    if readers > 1:
        Parts.check(kind, Path(output))
    with broker() as asked:
        view = asked.dataset(name)
        asking = Asking.of(view.target, ttl=ttl, purpose=view.purpose, run=run_id, dataset=name)
        grant = Wallet.of(asked).once(asked, asking)
        try:
            if readers > 1:
                Parts(asked, grant, view.statement, kind, Path(output)).read(readers, by, run_id, croissant=croissant)
            else:
                batch = Batch(kind, output, run_id, receipt=True, croissant=croissant)
                batch.run(asked, grant, [view.statement])
        finally:
            asked.end_lease(grant.lease.lease.id)


def _query(query: str, file: str) -> str:
    if bool(query) == bool(file):
        raise UsageError("give the query with --query or with -f", hint="--query 'select …', or -f FILE")
    if query:
        return query
    if file == "-":
        return sys.stdin.read()
    try:
        return Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{file}: {(error.strerror or str(error)).lower()}", hint="-f FILE") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is not UTF-8: {error.reason}", hint="-f FILE") from error


def _row(view: DataSetView) -> list[str]:
    return [view.name, view.state, view.target, view.purpose, view.requester, times.relative(view.expires_at),
            " ".join(view.statement.split())]
