"""The control API's JSON, request and reply. Field names are a contract: add, never rename.

Every reply carries the newest checkpoint in the header `Gov-Checkpoint` (base64 of the signed note).
An error reply has status 4xx or 5xx and the body of `Problem`. Times in JSON are RFC 3339 UTC strings
(`2026-01-31T12:00:00Z`), durations are seconds.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

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
