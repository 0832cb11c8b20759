"""Lineage in the index: shapes once, uses counted, and everything before and behind a column found."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.logs import KEY, ORIGIN
from gov.audit.entry import Entry, read_leaf, record
from gov.store.disk import Files
from gov.store.edges import MOST_EDGES, LineageFiller, edges_of
from gov.store.flows import Whose, files, made_of
from gov.store.index import EntryFiller, Index, Writer
from gov.store.journal import Journal
from gov.store.log import Found, forwards
from gov.store.tracing import Walk, by_person, by_run, related

AT = 1769860800.0


def ran(subject: str, reads: str, writes: str = "", **fields: object) -> Entry:
    """A statement through which one column flows, to the result or another column."""
    said: dict[str, object] = {"sources": [{"column": reads}], "exact": True}
    if writes:
        relation, _, column = writes.rpartition(".")
        said["writes"] = [{"relation": relation, "columns": {column: {"identity": [0]}}}]
    else:
        said["outputs"] = [{"identity": [0]}]
    return Entry("statement", AT, {
        "subject": subject, "issuer": "i", "target": "prod", "verdict": "allow", "lineage": [said], **fields,
    })  # fmt: skip


def indexed(directory: Path, entries: Iterable[Entry]) -> Index:
    """The index of a log of these entries."""
    with Journal(directory / "log", KEY, ORIGIN) as journal:
        journal.append_many(entries)
    writer = Writer(directory / "index.db", [EntryFiller(), LineageFiller()])
    while part := [*islice(forwards(Files(directory / "log"), writer.size), 3)]:
        writer.add(part)
    writer.close()
    return Index(directory / "index.db")


def entries_of(walk: Walk) -> list[tuple[int, str]]:
    """(last entry, where it lies) of every statement found."""
    return sorted((hop.use.last, hop.way) for hop in walk.hops.values())


def test_a_text_that_runs_often_is_one_shape(tmp_path: Path) -> None:
    """Ten thousand runs by one person cost one row; another person another."""
    index = indexed(tmp_path, [ran("a", "s.t.x")] * 50 + [ran("b", "s.t.x")])
    with index.reading() as connection:
        assert connection.execute("SELECT count(*) FROM flow_shape").fetchone() == (1,)
        assert connection.execute("SELECT first, last, uses FROM flow_use ORDER BY first").fetchall() == [
            (0, 49, 50), (50, 50, 1),
        ]  # fmt: skip


STEP = st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.sampled_from(["", "q-1"]),
                 st.sampled_from(["done", "failed", "never"]), st.booleans())


@given(st.lists(STEP, max_size=12), st.integers(2, 7))
@settings(max_examples=40)
def test_tables_are_the_same_however_they_were_filled(steps: list[tuple[str, str, str, str, bool]], most: int) -> None:
    """One by one, all at once, in between: what waits to be written is seen by what comes after it."""
    log: list[Entry] = []
    for subject, column, request, end, late in steps:
        log.append(ran(subject, f"s.t.{column}", request=request))
        number = len(log) - 1
        if late:
            log.append(ran("late", "s.t.z"))
        if end != "never":
            log.append(Entry("statement.done", AT, {"statement": number, "outcome": end, "sqlstate": "00000"}))
    assert tables(log, 1) == tables(log, most) == tables(log, len(log) + 1)


def tables(log: list[Entry], most: int) -> list[list[tuple[object, ...]]]:
    """What depends on the order in which rows are written, when every `most` entries are."""
    connection = sqlite3.connect(":memory:")
    fillers = (EntryFiller(), LineageFiller())
    for filler in fillers:
        connection.executescript(filler.SCHEMA)
    for index, entry in enumerate(log):
        stored = record(entry, index, bytes(32), bytes(16))
        for filler in fillers:
            filler.add(connection, Found(read_leaf(stored.leaf), stored.sealed, stored.leaf), {})
            if index % most == most - 1:
                filler.flush(connection)
    for filler in fillers:
        filler.flush(connection)
    found = [connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
             for table in ("entry", "outcome", "flow_use", "who_term", "what_term")]
    connection.close()
    return found


def test_values_are_followed_through_written_columns(tmp_path: Path) -> None:
    """Down: readers, then readers of what they wrote, after they wrote it. Up: the same backwards."""
    index = indexed(tmp_path, [
        ran("a", "s.b.y"),              # 0: before anything was written there
        ran("a", "s.a.x", "s.b.y"),     # 1
        ran("b", "s.b.y", "s.c.z"),     # 2
        ran("c", "s.c.z"),              # 3
        ran("d", "s.c.other"),          # 4
    ])  # fmt: skip
    with index.reading() as connection:
        walk = Walk(connection, Whose())
        assert walk.column("", "a.x", "down") == ["prod:s.a.x"]
        assert entries_of(walk) == [(1, "down"), (2, "down"), (3, "down")]

        walk = Walk(connection, Whose())
        walk.column("prod", "s.c.z", "up")
        assert entries_of(walk) == [(1, "up"), (2, "up")]


def test_all_of_a_table_and_everything_in_reach_cover_a_column(tmp_path: Path) -> None:
    """What was widened is found by each column that it may be."""
    index = indexed(tmp_path, [ran("a", "s.a.*"), ran("a", "*"), ran("a", "s.a.x"), ran("a", "s.other.x")])
    with index.reading() as connection:
        walk = Walk(connection, Whose())
        walk.column("", "s.a.x", "down")
        assert entries_of(walk) == [(0, "down"), (1, "down"), (2, "down")]


def test_filters_are_told_and_not_followed(tmp_path: Path) -> None:
    """What only decides about rows is behind the column, but its readers are not, unless all is asked for."""
    decided = ran("a", "s.a.x", "s.b.y")
    decided.fields["lineage"][0]["writes"][0]["columns"] = {"y": {"filter": [0]}}  # type: ignore[index]
    index = indexed(tmp_path, [decided, ran("b", "s.b.y")])
    with index.reading() as connection:
        walk = Walk(connection, Whose())
        walk.column("", "s.a.x", "down")
        assert entries_of(walk) == [(0, "down")]

        walk = Walk(connection, Whose(), all=True)
        walk.column("", "s.a.x", "down")
        assert entries_of(walk) == [(0, "down"), (1, "down")]


def test_who_may_not_read_the_trail_follows_their_own(tmp_path: Path) -> None:
    """The way ends where somebody else's statement begins."""
    index = indexed(tmp_path, [
        ran("a", "s.a.x", "s.b.y"), ran("b", "s.b.y", "s.c.z"), ran("a", "s.c.z"), ran("b", "s.only.here"),
    ])  # fmt: skip
    with index.reading() as connection:
        walk = Walk(connection, Whose("a", "i"))
        walk.column("", "s.a.x", "down")
        assert entries_of(walk) == [(0, "down")]
        assert Walk(connection, Whose("a", "i")).column("", "z", "both") == ["prod:s.c.z"]
        assert Walk(connection, Whose("a", "i")).table("", "s.only", "both") == []


def test_partitions_share_their_rows_with_their_table(tmp_path: Path) -> None:
    """Who reads the whole reads the part, also where the log has never heard of it; values go on from there."""
    kin = {("prod", str(each)): frozenset(map(str, found)) for each, found in related({"s.part": "s.whole"}).items()}
    index = indexed(tmp_path, [ran("a", "s.whole.x", "s.b.y"), ran("a", "s.b.y"), ran("a", "s.z.z", "s.part.x")])
    with index.reading() as connection:
        walk = Walk(connection, Whose(), kin=kin)
        assert walk.column("", "part.x", "down") == ["prod:s.part.x"]
        assert entries_of(walk) == [(0, "down"), (1, "down")]

        walk = Walk(connection, Whose(), kin=kin)
        walk.column("", "s.whole.x", "up")
        assert entries_of(walk) == [(2, "up")]


def test_a_person_and_a_run_are_where_one_can_begin(tmp_path: Path) -> None:
    """Their statements are it; what flowed in lies before them, what was made of it behind."""
    index = indexed(tmp_path, [
        ran("a", "s.a.x", "s.b.y"), ran("b", "s.b.y", "s.c.z", run="r1"), ran("c", "s.c.z"), ran("b", "s.z.z"),
    ])  # fmt: skip
    with index.reading() as connection:
        walk = Walk(connection, Whose())
        by_run(walk, "r1", "both")
        assert entries_of(walk) == [(0, "up"), (1, "here"), (2, "down")]

        walk = Walk(connection, Whose())
        by_person(walk, ["b"], "up")
        assert entries_of(walk) == [(0, "up"), (1, "here"), (3, "here")]


def test_what_moved_nothing_is_not_there(tmp_path: Path) -> None:
    """PREPARE and EXPLAIN; where an entry is from before there was lineage, its facts count."""
    nothing = {"lineage": [{"sources": [], "exact": True}], "columns_read": ["s.a.x"]}
    index = indexed(tmp_path, [ran("a", "s.a.x", **nothing), ran("a", "s.a.x", **{**nothing, "lineage": None})])
    with index.reading() as connection:
        walk = Walk(connection, Whose())
        walk.column("", "a.x", "both")
        assert entries_of(walk) == [(1, "down")]


def test_what_did_not_run_is_not_there(tmp_path: Path) -> None:
    """A refused statement moved nothing."""
    index = indexed(tmp_path, [ran("a", "s.a.x", verdict="refused"), ran("a", "s.a.x", verdict="deny")])
    with index.reading() as connection:
        walk = Walk(connection, Whose())
        assert walk.column("", "a.x", "both") == []


def _ended(statement: int, outcome: str, rows: int = 0) -> Entry:
    return Entry("statement.done", AT, {"statement": statement, "outcome": outcome, "rows": rows})


def test_what_failed_before_anything_flowed_is_taken_back(tmp_path: Path) -> None:
    """An INSERT that the database refused wrote nothing; a SELECT that broke in the middle has shown something."""
    index = indexed(tmp_path, [
        ran("a", "s.a.x"), _ended(0, "done", 5), ran("a", "s.a.x"), ran("a", "s.a.x", "s.b.y"),
        _ended(3, "failed"), _ended(2, "cancelled"), ran("b", "s.a.x"), _ended(6, "failed", 7),
    ])  # fmt: skip
    with index.reading() as connection:
        uses = connection.execute("SELECT first, last, uses FROM flow_use ORDER BY first").fetchall()
        assert uses == [(0, 0, 1), (6, 6, 1)]


def test_an_answer_has_a_bound(tmp_path: Path) -> None:
    """The newest are told, and that there are more."""
    index = indexed(tmp_path, [ran("a", "s.a.x", f"s.b.c{n}") for n in range(9)])
    with index.reading() as connection:
        walk = Walk(connection, Whose(), most=4)
        walk.column("", "s.a.x", "down")
        assert entries_of(walk) == [(5, "down"), (6, "down"), (7, "down"), (8, "down")]
        assert walk.more


def test_what_comes_first_leaves_room_for_the_rest(tmp_path: Path) -> None:
    """A table that is loaded a thousand times is read by somebody as well."""
    loads = [ran("a", f"s.z.c{n}", "s.a.x") for n in range(9)]
    index = indexed(tmp_path, [*loads, *(ran("b", "s.a.x", f"s.b.d{n}") for n in range(9))])
    with index.reading() as connection:
        walk = Walk(connection, Whose(), most=8)
        walk.column("", "s.a.x", "both")
        assert [way for _, way in entries_of(walk)] == ["up"] * 4 + ["down"] * 4
        assert walk.more


def test_a_file_is_found_by_its_digest(tmp_path: Path) -> None:
    """By what the log calls it, and the statements that it came from are known."""
    receipt = Entry("receipt", AT, {"subject": "a", "issuer": "i", "digests": ["ABC"], "statements": [0]})
    index = indexed(tmp_path, [ran("a", "s.a.x"), receipt])
    with index.reading() as connection:
        assert files(connection, "abc") == [1]
        assert made_of(connection, 0) == [1]


def test_a_wide_lineage_is_kept_by_table() -> None:
    """A thousand columns into a thousand columns are one edge."""
    sources = [{"column": f"s.a.c{n}"} for n in range(100)]
    columns = {f"d{n}": {"transformation": [*range(100)]} for n in range(100)}
    assert MOST_EDGES < 100 * 100

    (edge,) = edges_of([{"sources": sources, "writes": [{"relation": "s.b", "columns": columns}]}])

    assert (edge.source, edge.sink) == ("s.a.*", "s.b.*")


def test_what_is_written_from_outside_is_written() -> None:
    """COPY FROM, constants and removals have no source, and are still what came to the table."""
    found = edges_of([{"sources": [], "writes": [
        {"relation": "s.a", "columns": {"x": {}}}, {"relation": "s.b"},
    ]}])  # fmt: skip

    assert [(edge.source, edge.sink) for edge in found] == [("", "s.a.x"), ("", "s.b.*")]


@pytest.mark.parametrize("asked", ["t_x", "%", "t%x"])
def test_names_are_no_patterns(tmp_path: Path, asked: str) -> None:
    """`_` and `%` mean themselves."""
    index = indexed(tmp_path, [ran("a", "s.tax.c")])
    with index.reading() as connection:
        assert isinstance(connection, sqlite3.Connection)
        assert Walk(connection, Whose()).table("", asked, "both") == []
