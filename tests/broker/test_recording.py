"""The entries of one session: what all of them say, and what is encoded once."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import cast

from broker.rig import ALICE
from gov.audit.entry import Entry
from gov.broker.house import House
from gov.broker.judge import Subject
from gov.broker.recording import FORMS, HEAVIEST, Recording
from gov.lease.lease import Lease
from gov.terms import Scope, SessionId
from gov.turn import Record

STATEMENT = {"n": 1, "protocol": "simple"}


def _recording() -> tuple[Recording, list[Entry]]:
    entries: list[Entry] = []

    def record(entry: Entry) -> int:
        entries.append(entry)
        return len(entries) - 1

    house = SimpleNamespace(clock=lambda: 1.0, trail=SimpleNamespace(record=record))
    lease = SimpleNamespace(
        id="ls-1", principal=ALICE, target="prod", scope=Scope.READ, purpose="", run="", approval=None
    )
    subject = SimpleNamespace(environment="production", client="psql")
    return Recording(
        cast(House, house), cast(Lease, lease), cast(Subject, subject), SessionId("ss-1")
    ), entries


def test_every_statement_of_a_text_shares_one_form() -> None:
    """It says whose the session is and what the text is, so that neither is encoded anew."""
    recording, entries = _recording()
    text, other = {"verdict": "allow"}, {"verdict": "allow"}
    for shared in (text, text, other):
        recording.record(Record("statement", STATEMENT, {}, shared=shared))
    assert entries[0].form is entries[1].form
    assert entries[0].form is not entries[2].form


def test_an_entry_behind_a_statement_says_less_of_the_session() -> None:
    """Who it was for stands in both; the rest only in the one before."""
    recording, entries = _recording()
    recording.record(Record("statement", STATEMENT, {}))
    assert recording.record(Record("statement.done", {"statement": 0}, {})) == 1
    said, done = (json.loads(entry.form.fill({}, {})[0]) for entry in entries if entry.form is not None)
    assert done == {"session": "ss-1", "lease": "ls-1", "subject": ALICE.subject, "issuer": ALICE.issuer}
    assert done.items() < said.items()


def test_forms_are_kept_for_so_many_texts_only() -> None:
    """A session that never says the same twice does not grow by it."""
    recording, _ = _recording()
    for number in range(FORMS + 1):
        recording.record(Record("statement", STATEMENT, {}, shared={"digest": str(number)}))
    assert len(recording._forms) <= FORMS


def test_forms_are_kept_for_so_much_only() -> None:
    """Nor by saying much each time."""
    recording, entries = _recording()
    first = {"reasons": ["x" * (HEAVIEST + 1)]}
    for shared in (first, {"digest": "1"}, {"digest": "2"}, first):
        recording.record(Record("statement", STATEMENT, {}, shared=shared))
    assert entries[0].form is not entries[3].form
