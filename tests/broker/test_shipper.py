"""At least once, in order, from a cursor that is on disk: whatever the destination and the crash do."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit.logs import KEY, ORIGIN, START, statements
from broker.receiver import Receiver, receiving
from gov.audit.entry import Entry
from gov.audit.formats import Format
from gov.audit.ocsf import Source
from gov.broker import destinations, shipper
from gov.broker.deliverer import EVERY, Cursor
from gov.broker.destinations import Destination, FileDestination, HttpDestination
from gov.broker.shipper import Route, State
from gov.store.disk import Files
from gov.store.journal import Journal
from gov.store.resuming import last_whole

SOURCE = Source(ORIGIN, "1")


def route(directory: Path, destination: Destination, format: Format = Format.JSONL) -> Route:
    """As the child process begins: everything it knows comes from the disk."""
    cursor = Cursor(directory / "cursor.json")
    return Route(Files(directory / "log"), destination, cursor, SOURCE, State("x", "there", format))


@pytest.fixture(name="receiver")
def _receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(name="journal")
def _journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "log", KEY, ORIGIN) as journal:
        yield journal


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_lost(
    tmp_path: Path, journal: Journal, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Over refusals, cut connections, crashes between delivery and cursor, and a log that grows meanwhile."""
    chance = random.Random(seed)
    monkeypatch.setattr(shipper, "BATCH", chance.choice([1, 7, 100]))
    destination = HttpDestination(receiver.url, Format.JSONL, None, None)
    written = 0
    ship = route(tmp_path, destination)
    for _ in range(25):
        if chance.random() < 0.5:
            journal.append_many(statements(written, chance.choice([2, 40])))
            written = journal.size
            journal.integrate()
        receiver.faults = [chance.choice(["", "status 500", "status 429", "lost", "kept"])]
        ship.step()
        if chance.random() < 0.3:
            ship = route(tmp_path, destination)  # a crash: only the disk remembers
    receiver.faults = []
    for _ in range(2000):
        if ship.step() == EVERY:
            break

    read = [json.loads(line) for line in receiver.lines]
    first = {each["id"]: line for each, line in zip(read, receiver.lines, strict=True)}
    assert {each["id"] for each in read} == {f"{ORIGIN}/{index}" for index in range(written)}
    assert all(first[each["id"]] == line for each, line in zip(read, receiver.lines, strict=True))
    fresh = [*dict.fromkeys(each["index"] for each in read)]
    assert fresh == [*range(written)]


def test_what_the_endpoint_hears(tmp_path: Path, journal: Journal, receiver: Receiver) -> None:
    """The headers of its file, which may change, and which parcel it is; nothing that is not under a checkpoint."""
    secrets = tmp_path / "headers"
    secrets.write_text("# for the collector\nAuthorization: Bearer one\n")
    ship = route(tmp_path, HttpDestination(receiver.url, Format.OCSF, secrets, None), Format.OCSF)
    journal.append_many(statements(0, 4))
    assert ship.step() == EVERY
    assert not receiver.lines
    journal.integrate()
    ship.step()
    secrets.write_text("Authorization: Bearer two\n")
    journal.append_many(statements(4, 2))
    journal.integrate()
    ship.step()

    assert [each["Authorization"] for each in receiver.headers] == ["Bearer one", "Bearer two"]
    assert [(each["Gov-First"], each["Gov-Last"]) for each in receiver.headers] == [("0", "3"), ("4", "5")]
    assert receiver.headers[0]["Idempotency-Key"] == f"{ORIGIN}/0-3"
    assert [json.loads(line)["metadata"]["sequence"] for line in receiver.lines] == [0, 2, 4]  # each with its end


def test_a_failure_is_told_and_waited_for(tmp_path: Path, journal: Journal, receiver: Receiver) -> None:
    """Ever longer, at most a minute; nothing of the address that could be secret is told."""
    journal.append_many(statements(0, 2))
    journal.integrate()
    ship = route(tmp_path, HttpDestination(f"{receiver.url}?token=s3cret", Format.JSONL, None, None))
    receiver.always = "status 503"
    pauses = [ship.step() for _ in range(12)]

    assert pauses[0] < 0.6
    assert 30 <= pauses[-1] <= 60
    assert ship.state.failures == 12
    assert ship.state.error == f"{receiver.url}: HTTP status 503"
    assert ship.state.oldest is not None
    receiver.always = ""
    ship.step()
    assert (ship.state.error, ship.state.next, ship.state.oldest) == ("", 2, None)


def test_less_at_a_time(tmp_path: Path, journal: Journal, receiver: Receiver) -> None:
    """An endpoint that finds a parcel too large gets smaller ones, down to one entry."""
    journal.append_many(statements(0, 8))
    journal.integrate()
    receiver.faults = ["status 413"] * 9
    ship = route(tmp_path, HttpDestination(receiver.url, Format.JSONL, None, None))
    for _ in range(30):
        ship.step()

    assert (receiver.headers[0]["Gov-First"], receiver.headers[0]["Gov-Last"]) == ("0", "0")
    assert len(receiver.lines) == 8


@pytest.mark.parametrize("format", Format)
def test_a_file_has_each_entry_once(tmp_path: Path, journal: Journal, format: Format) -> None:
    """Though a crash came between writing and cursor, or in the middle of a line; and when it is rotated away."""
    file = tmp_path / "out" / "trail"
    journal.append_many(statements(0, 7))
    journal.integrate()
    route(tmp_path, FileDestination(file, format), format).step()
    whole = file.read_bytes()
    for cut in range(0, len(whole), 11):
        file.write_bytes(whole[:cut])
        (tmp_path / "cursor.json").unlink(missing_ok=True)
        route(tmp_path, FileDestination(file, format), format).step()
        if format is Format.JSONL:  # the others tell an end with its statement, where both are in one parcel
            assert file.read_bytes() == whole, cut
    file.rename(file.with_suffix(".1"))
    journal.append_many(statements(7, 3))
    journal.integrate()
    route(tmp_path, FileDestination(file, format), format).step()
    assert len(file.read_text().splitlines()) == {Format.JSONL: 3, Format.OCSF: 2, Format.CSV: 3}[format]
    assert file.stat().st_mode & 0o777 == 0o600


def test_another_log_is_not_taken_for_the_one_that_was_shipped(tmp_path: Path, receiver: Receiver) -> None:
    """Restored from a backup, or begun anew: a person decides."""
    destination = HttpDestination(receiver.url, Format.JSONL, None, None)
    for directory, count in (("log", 4), ("other", 2)):
        with Journal(tmp_path / directory, KEY, ORIGIN) as journal:
            journal.append_many(statements(0, count))
    route(tmp_path, destination).step()
    (tmp_path / "log").rename(tmp_path / "old")
    (tmp_path / "other").rename(tmp_path / "log")
    ship = route(tmp_path, destination)
    ship.step()

    assert ship.state.error == "the log is not the one that was shipped: it was restored, or is another"
    assert len(receiver.lines) == 4


@pytest.mark.parametrize("format", Format)
def test_a_file_of_another_log_is_not_gone_on_with(tmp_path: Path, format: Format) -> None:
    """A log begun anew beside the file of the old one: nothing of it is passed over, however far the old one came."""
    file = tmp_path / "trail"
    for directory, count, first in (("log", 9, 100), ("other", 4, 0)):
        with Journal(tmp_path / directory, KEY, ORIGIN) as journal:
            journal.append_many(Entry("login", START + first + n, {"subject": "8f2c"}) for n in range(count))
    route(tmp_path, FileDestination(file, format), format).step()
    (tmp_path / "cursor.json").unlink()
    (tmp_path / "log").rename(tmp_path / "old")
    (tmp_path / "other").rename(tmp_path / "log")
    before = file.read_bytes()
    for _ in range(2):
        ship = route(tmp_path, FileDestination(file, format), format)
        ship.step()
        assert ship.state.error == "the file ends with an entry of another log: move it away, or ship to another"
        with Journal(tmp_path / "log", KEY, ORIGIN) as journal:
            journal.append_many(Entry("login", START + n, {"subject": "8f2c"}) for n in range(4, 20))
    assert file.read_bytes() == before
    file.rename(tmp_path / "moved")
    route(tmp_path, FileDestination(file, format), format).step()
    assert last_whole(file, format) == journal.size - 1


def test_what_keeps_nothing_is_no_file(tmp_path: Path, journal: Journal) -> None:
    """A pipe that nobody reads holds nothing up; one that somebody reads, or a device, has nothing for good."""
    journal.append_many(statements(0, 2))
    journal.integrate()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for file in (pipe, Path("/dev/null")):
        ship = route(tmp_path, FileDestination(file, Format.OCSF), Format.OCSF)
        ship.step()
        assert ship.state.next == 0
        assert ship.state.error
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    ship = route(tmp_path, FileDestination(pipe, Format.OCSF), Format.OCSF)
    ship.step()
    os.close(reader)
    assert ship.state.next == 0


@pytest.mark.parametrize("fault", ["drip", "drips on"])
def test_an_answer_that_never_ends_holds_nothing_up(
    tmp_path: Path, journal: Journal, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """However it trickles. Where the status was heard, it was delivered."""
    monkeypatch.setattr(destinations, "TOTAL", 0.5)
    journal.append_many(statements(0, 2))
    journal.integrate()
    receiver.faults = [fault]
    ship = route(tmp_path, HttpDestination(receiver.url, Format.JSONL, None, None))
    ship.step()
    assert (ship.state.next, ship.state.error.rpartition(": ")[2]) == ((0, "no answer in time") if fault == "drip"
                                                                     else (2, ""))
    assert receiver.ended.wait(30)  # nobody is left who listens to it
    ship.step()
    assert (ship.state.next, ship.state.error) == (2, "")


def test_a_full_disk_leaves_no_half_line(tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written of a parcel is cut away, and comes again."""
    file = tmp_path / "trail"
    journal.append_many(statements(0, 4))
    journal.integrate()
    ship = route(tmp_path, FileDestination(file, Format.JSONL))

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("gov.broker.destinations.os.fsync", full)
        ship.step()
    assert (file.read_bytes(), ship.state.error) == (b"", f"{file}: No space left on device")
    ship.step()
    assert len(file.read_text().splitlines()) == 4
