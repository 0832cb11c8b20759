"""The index: a copy of what the log can be found by, that forgets what the log forgets."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.logs import KEY, ORIGIN
from gov.audit.entry import Entry
from gov.broker.indexer import bring_up
from gov.store.disk import Files
from gov.store.filters import Filters
from gov.store.index import EntryFiller, Index, Writer
from gov.store.journal import Journal
from gov.store.log import forwards
from gov.store.search import search

AT = 1769860800.0


def said(n: int, who: str, text: str, **fields: object) -> Entry:
    """A statement with its text."""
    return Entry(
        "statement", AT + n, {"principal": who, "subject": f"id-{len(who)}", "session": f"ss-{len(who)}", **fields},
        {"text": text},
    )


def fill(directory: Path, path: Path) -> Index:
    """Bring the index up to the log, a few entries at a time."""
    writer = Writer(path, [EntryFiller()])
    while part := [*islice(forwards(Files(directory), writer.size), 3)]:
        writer.add(part)
    writer.close()
    return Index(path)


def everything(path: Path) -> bytes:
    """All bytes of the index's files."""
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return b"".join(each.read_bytes() for each in path.parent.glob(f"{path.name}*"))


def test_a_text_that_many_say_is_kept_once(tmp_path: Path) -> None:
    """Applications repeat themselves."""
    with Journal(tmp_path / "log", KEY, ORIGIN) as journal:
        journal.append_many(said(n, "alice", "select * from orders") for n in range(50))
        fill(tmp_path / "log", tmp_path / "index.db")
    with sqlite3.connect(tmp_path / "index.db") as connection:
        assert connection.execute("SELECT count(*) FROM said").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM who").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM entry").fetchone() == (50,)


def test_what_retention_erases_is_erased_from_the_index(tmp_path: Path) -> None:
    """Every byte of it, names too; what others still say stays."""
    with Journal(tmp_path / "log", KEY, ORIGIN) as journal:
        journal.append_many([
            said(0, "zoebrandt", "select 'quitesecret'"), said(1, "zoebrandt", "select shared"),
            said(2, "alice", "select shared"),
        ])
        index = fill(tmp_path / "log", tmp_path / "index.db")
        assert b"quitesecret" in everything(index.path)
        journal.append_many([Entry("log.erased", AT + 3, {"first": 0, "end": 2})])
        fill(tmp_path / "log", tmp_path / "index.db")

        left = everything(index.path)
        assert b"quitesecret" not in left
        assert b"zoebrandt" not in left
        assert b"select shared" in left
        with index.reading() as connection:
            assert not connection.execute("SELECT 1 FROM term WHERE facet = 'name' AND value = 'zoebrandt'").fetchall()
            assert not connection.execute("SELECT 1 FROM words WHERE words MATCH '\"quitesecret\"'").fetchall()
            assert connection.execute("SELECT count(*) FROM words WHERE words MATCH '\"shared\"'").fetchone() == (1,)
        journal.append_many([said(4, "zoebrandt", "select again")])
        fill(tmp_path / "log", tmp_path / "index.db")
        found = search(Files(tmp_path / "log"), Filters(principal="zoebrandt"), index)
        assert next(found).index == 4


def test_what_was_erased_is_not_left_in_the_write_ahead_log(tmp_path: Path) -> None:
    """The files lie open, as they do beside a broker: nobody closes them, and somebody reads."""
    path = tmp_path / "index.db"
    writer = Writer(path, [EntryFiller()])
    with Journal(tmp_path / "log", KEY, ORIGIN) as journal:
        journal.append_many([said(0, "zoebrandt", "select 'quitesecret'"), said(1, "alice", "select shared")])
        journal.integrate()
        bring_up(writer, Files(tmp_path / "log"))
        journal.append_many([Entry("log.erased", AT + 2, {"first": 0, "end": 1})])
        journal.integrate()
        with Index(path).reading() as connection:
            assert connection.execute("SELECT count(*) FROM said").fetchone() == (2,)
            writer._connection.execute("PRAGMA busy_timeout = 0")
            bring_up(writer, Files(tmp_path / "log"))
        bring_up(writer, Files(tmp_path / "log"))  # as it does every second

    left = b"".join(each.read_bytes() for each in tmp_path.glob("index.db*"))
    assert b"quitesecret" not in left
    assert b"zoebrandt" not in left
    assert b"select shared" in left


@pytest.mark.parametrize("harm", [
    lambda path: path.write_bytes(b"not a database, and longer than a header of one"),
    lambda path: sqlite3.connect(path).executescript("UPDATE meta SET value = 'other' WHERE key = 'version'"),
    lambda path: path.unlink(),
])  # fmt: skip
def test_a_damaged_index_is_made_anew(tmp_path: Path, harm: object) -> None:
    """And until then questions are answered from the log."""
    assert callable(harm)
    with Journal(tmp_path / "log", KEY, ORIGIN) as journal:
        journal.append_many(said(n, "alice", f"select {n}") for n in range(5))
        index = fill(tmp_path / "log", tmp_path / "index.db")
        harm(index.path)
        asked = Filters(session="ss-5")
        assert len([*search(Files(tmp_path / "log"), asked, index)]) == 5
        fill(tmp_path / "log", tmp_path / "index.db")
        assert index.size == 5
        assert len([*search(Files(tmp_path / "log"), asked, index)]) == 5


WORDS = st.text(st.sampled_from("aAbß\"'%_é☃ \n"), max_size=8)


@pytest.fixture(name="texts", scope="module")
def _texts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Files, Index]]:
    """A log with awkward texts, and its index."""
    directory = tmp_path_factory.mktemp("texts")
    texts = ["aAb", "ab\nab", "ß☃ß", "SS é", "a\"b'a%_", "", "b" * 40_000, "  a ", "é☃\n☃é"]
    with Journal(directory / "log", KEY, ORIGIN) as journal:
        journal.append_many(said(n, "alice", text) for n, text in enumerate(texts))
        yield Files(directory / "log"), fill(directory / "log", directory / "index.db")


@given(WORDS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_a_part_of_a_text_is_found_as_if_there_were_no_index(texts: tuple[Files, Index], part: str) -> None:
    """Whatever its letters, case and length."""
    log, index = texts
    asked = Filters(text=part)
    assert [each.index for each in search(log, asked, index)] == [each.index for each in search(log, asked)]
