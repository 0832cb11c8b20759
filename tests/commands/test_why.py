"""`gov why` as it looks. What the broker answers: `tests/live/test_why.py`."""

from __future__ import annotations

import json

from commands.fake_broker import FakeBroker, Gov, moment
from gov.control.statements import Refusal, Step, Why

HELD = Refusal(
    kind="statement", outcome="approval denied", at=moment(-120), entry=7, target="prod", scope="read",
    client="psql", session="ss-1", request="rq-1", statement="drop\x1b table\n  orders", rule="destructive-needs-dba",
    told="bob denied rq-1: not today", reasons=["destructive-needs-dba holds it for dba"], approvers=["dba"],
)  # fmt: skip


def test_nothing(gov: Gov, broker: FakeBroker) -> None:
    """Status 0: that nothing was refused is an answer."""
    ran = gov("why")

    assert (ran.status, ran.out, ran.err) == (0, "nothing was refused\n", "")
    assert json.loads(gov("why", "--json").out) == {"refusal": None, "now": "", "next": []}


def test_a_refusal(gov: Gov, broker: FakeBroker) -> None:
    """What, where and when; why and by whom; the commands to paste, each with what it does. All escaped."""
    step = Step(command="gov exec prod --no-wait -c 'drop\x1b table\n  orders'", what="asks dba\x1b[2J")
    broker.why = Why(refusal=HELD.model_copy(update={"at": moment(-120)}), now="hold", next=[step])

    assert gov("why").out.splitlines() == [
        "approval denied: a statement on prod (scope read), 2m ago",
        "    drop\\x1b table",
        "      orders",
        "  told       bob denied rq-1: not today",
        "  because    destructive-needs-dba holds it for dba",
        "  rule       destructive-needs-dba",
        "  approvers  dba",
        "  where      psql, ss-1, rq-1",
        "  entry      gov audit show 7",
        "  now        policy holds it for approval in the scope read",
        "next",
        "  # asks dba\\x1b[2J",
        "  gov exec prod --no-wait -c 'drop\\x1b table",
        "  orders'",
    ]
    assert json.loads(gov("why", "--json").out)["refusal"]["entry"] == 7


def test_what_is_not_there_is_not_said(gov: Gov, broker: FakeBroker) -> None:
    """A lease that was refused has no statement; a statement may have lost its text to retention."""
    broker.why = Why(refusal=HELD.model_copy(update={"kind": "lease", "statement": None, "entry": None, "client": ""}))
    assert gov("why").out.splitlines()[1].startswith("  told")

    broker.why = Why(refusal=HELD.model_copy(update={"statement": None}))
    assert gov("why").out.splitlines()[1] == "    its text is no longer kept"
