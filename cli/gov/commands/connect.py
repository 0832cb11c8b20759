"""`gov connect TARGET`: a governed prompt, or any other tool with the way in set."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from gov.commands import asking as words
from gov.commands.asking import Asking, broker
from gov.errors import UsageError
from gov.terms import Scope

if TYPE_CHECKING:
    from gov.commands.wallet import Grant


class Client(StrEnum):
    """A tool with a name of its own here."""

    PSQL = "psql"
    PGCLI = "pgcli"


def run(
    target: words.TargetName,
    command: Annotated[list[str] | None, typer.Argument(
        metavar="-- CMD…", help="Run this instead, with PGHOST, PGUSER and the rest set.",
        show_default=False)] = None,
    client: Annotated[Client | None, typer.Option("--client", help="Another prompt instead of ours.")] = None,
    scope: words.ScopeFlag = Scope.READ,
    ttl: words.TtlFlag = "",
    reason: words.ReasonFlag = "",
    purpose: words.PurposeFlag = "",
) -> None:
    """Open a governed prompt on a target, or run any tool against it.

    A statement that needs approval waits in the prompt, which shows who may answer; Ctrl-C withdraws it.
    """
    words_to_run = [client.value, *(command or [])] if client else command or []
    if not words_to_run and not sys.stdin.isatty():
        raise UsageError("standard input is no terminal",
                         hint=f"gov exec {target} -f -, or gov connect {target} -- CMD")
    from gov.commands.wallet import Wallet

    asking = Asking.of(target, scope, ttl, reason, purpose)
    with broker() as asked:
        wallet = Wallet.of(asked)
        grant = wallet.lease(asked, asking)
        if not words_to_run:
            from gov.commands.prompt import Prompt

            Prompt(grant, lambda: wallet.lease(asked, asking), asked.context.name).loop()
            return
    become(words_to_run, grant)


def become(command: list[str], grant: Grant) -> None:
    """Replace this process by `command`, whose exit status is then ours.

    Raises:
        UsageError: There is no such program.
    """
    sys.stdout.flush()
    try:
        os.execvpe(command[0], command, {**os.environ, **grant.settings()})  # noqa: S606  # no shell is wanted
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise UsageError(f"{command[0]}: {why}", hint="gov connect TARGET opens our own prompt") from error
