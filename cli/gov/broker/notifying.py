"""Webhooks as the broker sees them: a child process posts, and here is known how each webhook is.

What is given up for good is an entry of the trail; what is in the way meanwhile is in `gov broker status`.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from gov.broker import entries
from gov.broker.follower import Follower
from gov.broker.views import rfc3339
from gov.control.operating import WebhookStatus
from gov.errors import ConfigError, GovError
from gov.policy.complaint import did_you_mean
from gov.policy.rules import NotifyRule, Policy

if TYPE_CHECKING:
    from gov.broker.trail import Trail
    from gov.control.config import Config, Webhook

log = logging.getLogger(__name__)


def check_known(policy: Policy, webhooks: Collection[str]) -> None:
    """Do nothing when every webhook that `policy` names is one.

    Raises:
        ConfigError: one is not; `detail` has a line for each, with its place.
    """
    lost = [
        f"{rule.marks.get('webhooks', 'policy')}: the broker's configuration has no webhook called `{name}`"
        f"{did_you_mean(name, webhooks)}"
        for rule in policy.notify for name in sorted(rule.webhooks - {*webhooks})
    ]
    if lost:
        hint = "webhooks: { NAME: { to: https://… } } in broker.yaml; docs/broker.md"
        raise ConfigError("the policy names webhooks that the broker does not have", hint=hint, detail="\n".join(lost))


class Notifying:
    """Every webhook of the configuration."""

    def __init__(self, config: Config, trail: Trail, policy: Policy, clock: Callable[[], float] = time.time) -> None:
        self._config, self._trail, self._clock = config, trail, clock
        self._said: dict[str, dict[str, Any]] = {name: {} for name in config.webhooks}
        self._child = Follower(
            "gov.broker.notifier", (str(config.audit.directory), str(config.state_directory / "notify")), self._heard,
            first=self._orders(policy),
        )  # fmt: skip

    @property
    def pid(self) -> int | None:
        """The process that posts."""
        return self._child.pid

    async def run(self) -> None:
        """Until cancelled."""
        if self._said:
            await self._child.run()

    def follow(self, policy: Policy) -> None:
        """From now on what `policy` says is told."""
        self._child.order(self._orders(policy))

    def statuses(self) -> list[WebhookStatus]:
        """How each webhook is."""
        return [_status(name, self._config.webhooks[name], said) for name, said in self._said.items()]

    def _orders(self, policy: Policy) -> bytes:
        config = self._config
        said = {
            "origin": config.origin,
            "webhooks": {name: each.model_dump(mode="json") for name, each in config.webhooks.items()},
            "rules": [*map(_rule, policy.notify)],
        }
        return json.dumps(said).encode() + b"\n"

    def _heard(self, said: dict[str, Any]) -> None:
        name = str(said.get("id"))
        if name not in self._said:
            return
        if isinstance(lost := said.get("lost"), dict):
            self._record(name, lost)
            return
        if said.get("error") and said.get("error") != self._said[name].get("error"):
            log.error("the webhook %s is not told: %s", name, said["error"])
        self._said[name] = said

    def _record(self, name: str, lost: dict[str, Any]) -> None:
        log.error("the webhook %s was not told of %s: %s", name, lost.get("request"), lost.get("error"))
        try:
            self._trail.record(entries.notify_failed(name, lost, self._clock()))
        except GovError as error:
            log.error("and that is not recorded: %s", error)


def _rule(rule: NotifyRule) -> dict[str, object]:
    return {
        "name": rule.name, "webhooks": sorted(rule.webhooks), "events": sorted(rule.events),
        "rules": sorted(rule.rules), "targets": sorted(rule.targets), "environments": sorted(rule.environments),
    }


def _status(name: str, webhook: Webhook, said: dict[str, Any]) -> WebhookStatus:
    return WebhookStatus(
        name=name, format=webhook.format, host=urlsplit(webhook.to).hostname or "" if webhook.to else "",
        sent=int(said.get("sent", 0)), waiting=bool(said.get("waiting")), error=str(said.get("error", "")),
        failures=int(said.get("failures", 0)), given_up=int(said.get("given_up", 0)),
        delivered_at=rfc3339(said["delivered_at"]) if said.get("delivered_at") else None,
    )  # fmt: skip
