"""A change of keys that is stopped anywhere: the log holds as it lies, and the change is finished afterwards."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from audit.logs import KEY, ORIGIN, START, statements
from audit.vectors import NEXT
from gov.audit.entry import Entry
from gov.audit.verify import Verified, verify
from gov.errors import Unavailable
from gov.store.disk import Files
from gov.store.handover import hand_over, is_handed_over, sign_with
from gov.store.journal import Journal
from store.faults import EIO, CrashingDisk, FailingDisk, ForgetfulDisk, stopped

CHANGED = Entry("key.changed", START, {"old": str(KEY.verifier), "new": str(NEXT.verifier)})


def change(journal: Journal) -> None:
    """What the broker does once both keys are in its key file."""
    sign_with(journal, KEY, NEXT)
    index = journal.append(CHANGED)
    journal.sync()
    while journal.integrate() <= index:
        pass
    hand_over(journal, index, KEY, NEXT)


def prove(directory: Path, *, new: bool = False) -> Verified:
    """What the verifier says, for whoever has the old key, or the new one."""
    files = Files(directory)
    return verify(files, (NEXT if new else KEY).verifier, names=list(files.names()))


def finished(directory: Path) -> Path:
    """The next start, with both keys, and then without the old one."""
    prove(directory)
    with Journal(directory, [KEY, NEXT], ORIGIN) as journal:
        if not is_handed_over(journal, KEY, NEXT):
            change(journal)
        journal.append_many(statements(0, 1))
    Journal(directory, NEXT, ORIGIN).close()
    assert prove(directory).keys == (KEY.verifier, NEXT.verifier)
    assert prove(directory, new=True).pending == 0
    return directory


@pytest.fixture(scope="module", name="base")
def _base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("handover") / "log"
    with Journal(directory, KEY, ORIGIN) as journal:
        journal.append_many(statements(0, 4))
    return directory


@pytest.mark.parametrize("disk_of", [CrashingDisk, ForgetfulDisk])
def test_a_stop_between_any_two_steps(base: Path, tmp_path: Path, disk_of: type[CrashingDisk]) -> None:
    """Of the process, and of the machine with what was not synced."""
    logs = 0
    for directory in stopped(base, tmp_path, disk_of, [KEY, NEXT], change):
        shutil.rmtree(finished(directory))
        logs += 1
    assert logs > 21


@pytest.mark.parametrize("failing", ["create", "rename", "sync_directory", "sync", "write"])
def test_a_disk_that_fails_once(base: Path, tmp_path: Path, failing: str) -> None:
    """At each such call: refused, and done again."""
    nth, done = 0, False
    while not done:
        directory = shutil.copytree(base, tmp_path / f"{nth}")
        calls = [0, 0]

        def fails(name: str, _: int, calls: list[int] = calls, nth: int = nth) -> bool:
            calls[0] += calls[1] and name == failing
            return bool(calls[1]) and name == failing and calls[0] == nth + 1

        journal = Journal(directory, [KEY, NEXT], ORIGIN, disk=FailingDisk(fails, EIO))
        calls[1] = 1
        with suppress(Unavailable):
            change(journal)
        done, calls[1] = calls[0] <= nth, 0
        journal.close()
        shutil.rmtree(finished(directory))
        nth += 1
