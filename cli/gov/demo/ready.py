"""How the broker finds its target: asked as the demo's service, whose login needs nobody to wait for."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from gov.client.access import client_credentials
from gov.client.api import Broker
from gov.client.config import Context
from gov.client.provider import Provider
from gov.demo.accounts import AUDIENCE

SERVICE: Final = "etl"


def target_status(broker: str, ca_file: Path, issuer: str, secret: str, target: str) -> str:
    """`up`, `down` or `closed`; empty when policy offers the target to no service.

    Raises:
        GovError: Issuer or broker do not answer, or refuse.
    """
    context = Context(SERVICE, broker, issuer, audience=AUDIENCE, ca_file=str(ca_file))
    tokens = client_credentials(Provider.discover(issuer), context, (SERVICE, secret))
    with Broker(context, token=lambda: tokens.access) as client:
        return next((each.status for each in client.targets() if each.name == target), "")
