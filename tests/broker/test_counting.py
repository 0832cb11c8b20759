"""Questions that compare many entries, on logs with known gaps."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from audit.logs import KEY, ORIGIN
from broker.rig import POLICY
from gov.audit.entry import Entry
from gov.broker.counting import count, drawn
from gov.errors import Unavailable, UsageError
from gov.policy import document
from gov.store.disk import Files
from gov.store.filters import Filters
from gov.store.index import EntryFiller, Index, Writer
from gov.store.journal import Journal
from gov.store.log import forwards

AT = 1769860800.0
Rows = list[dict[str, Any]]


def statement(n: int, at: float, verdict: str = "allow", session: str = "ss-1") -> Entry:
    """The n-th statement of a session."""
    return Entry("statement", AT + at, {"n": n, "session": session, "verdict": verdict}, {"text": f"select {n}"})


def done(of: int, at: float) -> Entry:
    """The end of the statement in entry `of`."""
    return Entry("statement.done", AT + at, {"statement": of, "session": "ss-1", "rows": 1})


def ask(directory: Path, entries: Iterable[Entry], name: str, **given: Any) -> tuple[Rows, list[str]]:
    """The answer about a log with these entries."""
    with Journal(directory / "log", KEY, ORIGIN) as journal:
        journal.append_many(entries)
        read = Files(directory / "log")
        writer = Writer(directory / "index.db", [EntryFiller()])
        writer.add(islice(forwards(read, 0), None))
        writer.close()
        policy = document.load([("policy.yaml", POLICY)])
        base = given.pop("base", Filters())
        return count(name, given, base, read, Index(directory / "index.db"), policy, AT + 100)


def test_gaps_are_named(tmp_path: Path) -> None:
    """A statement that the session counted, one without an end, a crash, a clock that went back; and nothing else."""
    rows, notes = ask(tmp_path, [
        Entry("broker.started", AT), statement(1, 1), done(1, 2), statement(3, 3), done(3, 4),
        Entry("broker.started", AT + 5), statement(1, 6, session="ss-2"), statement(2, 7, "deny", "ss-2"),
        Entry("broker.stopped", AT + 8), Entry("broker.started", AT + 3),
    ], "gaps")  # fmt: skip

    assert [(row["entry"], row["what"], row["about"]) for row in rows] == [
        (9, "time goes back", "the clock was 5.0 s further at the entry before"),
        (6, "no end", "a statement of session ss-2 has no end yet: it runs, or was cut off"),
        (5, "no orderly stop", "the broker started without having said that it stopped: it crashed or was killed"),
        (3, "missing statements", "session ss-1 counted 3 statements, the log has 2"),
    ]
    assert notes[0] == "looked at the entries 0 to 9"


def test_access_that_nobody_used(tmp_path: Path) -> None:
    """Rules without a lease in the time asked for, with the last that there was."""
    rows, notes = ask(tmp_path, [
        Entry("lease.created", AT - 10 * 86_400, {"rule": "dba-admin"}),
        Entry("lease.created", AT, {"rule": "engineers-read"}),
    ], "unused", days="7")  # fmt: skip

    assert "engineers-read" not in {row["rule"] for row in rows}
    used = {row["rule"]: (row["entry"], row["leases"]) for row in rows}
    assert used.pop("dba-admin", (0, 1)) == (0, 1)
    assert set(used.values()) <= {(None, 0)}
    assert notes[0].endswith("used means that somebody took a lease by it")


def test_a_sample_can_be_drawn_again(tmp_path: Path) -> None:
    """The same seed draws the same entries, though the log has grown; another one others."""
    entries = [statement(n, n) for n in range(200)]
    first, notes = ask(tmp_path / "a", entries, "population", size="5", seed="x")
    grown = [*entries, *(statement(n, n) for n in range(200, 300))]
    again, _ = ask(tmp_path / "b", grown, "population", size="5", seed="x", base=Filters(before=200))
    other, _ = ask(tmp_path / "c", entries, "population", size="5", seed="y")

    assert first == again
    assert [row["entry"] for row in first] != [row["entry"] for row in other]
    assert notes == ["200 entries of kind statement, from which 5 were drawn",
                     "the same again: gov audit ask population 5 x --before 200"]
    assert [row["place"] for row in first] == [*drawn("x", 5, 200)]


def test_a_sample_has_no_entry_twice() -> None:
    """And all of them when as many are drawn as there are."""
    assert sorted(drawn("seed", 50, 50)) == [*range(50)]


def test_without_an_index(tmp_path: Path) -> None:
    """Counting is not done by reading everything: it says that it has to wait."""
    with Journal(tmp_path / "log", KEY, ORIGIN):
        policy = document.load([("policy.yaml", POLICY)])
        index = Index(tmp_path / "none.db")
        with pytest.raises(Unavailable, match="not ready"):
            count("gaps", {}, Filters(), Files(tmp_path / "log"), index, policy, AT)


@pytest.mark.parametrize("size", ["0", "many", "1001", "-1", "٣"])
def test_a_size_is_a_number(tmp_path: Path, size: str) -> None:
    """And not more than anybody reads."""
    with pytest.raises(UsageError, match="not a number from 1 to 1000"):
        ask(tmp_path, [], "population", size=size, seed="x")
