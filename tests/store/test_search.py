"""Questions are answered from tiles and journal, newest first, whatever moves meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from audit.logs import KEY, ORIGIN
from gov.audit.entry import Entry
from gov.control.trail import EntryView
from gov.errors import NoSuch, Unavailable
from gov.store.disk import Files
from gov.store.index import EntryFiller, Index, Writer
from gov.store.journal import Journal
from gov.store.log import forwards
from gov.store.search import Filters, entry, search

AT = 1769860800.0


def indexed(log: Files, most: int | None = None) -> Index:
    """An index of the log, or of its first entries, beside it."""
    path = log.directory.parent / f"{log.directory.name}-{most}.db"
    writer = Writer(path, [EntryFiller()])
    writer.add(islice(forwards(log, 0), most))
    writer.close()
    return Index(path)


def statement(n: int, who: str = "alice", **fields: object) -> Entry:
    """A statement by somebody, a second after the one before."""
    common: dict[str, object] = {
        "principal": who, "subject": f"id-{who}", "issuer": "https://id", "target": "prod", "verdict": "allow",
        "session": f"ss-{who}", "lease": f"ls-{who}",
    }
    return Entry("statement", AT + n, common | fields, {"text": f"SELECT {n}"})


ENTRIES = [
    Entry("login", AT, {"principal": "alice", "subject": "id-alice", "issuer": "https://id"}),
    statement(1, columns_read=["public.customers.email", "public.customers.id"], reads=["public.customers"]),
    Entry("statement.done", AT + 2, {"statement": 1, "rows": 3, "outcome": "done", "session": "ss-alice"}),
    statement(3, "carol", columns_read=["public.customers.*"], reads=["public.customers"], agent="robot"),
    statement(
        4, verdict="hold", writes=["public.orders"], request="rq-1", target="test", effects=["delete", "read"],
        rules=["no-deletes"], purpose="billing", run="train-7",
    ),
    Entry("request.answered", AT + 5, {"request": "rq-1", "approver": "bob", "subject": "id-bob", "yes": True}),
    Entry(
        "statement.done", AT + 6, {"statement": 4, "outcome": "failed", "sqlstate": "42501"}, {"error": "table is busy"}
    ),
    statement(7, "eve", verdict="deny", columns_written=["public.customers.email"]),
]


@pytest.fixture(scope="module", name="log", params=[0, 4, 8], ids="{} in the tree".format)
def _log(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Files]:
    """The same entries, fewer or more of them in the journal."""
    directory = tmp_path_factory.mktemp("log")
    with Journal(directory, KEY, ORIGIN) as journal:
        journal.append_many(ENTRIES[: request.param])
        journal.integrate()
        journal.append_many(ENTRIES[request.param :])
        yield Files(directory)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, [7, 6, 5, 4, 3, 2, 1, 0]),
        ({"column": "public.customers.email"}, [7, 3, 1]),
        ({"column": "customers.id"}, [3, 1]),
        ({"column": "orders.id"}, []),
        ({"table": "public.orders"}, [4]),
        ({"table": "customers"}, [3, 1]),
        ({"principal": "alice"}, [4, 1, 0]),
        ({"principal": "id-carol"}, [3]),
        ({"principal": "robot"}, [3]),
        ({"target": "test"}, [4]),
        ({"session": "ss-alice"}, [4, 2, 1]),
        ({"lease": "ls-eve"}, [7]),
        ({"request": "rq-1"}, [5, 4]),
        ({"kind": "statement"}, [7, 4, 3, 1]),
        ({"kind": "request"}, [5]),
        ({"kind": "login"}, [0]),
        ({"verdict": "deny"}, [7]),
        ({"since": AT + 5}, [7, 6, 5]),
        ({"until": AT + 2}, [1, 0]),
        ({"text": "select 3"}, [3]),
        ({"text": "BUSY"}, [6]),
        ({"limit": 2}, [7, 6]),
        ({"after": 5}, [7, 6]),
        ({"after": 7}, []),
        ({"before": 3}, [2, 1, 0]),
        ({"before": 6, "after": 3}, [5, 4]),
        ({"agent": "robot"}, [3]),
        ({"effect": "delete"}, [4]),
        ({"rule": "no-deletes"}, [4]),
        ({"purpose": "billing"}, [4]),
        ({"run": "train-7"}, [4]),
        ({"sqlstate": "42501"}, [6]),
        ({"text": "bu"}, [6]),
        ({"column": "email"}, [7, 3, 1]),
        ({"subject": "id-alice"}, [4, 1, 0]),
        ({"subject": "id-alice", "issuer": "https://id"}, [4, 1, 0]),
        ({"subject": "id-alice", "issuer": "https://other"}, []),
        ({"subject": "id-bob", "issuer": "https://id"}, []),
        ({"principal": "alice", "verdict": "hold", "table": "orders"}, [4]),
    ],
)
def test_filters(log: Files, filters: dict[str, Any], expected: list[int]) -> None:
    """All that are given must hold; an index of all entries, or of a few, changes no answer."""
    assert [view.index for view in search(log, Filters(**filters))] == expected
    for most in (None, 3, 0):
        index = indexed(log, most)
        assert [view.index for view in search(log, Filters(**filters), index)] == expected
        if "limit" not in filters:
            assert [view.index for view in search(log, Filters(**filters, oldest=True), index)] == expected[::-1]


def test_a_statement_has_what_became_of_it(log: Files) -> None:
    """Rows, outcome and error, under `done`; nothing where nothing is known."""
    for index in (None, indexed(log), indexed(log, 3)):
        for oldest in (True, False):
            check_done({view.index: view for view in search(log, Filters(kind="statement", oldest=oldest), index)})


def check_done(found: dict[int, EntryView]) -> None:
    """The statements of the log above."""
    assert found[1].fields["done"] == {"statement": 1, "rows": 3, "outcome": "done", "session": "ss-alice"}
    assert found[4].fields["done"] == {
        "statement": 4, "outcome": "failed", "sqlstate": "42501", "error": "table is busy",
    }
    assert "done" not in found[3].fields


def test_one_entry(log: Files) -> None:
    """With its payload; what is not there is said."""
    found = entry(log, 1)

    assert (found.index, found.kind, found.at) == (1, "statement", "2026-01-31T12:00:01.000Z")
    assert found.payload == {"principal": "alice", "text": "SELECT 1"}
    assert found.fields["done"] == {"statement": 1, "rows": 3, "outcome": "done", "session": "ss-alice"}
    assert entry(log, 0).kind == "login"
    for index in (8, 99, -1):
        with pytest.raises(NoSuch):
            entry(log, index)


def test_an_erased_payload_is_told_from_one_that_never_was(tmp_path: Path) -> None:
    """None and empty."""
    with Journal(tmp_path, KEY, ORIGIN) as journal:
        journal.append_many([statement(0), Entry("broker.started", AT)])
    payloads = tmp_path / "payload" / "000"
    payloads.write_bytes(bytes(8))

    assert [view.payload for view in search(Files(tmp_path), Filters())] == [{}, None]


def test_over_many_bundles(tmp_path: Path) -> None:
    """Each entry once, from the new end to the old."""
    with Journal(tmp_path, KEY, ORIGIN) as journal:
        journal.append_many(map(statement, range(600)))
        journal.integrate()

        assert [view.index for view in search(Files(tmp_path), Filters())] == list(range(599, -1, -1))
        assert entry(Files(tmp_path), 255).index == 255
        assert entry(Files(tmp_path), 256).index == 256


def test_while_the_log_moves(tmp_path: Path) -> None:
    """Readers never see a gap, or an entry twice, while the journal goes into the tree under them."""
    stop = threading.Event()
    with Journal(tmp_path, KEY, ORIGIN) as journal:

        def write() -> None:
            while not stop.is_set():
                journal.append_many(map(statement, range(20)))
                journal.integrate()

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for _ in range(50):
                found = [view.index for view in search(Files(tmp_path), Filters(limit=300))]
                assert found == list(range(found[0], found[0] - len(found), -1)) if found else True
        finally:
            stop.set()
            writer.join()


@pytest.mark.parametrize(
    "harm",
    [
        lambda log: (log / "checkpoint").unlink(),
        lambda log: (log / "payload" / "000").unlink(),
        lambda log: (log / "tile" / "entries" / "000.p" / "3").write_bytes(b"\xff\xff"),
        lambda log: next((log / "journal").iterdir()).write_bytes(b"garbage\n"),
    ],
)
def test_a_damaged_log_answers_nothing(tmp_path: Path, harm: Callable[[Path], object]) -> None:
    """Rather than half of it."""
    with Journal(tmp_path, KEY, ORIGIN) as journal:
        journal.append_many(map(statement, range(3)))
        journal.integrate()
    harm(tmp_path)

    with pytest.raises(Unavailable):
        list(search(Files(tmp_path), Filters()))


def test_files_outside_the_log_are_not_read(tmp_path: Path) -> None:
    """Paths come from the network."""
    (tmp_path / "secret").write_text("x")
    files = Files(tmp_path / "log")
    (tmp_path / "log").mkdir()

    assert files("../secret") is None
    assert files(str(tmp_path / "secret")) is None
    assert files("a/../../secret") is None


@pytest.mark.parametrize("oldest", [True, False])
def test_what_never_ends_is_not_looked_for_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, oldest: bool
) -> None:
    """Of statements that were refused no end comes; with an index each entry is read once, not all behind it too."""
    with Journal(tmp_path / "log", KEY, ORIGIN) as journal:
        journal.append_many([statement(n, verdict="deny") for n in range(200)])
        log = Files(tmp_path / "log")
        index = indexed(log)
        read: list[int] = []

        def counted(files: Files, start: int) -> Iterator[Any]:
            for found in forwards(files, start):
                read.append(found.index)
                yield found

        monkeypatch.setattr("gov.store.search.forwards", counted)
        assert len(list(search(log, Filters(limit=200, oldest=oldest), index))) == 200
    assert len(read) <= 200
