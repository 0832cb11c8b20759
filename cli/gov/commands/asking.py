"""The words shared by every command that needs a lease, the request they make together, and whom it goes to.

What is needed only when a command runs is imported then, here and in the commands themselves: help and
completion answer without the libraries of HTTP and of the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from gov.commands.completion import targets
from gov.errors import UsageError
from gov.terms import Scope
from gov.ui import times

if TYPE_CHECKING:
    from gov.client.api import Broker
    from gov.control.access import LeaseAsk
    from gov.control.requests import RequestView, UnmaskAsk

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
UnmaskFlag = Annotated[list[str] | None, typer.Option(
    "--unmask", metavar="TABLE.COLUMN", show_default=False,
    help="Ask to see this column without its mask, for a while; may be given several times.")]
RequestFlag = Annotated[str, typer.Option(
    "--request", metavar="ID", help="Use an approved request to unmask, once.", show_default=False)]
NoWaitFlag = Annotated[bool, typer.Option(
    "--no-wait", help="With --unmask: print the request and leave with status 6.")]
CroissantFlag = Annotated[bool, typer.Option(
    "--croissant", help="Put a Croissant 1.1 description beside it, for tools of machine learning.")]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def broker() -> Broker:
    """The broker that is meant, as whoever is logged in.

    Raises:
        NotLoggedIn: Nobody is.
    """
    from gov.client.api import Broker

    return Broker.current()


def check_no_wait(asking: Asking, *, no_wait: bool) -> None:
    """Raise UsageError where `--no-wait` says nothing, since nothing would be waited for."""
    if no_wait and not asking.unmask:
        raise UsageError("--no-wait goes with --unmask here", hint="gov exec TARGET --no-wait -c SQL holds a statement")


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
    unmask: tuple[str, ...] = ()
    """Columns as typed, whose masks shall be lifted."""
    request: str = ""
    """An approved request to lift masks, which says all else by itself."""
    dataset: str = ""
    """The data set that is read."""
    break_glass: bool = False
    """Whether what needs approval shall go ahead alone."""

    @classmethod
    def of(
        cls, target: str, scope: Scope = Scope.READ, ttl: str = "", reason: str = "", purpose: str = "", run: str = "",
        unmask: Sequence[str] | None = None, request: str = "", dataset: str = "", *, break_glass: bool = False,
    ) -> Asking:
        """The flags as typed, with the time understood.

        Raises:
            UsageError: `ttl` is no length of time, or a request is given beside what it says.
        """
        if unmask and request:
            raise UsageError("--request says by itself what is unmasked", hint="leave out --unmask")
        try:
            seconds = times.duration(ttl) if ttl else None
        except ValueError as error:
            raise UsageError(f"--ttl: {error}", hint="--ttl 30m, --ttl 2h or --ttl 1h30m") from error
        return cls(target, scope, seconds, reason, purpose, run, tuple(unmask or ()), request, dataset, break_glass)

    @property
    def masked(self) -> Asking:
        """The same without anything unmasked: what is asked for when an approval is over."""
        return replace(self, unmask=(), request="")

    def of_request(self, view: RequestView) -> Asking:
        """What a request says, for as long as was typed."""
        return replace(self, target=view.target, scope=Scope(view.scope), reason=view.reason, purpose=view.purpose,
                       unmask=tuple(view.unmask), request="")

    def ask(self, request: str | None = None) -> LeaseAsk:
        """The request to the broker; `request` names an approved statement that the lease shall run."""
        from gov.control.access import LeaseAsk

        return LeaseAsk(target=self.target, scope=self.scope.value, ttl=self.ttl, reason=self.reason,
                        purpose=self.purpose, request=request, run=self.run, dataset=self.dataset)

    def unmasking(self) -> UnmaskAsk:
        """The question whether masks may be lifted."""
        from gov.control.requests import UnmaskAsk

        return UnmaskAsk(target=self.target, scope=self.scope.value, columns=[*self.unmask], ttl=self.ttl,
                         reason=self.reason, purpose=self.purpose)
