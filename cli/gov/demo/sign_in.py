"""Signing in to the demo without a browser: the same logins that commands make, confirmed by ourselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gov.client.access import Access
from gov.client.config import Places
from gov.client.device import Challenge
from gov.client.login import by_secret, device_login, log_in, meet
from gov.demo.accounts import PEOPLE, SERVICES
from gov.demo.issuer_client import approve_device, exchange
from gov.demo.stage import Stage
from gov.errors import NoSuch

PRINCIPAL_OF_AGENT: Final = "alice"
"""For whom the demo's agent acts."""
Show = Callable[[Challenge], None]


def sign_in(stage: Stage, name: str, show: Show = lambda challenge: None) -> dict[str, str]:
    """Sign `name` in, and give the variables of the environment that make `gov` theirs.

    People log in by device code (`show` sees it before it is confirmed), services by their secret, and
    the agent by exchanging alice's token for one that says for whom it acts.

    Raises:
        NoSuch: Nobody has that name.
    """
    directory = stage.directory / "users" / name
    places = Places.below(directory)
    variables = {"GOV_CONFIG_DIR": str(directory), "GOV_BROKER": stage.broker_url}
    if name in PEOPLE:
        _by_device(stage, name, places, show)
        return variables
    if name not in SERVICES:
        known = ", ".join([*PEOPLE, *SERVICES])
        raise NoSuch(f"nobody is called `{name}` in the demo", hint=f"--as one of: {known}")
    secret = stage.client_secret(name)
    if SERVICES[name].acts_for_others:
        return variables | {"GOV_TOKEN": _as_agent(stage, name, secret, places)}
    proof = {"GOV_CLIENT_ID": name, "GOV_CLIENT_SECRET": secret}
    context = meet(stage.broker_url, places, ca_file=stage.ca_file, environ={})
    log_in(context, places, by_secret(proof), store="file")
    return variables | proof


def _by_device(stage: Stage, name: str, places: Places, show: Show) -> None:
    def confirm(challenge: Challenge) -> None:
        show(challenge)
        approve_device(stage.issuer_url, challenge.user_code, name)

    device_login(stage.broker_url, places=places, show=confirm, ca_file=stage.ca_file, store="file")


def _as_agent(stage: Stage, name: str, secret: str, places: Places) -> str:
    _by_device(stage, PRINCIPAL_OF_AGENT, places, lambda challenge: None)
    context = meet(stage.broker_url, places, ca_file=stage.ca_file, environ={})
    token = Access(context, places, environ={}).token()
    return exchange(stage.issuer_url, token, name, secret)
