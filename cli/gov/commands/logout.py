"""`gov logout`: forget the tokens of the current broker, and the lease secrets that came of them."""

from __future__ import annotations

import os
import shutil

from gov.client.config import Contexts, Places
from gov.client.login import Forgotten, log_out
from gov.commands.wallet import Wallet
from gov.ui.escape import escape
from gov.ui.terminal import say

_SAID = {
    Forgotten.NOTHING: "you were not logged in to {broker}",
    Forgotten.HERE: "logged out of {broker}; the issuer was not told, so a stolen token lasts until it ends",
    Forgotten.EVERYWHERE: "logged out of {broker}, and the issuer has ended the login",
}


def run() -> None:
    """Forget the login on this machine. Open sessions go on until their leases end: see gov kill."""
    places = Places.of()
    context = Contexts(places).current()
    forgotten = log_out(context, places)
    shutil.rmtree(Wallet.here().directory, ignore_errors=True)
    print(escape(_SAID[forgotten].format(broker=context.broker)))
    if os.environ.get("GOV_TOKEN"):
        say("GOV_TOKEN is set and still counts as a login; unset it too")
