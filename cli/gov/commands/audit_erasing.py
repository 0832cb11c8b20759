"""`gov audit erase`: let payloads go, for a reason that stays."""

from __future__ import annotations

from typing import Annotated

import typer

from gov.commands.asking import JsonFlag, broker
from gov.commands.moments import moment
from gov.errors import UsageError
from gov.ui.escape import escape
from gov.ui.output import print_json
from gov.ui.terminal import interactive, say

EXAMPLES = (
    "\b\nExamples:\n  gov audit erase 1234 1235 --reason 'a password was typed into a comment'\n"
    "  gov audit erase --subject 8f2c1d --before 30d --reason 'erasure request, ticket 7'"
)


def erase(
    indices: Annotated[list[int] | None, typer.Argument(metavar="[INDEX]...", help="These entries.")] = None,
    subject: Annotated[str | None, typer.Option(
        metavar="ID", help="Instead: every entry of the person or service with this id of the issuer's.")] = None,
    issuer: Annotated[str | None, typer.Option(metavar="URL", help="Together with --subject.")] = None,
    before: Annotated[str | None, typer.Option(metavar="TIME", help="Only what is older: 30d, 2026-01-31.")] = None,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; it is recorded.")] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: JsonFlag = False,
) -> None:
    """Erase names, statements, parameters and errors of entries, with their salts. For auditors; no way back.

    What stands in the log itself stays: kinds, ids, columns, rules, counts, and every proof.
    """
    if not reason.strip():
        raise UsageError("an erasure needs a reason", hint="gov audit erase INDEX... --reason TEXT")
    if bool(indices) == (subject is not None):
        raise UsageError("either entries or --subject ID", hint="gov audit erase INDEX... --reason TEXT")
    _sure(f"the entries of {subject}" if subject else f"{len(indices or [])} entries", yes=yes)
    from gov.control.trail import EraseAsk

    ask = EraseAsk(
        entries=indices or [], subject=subject, issuer=issuer, before=moment("--before", before), reason=reason
    )
    with broker() as asked:
        done = asked.erase(ask)
    if json:
        print_json(done)
    else:
        print(f"{done.payloads} payloads are gone, of entries from {done.first} to {done.end - 1}")


def _sure(what: str, *, yes: bool) -> None:
    if yes:
        return
    if not interactive():
        raise UsageError("erasing has no way back, and nobody is here to be asked", hint="gov audit erase … --yes")
    say(f"gov: the payloads of {escape(what)} will be gone for ever")
    if input("type erase to go on: ").strip() != "erase":
        raise UsageError("nothing is erased", hint="gov audit erase … --yes")
