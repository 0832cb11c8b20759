"""Several writers keep one log: each one's entries are a chain, and none can be left out."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from audit.logs import KEY, ORIGIN, START, statements
from gov.audit.entry import FIRST, Entry, Record, record
from gov.audit.succession import Amiss, Part, Succession, ranges
from gov.audit.verify import verify
from gov.errors import Unverified
from gov.store.disk import Disk, Files
from gov.store.journal import Journal
from gov.store.tiles import Tiles

WRITERS = ("aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb", "cccccccccccccccc")


def brought_together(count: int, *, seed: int, without: int = -1) -> list[Record]:
    """Entries of three writers as they came; `without` is lost on its way to the log, as its writer does not know."""
    chance = random.Random(seed)
    last: dict[str, tuple[int, bytes]] = {}
    records: list[Record] = []
    for number in range(count):
        writer = chance.choice(WRITERS)
        sequence, previous = last.get(writer, (-1, records[-1].hash if records else FIRST))
        entry = Entry("statement", START + number, {"verdict": "allow"}, {"text": f"{writer} {number}"})
        made = record(entry, len(records), previous, bytes(16), writer, sequence + 1)
        last[writer] = (sequence + 1, made.hash)
        if number != without:
            records.append(made)
    return records


def prove(directory: Path, records: list[Record]) -> int:
    """How large the log of these records is, for the verifier."""
    tiles = Tiles(directory, [KEY], Disk())
    for first in range(0, len(records), 100):
        tiles.extend(records[first : first + 100])
    (directory / "journal").mkdir()
    (directory / "journal" / f"{1:016d}").touch()
    files = Files(directory)
    return verify(files, KEY.verifier, names=list(files.names())).size


def test_the_log_of_several_writers_holds(tmp_path: Path) -> None:
    """Over a bundle's border too, however their entries came."""
    assert prove(tmp_path, brought_together(300, seed=1)) == 300


def test_an_entry_that_was_lost_on_its_way_is_missed(tmp_path: Path) -> None:
    """Though the log was signed with it missing, and its numbers have no gap."""
    for lost in (5, 150, 270):
        writer = brought_together(300, seed=2)[lost]
        with pytest.raises(Unverified, match=r"it is number \d+ of the writer"):
            prove(tmp_path / str(lost), brought_together(300, seed=2, without=lost))
        assert writer.index == lost


def _signed_anew(records: list[Record], order: list[int]) -> list[Record]:
    """The same entries in another order, numbered and signed anew by whoever has the log's key; chains as they were."""
    made: list[Record] = []
    for number in order:
        stated = _stated(records[number])
        entry = Entry("statement", START + number, {"verdict": "allow"}, {"text": f"{stated['writer']} {number}"})
        previous = bytes.fromhex(str(stated["previous"]))
        made.append(record(entry, len(made), previous, bytes(16), str(stated["writer"]), int(str(stated["sequence"]))))
    return made


def test_two_entries_of_one_writer_cannot_change_places(tmp_path: Path) -> None:
    """Though whoever has the key numbers the log anew; nor can one come twice, or another take its place."""
    records = brought_together(60, seed=4)
    own = [number for number, each in enumerate(records) if _stated(each)["writer"] == WRITERS[0]]
    first, second = own[3], own[4]
    swapped = [*range(60)]
    swapped[first], swapped[second] = second, first
    with pytest.raises(Unverified, match=r"it is number \d+ of the writer"):
        prove(tmp_path / "swapped", _signed_anew(records, swapped))
    with pytest.raises(Unverified, match=r"it is number \d+ of the writer"):
        prove(tmp_path / "twice", _signed_anew(records, [*range(second + 1), second, *range(second + 1, 60)]))
    stated = _stated(records[first])
    forged = Entry("statement", START + first, {"verdict": "deny"}, {"text": "another"})
    fork = record(
        forged, first, bytes.fromhex(str(stated["previous"])), bytes(16), WRITERS[0], int(str(stated["sequence"]))
    )
    with pytest.raises(Unverified, match="does not follow"):
        prove(tmp_path / "forked", [*records[:first], fork, *records[first + 1 :]])


def test_a_log_from_before_there_were_writers_goes_on(tmp_path: Path) -> None:
    """Its entries follow each other; the first with a writer follows the last of them."""
    records: list[Record] = []
    for number in range(300):
        entry = Entry("statement", START + number, {"verdict": "allow"}, {"text": str(number)})
        records.append(record(entry, number, records[-1].hash if records else FIRST, bytes(16)))
    assert prove(tmp_path, records) == 300
    with Journal(tmp_path, KEY, ORIGIN) as journal:
        journal.append_many(statements(300, 4))

    files = Files(tmp_path)
    assert verify(files, KEY.verifier, names=list(files.names())).size == 304
    with pytest.raises(Unverified, match="does not follow"):
        prove(tmp_path / "other", _without_the_sixth(records))


def _without_the_sixth(records: list[Record]) -> list[Record]:
    """The others, each with a number less, and the predecessor that it had."""
    made = records[:5]
    for number, old in enumerate(records[6:], 5):
        stated = _stated(old)
        entry = Entry("statement", START + number, {"verdict": "allow"}, {"text": str(number)})
        made.append(record(entry, number, bytes.fromhex(str(stated["previous"])), bytes(16)))
    return made


def test_a_part_says_what_it_owes_to_the_parts_before() -> None:
    """It is settled when the parts are put together, and what does not fit is found then."""
    records = brought_together(64, seed=3)

    def part(first: int, end: int) -> Part:
        made = Part(first)
        for each in records[first:end]:
            made.follow(_stated(each), each.hash.hex())
        return made

    whole = Succession()
    for first in (0, 16, 32, 48):
        whole.join(part(first, first + 16))
    assert (whole.size, whole.last) == (64, records[-1].hash.hex())
    lacking = Succession()
    lacking.join(part(0, 16))
    with pytest.raises(Amiss, match="follows its number"):
        lacking.join(part(32, 48))


def _stated(made: Record) -> dict[str, object]:
    return dict(json.loads(made.leaf))


@pytest.mark.parametrize("fields", [
    {}, {"first": 0}, {"first": 0, "end": 9}, {"first": 3, "end": 2}, {"first": "a", "end": 2},
    {"first": 0, "end": 4, "ranges": [[0, 9]]}, {"first": 0, "end": 4, "ranges": [[1]]},
])  # fmt: skip
def test_an_erasure_that_does_not_say_what(fields: dict[str, object]) -> None:
    """Or speaks of entries that were not written yet."""
    with pytest.raises(Amiss, match="does not say which"):
        ranges(5, fields)
    assert ranges(5, {"first": 0, "end": 5, "ranges": [[0, 1], [3, 5]]}) == [(0, 1), (3, 5)]
