"""`gov targets`: the databases one may ask for, in which scopes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gov.commands.asking import JsonFlag, broker
from gov.ui import tables, times
from gov.ui.output import print_json
from gov.ui.tables import Heading

if TYPE_CHECKING:
    from gov.control.access import ScopeOffer, TargetView

HEADINGS = (Heading("TARGET", "bold"), Heading("ENVIRONMENT"), Heading("DATABASE"), Heading("STATUS"),
            Heading("SCOPES", gives=True))


def run(json: JsonFlag = False) -> None:
    """List the databases you may ask for, and what each scope wants from you."""
    with broker() as asked:
        targets = asked.targets()
    if json:
        print_json(targets)
    else:
        tables.show(HEADINGS, map(_row, targets), empty="no target is open to you")


def _row(target: TargetView) -> tuple[str, ...]:
    scopes = ", ".join(map(_offer, target.scopes)) or "none"
    return target.name, target.environment, target.database, target.status, scopes


def _offer(offer: ScopeOffer) -> str:
    """`write (1h, reason)`: the longest lease, and what must be said."""
    owed = [name for name in ("reason", "purpose") if getattr(offer, name) == "required"]
    return f"{offer.scope} ({', '.join([times.span(offer.max_ttl), *owed])})"
