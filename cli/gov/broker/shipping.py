"""Shipping as the broker sees it: a child process does it, and here is known how each destination is.

Nothing of it stands between a client and the database: when a destination is slow or gone, entries wait in the
log, where they are anyway. That it lags is an entry of its own, and so is that it has caught up.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gov.broker import entries
from gov.broker.destinations import place
from gov.broker.follower import Follower
from gov.broker.shipper import name
from gov.broker.views import rfc3339
from gov.control.operating import ShipStatus
from gov.errors import GovError

if TYPE_CHECKING:
    from gov.broker.trail import Trail
    from gov.control.config import Config

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Known:
    """A destination, and what was last heard of it."""

    to: str
    format: str
    patience: float
    said: dict[str, Any]
    lagging: bool = False


class Shipping:
    """Every destination of the configuration."""

    def __init__(self, config: Config, trail: Trail, clock: Callable[[], float] = time.time) -> None:
        self._trail, self._clock, self._since = trail, clock, clock()
        self._known = {
            name(each.to, each.format): _Known(place(each.to), each.format, each.lag, {}) for each in config.ship
        }
        orders = {
            "origin": config.origin,
            "ship": [each.model_dump(mode="json", include={"to", "format", "headers", "ca"}) for each in config.ship],
        }
        self._child = Follower(
            "gov.broker.shipper", (str(config.audit.directory), str(config.state_directory / "ship")), self._heard,
            first=json.dumps(orders).encode() + b"\n",
        )  # fmt: skip

    @property
    def pid(self) -> int | None:
        """The process that ships."""
        return self._child.pid

    async def run(self) -> None:
        """Until cancelled."""
        if self._known:
            await self._child.run()

    def statuses(self) -> list[ShipStatus]:
        """How each destination is."""
        return [_status(each, self._trail.size) for each in self._known.values()]

    def _heard(self, said: dict[str, Any]) -> None:
        known = self._known.get(str(said.get("id")))
        if known is None:
            return
        if said.get("error") and said.get("error") != known.said.get("error"):
            log.error("the trail is not shipped: %s", said["error"])
        known.said = said
        oldest = said.get("oldest")
        # What is older than this broker waits since its start.
        lagging = oldest is not None and self._clock() - max(float(oldest), self._since) > known.patience
        if lagging != known.lagging:
            known.lagging = lagging
            self._record(known, said)

    def _record(self, known: _Known, said: dict[str, Any]) -> None:
        """Have it in the trail. Where that fails the broker has another trouble, and tells of it."""
        behind = max(self._trail.size - int(said.get("next", 0)), 0)
        try:
            self._trail.record(entries.ship_changed(
                known.to, known.format, self._clock(), lagging=known.lagging, behind=behind, error=str(said["error"])))
        except GovError as error:
            log.error("that shipping lags is not recorded: %s", error)


def _status(known: _Known, size: int) -> ShipStatus:
    said = known.said
    return ShipStatus(
        to=known.to, format=known.format, shipped=int(said.get("next", 0)),
        behind=max(size - int(said.get("next", 0)), 0), lagging=known.lagging, error=str(said.get("error", "")),
        failures=int(said.get("failures", 0)),
        delivered_at=rfc3339(said["delivered_at"]) if said.get("delivered_at") else None,
    )  # fmt: skip
