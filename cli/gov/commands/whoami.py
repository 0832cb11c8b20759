"""`gov whoami`: whom the broker takes one for."""

from __future__ import annotations

from gov.client.api import Broker
from gov.commands.asking import JsonFlag
from gov.control.models import Whoami
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


def described(whoami: Whoami) -> str:
    """`groups: engineering`, and what kind of principal it is unless a person."""
    groups = f"groups: {', '.join(whoami.groups) or 'none'}"
    return groups if whoami.kind == "user" else f"{whoami.kind}, {groups}"
