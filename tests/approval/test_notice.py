"""What webhooks are told: each event once, nothing of the statement, and no text as markup."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gov.approval.notice import LONGEST, Notice, event_of, notice, rules_of
from gov.approval.templates import FORMATS, body
from gov.policy.rules import Event, NotifyRule

OPENED = {
    "request": "rq-1", "target": "prod", "environment": "production", "scope": "write", "rule": "writes",
    "rules": ["writes", "nights"], "relations": ["public.orders"], "effects": ["update"], "approver_groups": ["dba"],
    "expires_at": "2026-11-24T12:00:00Z",
}
TOLD = {"requested_by": "alice", "reason": "INC-31", "text": "update orders set c = 'cnry-1'", "parameters": ["cnry-2"],
        "facts": [["rows", "cnry-3"]]}
EVIL = "<!channel> <https://evil.example|gov approve> [pay](https://evil.example) **b** {{DATE(2026-01-01,SHORT)}}"


@pytest.mark.parametrize(("kind", "fields", "event"), [
    ("request.opened", {}, Event.HELD),
    ("request.answered", {"yes": True, "state": "approved"}, Event.APPROVED),
    ("request.answered", {"yes": True, "state": "pending"}, None),
    ("request.answered", {"yes": False, "state": "denied"}, Event.DENIED),
    ("request.answered", {"yes": True, "state": "approved", "break_glass": "x"}, Event.BREAK_GLASS),
    ("request.ended", {"state": "expired"}, Event.EXPIRED),
    ("request.ended", {"state": "withdrawn"}, Event.WITHDRAWN),
    ("request.spent", {"break_glass": "x"}, None),
    ("statement", {"break_glass": "x"}, None),
])  # fmt: skip
def test_events(kind: str, fields: dict[str, Any], event: Event | None) -> None:
    """Each entry is at most one."""
    assert event_of(kind, fields) is event


def test_which_rules_hear() -> None:
    """All that are given must hold; of several rules that made the request one is enough."""
    rule = NotifyRule("n", frozenset({"ops"}), frozenset({Event.HELD}), frozenset({"nights"}), frozenset({"pro*"}),
                      frozenset({"production"}))
    rules = rules_of(OPENED)

    assert rules == ("writes", "nights")
    assert rule.hears(Event.HELD, rules, "prod", "production")
    assert not rule.hears(Event.DENIED, rules, "prod", "production")
    assert not rule.hears(Event.HELD, ("writes",), "prod", "production")
    assert not rule.hears(Event.HELD, rules, "staging", "production")
    assert not rule.hears(Event.HELD, rules, "prod", "test")


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("event", Event)
def test_nothing_of_the_statement_is_told(event: Event, format: str) -> None:
    """Neither text nor parameters nor what approvers see of the data."""
    said = body(notice(event, OPENED, TOLD), format, at="2026-11-24T11:00:00.000Z", origin="o/gov", entry=7).decode()

    assert "cnry" not in said
    assert "update on public.orders" in said
    assert "rq-1" in said


def texts(value: Any) -> list[str]:
    """Every text in a JSON value."""
    if isinstance(value, dict):
        return [text for each in value.values() for text in texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in texts(each)]
    return [value] if isinstance(value, str) else []


def evil(event: Event = Event.BREAK_GLASS, text: str = EVIL) -> Notice:
    """A notice in which everything that people write is hostile."""
    fields = OPENED | {"relations": [f'public."{text}"'], "break_glass": "x"}
    return notice(event, fields, {"requested_by": text, "reason": text, "approver": text, "because": text})


@given(text=st.text() | st.just(EVIL))
def test_slack_reads_no_markup_of_it(text: str) -> None:
    """All of it stands in plain text; what Slack reads as mrkdwn has no link, mention or command."""
    said = json.loads(body(evil(text=text), "slack", at="", origin="", entry=1))
    shown = said.pop("text")

    assert "<" not in shown
    assert ">" not in shown
    assert shown.count("&") == sum(shown.count(each) for each in ("&amp;", "&lt;", "&gt;"))
    for block in said["blocks"]:
        for each in block.get("fields", [block.get("text")]):
            assert (each["type"], each["emoji"]) == ("plain_text", False)
            assert len(each["text"]) <= 2000
        assert len(block.get("fields", ())) <= 10
    assert len(said["blocks"][0]["text"]["text"]) <= 150
    assert (said["unfurl_links"], said["unfurl_media"]) == (False, False)


@given(text=st.text() | st.just(EVIL))
def test_teams_reads_no_markup_of_it(text: str) -> None:
    """All of it stands in text runs, which know no Markdown, and none of it is a function of dates."""
    said = json.loads(body(evil(text=text), "teams", at="", origin="", entry=1))
    (card,) = [each["content"] for each in said["attachments"]]

    assert {each["type"] for each in card["body"]} == {"RichTextBlock"}
    assert {run["type"] for each in card["body"] for run in each["inlines"]} == {"TextRun"}
    assert card["fallbackText"] == "break_glass"
    assert not any("{{" in each for each in texts(card))


def test_what_people_write_is_cut() -> None:
    """A reason of a thousand characters is no message."""
    said = notice(Event.HELD, OPENED | {"relations": [f"public.t{n}" for n in range(99)]}, {"reason": "x" * 1000})

    assert len(said.why) == LONGEST + 1
    assert said.what.endswith("and 89 more")


def test_json_says_what_the_specification_recommends() -> None:
    """A type, a time and data, without what is empty."""
    told = notice(Event.HELD, OPENED, TOLD)
    said = json.loads(body(told, "json", at="2026-11-24T11:00:00.000Z", origin="o/gov", entry=7))

    assert (said["type"], said["timestamp"]) == ("request.held", "2026-11-24T11:00:00.000Z")
    assert said["data"]["rules"] == ["writes", "nights"]
    assert "by" not in said["data"]
