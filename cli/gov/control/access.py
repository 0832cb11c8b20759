"""The control API: who one is, the targets, what may be reached there, leases and sessions."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gov.control.model import Model

# GET /v1/info, without a token


class Info(Model):
    """What a client must know before it can log in."""

    name: str = "gov"
    version: str
    issuer: str
    client_id: str
    scopes: str = "openid profile groups offline_access"
    audience: str
    gateway_host: str
    gateway_port: int
    ca: str
    """PEM of the root that signs the gateway's and the API's certificate."""
    audit_key: str
    """Verifier key of the log's checkpoints, in the C2SP signed-note form."""
    audit_links: dict[str, str] = Field(default_factory=dict)
    """How whoever trusts an older key follows to it: `.tlog-proof` files by their path in the log."""


# GET /v1/whoami


class BudgetView(Model):
    """How many rows with data of one kind one may see, and how many are left now."""

    name: str
    data: str
    unmasked: bool
    rows: int
    per: int
    """Seconds."""
    left: int
    frees_at: str | None = None
    """When the first of those used is free again."""


class Whoami(Model):
    """The principal the broker made of the token."""

    name: str
    subject: str
    issuer: str
    groups: list[str]
    kind: str
    agent: str | None = None
    display: str
    expires_at: str
    """When the access token ends."""
    budgets: list[BudgetView] = Field(default_factory=list)


# GET /v1/targets


class ScopeOffer(Model):
    """One scope that may be asked for."""

    scope: str
    max_ttl: int
    reason: Literal["required", "optional"]
    purpose: Literal["required", "optional"]
    rule: str


class TargetView(Model):
    """A target as its users see it."""

    name: str
    environment: str
    database: str
    status: Literal["up", "down", "closed"]
    scopes: list[ScopeOffer]


# GET /v1/targets/{name}/reach?scope=read


class ColumnView(Model):
    """A column as a lease of that scope reads it."""

    name: str
    type: str
    """As PostgreSQL spells it: `character varying(20)`."""
    mask: str | None = None
    """`partial`, `null`, …; None: it is read as it is."""


class RelationView(Model):
    """A table or view in reach."""

    namespace: str
    """Its schema."""
    name: str
    kind: str
    """`table`, `view`, `materialized view`, `foreign table`, `partitioned table` or `sequence`."""
    columns: list[ColumnView]


class Reach(Model):
    """What a lease of that scope reaches on a target, for whoever writes a statement."""

    relations: list[RelationView]
    functions: list[str]
    """`schema.name` of every function outside system schemas."""
    search_path: list[str]
    """Schemas whose objects need no schema written before them."""


# POST /v1/leases, GET /v1/leases, DELETE /v1/leases/{id}


class LeaseAsk(Model):
    """Please let me in."""

    target: str
    scope: str = "read"
    ttl: int | None = None
    """Seconds; left out: the rule's maximum, at most an hour."""
    reason: str = ""
    purpose: str = ""
    request: str | None = None
    """An approved request that this lease shall spend: for one statement of its sessions, or to lift masks."""
    dataset: str = ""
    """A data set, by name: the lease reads it under its approval and for its purpose."""
    run: str = ""
    """The run that its statements belong to: an id of the caller's own, like MLflow's."""


class LeaseView(Model):
    """A lease without its secret."""

    id: str
    principal: str
    target: str
    scope: str
    state: str
    purpose: str
    reason: str
    rule: str
    created_at: str
    expires_at: str
    sessions: int = 0
    ended_because: str = ""
    unmasked: list[str] = Field(default_factory=list)
    """Columns whose masks an approval has lifted for this lease, `schema.table.column`."""
    approval: str | None = None
    """The request that was approved for them."""
    tries: int = 0
    """How often its role could not be dropped since the lease ended; it is tried again for ever."""
    last_error: str = ""
    """Why the last of these tries failed."""
    next_try: str | None = None
    """When the next begins, at the latest."""
    run: str = ""

    @property
    def stuck(self) -> bool:
        """Whether the lease has ended and its role is still there because something is in the way."""
        return self.state == "stuck" or self.tries > 0


class LeaseGrant(Model):
    """A lease with everything a client needs; the secret is shown this once."""

    lease: LeaseView
    host: str
    port: int
    user: str
    password: str
    database: str
    ca: str
    environment: str
    masked: list[str] = Field(default_factory=list)
    """Columns that are masked in this lease, `schema.table.column`."""


# GET /v1/sessions, DELETE /v1/sessions/{id}, POST /v1/kill


class SessionView(Model):
    """One client connection through the gateway."""

    id: str
    lease: str
    principal: str
    target: str
    scope: str
    client: str
    """`psql from 127.0.0.1:51234`"""
    state: Literal["idle", "active", "idle in transaction", "held"]
    started_at: str
    statements: int
    backend_pid: int
    request: str | None = None
    """The approval request it waits for."""


class Kill(Model):
    """End something at once: a session, a lease (`id`), or all of a user's (`user`)."""

    id: str | None = None
    user: str | None = None


class Killed(Model):
    """What was ended."""

    leases: list[str]
    sessions: list[str]
