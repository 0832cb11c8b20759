"""The control API: entries of the log, answers from it, its keys, and receipts for files."""

from __future__ import annotations

from pydantic import Field

from gov.control.model import Model

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
