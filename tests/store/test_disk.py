"""The files of a log are plain files: nothing that lies in their place leads anywhere else."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gov.broker.rotating import links
from gov.store.disk import Disk, Files


@pytest.fixture(name="log")
def _log(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("PRIVATE+KEY+")
    log = tmp_path / "log"
    (log / "key").mkdir(parents=True)
    (log / "there").write_text("x")
    return log


def test_only_plain_files_are_read(log: Path) -> None:
    """No link is followed, and nothing that never ends is waited for."""
    (log / "link").symlink_to(log.parent / "secret")
    (log / "device").symlink_to("/dev/zero")
    (log / "loop").symlink_to("loop")
    os.mkfifo(log / "fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(log / "socket"))
    read = Files(log)

    assert read("there") == b"x"
    assert [read(name) for name in (*(each.name for each in log.iterdir() if each.name != "there"), "none", "there/x",
                                    "../secret")] == [None] * 9


def test_only_plain_files_are_written(log: Path) -> None:
    """A link does not make a broker overwrite its own state, or somebody's."""
    (log / "link").symlink_to(log.parent / "secret")
    disk = Disk()
    for write in (disk.open_append, disk.open_write, lambda path: disk.create(path, b"")):
        with pytest.raises(OSError):
            write(log / "link")
    assert (log.parent / "secret").read_text() == "PRIVATE+KEY+"


def test_what_is_published_of_keys(log: Path) -> None:
    """Proofs alone, to whoever may write into the log's directory too: everybody can read them without a login."""
    (log / "key" / "0a1b2c3d.tlog-proof").write_text("a proof")
    (log / "key" / "1a1b2c3d.tlog-proof").symlink_to(log.parent / "secret")
    for name in ("x", "audit.key", "0a1b2c3d.tlog-proof.bak"):
        (log / "key" / name).write_text("PRIVATE+KEY+")
    (log / "key" / "2a1b2c3d.tlog-proof").write_bytes(b"\xff")
    house = cast(Any, SimpleNamespace(config=SimpleNamespace(audit=SimpleNamespace(directory=str(log)))))

    assert links(house) == {"key/0a1b2c3d.tlog-proof": "a proof", "key/2a1b2c3d.tlog-proof": "\ufffd"}
