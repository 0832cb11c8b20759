"""The control API: approval requests, and the data sets that are approved by them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gov.control.model import Model

# /v1/requests


class AnswerView(Model):
    """What one approver said."""

    approver: str
    yes: bool
    at: str
    reason: str = ""
    max_rows: int | None = None
    break_glass: str = ""
    """The rule by which the requester went ahead alone; empty: an approver's answer."""


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
    break_glass: str = ""
    """The rule by which the requester went ahead alone; empty: that has not happened."""
    alone: list[str] = Field(default_factory=list)
    """The rules by which the requester may."""
    may_break_glass: bool = False
    """Whether whoever asks for this view may do so now."""


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
    """POST /v1/requests/{id}/approve. With `break_glass` it is one's own request, and a reason is owed."""

    max_rows: int | None = None
    reason: str = ""
    break_glass: bool = False


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
