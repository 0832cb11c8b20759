"""A notice as the body of a webhook: plain JSON, a message for Slack, a card for Teams.

What people wrote is in it, so no template lets text be markup. Slack gets `plain_text` objects, and in the one
field that it reads as mrkdwn the three characters are escaped that its links and mentions need. Teams gets
TextRuns, which know no Markdown (Adaptive Cards 1.2), without the braces of its date functions.
"""

from __future__ import annotations

import json
from typing import Any

from gov.approval.notice import Notice
from gov.policy.rules import Event

FORMATS = ("json", "slack", "teams")
_HEADER = 150
"""Characters of a header of Slack's."""
_TEXT = 2000
"""Characters of a field of Slack's."""
_FIELDS = 10
"""Fields of a section of Slack's."""


def body(notice: Notice, format: str, *, at: str, origin: str, entry: int) -> bytes:
    """What is posted: `notice`, which happened `at` (RFC 3339) and is the entry of that number in the log `origin`."""
    match format:
        case "slack":
            said = _slack(notice)
        case "teams":
            said = _teams(notice)
        case _:
            said = _json(notice, at, origin, entry)
    return json.dumps(said, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def _json(notice: Notice, at: str, origin: str, entry: int) -> dict[str, Any]:
    """The form that Standard Webhooks recommends: `type`, `timestamp` and `data`."""
    data: dict[str, Any] = {
        "request": notice.request, "target": notice.target, "environment": notice.environment, "scope": notice.scope,
        "rules": [*notice.rules], "asked_by": notice.asked_by, "what": notice.what, "why": notice.why,
        "by": notice.by, "reason": notice.said, "break_glass": notice.break_glass,
        "approvers": [*notice.approvers], "expires_at": notice.until, "log": origin, "entry": entry,
        "text": notice.headline,
    }  # fmt: skip
    return {"type": f"request.{notice.event}", "timestamp": at,
            "data": {name: value for name, value in data.items() if value not in ("", [])}}


def _slack(notice: Notice) -> dict[str, Any]:
    """Block Kit (https://docs.slack.dev/reference/block-kit), with the headline for where blocks are not shown."""
    facts = [_plain(f"{label}: {text}") for label, text in notice.facts]
    sections = [facts[at : at + _FIELDS] for at in range(0, len(facts), _FIELDS)]
    return {
        "text": _mrkdwn(notice.headline),
        "blocks": [
            {"type": "header", "text": _plain(_cut(notice.headline, _HEADER))},
            *({"type": "section", "fields": fields} for fields in sections),
        ],
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": _cut(text, _TEXT), "emoji": False}


def _mrkdwn(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _teams(notice: Notice) -> dict[str, Any]:
    """A message with one Adaptive Card, as incoming webhooks and workflows of Teams take it."""
    loud = notice.event in (Event.BREAK_GLASS, Event.DENIED)
    head = {"weight": "Bolder", "size": "Medium", **({"color": "Attention"} if loud else {})}
    lines = [_runs(_run(notice.headline, **head))]
    lines += [_runs(_run(f"{label}: ", weight="Bolder"), _run(text)) for label, text in notice.facts]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
        "fallbackText": notice.event.value, "body": lines,
    }  # fmt: skip
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "contentUrl": None, "content": card}]}


def _runs(*runs: dict[str, Any]) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [*runs]}


def _run(text: str, **style: str) -> dict[str, Any]:
    return {"type": "TextRun", "text": text.replace("{{", "{ {"), **style}


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
