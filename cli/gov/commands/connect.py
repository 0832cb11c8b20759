"""`gov connect TARGET`: a governed prompt, or any other tool with the way in set."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from gov.commands import asking as words
from gov.commands.asking import Asking, broker, check_no_wait
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
    run_id: words.RunFlag = "",
    unmask: words.UnmaskFlag = None,
    request: words.RequestFlag = "",
    no_wait: words.NoWaitFlag = False,
) -> None:
    """Open a governed prompt on a target, or run any tool against it.

    A statement that needs approval waits in the prompt, which shows who may answer; Ctrl-C withdraws it.
    Another tool runs under a lease of its own, which ends with it: its exit status is ours, and it gets
    the signals that we get. It opens new connections for as long as the lease lasts (--ttl).

    --unmask asks whoever policy names to lift a column's mask for this lease, and waits for the answer. When
    that lease is over the prompt goes on with an ordinary one.
    """
    asking = Asking.of(target, scope, ttl, reason, purpose, run_id, unmask, request)
    check_no_wait(asking, no_wait=no_wait)
    if no_wait:
        from gov.commands import unmasking

        with broker() as asked:
            unmasking.submit(asked, asking)
    words_to_run = [client.value, *(command or [])] if client else command or []
    if not words_to_run and not sys.stdin.isatty():
        raise UsageError("standard input is no terminal",
                         hint=f"gov exec {target} -f -, or gov connect {target} -- CMD")
    if words_to_run:
        from gov.commands.child import under_lease

        with broker() as asked:
            raise typer.Exit(under_lease(asked, asking, words_to_run))
    from gov.commands.prompt import Prompt
    from gov.commands.wallet import Wallet

    with broker() as asked:
        wallet = Wallet.of(asked)
        grant = wallet.lease(asked, asking)
        # The next lease is an ordinary one: an approval is for one lease, and nobody waits for another in between.
        lease = grant.lease.lease
        ordinary = replace(asking.masked, scope=Scope(lease.scope), reason=lease.reason, purpose=lease.purpose)

        def renew(fresh: bool) -> Grant:
            return (wallet.fresh if fresh else wallet.lease)(asked, ordinary)

        def lift(columns: Sequence[str], reason: str) -> Grant:
            return wallet.lease(asked, replace(ordinary, unmask=tuple(columns), reason=reason or ordinary.reason))

        Prompt(asked, grant, renew, lift).loop()
