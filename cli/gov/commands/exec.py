"""`gov exec TARGET`: run statements through the gateway and print what comes back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO, Annotated

import typer

from gov.commands import asking as words
from gov.commands.asking import Asking, broker
from gov.commands.sink import format_of
from gov.commands.statements import statements
from gov.errors import NotApproved, UsageError
from gov.terms import Scope
from gov.ui.results import Format


def run(
    target: words.TargetName,
    command: Annotated[list[str] | None, typer.Option(
        "-c", "--command", metavar="SQL", help="Statements to run; may be given several times.")] = None,
    file: Annotated[str, typer.Option(
        "-f", "--file", metavar="FILE", help="Read statements from FILE; - is standard input.")] = "",
    parameter: Annotated[list[str] | None, typer.Option(
        "-p", "--param", metavar="NAME=VALUE", help="A value for :NAME, sent beside the statement.")] = None,
    format: Annotated[Format | None, typer.Option(
        "--format", help="How to print rows.  [default: by FILE's ending, else table]")] = None,
    output: Annotated[str | None, typer.Option(
        "-o", "--output", metavar="FILE", help="Write to FILE, which appears whole or not at all.")] = None,
    receipt: Annotated[bool, typer.Option(
        "--receipt/--no-receipt", help="Put the broker's receipt and its proof beside FILE.")] = True,
    croissant: words.CroissantFlag = False,
    no_wait: Annotated[bool, typer.Option(
        "--no-wait", help="When approval is needed, print the request and leave with status 6.")] = False,
    request: Annotated[str, typer.Option(
        "--request", metavar="ID",
        help="Run the statement of an approved request, once; or use one to unmask.")] = "",
    scope: words.ScopeFlag = Scope.READ,
    ttl: words.TtlFlag = "",
    reason: words.ReasonFlag = "",
    purpose: words.PurposeFlag = "",
    run_id: words.RunFlag = "",
    unmask: words.UnmaskFlag = None,
    break_glass: Annotated[bool, typer.Option(
        "--break-glass", help="Where approval is needed go ahead alone, if policy lets you; owes --reason.")] = False,
) -> None:
    """Run statements against a target and print what comes back.

    Without -c and -f they are read from standard input. Each statement is sent alone; the first error
    ends the run. A statement that needs approval waits for it, and Ctrl-C withdraws the request.
    """
    from gov.commands import deferred, glass, unmasking
    from gov.commands.batch import Batch
    from gov.commands.wallet import Wallet

    glass.check(reason, break_glass=break_glass, no_wait=no_wait, request=request)
    asking = Asking.of(target, scope, ttl, reason, purpose, run_id, unmask, request, break_glass=break_glass)
    if croissant and (not receipt or output in (None, "-")):
        raise UsageError("--croissant describes a file that has a receipt", hint="-o FILE, without --no-receipt")
    values = _values(parameter or [])
    kind = format_of(format, output)
    with broker() as asked:
        view = asked.request(request) if request else None
        if view is not None and not view.unmask:
            _refuse_sql(command, file, values)
            deferred.spend(asked, asking, view, Batch(kind, output, run_id, receipt=receipt, croissant=croissant))
            return
        texts, source = _texts(command or [], file)
        batch = Batch(kind, output, run_id, values, source, receipt=receipt, croissant=croissant,
                      glass=glass.Glass(asked, reason) if break_glass else None)
        batch.check(texts)
        wallet = Wallet.of(asked)
        if no_wait and asking.unmask and not wallet.has(asked, asking):
            unmasking.submit(asked, asking)
        if no_wait and not asking.unmask and not deferred.submit(asked, asking, texts, values):
            raise typer.Exit(NotApproved.exit_status)
        batch.run(asked, wallet.lease(asked, asking), texts)


def _values(pairs: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(f"-p {pair}: not NAME=VALUE", hint="-p id=7")
        values[name] = value
    return values


def _refuse_sql(command: list[str] | None, file: str, values: dict[str, str]) -> None:
    if command or file or values:
        raise UsageError("--request runs the stored statement and takes no SQL",
                         hint="leave out -c, -f and -p")


def _texts(commands: list[str], file: str) -> tuple[list[str], IO[bytes] | None]:
    """The statements to run, and what COPY FROM STDIN may read."""
    texts = [text for command in commands for text in statements(command)]
    if file and file != "-":
        texts += statements(_read(Path(file)))
    if texts or (commands and file != "-"):
        return texts, None if sys.stdin.isatty() else sys.stdin.buffer
    if not file and sys.stdin.isatty():
        raise UsageError("no statement given", hint="gov exec TARGET -c 'select 1', or -f FILE")
    return statements(sys.stdin.read()), None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UsageError(f"{path}: {(reason or 'cannot be read').lower()}", hint="-f FILE") from error
