"""A hold as whoever waits sees it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gov.ui.escape import harmless
from gov.ui.hold import Hold

NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize("expires", ["2026-01-31T12:14:00Z", NOW.timestamp() + 840])
def test_all_that_the_gateway_said(expires: str | float) -> None:
    """Rule, approvers, reasons, the command that answers, and until when (as a time or epoch seconds)."""
    detail = {"request": "rq-1", "rule": "r", "approvers": ["dba", "lead"], "reasons": ["a drop"],
              "expires_at": expires}

    assert Hold.of("held", json.dumps(detail)).lines(NOW) == [
        "held by rule r; waiting for dba or lead; Ctrl-C withdraws", "because a drop",
        "they answer with: gov approve rq-1; expires in 14m",
    ]


@given(st.text(), st.text() | st.dictionaries(st.text(), st.text() | st.lists(st.text())).map(json.dumps))
def test_any_notice_can_be_shown(message: str, detail: str) -> None:
    """Whatever arrives, something harmless is shown."""
    lines = Hold.of(message, detail).lines(NOW)

    assert lines
    assert all(harmless(character) for line in lines for character in line)
