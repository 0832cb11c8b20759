"""The control API: policy, columns, and how the broker is."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gov.control.model import Model

# POST /v1/targets/{name}/accept, /v1/targets/{name}/release


class AcceptAsk(Model):
    """Closed columns are clear: those of one table, or all."""

    table: str | None = None
    """`schema.table`"""


class Accepted(Model):
    """What is clear now, and was closed."""

    columns: list[str]


class ReleaseAsk(Model):
    """Close tables for a migration that does not come through gov."""

    tables: list[str]
    """`schema.table`"""


# GET /v1/policy; checking needs no broker: see `gov policy check FILE`


class PolicyView(Model):
    """The policy in force."""

    digest: str
    version: int
    """How many policies have been in force since the broker started."""
    loaded_at: str
    files: list[str]
    error: str | None = None
    """Why the newest policy file was refused; the last good one is in force."""
    document: str
    """All files merged into one."""


# GET /v1/status


class TargetStatus(Model):
    """How a target is."""

    name: str
    status: Literal["up", "down", "closed"]
    detail: str = ""
    leases: int = 0
    sessions: int = 0
    stuck: int = 0
    """Leases that have ended and whose role could not be dropped yet: `gov leases --stuck`."""
    swept_at: str | None = None
    """When the janitor last brought roles and leases together; null: not since the broker started."""
    sweep_failures: int = 0
    """How often it has failed since then."""
    sweep_error: str = ""
    """Why, the last time."""
    stuck_roles: dict[str, str] = Field(default_factory=dict)
    """Roles of ours that no lease owns and that cannot be dropped, each with what is in the way."""
    closed: dict[str, str] = Field(default_factory=dict)
    """Tables that nobody may reach now, each with the reason."""


class ShipStatus(Model):
    """How far a destination has the trail."""

    to: str
    format: str
    shipped: int
    """Entries that it has."""
    behind: int
    """Entries that it does not have yet."""
    lagging: bool
    """Whether the oldest of these waits for longer than the configuration allows."""
    error: str = ""
    """Why the last delivery failed; empty when it did not."""
    failures: int = 0
    """How often in a row."""
    delivered_at: str | None = None


class WebhookStatus(Model):
    """How a webhook is, since the process that posts to it began."""

    name: str
    format: str
    host: str = ""
    """Whose it is; empty where its address is kept in a file."""
    sent: int
    waiting: bool
    """Whether something waits to be told."""
    error: str = ""
    """Why the last post failed; empty when it did not."""
    failures: int = 0
    """How often in a row."""
    given_up: int = 0
    """Messages that were not taken in time: entries `notify.failed`."""
    delivered_at: str | None = None


class Status(Model):
    """How the broker is."""

    version: str
    started_at: str
    policy_digest: str
    policy_loaded_at: str
    policy_error: str | None = None
    """Why the newest policy file was refused; the last good one is in force."""
    log_size: int
    journal: Literal["ok", "failing"]
    journal_detail: str = ""
    """Why it fails."""
    journal_noticed: str = ""
    """What of the log was taken away or replaced under the broker since its start, the last time; usually nothing."""
    targets: list[TargetStatus]
    requests_pending: int
    indexed: int = 0
    """Entries of the log that the index of questions has."""
    index_error: str = ""
    """Why it does not follow."""
    ships: list[ShipStatus] = Field(default_factory=list)
    """Where the trail is shipped to."""
    webhooks: list[WebhookStatus] = Field(default_factory=list)
    """Who is told of approval requests."""
