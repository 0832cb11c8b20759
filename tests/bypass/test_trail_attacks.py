"""Attempts to leave no trace or a wrong one: what was sent stands in the trail, letter by letter."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from bypass.corpus import FAST, SIMPLE, Attempt, attempts
from bypass.playing import play
from gov.client.api import Broker
from live import door
from live.wire import Lease, dialled

TRAIL = list(attempts("attacks/trail.sql"))
SECRET = "correct-horse-battery"


@pytest.fixture
def bob(as_user: Callable[[str], dict[str, str]]) -> Iterator[Broker]:
    """An auditor's view of the broker."""
    with Broker.current(as_user("bob")) as broker:
        yield broker


def test_what_was_sent_stands_in_the_trail(
    lease_for: Callable[[str], Lease], bob: Broker, as_user: Callable[[str], dict[str, str]]
) -> None:
    """Each text in every form has its entry, as it was sent; passwords are not in it; the log verifies."""
    lease = lease_for("read")
    expected: list[tuple[Attempt, str, str]] = []
    for attempt in TRAIL:
        for played in play(attempt, lease, {}):
            expected += [(attempt, played.form, text) for text in sent(attempt, played.form)]
    with dialled(lease) as wire:
        wire.query("select 'the end of the attempts'")
    found = statements(bob, len(expected) + 20)
    everything = "\n".join(found)
    assert SECRET not in everything
    missing = [(attempt.why, form, text[:60]) for attempt, form, text in expected
               if SECRET not in text and not kept(text, found)]
    assert missing == [], "\n".join(map(str, missing))
    door.gov(as_user("bob"), "audit", "verify")


def sent(attempt: Attempt, form: str) -> list[str]:
    """The texts that a form sends; none on the fast path, where there is only a number."""
    if form == FAST:
        return []
    if form in (SIMPLE, "extended"):
        return list(attempt.messages)
    return [f"copy ({attempt.messages[0].rstrip().rstrip(';')}\n) to stdout"]


def kept(text: str, found: list[str]) -> bool:
    """Whether an entry holds that text, whole or, past the longest payload, its beginning."""
    return any(each == text or (len(each) > 10_000 and text.startswith(each[:10_000])) for each in found)


def statements(bob: Broker, most: int) -> list[str]:
    """The texts of the newest entries, oldest first."""
    found = bob.entries(kind="statement", limit=most).entries
    return [str(each.payload["text"]) for each in found if each.payload and "text" in each.payload]
