"""Small private files."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gov.client.files import read_private, write_private
from gov.errors import ConfigError


def test_a_file_is_its_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    """File 0600, new directory 0700, no temporary file left."""
    path = tmp_path / "new" / "secret"
    before = os.umask(0)
    try:
        write_private(path, "one")
        write_private(path, "two")
    finally:
        os.umask(before)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["secret"]
    assert read_private(path, secret=True) == "two"


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """It may have been read; the hint is a command."""
    path = tmp_path / "secret"
    write_private(path, "x")
    path.chmod(0o640)

    with pytest.raises(ConfigError) as caught:
        read_private(path, secret=True)
    assert caught.value.hint == f"chmod 600 {path}"
    assert read_private(path) == "x"


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    """All or nothing."""
    path = tmp_path / "file"
    write_private(path, "old")

    with pytest.raises(UnicodeEncodeError):
        write_private(path, "\ud800")
    assert read_private(path) == "old"
    assert list(tmp_path.iterdir()) == [path]


COUNT = """
import sys
from pathlib import Path
from gov.client.files import locked, read_private, write_private
path = Path(sys.argv[1])
for _ in range(25):
    with locked(path.with_suffix(".lock")):
        write_private(path, str(int(read_private(path) or 0) + 1))
"""


def test_a_full_disk_is_said_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that fails names no file by itself, and would be taken for one to standard output."""
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(OSError, match="No space left") as failed:
        write_private(tmp_path / "kept", "x")

    assert failed.value.filename == str(tmp_path / "kept")
    assert list(tmp_path.iterdir()) == []


def test_one_process_at_a_time(tmp_path: Path) -> None:
    """Four processes that read and write back lose no update."""
    path = tmp_path / "counter"
    workers = [subprocess.Popen([sys.executable, "-c", COUNT, str(path)]) for _ in range(4)]

    assert [worker.wait(60) for worker in workers] == [0, 0, 0, 0]
    assert read_private(path) == "100"
