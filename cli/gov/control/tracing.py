"""What `gov trace` asks of the broker, and what it is told: statements with the columns that flow through them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from gov.control.model import Model

About = Literal["column", "table", "user", "run", "file"]
Way = Literal["up", "down", "both"]
Place = Literal["up", "down", "here"]
"""Of a statement: before what is asked about, behind it, or it itself."""


class FlowView(Model):
    """One column that flows into another, or into what the client got."""

    source: str
    """`public.customers.email`; `*` is everything in reach, empty what comes from no column."""
    sink: str = ""
    """A written column; empty for the result."""
    kinds: list[str] = Field(default_factory=list)
    """OpenLineage's words: identity, transformation, aggregation; filter, join, group_by, sort, window, conditional."""
    mask: str = ""
    rule: str = ""
    """The rule of policy that masks it."""


class OutputView(Model):
    """A column of a result."""

    name: str
    """Empty where retention has erased it."""
    sources: list[FlowView] = Field(default_factory=list)


class FileView(Model):
    """A file that somebody has a receipt for."""

    digest: str
    """SHA-256, hex."""
    name: str = ""
    entry: int
    """The entry that says so."""
    at: str = ""


class StatementView(Model):
    """A statement, or many with the same lineage by the same person for the same purpose."""

    id: str
    """Ours, for this answer only."""
    way: Place
    depth: int = 0
    """How many statements lie between."""
    target: str
    entry: int
    """The newest of its entries."""
    first: int
    """The oldest."""
    at: str
    """Of the newest."""
    since: str
    """Of the oldest."""
    uses: int
    subject: str = ""
    issuer: str = ""
    who: str = ""
    """The name; the subject where the name was erased."""
    agent: str = ""
    run: str = ""
    purpose: str = ""
    session: str = ""
    request: str = ""
    approved_by: list[str] = Field(default_factory=list)
    """Of the statement, or of the lease where its masks were lifted."""
    break_glass: str = ""
    """The rule by which it ran without an approver."""
    unmasked: list[str] = Field(default_factory=list)
    """Columns that an approval had unmasked for the lease."""
    rule: str = ""
    dataset: str = ""
    command: str = ""
    text: str = ""
    outcome: str = ""
    """Of the newest: done, failed, …; empty while it is open."""
    rows: int | None = None
    duration_ms: float | None = None
    flows: list[FlowView] = Field(default_factory=list)
    outputs: list[OutputView] = Field(default_factory=list)
    files: list[FileView] = Field(default_factory=list)
    lineage: list[Any] = Field(default_factory=list)
    """As the entry has it: see docs/lineage.md."""
    names: list[list[str]] = Field(default_factory=list)
    """Of output columns, for each member of `lineage`; empty where retention has erased them."""
    exact: bool = True
    widened: list[str] = Field(default_factory=list)


class Trace(Model):
    """Everything that lies before and behind one thing."""

    about: About
    name: str
    way: Way = "both"
    found: list[str] = Field(default_factory=list)
    """What the name means: `prod:public.customers.email`, or ids."""
    statements: list[StatementView] = Field(default_factory=list)
    """In no order that means something; `way` and `depth` say where each lies."""
    kin: dict[str, list[str]] = Field(default_factory=dict)
    """Relations (`prod:public.events`) to those that share rows with them: partitions, inheritance."""
    more: bool = False
    """Whether there are more than are told."""
    behind: int = 0
    """How many of the newest entries were not looked at yet."""
    size: int = 0
    """Entries in the log."""
