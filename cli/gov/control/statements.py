"""The control API: what would become of a statement, and why one was refused."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gov.control.model import Model

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
    break_glass: list[str] = Field(default_factory=list)
    """Rules by which whoever sends it may go ahead without an approver, with a reason."""
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
