"""What was acknowledged is in the log, once, in its place, whatever happened to process and disk."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from audit.logs import KEY, ORIGIN, load
from gov.audit.entry import Entry
from gov.audit.note import SigningKey
from gov.audit.verify import Verified, verify
from gov.errors import ConfigError, TooComplex, Unavailable
from gov.store.disk import Disk, Files
from gov.store.journal import Journal
from gov.store.search import Filters, search
from store.faults import EIO, ENOSPC, Crash, CrashingDisk, FailingDisk, ForgetfulDisk


def entry(text: str) -> Entry:
    """A statement that can be recognised."""
    return Entry("statement", 1769860800.0, {"verdict": "allow"}, {"text": text})


def texts(directory: Path) -> list[str]:
    """All statements in the log, oldest first."""
    found = [str((view.payload or {})["text"]) for view in search(Files(directory), Filters())]
    return found[::-1]


def prove(directory: Path) -> Verified:
    """What the verifier says of the log as it lies there."""
    files = Files(directory)
    return verify(files, KEY.verifier, names=list(files.names()))


@pytest.fixture(name="open_journal")
def _open_journal(tmp_path: Path) -> Callable[..., Journal]:
    return lambda disk=None: Journal(tmp_path / "audit", KEY, ORIGIN, disk=disk)


def test_an_entry_is_in_the_log_at_once_and_in_the_tree_soon(tmp_path: Path) -> None:
    """Index by index; the checkpoint follows with `integrate`."""
    with Journal(tmp_path, KEY, ORIGIN) as journal:
        assert [journal.append(entry("a")), journal.append(entry("b"))] == [0, 1]
        assert (journal.size, journal.durable, prove(tmp_path).size, prove(tmp_path).pending) == (2, 0, 0, 2)
        assert journal.sync() == journal.durable == 2
        assert journal.integrate() == prove(tmp_path).size == 2
        assert journal.append_many([entry("c"), entry("d")]) == 4
        assert texts(tmp_path) == ["a", "b", "c", "d"]

    assert prove(tmp_path).size == 4
    assert prove(tmp_path).pending == 0


def test_an_empty_log_has_a_checkpoint(tmp_path: Path) -> None:
    """Of size 0: whoever removes everything is found out by whoever saw more."""
    with Journal(tmp_path, KEY, ORIGIN) as journal:
        assert journal.checkpoint.startswith(f"{ORIGIN}\n0\n".encode())
        assert journal.append_many([]) == 0

    assert prove(tmp_path).size == 0


@pytest.mark.parametrize("step", [1, 7, 255, 256, 257, 1000])
def test_the_log_is_the_same_however_it_is_cut(tmp_path: Path, step: int) -> None:
    """Reopened after every step, over bundle borders."""
    for first in range(0, 520, step):
        if step > 1 or first % 100 == 0:
            with Journal(tmp_path, KEY, ORIGIN) as journal:
                journal.append_many(entry(str(n)) for n in range(journal.size, min(first + step, 520)))
    with Journal(tmp_path, KEY, ORIGIN) as journal:
        journal.append_many(entry(str(n)) for n in range(journal.size, 520))

    assert texts(tmp_path) == [str(n) for n in range(520)]
    assert prove(tmp_path).size == 520


def test_partial_tiles_go_when_the_full_one_is_there(tmp_path: Path) -> None:
    """Older checkpoints are served from the full tile, as tlog-tiles says."""
    with Journal(tmp_path, KEY, ORIGIN) as journal:
        for _ in range(3):
            journal.append_many(map(entry, map(str, range(100))))
            journal.integrate()

    names = set(load(tmp_path))
    assert {"tile/0/000", "tile/entries/000", "tile/0/001.p/44", "tile/1/000.p/1"} <= names
    assert not [name for name in names if "/000.p/" in name and not name.startswith("tile/1/")]


def test_files_are_for_the_broker_only(tmp_path: Path) -> None:
    """Payloads hold statements."""
    with Journal(tmp_path / "audit", KEY, ORIGIN) as journal:
        journal.append(entry("a"))

    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "audit").rglob("*"))


def test_one_writer_at_a_time(open_journal: Callable[..., Journal]) -> None:
    """A second broker on the same directory is refused; after the first it may."""
    with open_journal(), pytest.raises(Unavailable, match="another process"):
        open_journal()

    open_journal().close()


def test_a_log_of_another_key_is_refused(tmp_path: Path) -> None:
    """Going on with a new key would make every known checkpoint worthless."""
    Journal(tmp_path, KEY, ORIGIN).close()

    with pytest.raises(ConfigError, match="another key"):
        Journal(tmp_path, SigningKey(ORIGIN, bytes(32)), ORIGIN)
    with pytest.raises(ConfigError, match="named"):
        Journal(tmp_path, KEY, "elsewhere")
    Journal(tmp_path, KEY, ORIGIN).close()


def test_a_directory_of_something_else_is_left_alone(tmp_path: Path) -> None:
    """Nor is a log begun anew where the checkpoint was taken away."""
    with Journal(tmp_path / "log", KEY, ORIGIN) as journal:
        journal.append(entry("a"))
    (tmp_path / "log" / "checkpoint").unlink()
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear-bob").write_text("hello")

    for name in ("log", "letters"):
        with pytest.raises(Unavailable, match="no checkpoint"):
            Journal(tmp_path / name, KEY, ORIGIN)


@pytest.mark.parametrize("name", ["tile/0/000.p/3", "tile/entries/000.p/3", "payload/000"])
def test_a_log_that_lacks_a_file_is_not_written(tmp_path: Path, name: str) -> None:
    """The hint says how to look closer."""
    with Journal(tmp_path, KEY, ORIGIN) as journal:
        journal.append_many(map(entry, "abc"))
    (tmp_path / name).unlink()

    with pytest.raises(Unavailable, match="damaged") as error:
        Journal(tmp_path, KEY, ORIGIN)
    assert error.value.hint == f"gov audit verify --dir {tmp_path}"


def test_a_damaged_journal_is_not_passed_over(tmp_path: Path) -> None:
    """A line in its middle was changed: nothing is dropped, nothing is written."""
    with Journal(tmp_path, KEY, ORIGIN) as journal:
        journal.append_many(map(entry, "abc"))
        (path,) = (tmp_path / "journal").iterdir()
        content = path.read_bytes()
    path.write_bytes(content.replace(b'"text":"a"', b'"text":"x"'))

    with pytest.raises(Unavailable, match="line 1 is damaged"):
        Journal(tmp_path, KEY, ORIGIN)


def test_too_long_an_entry_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    """The statement is refused; the log goes on."""
    with Journal(tmp_path, KEY, ORIGIN) as journal:
        with pytest.raises(TooComplex):
            journal.append_many([entry("a"), Entry("statement", 1.0, {"command": "x" * 65_536})])
        journal.append(entry("b"))

    assert texts(tmp_path) == ["b"]


def test_appending_goes_on_while_others_sync_and_integrate(tmp_path: Path) -> None:
    """Three threads for a while: nothing lost, nothing twice, every acknowledged sync true."""
    done = threading.Event()
    with Journal(tmp_path, KEY, ORIGIN) as journal:

        def repeat(action: Callable[[], int]) -> None:
            while not done.is_set():
                action()

        threads = [threading.Thread(target=repeat, args=(act,)) for act in (journal.sync, journal.integrate)]
        for thread in threads:
            thread.start()
        indexes = [journal.append(entry(str(n))) for n in range(2000)]
        done.set()
        for thread in threads:
            thread.join()

    assert indexes == list(range(2000))
    assert texts(tmp_path) == [str(n) for n in range(2000)]
    assert prove(tmp_path).size == 2000


# crashes


class Story:
    """A life of a log, and what was acknowledged in it."""

    def __init__(self) -> None:
        self.appended: list[str] = []
        self.synced = 0

    def play(self, directory: Path, disk: Disk) -> None:
        """Some of everything, over a bundle border."""
        with Journal(directory, KEY, ORIGIN, disk=disk) as journal:
            self._append(journal, 2)
            self._sync(journal)
            self._append(journal, 1)
            journal.integrate()
            self._append(journal, 254)
            journal.integrate()
            self._append(journal, 2)
            self._sync(journal)
            journal.integrate()
            self._append(journal, 1)

    def _append(self, journal: Journal, number: int) -> None:
        new = [str(len(self.appended) + n) for n in range(number)]
        journal.append_many(map(entry, new))
        self.appended += new

    def _sync(self, journal: Journal) -> None:
        self.synced = journal.sync()


STEPS = 190
"""More operations than the story takes."""


@pytest.mark.parametrize("survive", range(STEPS))
def test_a_crash_between_any_two_operations(tmp_path: Path, survive: int) -> None:
    """The dead log verifies as it lies; reopened it has all that was acknowledged, once, and goes on."""
    story, disk = Story(), CrashingDisk(survive)
    with suppress(Crash):
        story.play(tmp_path, disk)
    disk.release()

    assert disk.operations < STEPS - 1
    if (tmp_path / "checkpoint").exists() and any((tmp_path / "journal").glob("*")):
        prove(tmp_path)
    reopen_and_go_on(tmp_path, story.appended)


@pytest.mark.parametrize("survive", range(STEPS))
def test_a_power_cut_between_any_two_operations(tmp_path: Path, survive: int) -> None:
    """Whatever was synced is there; so is what the tree had signed."""
    story, disk = Story(), ForgetfulDisk(survive)
    with suppress(Crash):
        story.play(tmp_path, disk)
    disk.release()
    disk.lose_power()

    reopen_and_go_on(tmp_path, story.appended[: story.synced])


def reopen_and_go_on(directory: Path, acknowledged: list[str]) -> None:
    """The next start of the broker."""
    with Journal(directory, KEY, ORIGIN) as journal:
        found = texts(directory)
        assert found[: len(acknowledged)] == acknowledged
        assert found == [str(n) for n in range(len(found))]  # what came later was written, not yet answered
        journal.append(entry("afterwards"))

    assert texts(directory) == [*found, "afterwards"]
    assert prove(directory).torn == 0


# failures


@pytest.mark.parametrize("error", [ENOSPC, EIO])
@pytest.mark.parametrize("failing", ["write", "truncate", "sync", "open_append", "rename", "sync_directory"])
def test_a_disk_that_fails_now_and_then(tmp_path: Path, failing: str, error: int) -> None:
    """Every third such operation fails. What was not refused is there, in order; what was refused is not."""
    turn, armed = count(), [False]
    disk = FailingDisk(lambda name, _: armed[0] and name == failing and next(turn) % 3 == 2, error)
    journal = Journal(tmp_path, KEY, ORIGIN, disk=disk)
    armed[0] = True
    acknowledged = []
    for number in range(40):
        try:
            journal.append(entry(str(number)))
            acknowledged.append(str(number))
            if number % 3 == 0:
                journal.sync()
            if number % 5 == 0:
                journal.integrate()
        except Unavailable:
            pass
    settle(tmp_path, journal)

    assert texts(tmp_path) == acknowledged
    assert prove(tmp_path).size == len(acknowledged) >= 10


def settle(directory: Path, journal: Journal) -> None:
    """Close the journal, and open it once more on a disk that works."""
    with suppress(Unavailable):
        journal.close()
    Journal(directory, KEY, ORIGIN).close()


def test_a_full_disk_refuses_and_recovers(tmp_path: Path) -> None:
    """While it is full nothing is acknowledged, and half a line is not left in the way."""
    full = [False]
    disk = FailingDisk(lambda name, _: name == "write" and full[0], ENOSPC)
    with Journal(tmp_path, KEY, ORIGIN, disk=disk) as journal:
        journal.append(entry("before"))
        full[0] = True
        for _ in range(3):
            with pytest.raises(Unavailable, match="cannot be written"):
                journal.append(entry("during"))
            with pytest.raises(Unavailable):
                journal.integrate()
        full[0] = False
        journal.append(entry("after"))

    assert texts(tmp_path) == ["before", "after"]
    assert prove(tmp_path).size == 2


def test_a_full_disk_is_not_littered(tmp_path: Path) -> None:
    """An integration that fails again and again leaves one journal file, not one a second."""
    disk = FailingDisk(lambda name, _: name == "rename", ENOSPC)
    Journal(tmp_path, KEY, ORIGIN).close()
    journal = Journal(tmp_path, KEY, ORIGIN, disk=disk)
    journal.append(entry("a"))
    for _ in range(5):
        with pytest.raises(Unavailable):
            journal.integrate()

    assert len(list((tmp_path / "journal").iterdir())) == 2
    settle(tmp_path, journal)
    assert texts(tmp_path) == ["a"]


def test_after_a_failed_sync_nothing_is_acknowledged_until_all_is_in_the_tree(tmp_path: Path) -> None:
    """The kernel forgets what it could not write; asking it again would be answered with success."""
    failing = [True]
    disk = FailingDisk(lambda name, _: name == "sync" and failing[0], EIO)
    Journal(tmp_path, KEY, ORIGIN).close()
    with Journal(tmp_path, KEY, ORIGIN, disk=disk) as journal:
        journal.append(entry("a"))
        with pytest.raises(Unavailable, match="Input/output"):
            journal.sync()
        failing[0] = False
        with pytest.raises(Unavailable, match="closed"):
            journal.append(entry("b"))
        with pytest.raises(Unavailable, match="closed"):
            journal.sync()
        assert journal.durable == 0
        assert journal.integrate() == journal.durable == 1
        journal.append(entry("c"))
        assert journal.sync() == 2

    assert texts(tmp_path) == ["a", "c"]


@pytest.mark.parametrize("takes", [Path.unlink, lambda path: path.rename(path.with_name("elsewhere"))])
def test_a_journal_that_was_taken_away_is_noticed(tmp_path: Path, takes: Callable[[Path], object]) -> None:
    """Integrating says so and refuses; then what was in it goes into the tree from memory."""
    with Journal(tmp_path, KEY, ORIGIN) as journal:
        journal.append(entry("a"))
        (path,) = (tmp_path / "journal").iterdir()
        takes(path)
        with pytest.raises(Unavailable, match="removed or replaced"):
            journal.integrate()
        with pytest.raises(Unavailable, match="closed"):
            journal.append(entry("b"))
        assert journal.integrate() == 1
        journal.append(entry("c"))

    assert texts(tmp_path) == ["a", "c"]


def test_a_journal_that_was_cut_short_is_noticed(tmp_path: Path) -> None:
    """Before anybody is told that an entry is on the disk."""
    with Journal(tmp_path, KEY, ORIGIN) as journal:
        journal.append(entry("a"))
        (path,) = (tmp_path / "journal").iterdir()
        os.truncate(path, 10)
        with pytest.raises(Unavailable, match="was cut short"):
            journal.sync()
        assert journal.integrate() == 1

    assert texts(tmp_path) == ["a"]
    assert prove(tmp_path).size == 1


def test_a_checkpoint_that_was_taken_away_is_noticed(tmp_path: Path) -> None:
    """Removed, cut short or an older one: refused, then written anew."""
    with Journal(tmp_path, KEY, ORIGIN) as journal:
        older = journal.checkpoint
        journal.append(entry("a"))
        journal.integrate()
        for content in (None, b"", older):
            (tmp_path / "checkpoint").unlink()
            if content is not None:
                (tmp_path / "checkpoint").write_bytes(content)
            with pytest.raises(Unavailable, match="checkpoint was removed or replaced"):
                journal.integrate()
            with pytest.raises(Unavailable, match="checkpoint was removed or replaced"):
                journal.append(entry("b"))
            assert journal.integrate() == 1
            assert (tmp_path / "checkpoint").read_bytes() == journal.checkpoint
        assert journal.noticed == "checkpoint was removed or replaced"
        journal.append(entry("c"))

    assert texts(tmp_path) == ["a", "c"]
    assert prove(tmp_path).size == 2


@pytest.mark.parametrize("name", [".", "journal", "tile", "payload"])
@pytest.mark.parametrize("replaced", [False, True])
def test_a_directory_that_was_taken_away_is_noticed(tmp_path: Path, name: str, replaced: bool) -> None:
    """Nothing is written until it is back, whatever has taken its name; then all goes on, and nothing is missing."""
    path = tmp_path / "audit" / name
    with Journal(tmp_path / "audit", KEY, ORIGIN) as journal:
        journal.append(entry("a"))
        journal.integrate()
        journal.append(entry("b"))
        path.rename(tmp_path / "elsewhere")
        if replaced:
            path.mkdir()
        for _ in range(3):
            with pytest.raises(Unavailable, match="was removed or replaced"):
                journal.integrate()
            with pytest.raises(Unavailable, match="was removed or replaced"):
                journal.append(entry("refused"))
        if replaced:
            assert list(path.iterdir()) == []
            path.rmdir()
        (tmp_path / "elsewhere").rename(path)
        assert journal.integrate() == 2
        journal.append(entry("c"))
        assert journal.sync() == 3

    assert texts(tmp_path / "audit") == ["a", "b", "c"]
    assert prove(tmp_path / "audit").size == 3


def test_a_sync_notices_that_the_file_has_another_name(tmp_path: Path) -> None:
    """Before anybody is told that an entry is on the disk, not a second later."""
    with Journal(tmp_path, KEY, ORIGIN) as journal:
        journal.append(entry("a"))
        (path,) = (tmp_path / "journal").iterdir()
        path.rename(tmp_path / "elsewhere")
        with pytest.raises(Unavailable, match="was removed or replaced"):
            journal.sync()
        assert journal.durable == 0
        (tmp_path / "elsewhere").unlink()
        assert journal.integrate() == 1

    assert texts(tmp_path) == ["a"]


@pytest.mark.parametrize("failing", ["remove", "remove_directory"])
def test_what_cannot_be_tidied_away_is_in_the_log_once(tmp_path: Path, failing: str) -> None:
    """Partial tiles and old journal files that stay where they are do no harm, and go when they can."""
    journal = Journal(tmp_path, KEY, ORIGIN, disk=(disk := Untidy()))
    numbers = list(map(str, range(300)))
    journal.append_many(map(entry, numbers[:200]))
    journal.integrate()
    journal.append_many(map(entry, numbers[200:]))
    disk.failing = failing
    for _ in range(3):
        with pytest.raises(Unavailable, match="Input/output"):
            journal.integrate()
    disk.failing = ""
    assert journal.integrate() == 300
    journal.close()

    assert texts(tmp_path) == numbers
    assert prove(tmp_path).size == 300
    assert len(list((tmp_path / "journal").iterdir())) == 1
    assert not (tmp_path / "tile/0/000.p").exists()


class Untidy(Disk):
    """A disk on which nothing can be removed."""

    failing = ""

    def remove(self, path: Path) -> None:
        """Fail when told to."""
        if self.failing == "remove" and path.parent.name == "journal":
            raise OSError(EIO, os.strerror(EIO))
        super().remove(path)

    def remove_directory(self, path: Path) -> None:
        """Fail when told to."""
        if self.failing == "remove_directory":
            raise OSError(EIO, os.strerror(EIO))
        super().remove_directory(path)


def test_a_disk_that_never_syncs_is_not_littered(tmp_path: Path) -> None:
    """However often the tree is tried, there is the old journal file and a new one."""
    Journal(tmp_path, KEY, ORIGIN).close()
    failing = [True]
    journal = Journal(tmp_path, KEY, ORIGIN, disk=FailingDisk(lambda name, _: name == "sync" and failing[0], EIO))
    journal.append(entry("a"))
    for _ in range(6):
        with pytest.raises(Unavailable):
            journal.integrate()

    assert len(list((tmp_path / "journal").iterdir())) == 2
    failing[0] = False
    journal.close()
    assert texts(tmp_path) == ["a"]


def test_a_name_whose_sync_failed_is_not_believed_later(tmp_path: Path) -> None:
    """A journal file is begun under another name, and the first one goes."""
    Journal(tmp_path, KEY, ORIGIN).close()
    broken = [False]
    disk = FailingDisk(lambda name, _: name == "sync_directory" and broken[0], EIO)
    journal = Journal(tmp_path, KEY, ORIGIN, disk=disk)
    journal.append(entry("a"))
    before = {path.name for path in (tmp_path / "journal").iterdir()}
    broken[0] = True
    with pytest.raises(Unavailable):
        journal.integrate()
    assert {path.name for path in (tmp_path / "journal").iterdir()} == before
    broken[0] = False
    assert journal.integrate() == 1
    (now,) = (path.name for path in (tmp_path / "journal").iterdir())
    assert int(now) == int(*before) + 2
    journal.close()


class Overtaken(Disk):
    """A disk on which somebody appends just after a sync has looked how long the file is."""

    def __init__(self) -> None:
        self.overtake: Callable[[], object] | None = None

    def length(self, fd: int) -> int:
        """The length before the append."""
        length = super().length(fd)
        if (overtake := self.overtake) is not None:
            self.overtake = None
            overtake()
        return length


def test_an_append_beside_a_sync_is_not_taken_for_a_file_cut_short(tmp_path: Path) -> None:
    """Appends go on while another thread waits for the disk."""
    disk = Overtaken()
    with Journal(tmp_path, KEY, ORIGIN, disk=disk) as journal:
        journal.append(entry("a"))
        disk.overtake = lambda: journal.append(entry("b"))

        assert journal.sync() == 1
        assert journal.sync() == 2

    assert texts(tmp_path) == ["a", "b"]
