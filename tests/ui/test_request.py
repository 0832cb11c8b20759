"""An approval request as an approver sees it."""

from __future__ import annotations

from datetime import UTC, datetime

from gov.control.requests import AnswerView, RequestView
from gov.ui.request import card

NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)


def test_everything_that_is_bound_is_shown() -> None:
    """The whole statement, its parameters, who asks for whom and why, the rule, and what is known."""
    view = RequestView(
        id="rq-1", state="pending", statement="delete from t\nwhere a = $1", parameters=["x\u202ey", None],
        requester="assistant", on_behalf_of="alice", target="prod", environment="production", scope="write",
        purpose="cleanup", rule="r", reason="tidy", reasons=["no WHERE"], approvers=["dba"], count=2,
        created_at="2026-01-31T11:59:00Z", expires_at="2026-01-31T12:14:00Z",
        answers=[AnswerView(approver="bob", yes=True, at="2026-01-31T11:59:30Z", reason="ok", max_rows=3)],
        facts=[("table", "public.t, 5 rows")])

    assert card(view, colour=False, now=NOW).splitlines() == [
        "rq-1  pending  expires in 14m", "", "    delete from t", "    where a = $1", "",
        "  $1           'x\\u202ey'", "  $2           NULL", "  asked by     assistant for alice",
        "  asked        60s ago", "  on           prod (production), scope write", "  reason       tidy",
        "  purpose      cleanup", "  held by      r", "  because      no WHERE",
        "  table        public.t, 5 rows", "  approvers    dba, 2 of them",
        "  answered     yes by bob 30s ago, at most 3 rows: ok",
    ]


def test_highlighting_adds_nothing_but_colour() -> None:
    """A statement in colour holds the escapes of the terminal that we chose, and no others."""
    import re

    view = RequestView(
        id="rq-1", state="denied", statement="select '\x1b]0;owned\x07' -- \u2066", requester="a",
        target="prod", rule="r", reason="",
        created_at="2026-01-31T11:59:00Z", expires_at="2026-01-31T12:14:00Z")

    plain = card(view, colour=False, now=NOW)

    assert re.sub(r"\x1b\[[\d;]*m", "", card(view, colour=True, now=NOW)) == plain
