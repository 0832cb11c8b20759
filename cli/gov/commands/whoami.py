"""`gov whoami`: whom the broker takes one for."""

from __future__ import annotations

from gov.client.api import Broker
from gov.commands.asking import JsonFlag
from gov.control.access import BudgetView, Whoami
from gov.ui.escape import escape
from gov.ui.output import print_json


def run(json: JsonFlag = False) -> None:
    """Say who you are to the broker, and in which groups."""
    with Broker.current() as broker:
        whoami = broker.whoami()
    if json:
        print_json(whoami)
    else:
        print(escape(f"{whoami.display} ({described(whoami)})"))
        for budget in whoami.budgets:
            print(escape(_left(budget)))


def _left(budget: BudgetView) -> str:
    clear = " unmasked" if budget.unmasked else ""
    frees = f", the first used ones are free again at {budget.frees_at}" if budget.frees_at else ""
    return f"budget {budget.name}: {budget.left:,} of {budget.rows:,} rows with{clear} {budget.data} left{frees}"


def described(whoami: Whoami) -> str:
    """`groups: engineering`, and what kind of principal it is unless a person."""
    groups = f"groups: {', '.join(whoami.groups) or 'none'}"
    return groups if whoami.kind == "user" else f"{whoami.kind}, {groups}"
