"""`gov trace`: what its words mean, and events that reach an endpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gov.commands import tracing
from gov.commands.tracing import deliver, subject
from gov.errors import GovError, Unreachable, UsageError
from servers import Asked, scripted

EVENTS: list[dict[str, Any]] = [{"eventType": "START"}, {"eventType": "COMPLETE"}]


def test_a_file_is_meant_by_its_content(tmp_path: Path) -> None:
    """Its digest is what the trail knows."""
    file = tmp_path / "out.csv"
    file.write_bytes(b"abc")

    found = subject(str(file), "", "", table=False)

    assert (found.about, found.name) == (
        "file", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    )  # fmt: skip


@pytest.mark.parametrize(("what", "table", "expected"), [
    ("customers.email", False, ("column", "customers.email", "")),
    ("prod:public.customers.email", False, ("column", "public.customers.email", "prod")),
    ("prod:public.customers", True, ("table", "public.customers", "prod")),
])
def test_a_name_is_a_column_or_a_table(what: str, table: bool, expected: tuple[str, str, str]) -> None:
    """With the target before a colon, if one is meant."""
    found = subject(what, "", "", table=table)

    assert (found.about, found.name, found.target) == expected


@pytest.mark.parametrize("words", [("", "", ""), ("a.b", "alice", ""), ("", "alice", "r1"), ("no/such/file", "", "")])
def test_one_thing_is_asked_about(words: tuple[str, str, str]) -> None:
    """Nothing, several things or a file that is not there are mistakes."""
    with pytest.raises(UsageError):
        subject(*words, table=False)


def test_events_are_appended_to_a_file(tmp_path: Path) -> None:
    """One a line, behind what is there."""
    file = tmp_path / "events.jsonl"
    deliver(iter(EVENTS[:1]), str(file))
    deliver(iter(EVENTS[1:]), str(file))

    assert [json.loads(line) for line in file.read_text().splitlines()] == EVENTS


def test_an_event_is_sent_until_it_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """In order, each at least once."""
    monkeypatch.setattr(tracing, "PAUSE", 0)
    answers = iter([503, 429, 201, 200])
    with scripted() as server:
        server.answer = lambda asked: (next(answers), {}, "")
        deliver(iter(EVENTS), f"{server.url}/api/v1/lineage")

        assert [json.loads(each.body)["eventType"] for each in server.asked] == ["START", "START", "START", "COMPLETE"]


def test_a_key_goes_along_and_never_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    """As OpenLineage's own clients take it."""
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "secret")
    with scripted() as server:
        server.answer = lambda asked: (200, {}, "")
        deliver(iter(EVENTS), server.url)
        assert {each.headers.get("Authorization", each.headers.get("authorization")) for each in server.asked} == {
            "Bearer secret",
        }  # fmt: skip

    with pytest.raises(UsageError, match="in the clear"):
        deliver(iter(EVENTS), "http://lineage.example.com")


def test_an_endpoint_that_stays_away_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """With how many were delivered before."""
    monkeypatch.setattr(tracing, "PAUSE", 0)

    def answer(asked: Asked) -> tuple[int, dict[str, str], Any]:
        return (200 if json.loads(asked.body)["eventType"] == "START" else 500), {}, ""

    with scripted() as server:
        server.answer = answer
        with pytest.raises(Unreachable, match="1 were delivered"):
            deliver(iter(EVENTS), server.url)


def test_an_endpoint_that_refuses_is_not_asked_again() -> None:
    """A mistake in the address does not get better."""
    with scripted() as server:
        with pytest.raises(GovError, match="it answers 404"):
            deliver(iter(EVENTS), server.url)

        assert len(server.asked) == 1
