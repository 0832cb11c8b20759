"""The child that fills the index: behind the log by a look, ended with its broker, over damage and another log."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from audit.logs import KEY, ORIGIN, statements
from gov.broker import indexer
from gov.broker.indexer import ROOM, bring_up, fillers
from gov.store.disk import Files
from gov.store.filters import Filters
from gov.store.index import Index, Writer
from gov.store.journal import Journal
from gov.store.search import search


def test_the_process(tmp_path: Path) -> None:
    """Says how far it is, and ends when its standard input does."""
    with Journal(tmp_path / "log", KEY, ORIGIN) as journal:
        journal.append_many(statements(0, 300))
        journal.integrate()
        command = [sys.executable, "-m", "gov.broker.indexer", str(tmp_path / "log"), str(tmp_path / "index.db")]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert child.stdin is not None
        assert child.stdout is not None
        assert json.loads(child.stdout.readline()) == {"size": 300, "error": ""}
        journal.append_many(statements(300, 2))
        journal.integrate()
        assert json.loads(child.stdout.readline())["size"] == 302
        child.stdin.close()
        assert child.wait(30) == 0
        child.stdout.close()
    assert Index(tmp_path / "index.db").size == 302
    assert (tmp_path / "index.db").stat().st_mode & 0o777 == 0o600


FILLED = f"""
import os, sys
from types import SimpleNamespace
from gov.broker import indexer
os.statvfs = lambda path: SimpleNamespace(f_frsize=4096, f_bavail={ROOM} // 4096 + (not os.path.exists(sys.argv[3])))
indexer.main(sys.argv[1:])
"""
"""The process on a disk with no more than the last room for as long as the file of the third argument is there."""


def test_the_last_room_of_a_disk_is_not_for_the_index(tmp_path: Path) -> None:
    """It is not even begun there, says why, waits, and goes on when there is room again."""
    full = tmp_path / "full"
    full.touch()
    with Journal(tmp_path / "log", KEY, ORIGIN) as journal:
        journal.append_many(statements(0, 300))
        journal.integrate()
        command = [sys.executable, "-c", FILLED, str(tmp_path / "log"), str(tmp_path / "index.db"), str(full)]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert child.stdin is not None
        assert child.stdout is not None
        why = "the disk is nearly full, and its last room is for the log"
        assert json.loads(child.stdout.readline()) == {"size": 0, "error": why}
        assert not (tmp_path / "index.db").exists()
        full.unlink()
        assert json.loads(child.stdout.readline()) == {"size": 300, "error": ""}
        full.touch()
        assert json.loads(child.stdout.readline()) == {"size": 300, "error": why}
        journal.append_many(statements(300, 2))
        journal.integrate()
        full.unlink()
        assert json.loads(child.stdout.readline()) == {"size": 302, "error": ""}
        child.stdin.close()
        assert child.wait(30) == 0
        child.stdout.close()


def test_another_log_is_indexed_anew(tmp_path: Path) -> None:
    """Restored from a backup, or begun again under the same index: nothing of the old one is proposed."""
    for name, count in (("old", 40), ("new", 50)):
        with Journal(tmp_path / name, KEY, ORIGIN) as journal:
            journal.append_many(statements(2 if name == "new" else 0, count))
    path = tmp_path / "index.db"
    writer = Writer(path, fillers())
    assert not bring_up(writer, Files(tmp_path / "old"))
    assert not bring_up(writer, Files(tmp_path / "new"))
    (tmp_path / "index.db").unlink()
    assert not bring_up(writer, Files(tmp_path / "new"))  # somebody removed it
    writer.close()

    found = [each.index for each in search(Files(tmp_path / "new"), Filters(kind="statement"), Index(path))]
    assert found == [each.index for each in search(Files(tmp_path / "new"), Filters(kind="statement"))]
    assert Index(path).size == 50


def test_a_batch_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of so many entries and about so many bytes, so that none is as large as the room that is left."""
    with Journal(tmp_path / "log", KEY, ORIGIN) as journal:
        journal.append_many(statements(0, 10))
    writer = Writer(tmp_path / "index.db", fillers())
    assert bring_up(writer, Files(tmp_path / "log"), 4)
    assert writer.size == 4
    assert bring_up(writer, Files(tmp_path / "log"), 4)
    monkeypatch.setattr(indexer, "OCTETS", 1)
    assert bring_up(writer, Files(tmp_path / "log"), 4)
    assert writer.size == 9
    assert not bring_up(writer, Files(tmp_path / "log"), 4)
    writer.close()
