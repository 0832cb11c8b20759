"""Disks that can be filled and emptied under a running broker."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SIZE = 3 << 20
"""Bytes of a small file system."""


class SmallDisk:
    """A directory on a file system of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._ballast = directory / "ballast"

    def fill(self, pid: int) -> None:
        """Leave no room for a single block."""
        with self._ballast.open("wb", buffering=0) as file:
            for piece in (1 << 16, 1 << 12, 1):
                while _written(file.fileno(), bytes(piece)):
                    pass

    def empty(self, pid: int) -> None:
        """Give the room back."""
        self._ballast.unlink()


def _written(fd: int, data: bytes) -> bool:
    try:
        return os.write(fd, data) == len(data)
    except OSError:
        return False


class Limit(SmallDisk):
    """A directory anywhere, and a process that may not make any file longer: for those who may not mount."""

    def fill(self, pid: int) -> None:
        """From now on every write of the broker ends in EFBIG."""
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))

    def empty(self, pid: int) -> None:
        """And from now on in none."""
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@contextmanager
def mounted(directory: Path, kind: str) -> Iterator[SmallDisk]:
    """A small `tmpfs` or `ext4` at `directory`, or the `limit`; the test is skipped where that is not permitted."""
    directory.mkdir()
    if kind == "limit":
        yield Limit(directory)
        return
    image = directory.with_name(f"{directory.name}.img")
    if kind == "tmpfs":
        command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(directory)]
    else:
        image.write_bytes(bytes(SIZE))
        _run(["mkfs.ext4", "-q", "-m", "0", str(image)])
        command = ["mount", "-o", "loop", str(image), str(directory)]
    _run(command)
    try:
        yield SmallDisk(directory)
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True, timeout=60)


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except FileNotFoundError as error:
        pytest.skip(f"no file system of its own: {error}")
    if done.returncode:
        pytest.skip(f"no file system of its own: {' '.join(command[:3])}: {done.stderr.strip()}")
