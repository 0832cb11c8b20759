"""Payloads that must go are gone from every file, whatever stops in between, and no proof breaks."""

from __future__ import annotations

import shutil
from contextlib import suppress
from errno import EIO, ENOSPC
from pathlib import Path

import pytest

from audit.logs import KEY, ORIGIN, START
from gov.audit import payload
from gov.audit.entry import Entry
from gov.audit.path import bundle_entries
from gov.audit.proof import prove_inclusion, verify_inclusion
from gov.audit.verify import Verified, verify
from gov.errors import Unavailable, Unverified
from gov.store import erasure
from gov.store.disk import Disk, Files
from gov.store.erasure import aged, chosen, erase
from gov.store.journal import Journal
from store.faults import CrashingDisk, FailingDisk, ForgetfulDisk, stopped

SIZE = 270
SPANS = [(0, 10), (250, 260), (265, 269)]
"""In a full bundle, over a border, and in the bundle that still grows."""
GONE = {index for first, end in SPANS for index in range(first, end)}
ERASED = Entry("log.erased", START, {"subject": "u-bob", "policy": "test"}, {"reason": "asked to"})


def statement(index: int) -> Entry:
    """One that can be found in a file: every other is alice's."""
    fields = {"verdict": "allow", "subject": "u-alice" if index % 2 else "u-etl"}
    return Entry("statement", START + index, fields, {"text": f"secret-{index:03d}"})


@pytest.fixture(scope="module", name="base")
def _base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of a full bundle and a partial one, and a few entries in the journal."""
    directory = tmp_path_factory.mktemp("erasure") / "log"
    journal = Journal(directory, KEY, ORIGIN)
    journal.append_many(map(statement, range(SIZE - 6)))
    journal.integrate()
    journal.append_many(map(statement, range(SIZE - 6, SIZE)))
    journal._disk.close(journal._lock)  # as a process that was killed leaves it
    return directory


def prove(directory: Path) -> Verified:
    """What the verifier says of the log as it lies there."""
    files = Files(directory)
    return verify(files, KEY.verifier, names=list(files.names()))


def left(directory: Path) -> set[int]:
    """The statements whose text is in any file at all."""
    everything = b"".join((directory / name).read_bytes() for name in Files(directory).names())
    return {index for index in range(SIZE + 50) if b"secret-%03d" % index in everything}


def test_what_is_erased_is_in_no_file(base: Path, tmp_path: Path) -> None:
    """Neither text nor salt; the log holds, says how many are gone, and goes on."""
    directory = shutil.copytree(base, tmp_path / "log")
    salts = [item[:16] for item in payload.unpack((directory / "payload/000").read_bytes(), 10)[0]]
    with Journal(directory, KEY, ORIGIN) as journal:
        assert erase(journal, ERASED, SPANS) == len(GONE)
        assert erase(journal, ERASED, [(0, 10)]) == 0  # they are gone already
        journal.append_many(map(statement, range(SIZE, SIZE + 50)))

    everything = b"".join((directory / name).read_bytes() for name in Files(directory).names())
    assert left(directory) == set(range(SIZE + 50)) - GONE
    assert not any(salt in everything for salt in salts)
    assert (prove(directory).erased, prove(directory).size) == (len(GONE), SIZE + 52)
    assert not (directory / erasure.MARK).exists()


def test_proofs_made_before_hold_afterwards(base: Path, tmp_path: Path) -> None:
    """An erased entry is still proved to be in the log, by an old proof and by a new one."""
    directory = shutil.copytree(base, tmp_path / "log")
    with Journal(directory, KEY, ORIGIN) as journal:
        entry = bundle_entries(0, SIZE, Files(directory))[3]
        before = bytes(prove_inclusion(3, journal.checkpoint, Files(directory), entry))
        erase(journal, ERASED, SPANS)
        after = bytes(prove_inclusion(3, journal.checkpoint, Files(directory), entry))

    assert verify_inclusion(before, [KEY.verifier]).entry == verify_inclusion(after, [KEY.verifier]).entry


@pytest.mark.parametrize("disk_of", [CrashingDisk, ForgetfulDisk])
def test_a_stop_between_any_two_steps(base: Path, tmp_path: Path, disk_of: type[CrashingDisk]) -> None:
    """The dead log verifies as it lies; opened again everything that an entry says was erased is gone."""
    logs = stopped(base, tmp_path, disk_of, [KEY], lambda journal: erase(journal, ERASED, SPANS))
    *outcomes, _ = [_reopened(directory) for directory in logs]
    assert set(outcomes) == {0, len(GONE)}
    assert len(outcomes) > 20


def _reopened(directory: Path) -> int:
    """How many payloads are gone when the log was opened again: all or none."""
    prove(directory)
    with Journal(directory, KEY, ORIGIN) as journal:
        assert not (directory / erasure.MARK).exists()
        journal.append(statement(SIZE))
    found = prove(directory)
    assert left(directory) == set(range(SIZE + 1)) - (GONE if found.erased else set())
    shutil.rmtree(directory)
    return found.erased


@pytest.mark.parametrize(("failing", "error"), [
    ("write", ENOSPC), ("create", ENOSPC), ("sync", EIO), ("open_append", EIO), ("open_write", EIO), ("rename", EIO),
    ("sync_directory", EIO),
])  # fmt: skip
def test_a_disk_that_fails_once(base: Path, tmp_path: Path, failing: str, error: int) -> None:
    """At each such call: refused, and the next erasure or start finishes it. Entries after it are kept."""
    nth = 0
    while True:
        directory = shutil.copytree(base, tmp_path / f"{nth}")
        calls = [0, False]

        def fails(name: str, _: int, calls: list[int] = calls, nth: int = nth) -> bool:
            calls[0] += bool(calls[1]) and name == failing
            return bool(calls[1]) and name == failing and calls[0] == nth + 1

        journal = Journal(directory, KEY, ORIGIN, disk=FailingDisk(fails, error))
        calls[1] = True
        with suppress(Unavailable):
            erase(journal, ERASED, SPANS)
        done = calls[0] <= nth
        with suppress(Unavailable):
            journal.append(statement(SIZE))
        for _ in range(3):
            with suppress(Unavailable):
                journal.integrate()
        erase(journal, ERASED, SPANS)
        journal.close()
        assert left(directory) - {SIZE} == set(range(SIZE)) - GONE
        assert prove(directory).erased == len(GONE)
        shutil.rmtree(directory)
        if done:
            break
        nth += 1


def test_a_log_that_was_given_back_is_left_alone(base: Path, tmp_path: Path) -> None:
    """By an erasure in another thread that comes too late: its descriptors may be somebody else's."""
    directory = shutil.copytree(base, tmp_path / "log")
    journal = Journal(directory, KEY, ORIGIN)
    journal.close()
    before = left(directory)
    for late in (lambda: erase(journal, ERASED, SPANS), lambda: journal.append(statement(1)), journal.integrate):
        with pytest.raises(Unavailable, match="given back"):
            late()

    assert left(directory) == before
    Journal(directory, KEY, ORIGIN).close()


def test_what_retention_chooses(base: Path, tmp_path: Path) -> None:
    """Everything that is older, as one span from the first that still has a payload."""
    directory = shutil.copytree(base, tmp_path / "log")
    with Journal(directory, KEY, ORIGIN) as journal:
        read = Files(directory)
        assert aged(read, SIZE, START) == []
        assert aged(read, SIZE, START + 200) == [(0, 200)]
        erase(journal, ERASED, aged(read, SIZE, START + 200))
        assert aged(read, SIZE, START + 200) == []
        assert aged(read, SIZE, START + 201.5) == [(200, 202)]
        assert aged(read, SIZE, START + 10_000) == [(200, SIZE)]


def test_what_somebody_asked_for(base: Path, tmp_path: Path) -> None:
    """Entries of one person, in more than one entry of the log where there are very many."""
    directory = shutil.copytree(base, tmp_path / "log")
    with Journal(directory, KEY, ORIGIN) as journal:
        spans = chosen(Files(directory), SIZE, lambda leaf: leaf.fields["subject"] == "u-alice", needle=b"u-alice")
        assert spans == [(index, index + 1) for index in range(1, SIZE, 2)]
        erase(journal, ERASED, spans)
        assert chosen(Files(directory), SIZE, lambda leaf: leaf.fields.get("subject") == "u-alice") == []

    assert left(directory) == set(range(0, SIZE, 2))
    assert prove(directory).erased == SIZE // 2


def test_the_longest_list_fits_into_an_entry(tmp_path: Path) -> None:
    """Whatever the numbers are; the next entry has the rest."""
    far = 10**12
    spans = [(far + 2 * n, far + 2 * n + 1) for n in range(erasure.RANGES)]
    with Journal(tmp_path, KEY, ORIGIN) as journal:
        assert journal.append(erasure._saying(ERASED, spans)) == 0


def test_payloads_that_vanish_without_an_entry_are_missed(base: Path, tmp_path: Path) -> None:
    """Beside erased ones too."""
    directory = shutil.copytree(base, tmp_path / "log")
    with Journal(directory, KEY, ORIGIN) as journal:
        erase(journal, ERASED, SPANS)
    items = payload.unpack((directory / "payload/000").read_bytes(), 256)[0]
    (directory / "payload/000").write_bytes(payload.pack([*items[:99], b"", *items[100:]]))

    with pytest.raises(Unverified, match="payload of entry 99: it is missing, and no entry says"):
        prove(directory)


def test_a_mark_that_is_no_number(base: Path, tmp_path: Path) -> None:
    """Somebody has written there: the log is not opened."""
    directory = shutil.copytree(base, tmp_path / "log")
    (directory / erasure.MARK).write_text("nothing\n")

    with pytest.raises(Unavailable, match="damaged"):
        Journal(directory, KEY, ORIGIN, disk=Disk())
