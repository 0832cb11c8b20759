"""A sample of the fault harness, and the proof that each of its invariants catches a bug (see `run.py`)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from errno import EIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from faults.calls import HANG, Calls, Fault
from faults.plants import PLANTS
from faults.run import Result, faults, play, sample
from faults.story import INVARIANTS, run

CAUGHT = {
    "ignore-fsync-error": ("fsync", {"verifies", "recovers", "acknowledged"}),
    "believe-second-fsync": ("fsync journal", {"acknowledged", "recovers"}),
    "forget-refusing": ("write journal", {"recorded", "acknowledged", "verifies"}),
    "acknowledge-before-sync": ("fsync", {"acknowledged"}),
    "leave-half-a-line": ("write journal", {"recovers", "verifies"}),
    "stay-closed": ("fsync journal", {"recovers"}),
    "another-sqlstate": ("write journal", {"refused"}),
    "wait-for-ever": ("fsync journal", {"bounded"}),
    "write-in-the-loop": ("write journal", {"bounded"}),
    "forget-erasing": ("rename payload", {"erased"}),
}
"""Plant to the calls to fail under it, and the invariants that may break."""
HANGING = {"wait-for-ever", "write-in-the-loop"}
"""The plants that calls have to hang for."""


@pytest.fixture(name="memory")
def _memory(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory where there is one: what a real disk takes for a sync would be most of the time."""
    shared = Path("/dev/shm")
    if not os.access(shared, os.W_OK):
        yield tmp_path
        return
    with TemporaryDirectory(dir=shared) as directory:
        yield Path(directory)


def planted(directory: Path, plant: str, only: str) -> set[str]:
    """Which invariants broke in some stories."""
    for first in (*range(50, 250, 10), *range(0, 50, 10)):  # the rarest is known to be caught soon after 50
        result = Result()
        with PLANTS[plant]():
            sample(directory, range(first, first + 10), result, only)
        if result.findings:
            break
    return {each["invariant"] for each in result.findings}


def test_a_sample_of_faults_breaks_nothing(memory: Path) -> None:
    """Stories with a fault somewhere: nothing promised is missing, all is refused with 58000, it heals."""
    result = Result()
    sample(memory, range(24), result)

    assert result.findings == []
    assert result.stories == 24
    assert len(result.by_operation) > 10


@pytest.mark.parametrize("plant", sorted(set(PLANTS) - HANGING))
def test_a_planted_bug_is_caught(memory: Path, plant: str) -> None:
    """By the invariant that it breaks."""
    only, expected = CAUGHT[plant]

    found = planted(memory, plant, only)

    assert found
    assert found <= expected


@pytest.mark.parametrize("plant", sorted(HANGING))
def test_a_wait_without_a_bound_is_caught(memory: Path, monkeypatch: pytest.MonkeyPatch, plant: str) -> None:
    """A sync or a write that hangs, and a trail that waits for it whatever it takes."""
    monkeypatch.setattr("faults.story.BOUND", 1.0)
    monkeypatch.setattr("faults.calls.HANGS_FOR", 3.0)
    result, seeds = Result(), iter(range(20))
    with PLANTS[plant]():
        while not result.findings:
            play(memory, next(seeds), Fault(CAUGHT[plant][0], 2, HANG), result)

    assert {each["invariant"] for each in result.findings} == {"bounded"}


def test_every_invariant_has_a_plant() -> None:
    """And every plant is expected to be caught."""
    assert CAUGHT.keys() == PLANTS.keys()
    assert set().union(*(broken for _, broken in CAUGHT.values())) == set(INVARIANTS)


def test_every_kind_of_file_is_reached(memory: Path) -> None:
    """The faults of a few stories are at journal, tiles, payloads, checkpoint, staging and directories."""
    operations = {fault.operation for seed in range(6) for fault in faults(run(memory, seed)[0])}

    assert {
        "write journal", "fsync journal", "open journal", "unlink journal", "write payload",
        "fsync payload", "open payload", "write new", "fsync new", "open new", "rename tile", "rename checkpoint",
        "fsync journal/", "fsync tile", "fsync .", "rmdir tile", "unlink tile", "list tile",
    } <= operations  # fmt: skip


def test_a_power_cut_takes_what_no_sync_covered(tmp_path: Path) -> None:
    """The disk of the harness keeps no more than it promised: neither bytes nor names, nor what a sync failed at."""
    calls = Calls(tmp_path)
    fd = calls.open(tmp_path / "journal", 0o2101, 0o600)  # O_WRONLY | O_CREAT | O_APPEND
    calls.write(fd, b"kept,")
    calls.fdatasync(fd)
    directory = calls.open(tmp_path, 0o200000)  # O_DIRECTORY
    calls.fsync(directory)
    calls.arm(Fault("fsync journal/", 1, EIO))
    calls.write(fd, b"lost,")
    with pytest.raises(OSError, match="Input/output"):
        calls.fdatasync(fd)
    calls.release()
    calls.fdatasync(fd)
    calls.close(calls.open(tmp_path / "unnamed", 0o2101, 0o600))
    calls.abandon()
    calls.lose_power(zeros=False)

    assert (tmp_path / "journal").read_bytes() == b"kept,"
    assert not (tmp_path / "unnamed").exists()


def test_it_runs_by_itself() -> None:
    """`run.py` as the page says, with an exit status for machines."""
    command = [sys.executable, str(Path(__file__).with_name("run.py")), "--seeds", "2", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)

    assert done.returncode == 0, done.stdout + done.stderr
    assert '"findings": []' in done.stdout
