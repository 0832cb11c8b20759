"""From an error to the lines on standard error: lower case, no full stop, one fact a line."""

from __future__ import annotations

import json

from gov.errors import GovError
from gov.ui.escape import escape, json_safe


def render(error: GovError) -> str:
    """`gov: error: …`, a `gov: detail: …` for each line that says more, `gov: hint: …`.

    Everything is escaped: an error can quote a statement, a reason or a server.
    """
    details = [line for line in error.detail.splitlines() if line not in error.what]
    said = [("error", error.what), *(("detail", line) for line in details), ("hint", error.hint)]
    return "\n".join(f"gov: {word}: {escape(text)}" for word, text in said if text)


def as_json(error: GovError) -> str:
    """The same as one JSON object: the fields of `control.model.Problem` and the exit status."""
    problem = {"code": error.code, "what": error.what, "hint": error.hint, "detail": error.detail,
               "exit_status": error.exit_status}
    return json_safe(json.dumps({"error": problem}, ensure_ascii=False))


def plain(message: str) -> str:
    """A library's sentence in our manner: one line, lower case first letter, no full stop, backticks."""
    one = " ".join(message.split()).rstrip(".").replace("'", "`").replace("Value error, ", "")
    return one if one[:2].isupper() else one[:1].lower() + one[1:]
