"""The words shared by every command that needs a lease, the request they make together, and whom it goes to.

What is needed only when a command runs is imported then, here and in the commands themselves: help and
completion answer without the libraries of HTTP and of the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from gov.commands.completion import targets
from gov.errors import UsageError
from gov.terms import Scope
from gov.ui import times

if TYPE_CHECKING:
    from gov.client.api import Broker
    from gov.control.models import LeaseAsk

TargetName = Annotated[str, typer.Argument(
    metavar="TARGET", help="The database, by the name `gov targets` shows.", autocompletion=targets)]
ScopeFlag = Annotated[Scope, typer.Option("--scope", help="How much the lease may do.")]
TtlFlag = Annotated[str, typer.Option(
    "--ttl", metavar="TIME", help="How long the lease lasts: 30m, 2h. Left out: what policy gives.")]
ReasonFlag = Annotated[str, typer.Option(
    "--reason", metavar="TEXT", help="Why; approvers and the trail see it.")]
PurposeFlag = Annotated[str, typer.Option("--purpose", metavar="TEXT", help="What for, in policy's words.")]
RunFlag = Annotated[str, typer.Option(
    "--run-id", metavar="ID", envvar="GOV_RUN_ID",
    help="The run that this belongs to; statements, receipts and gov trace name it.")]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def broker() -> Broker:
    """The broker that is meant, as whoever is logged in.

    Raises:
        NotLoggedIn: Nobody is.
    """
    from gov.client.api import Broker

    return Broker.current()


@dataclass(frozen=True, slots=True)
class Asking:
    """What somebody asks for: a target, how much, how long and why."""

    target: str
    scope: Scope = Scope.READ
    ttl: int | None = None
    """Seconds."""
    reason: str = ""
    purpose: str = ""
    run: str = ""
    """The id of the run that it is for."""

    @classmethod
    def of(cls, target: str, scope: Scope, ttl: str, reason: str, purpose: str, run: str = "") -> Asking:
        """The flags as typed, with the time understood.

        Raises:
            UsageError: `ttl` is no length of time.
        """
        try:
            seconds = times.duration(ttl) if ttl else None
        except ValueError as error:
            raise UsageError(f"--ttl: {error}", hint="--ttl 30m, --ttl 2h or --ttl 1h30m") from error
        return cls(target, scope, seconds, reason, purpose, run)

    def ask(self, request: str | None = None) -> LeaseAsk:
        """The request to the broker; `request` names an approved statement that the lease shall run."""
        from gov.control.models import LeaseAsk

        return LeaseAsk(target=self.target, scope=self.scope.value, ttl=self.ttl, reason=self.reason,
                        purpose=self.purpose, request=request, run=self.run)
