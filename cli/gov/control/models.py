"""The control API's JSON, request and reply. Field names are a contract: add, never rename.

Every reply carries the newest checkpoint in the header `Gov-Checkpoint` (base64 of the signed note).
An error reply has status 4xx or 5xx and the body of `Problem`. Times in JSON are RFC 3339 UTC strings
(`2026-01-31T12:00:00Z`), durations are seconds.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

CHECKPOINT_HEADER = "Gov-Checkpoint"


class Model(BaseModel):
    """A frozen value that refuses unknown fields in requests."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)  # a command uses few of these


class Problem(Model):
    """Why a request failed: the fields of `errors.GovError`."""

    code: str
    what: str
    hint: str
    detail: str = ""


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


# /v1/requests


class AnswerView(Model):
    """What one approver said."""

    approver: str
    yes: bool
    at: str
    reason: str = ""
    max_rows: int | None = None


class RequestView(Model):
    """An approval request as requester and approvers see it."""

    id: str
    state: Literal["pending", "approved", "denied", "withdrawn", "expired", "spent"]
    statement: str
    """What shall run; of a request to lift masks what is asked: `unmask public.customers.email for 1h`."""
    parameters: list[str | None] = Field(default_factory=list)
    requester: str
    on_behalf_of: str | None = None
    target: str
    environment: str = ""
    scope: str = "read"
    purpose: str = ""
    rule: str
    reason: str
    """The requester's own reason; empty when none was given."""
    reasons: list[str] = Field(default_factory=list)
    """Why policy holds it."""
    approvers: list[str] = Field(default_factory=list)
    count: int = 1
    created_at: str
    expires_at: str
    session: str | None = None
    answers: list[AnswerView] = Field(default_factory=list)
    facts: list[tuple[str, str]] = Field(default_factory=list)
    """(label, text): objects with sizes, dependents, estimated rows."""
    mine: bool = False
    may_answer: bool = False
    """Whether whoever asks for this view may answer it."""
    unmask: list[str] = Field(default_factory=list)
    """Columns whose masks shall be lifted, as `--unmask` takes them; empty for a request about a statement."""


class Submit(Model):
    """POST /v1/requests: judge a statement for `gov exec --no-wait`."""

    target: str
    scope: str = "read"
    statement: str
    reason: str = ""
    purpose: str = ""


class Submitted(Model):
    """What became of it. `request` is set only when the verdict is `hold`."""

    verdict: str
    reasons: list[str]
    request: str | None = None
    state: str | None = None
    expires_at: str | None = None


class UnmaskAsk(Model):
    """POST /v1/unmask: open a request for a lease in which masks are lifted. The reply is `Submitted`."""

    target: str
    scope: str = "read"
    columns: list[str]
    """`table.column` or `schema.table.column`, as SQL spells names."""
    ttl: int | None = None
    """Seconds; left out: an hour, and never more than the rules allow."""
    reason: str = ""
    purpose: str = ""
    awaited: bool = False
    """Whether somebody waits for the answer: such a request is withdrawn when the broker restarts."""


class ApproveAsk(Model):
    """POST /v1/requests/{id}/approve."""

    max_rows: int | None = None
    reason: str = ""


class DenyAsk(Model):
    """POST /v1/requests/{id}/deny. A reason is owed to the requester."""

    reason: str


# POST /v1/datasets, GET /v1/datasets, /v1/datasets/{name}


class DataSetAsk(Model):
    """May this query be run for a purpose, again and again?"""

    name: str
    target: str
    statement: str
    purpose: str
    reason: str = ""
    ttl: int | None = None
    """Seconds from the approval on; left out: what policy gives."""
    groups: list[str] = Field(default_factory=list)
    """Who besides the requester shall be able to run it."""


class DataSetView(Model):
    """A data set, and where its approval stands."""

    name: str
    state: Literal["pending", "approved", "denied", "withdrawn", "expired", "spent"]
    request: str
    target: str
    purpose: str
    statement: str
    requester: str
    groups: list[str]
    reason: str
    rule: str
    approvers: list[str]
    approved_by: list[str]
    created_at: str
    expires_at: str
    """Of the approval; while it is pending, of the request."""
    clear: list[str]
    """Sensitive columns that are read without a mask."""
    relations: list[str]
    mine: bool = False


# POST /v1/receipts, GET /v1/receipts?sha256=…


class FileClaim(Model):
    """What a client says of a file that it wrote."""

    name: str
    sha256: str
    bytes: int
    rows: int | None = None
    """Rows that came for it, counted by the client; compared with what the gateway relayed."""
    format: str = ""
    session: str = ""
    """The session whose statements it came from, by id or as `LEASE/PID`; empty: the COPY that brought these bytes."""


class ReceiptAsk(Model):
    """Please say, signed, where these files came from."""

    files: list[FileClaim]


class ReceiptView(Model):
    """A receipt and its proof, as they are written to files."""

    receipt: str
    envelope: str
    proof: str
    entry: int
    """Its place in the log."""


# POST /v1/explain


class ExplainAsk(Model):
    """What would happen to this statement?"""

    target: str
    scope: str = "read"
    statement: str


class MaskView(Model):
    """A masked column and why."""

    column: str
    mask: str
    rule: str
    classification: str
    approvers: list[str] = Field(default_factory=list)
    """Groups that may lift the mask for a while; empty: nobody may."""


class FilterView(Model):
    """A table of which some rows are hidden, and by which rule."""

    table: str
    rule: str


class Explained(Model):
    """The decision about a statement that was not run."""

    verdict: str
    rule: str | None
    rules: list[str]
    reasons: list[str]
    message: str = ""
    hint: str = ""
    approvers: list[str]
    effects: list[str]
    reads: list[str]
    writes: list[str]
    columns_read: list[str]
    columns_written: list[str]
    functions: list[str]
    code: list[str] = Field(default_factory=list)
    """What runs that is no plain built-in: each with its volatility, SECURITY DEFINER and what calls it."""
    unknown: list[str]
    masks: list[MaskView]
    rewritten: str | None = None
    """What would be sent to the database, when it differs from the statement."""
    estimated_rows: int | None = None
    """None: not estimated."""
    filters: list[FilterView] = Field(default_factory=list)
    """Tables that it reads of which some rows are hidden."""
    budgets: list[str] = Field(default_factory=list)
    """The budgets that its rows count against."""
    closed: list[str] = Field(default_factory=list)
    """Columns of the tables it reads that nobody reads: new, and neither classified nor accepted."""


# POST /v1/targets/{name}/accept, /v1/targets/{name}/release


class AcceptAsk(Model):
    """Closed columns are clear: those of one table, or all."""

    table: str | None = None
    """`schema.table`"""


class Accepted(Model):
    """What is clear now, and was closed."""

    columns: list[str]


# POST /v1/audit/erase, /v1/audit/key


class EraseAsk(Model):
    """Erase the payloads of these entries, or of every entry of a subject."""

    entries: list[int] = Field(default_factory=list)
    subject: str | None = None
    issuer: str | None = None
    """Together with `subject`."""
    before: str | None = None
    """Only what is older."""
    reason: str


class Erased(Model):
    """How many payloads are gone; the entries they were of are first ≤ index < end."""

    payloads: int
    first: int
    end: int


class RotateAsk(Model):
    """A new signing key for the log; with `retire`, the end of the one before it."""

    retire: bool = False
    reason: str = ""


class LogKeys(Model):
    """The verifier keys of the log's checkpoints."""

    key: str
    """In force."""
    also: list[str]
    """Older ones that sign as well, until they are retired."""


class ReleaseAsk(Model):
    """Close tables for a migration that does not come through gov."""

    tables: list[str]
    """`schema.table`"""


# GET /v1/why


class Refusal(Model):
    """Something that the caller wanted and did not get. Empty strings: not known, or not of this kind."""

    kind: Literal["statement", "request", "lease", "session"]
    """`request`: a statement that `gov exec --no-wait` had asked for."""
    outcome: str
    """`denied`, `approval denied`, `timed out`, `refused`, `refused by the database` or `bound exceeded`."""
    at: str
    entry: int | None = None
    """Its entry in the trail."""
    target: str
    scope: str
    client: str = ""
    session: str = ""
    lease: str = ""
    request: str = ""
    statement: str | None = None
    """None: there was none, or retention has erased it."""
    parameters: list[str] = Field(default_factory=list)
    rule: str = ""
    told: str
    """What the client heard."""
    reasons: list[str] = Field(default_factory=list)
    approvers: list[str] = Field(default_factory=list)
    """Groups that could have said yes."""
    reason: str = ""
    """The caller's own."""
    purpose: str = ""


class Step(Model):
    """A command to type, and what it does."""

    command: str
    what: str


class Why(Model):
    """The last refusal, and the way on."""

    refusal: Refusal | None
    """None: nothing was refused."""
    now: str = ""
    """The verdict on the same statement in the same scope today; empty when it cannot be told."""
    next: list[Step] = Field(default_factory=list)


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


# GET /v1/targets/{name}/catalog: the JSON of `policy.snapshot`, with `target` and `environment`

# GET /v1/audit/entries, /v1/audit/entries/{index}, /v1/audit/tail, /v1/audit/tile/…, /v1/audit/checkpoint


class EntryView(Model):
    """One audit entry with its payload, as far as the reader may see it."""

    index: int
    at: str
    kind: str
    fields: dict[str, object]
    payload: dict[str, object] | None = None
    """None: erased by retention, or not for this reader."""


class Entries(Model):
    """A page of entries, newest last."""

    entries: list[EntryView]
    size: int
    """Entries in the log in all."""


# GET /v1/audit/ask/{question}


class Answer(Model):
    """The answer to a named question."""

    question: str
    asks: str
    arguments: dict[str, str]
    columns: list[str]
    rows: list[dict[str, object]]
    """Newest first; each has the columns, null where there is nothing to say."""
    notes: list[str] = Field(default_factory=list)
    """What whoever reads it must know: how far it reaches, how to ask for the same again."""
    before: int | None = None
    """There is more: ask again with this `before`."""
    size: int
    """Entries of the log that it looked at."""
    controls: list[str]


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
