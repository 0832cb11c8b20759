"""Webhooks, a step at a time: signed, once or again with the same id, in order, and given up at last."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from audit.logs import KEY, ORIGIN
from broker.receiver import Receiver, receiving
from broker.rig import BOB, a_request
from gov.approval.request import Answer
from gov.audit.entry import Entry
from gov.broker import entries, notifier
from gov.broker.deliverer import Cursor
from gov.broker.notifier import Line, rule_of
from gov.store.disk import Files
from gov.store.journal import Journal

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
EVERYTHING = {
    "name": "all", "webhooks": ["ops"], "events": ["held", "approved", "break_glass"], "rules": [], "targets": [],
    "environments": [],
}  # fmt: skip


@pytest.fixture(name="receiver")
def _receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(name="journal")
def _journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "log", KEY, ORIGIN) as journal:
        yield journal


def line(directory: Path, url: str, **rule: Any) -> Line:
    """As the child process begins: everything it knows comes from the disk and its orders."""
    (directory / "key").write_text(f"{SECRET}\n")
    said = {"to": url, "to_file": None, "format": "json", "key": str(directory / "key"), "headers": None, "ca": None}
    made = Line(Files(directory / "log"), Cursor(directory / "cursor.json"), "ops", said, ORIGIN)
    made.rules = (rule_of(EVERYTHING | rule),)
    return made


def write(journal: Journal, *written: Entry) -> None:
    """These entries, under a checkpoint."""
    journal.append_many(written)
    journal.integrate()


def opened(number: int, at: float | None = None) -> Entry:
    """Alice asks, for the so-manieth time."""
    request = a_request(f"rq-{number:06}")
    return entries.request_opened(request, "production", at or request.created_at)


def requests(receiver: Receiver) -> list[str]:
    """Whose messages came, each as the library of Standard Webhooks verifies it."""
    pairs = zip(receiver.headers, receiver.lines, strict=True)
    return [Webhook(SECRET).verify(body, dict(said))["data"]["request"] for said, body in pairs]


def test_it_begins_where_the_log_ends(tmp_path: Path, journal: Journal, receiver: Receiver) -> None:
    """A webhook that is new hears nothing of last year."""
    write(journal, opened(1))
    ops = line(tmp_path, receiver.url)
    assert ops.step() > 0
    write(journal, opened(2), entries.log_read(BOB, "entries", 1.0), opened(3))
    assert [ops.step() for _ in range(2)] == [0.0, 0.0]

    assert requests(receiver) == ["rq-000002", "rq-000003"]
    assert receiver.headers[0]["Content-Type"] == "application/json"


def test_only_what_its_rules_say(tmp_path: Path, journal: Journal, receiver: Receiver) -> None:
    """Events, rules and places; orders that come later count from then on."""
    ops = line(tmp_path, receiver.url, events=["break_glass"], targets=["prod"])
    write(journal, opened(1))
    ops.step()
    request = a_request("rq-000002")
    alone = Answer(request.requester, True, 1.0, "INC-31", alone="on-call")
    write(journal, opened(2), entries.request_answered(request, alone, "production", request.created_at))
    ops.step()
    ops.rules = (rule_of(EVERYTHING | {"rules": ["other"]}),)
    write(journal, opened(3))
    ops.step()

    assert requests(receiver) == ["rq-000002"]
    said = json.loads(receiver.lines[0])
    assert (said["type"], said["data"]["break_glass"], said["data"]["reason"]) == (
        "request.break_glass", "on-call", "INC-31")


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_lost(tmp_path: Path, journal: Journal, receiver: Receiver, seed: int) -> None:
    """Over refusals, redirects, cut connections and crashes; what comes twice has the same id and body."""
    chance, written = random.Random(seed), 0
    write(journal, opened(0))
    ops = line(tmp_path, receiver.url)
    ops.step()
    for _ in range(25):
        if chance.random() < 0.5:
            count = chance.choice([1, 3])
            write(journal, *(opened(written + each + 1) for each in range(count)))
            written += count
        receiver.faults = [chance.choice(["", "status 500", "status 302", "lost", "kept"])]
        ops.step()
        if chance.random() < 0.3:
            ops = line(tmp_path, receiver.url)
    receiver.faults = []
    while ops.step() == 0.0:
        pass

    came = requests(receiver)
    assert [*dict.fromkeys(came)] == [f"rq-{each + 1:06}" for each in range(written)]
    ids = [each["webhook-id"] for each in receiver.headers]
    assert len({*zip(ids, receiver.lines, strict=True)}) == len({*ids}) == written


def test_what_is_not_taken_in_time_is_given_up_and_said(
    tmp_path: Path, journal: Journal, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each message has a try at least; the next is not held up by it, and a secret path is not said."""
    write(journal, opened(0))
    ops = line(tmp_path, receiver.url)
    ops.step()
    receiver.always = "status 404"
    write(journal, opened(1, at=1.0), opened(2))
    assert ops.step() == 0.0
    (lost,) = [json.loads(each)["lost"] for each in capsys.readouterr().out.splitlines()]
    assert (lost["request"], lost["event"], lost["tries"], lost["error"]) == (
        "rq-000001", "held", 1, "127.0.0.1: HTTP status 404")
    assert ops.step() > 0
    assert (ops.state.given_up, ops.state.failures, ops.state.waiting) == (1, 1, True)
    receiver.always = ""
    assert ops.step() == 0.0
    assert requests(receiver) == ["rq-000002"]


def test_what_is_in_the_way_is_told(tmp_path: Path, journal: Journal, receiver: Receiver) -> None:
    """No key, a wrong one, an address that is none: nothing is sent unsigned or in the clear, nothing is skipped."""
    write(journal, opened(0))
    ops = line(tmp_path, receiver.url)
    ops.step()
    write(journal, opened(1))
    (tmp_path / "key").write_text("s3cret")
    assert ops.step() > 0
    assert ops.state.error == "a line is not whsec_ and the base64 of 24 to 64 bytes"
    (tmp_path / "key").unlink()
    assert ops.step() > 0
    assert "s3cret" not in ops.state.error
    (tmp_path / "key").write_text(SECRET)
    (tmp_path / "to").write_text("http://chat.example.com/secret-path\n")
    ops._said |= {"to": None, "to_file": str(tmp_path / "to")}
    assert ops.step() > 0
    assert "https" in ops.state.error
    assert "secret-path" not in ops.state.error
    (tmp_path / "to").write_text(receiver.url)
    assert ops.step() == 0.0
    assert requests(receiver) == ["rq-000001"]


def test_an_answer_without_an_end_is_not_read_to_it(tmp_path: Path, journal: Journal, receiver: Receiver) -> None:
    """It said 200, which is all that anybody wants to know."""
    write(journal, opened(0))
    ops = line(tmp_path, receiver.url)
    ops.step()
    write(journal, opened(1), opened(2))
    receiver.faults = ["endless"]
    assert [ops.step() for _ in range(2)] == [0.0, 0.0]

    assert requests(receiver) == ["rq-000001", "rq-000002"]


def test_another_log_is_begun_at_its_end(tmp_path: Path, journal: Journal, receiver: Receiver) -> None:
    """A restored backup: what it has is old."""
    write(journal, opened(0), opened(1))
    line(tmp_path, receiver.url).step()
    kept = json.loads((tmp_path / "cursor.json").read_text())
    (tmp_path / "cursor.json").write_text(json.dumps(kept | {"next": 1, "last": "00" * 32}))
    ops = line(tmp_path, receiver.url)
    ops.step()
    write(journal, opened(2))
    ops.step()

    assert requests(receiver) == ["rq-000002"]


def test_a_long_log_without_news_is_not_read_again(
    tmp_path: Path, journal: Journal, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The place is kept now and then, also while nothing is told."""
    monkeypatch.setattr(notifier, "STRIDE", 3)
    ops = line(tmp_path, receiver.url)
    write(journal, opened(0))
    ops.step()
    write(journal, *(entries.log_read(BOB, "entries", 1.0) for _ in range(5)))
    ops.step()

    assert Cursor(tmp_path / "cursor.json").next == 6
