"""A hold as whoever waits sees it."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from gov.ui.escape import harmless
from gov.ui.hold import Hold, Waiting, panel

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


def test_whoever_may_go_ahead_alone_is_told_how() -> None:
    """With the command, in lines and in the panel; nobody else reads of it."""
    detail = {"request": "rq-1", "rule": "r", "approvers": ["dba"], "break_glass": ["on-call"]}
    hold, out = Hold.of("held", json.dumps(detail)), io.StringIO()
    Console(file=out, width=120).print(panel(hold, "drop table orders", NOW))

    assert hold.lines(NOW)[-1] == (
        "in an emergency: gov approve rq-1 --break-glass --reason TEXT, which is recorded")
    assert "gov approve rq-1 --break-glass --reason TEXT" in out.getvalue()
    assert not any("glass" in line for line in Hold.of("held", json.dumps(detail | {"break_glass": []})).lines(NOW))


@given(st.text(), st.text() | st.dictionaries(st.text(), st.text() | st.lists(st.text())).map(json.dumps))
def test_any_notice_can_be_shown(message: str, detail: str) -> None:
    """Whatever arrives, something harmless is shown."""
    lines = Hold.of(message, detail).lines(NOW)

    assert lines
    assert all(harmless(character) for line in lines for character in line)


@pytest.mark.parametrize("columns", [40, 80, 160])
def test_the_panel(columns: int) -> None:
    """What waits, by which rule, why, for whom, how long, and what to do; in a box that fits the terminal."""
    detail = {"request": "rq-1", "rule": "needs-dba", "approvers": ["dba", "lead"],
              "reasons": ["a drop cannot be undone " * 4], "expires_at": NOW.timestamp() + 872}
    out = io.StringIO()

    Console(file=out, width=columns).print(
        panel(Hold.of("held", json.dumps(detail)), "drop table\x1b[2J\n" + "x,\n" * 20, NOW))

    lines = out.getvalue().split("\n")
    for said in ("HELD  rq-1", "drop table\\x1b", "…", "rule       needs-dba", "because    a drop",
                 "waits for  dba or lead", "expires    in 14:32", "gov approve", "Ctrl-C withdraws"):
        assert any(said in line for line in lines), said
    assert all(len(line) <= columns for line in lines)
    assert len(lines) < 24


def test_where_nothing_can_be_drawn_a_hold_is_said_once_in_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """A dumb terminal and a file are told what waits and for whom, and not again with every look."""
    waiting = Waiting("drop table orders")
    for _ in range(3):
        waiting.show(Hold("held", "rq-1", "r", ("dba",), (), ""))
    waiting.end()

    assert capsys.readouterr().err.splitlines() == [
        "gov: held by rule r; waiting for dba; Ctrl-C withdraws", "gov: they answer with: gov approve rq-1",
    ]
