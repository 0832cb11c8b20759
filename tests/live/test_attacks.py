"""Attacks on the promises: another text than was judged, an approval used twice, more rows than were approved."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gov.demo.stage import Stage
from gov.protocol import frames
from live.door import eventually
from live.wire import FLUSH, SYNC, Lease, Wire, bind, close, dialled, execute, parse, run

Approve = Callable[..., object]
Rows = Callable[[], int]
SLOW = "select count(*) from generate_series(1, 3000000)"
"""Keeps the database busy while what stands behind it is heard."""
CUT = "n" * 63
"""PostgreSQL looks no further than this into a name."""


def simple(text: str) -> bytes:
    """A Query message."""
    return frames.build_query(text.encode())


@pytest.fixture
def left(admin: psycopg.Connection[Any], spare: str) -> Rows:
    """Call it for the number of rows that are left in `spare`: 5 when nothing happened."""

    def count() -> int:
        row = admin.execute(f"SELECT count(*) FROM {spare}").fetchone()
        assert row is not None
        return int(row[0])

    return count


# One approval, one run


def test_an_approved_statement_is_not_left_under_the_unnamed_name(
    writer: Lease, spare: str, approve: Approve, admin: psycopg.Connection[Any], left: Rows
) -> None:
    """What ran once with an approval cannot be bound again as the unnamed statement, which stood for another."""
    with dialled(writer) as wire:
        wire.play(parse("select 1"), SYNC)
        wire.play(parse(f"delete from {spare}", "p"), SYNC)
        assert wire.play(bind("p"), execute(), SYNC, held=approve).tags == ["DELETE 5"]
        admin.execute(f"INSERT INTO {spare} VALUES (1), (2)")
        said = wire.play(bind(), execute(), SYNC)

    assert left() == 2
    assert said.tags in ([], ["SELECT 1"])


def test_a_bounded_statement_is_not_left_under_the_unnamed_name(
    writer: Lease, spare: str, approve: Approve, left: Rows
) -> None:
    """Neither is one that was rolled back for changing too much."""
    with dialled(writer) as wire:
        wire.play(parse("select 1"), SYNC)
        held = wire.play(run(f"delete from {spare}"), SYNC, held=lambda each: approve(each, "--max-rows", "1"))
        assert held.states == ["54000"]
        said = wire.play(bind(), execute(), SYNC)

    assert left() == 5
    assert said.tags in ([], ["SELECT 1"])


@pytest.mark.parametrize("name", ["gov: refused", "gov: own"])
@pytest.mark.parametrize("how", ["parse", "prepare"])
def test_a_client_cannot_take_the_gateways_own_names(
    writer: Lease, spare: str, approve: Approve, left: Rows, name: str, how: str
) -> None:
    """A statement of a client's by the gateway's own name does not keep a refusal from undoing what ran."""
    with dialled(writer) as wire:
        take = [parse("select 1", name), SYNC] if how == "parse" else [simple(f'prepare "{name}" as select 1')]
        wire.play(*take)
        wire.query("begin")
        bounded = wire.query(f"delete from {spare}", held=lambda each: approve(each, "--max-rows", "1"))
        assert bounded.states == ["54000"]
        wire.query("commit")
        assert wire.query("select 1").rows == [("1",)]

    assert left() == 5


@pytest.mark.parametrize(("before", "text"), [
    ("", "commit; delete from {spare}"), ("", "delete from {spare}; commit"),
    ("begin", "delete from {spare}; savepoint a"), ("begin", "savepoint a; delete from {spare}; release a"),
])  # fmt: skip
def test_what_is_bounded_does_not_end_its_transaction(
    writer: Lease, spare: str, approve: Approve, left: Rows, before: str, text: str
) -> None:
    """A text that moves its transaction along cannot leave the bound of its approval behind."""
    with dialled(writer) as wire:
        if before:
            wire.query(before)
        wire.query(text.format(spare=spare), held=lambda each: approve(each, "--max-rows", "1"))
        wire.query("rollback to a")
        wire.query("commit")

    assert left() == 5


def test_an_approved_prepare_is_not_bound_as_another(
    writer: Lease, spare: str, approve: Approve, left: Rows
) -> None:
    """A PREPARE that was approved, and took the name of a harmless statement, is held each time it is bound."""
    with dialled(writer) as wire:
        wire.play(parse("select 1", "p"), SYNC)
        wire.query(f"deallocate p; prepare p as delete from {spare}", held=approve)
        said = wire.play(bind("p"), execute(), SYNC)

    assert left() == 5
    assert said.states


# Names


def test_execute_is_not_judged_by_a_prepare_that_was_overtaken(
    writer: Lease, spare: str, left: Rows
) -> None:
    """PREPARE, DEALLOCATE and Parse of one name, sent at once: EXECUTE is not judged by what PREPARE said."""
    with dialled(writer) as wire:
        held, texts = f"delete from {spare}", (SLOW, "prepare p as select 1", "deallocate p")
        for text in texts:
            wire.query(text)
        wire.play(parse(held, "q"), SYNC)
        wire.send(*map(simple, texts), parse(held, "p"), SYNC)
        for _ in range(4):
            wire.until()
        said = wire.query("execute p")

    assert left() == 5
    assert said.states


@pytest.mark.parametrize("text", ["select 1; deallocate p; prepare p as {other}", "deallocate p; prepare p as {other}"])
def test_a_name_that_changes_hands_in_the_middle_of_a_text(
    writer: Lease, spare: str, left: Rows, text: str
) -> None:
    """Bind is not judged by a statement whose name a text on its way gives to another."""
    with dialled(writer) as wire:
        other = text.format(other=f"delete from {spare} where n = 3")
        wire.play(parse("select 1", "p"), SYNC)
        wire.query(f"{other} and n = 4")
        wire.query("deallocate p")
        wire.play(parse("select 1", "p"), SYNC)
        wire.query(SLOW)
        wire.send(simple(SLOW), simple(other), bind("p"), execute(), SYNC)
        for _ in range(3):
            wire.until()

    assert left() == 5


def test_names_that_postgresql_cuts_to_the_same(writer: Lease, spare: str, left: Rows) -> None:
    """Two long names that PostgreSQL takes for one are one here too."""
    with dialled(writer) as wire:
        wire.play(parse("select 1", CUT + "a"), SYNC)
        wire.play(close("S", CUT + "b"), SYNC)
        wire.play(parse(f"delete from {spare}", CUT + "b"), SYNC)
        said = wire.play(bind(CUT + "a"), execute(), SYNC)

    assert left() == 5
    assert said.states


# What names of relations mean

CLEAR = "select email from customers"


@pytest.fixture
def private(leased: Callable[..., Lease]) -> Lease:
    """Carol's, who sees addresses in the clear, but not many at a time without being asked."""
    return leased("carol")


def test_a_path_that_comes_back_in_the_middle_of_a_text(private: Lease) -> None:
    """ROLLBACK brings back an earlier search_path: what stands behind it is not judged by the later one."""
    for text in (f"rollback; {CLEAR}", f"commit; {CLEAR}", f"rollback to a; {CLEAR}"):
        for said in ("set search_path = ''", "set local search_path = ''"):
            with dialled(private) as wire:
                wire.query("begin; savepoint a")
                wire.query(said)
                heard = wire.query(text)
                assert not heard.rows, text


def test_a_path_that_comes_back_behind_a_failed_transaction(private: Lease) -> None:
    """Sent at once with the ROLLBACK of a failed transaction, a text is judged by the path that comes back."""
    for end in (simple("rollback"), run("rollback") + SYNC, run("rollback")):
        with dialled(private) as wire:
            wire.query("begin")
            wire.query("set search_path = ''")
            wire.query("select 1/0")
            wire.send(end, run(CLEAR) + SYNC)
            groups = [wire.until()]
            if end != run("rollback"):
                wire.cancel()
                groups.append(wire.play())
            assert not any(said.rows for said in groups)


@pytest.mark.parametrize("sets", [
    "select set_config('search_path', '', false) where false",
    "select case when false then set_config('search_path', '', false) end",
    "explain select set_config('search_path', '', false)",
    "prepare p as select set_config('search_path', '', false)",
    "select set_config('search_path', '', false) limit 0",
    "select 1 from (select set_config('search_path', '', false) offset 0) x",
])
def test_a_path_that_is_not_set_after_all(private: Lease, sets: str) -> None:
    """A set_config that may not run does not decide what stands behind it."""
    with dialled(private) as wire:
        assert not wire.query(f"{sets}; {CLEAR}").rows[2:]
        wire.query("deallocate all")
        wire.query(sets)
        assert not wire.query(CLEAR).rows


# Bytes


def test_a_hold_does_not_cut_a_row(writer: Lease) -> None:
    """Words of our own do not get into the middle of a row that is on its way to a client that reads slowly."""
    with dialled(writer) as wire:
        wire.send(simple("select repeat('x', 300000) from generate_series(1, 100)"), simple("delete from orders"))
        time.sleep(1)
        rows = wire.until()
        if not rows.requests:
            rows += wire.until("N")
        wire.cancel()
        held = wire.until()

    assert {row for (row,) in rows.rows} == {"x" * 300_000}
    assert held.states == ["57014"]


COPY = "copy pgbench_history (tid) from stdin"


def test_a_statement_in_the_middle_of_copy_data(writer: Lease, wire: Wire) -> None:
    """PostgreSQL would swallow it; so that nothing is judged that never runs, the connection ends."""
    for ahead in ([], [frames.message(b"d", b"-1\n")]):
        with dialled(writer) as broken:
            broken.send(simple(COPY), *ahead, simple("prepare p as select 1"), simple("select 2"))
            said = broken.to_the_end()
        assert said.kinds == "GE"
        assert said.error["S"] == "FATAL"
    assert wire.query("select 1").rows == [("1",)]


def test_copies_one_behind_the_other(writer: Lease) -> None:
    """Two COPY FROM in one text, with their data sent ahead; and a Sync in the middle is ignored."""
    with dialled(writer) as wire:
        line, end = frames.message(b"d", b"-7\n"), frames.message(b"c")
        wire.query("begin")
        assert wire.play(simple(f"{COPY}; {COPY}"), line, end, line, line, end).tags == ["COPY 1", "COPY 2"]
        said = wire.play(run(COPY), SYNC, line, SYNC, FLUSH, end, SYNC, simple("select 1"))
        assert said.tags == ["COPY 1"]
        assert wire.until().rows == [("1",)]
        assert wire.query("rollback").tags == ["ROLLBACK"]


def test_a_copy_is_not_held(writer: Lease) -> None:
    """It would ask for its data when nobody listens: it is refused, and does not hang."""
    with dialled(writer) as wire:
        assert wire.query(f"{COPY}; delete from orders").states == ["0A000"]
        assert wire.query("select 1").rows == [("1",)]


# Memory


@pytest.fixture
def broker(demo: Stage) -> Callable[[], float]:
    """Call it for the MiB that the broker has in memory."""
    pid = demo.describe()["pid"]["broker"]
    status = Path(f"/proc/{pid}/status")
    return lambda: int(next(line for line in status.read_text().splitlines() if "VmRSS" in line).split()[1]) / 1024


def test_a_group_without_end(writer: Lease, broker: Callable[[], float]) -> None:
    """What is sent without Sync is not kept without bounds."""
    with dialled(writer) as wire:
        wire.socket.settimeout(60)
        before = broker()
        for _ in range(400):
            wire.send(close("P", "x" * 9_900) * 100)
        assert broker() - before < 200
        wire.send(SYNC)
        assert wire.until().kinds == "3" * 40_000 + "Z"


def test_a_client_that_does_not_listen(reader: Lease, wire: Wire, broker: Callable[[], float]) -> None:
    """Whoever reads no refusals is not read from for ever."""
    with dialled(reader) as deaf:
        before = broker()
        deaf.socket.settimeout(4)
        refused = (parse("copy orders to program 'id'") + SYNC) * 300_000
        with pytest.raises(TimeoutError):
            deaf.send(refused)
        assert broker() - before < 60
    assert wire.query("select 1").rows == [("1",)]


def test_a_long_message_of_the_database(wire: Wire) -> None:
    """An error that repeats megabytes of a value passes, holds up nobody, and the session goes on."""
    said = wire.query("select cast(repeat('x', 12000000) as int)")
    assert len(said.error["M"]) > 12_000_000
    assert wire.query("select 1").rows == [("1",)]


# Query where Sync was due


def test_a_path_set_in_a_group_that_a_query_ends(private: Lease) -> None:
    """A Query behind SET, with no Sync between, is judged by the path that SET leaves."""
    with dialled(private) as wire:
        wire.query(CLEAR)
        wire.query("set search_path = ''")
        wire.query(CLEAR)
        wire.send(run("set search_path = public"), simple(CLEAR))
        said = wire.play()
        assert not said.rows


@pytest.mark.parametrize("flush", [b"", FLUSH])
def test_a_held_query_behind_what_runs(
    writer: Lease, spare: str, approve: Approve, left: Rows, flush: bytes
) -> None:
    """A held Query that ends a group does not overtake what stands before it, and its refusal undoes that."""
    with dialled(writer) as wire:
        wire.send(run(f"insert into {spare} values (6)"), flush, simple(f"delete from {spare}"))
        said = wire.play(held=approve)
        assert said[-1].kind == "Z"
        assert said[-1].body == b"I"
        assert left() in (0, 5)
        assert (left() == 0) == ("DELETE 6" in said.tags)
        assert wire.query("select 1").rows == [("1",)]


def test_a_refused_query_behind_what_ran(writer: Lease, spare: str, left: Rows) -> None:
    """A denied Query undoes what its group did before it, flushed or not."""
    for flush in (b"", FLUSH):
        with dialled(writer) as wire:
            wire.send(run(f"insert into {spare} values (6)"), flush)
            if flush:
                wire.until("C")
            wire.send(simple("copy orders to program 'id'"))
            assert wire.until().states == ["42501"]
            assert wire.query("select 1").rows == [("1",)]
            wire.play(SYNC)
        assert left() == 5


def test_a_goodbye_in_the_middle_of_copy_data(writer: Lease, admin: psycopg.Connection[Any]) -> None:
    """Who leaves while the database waits for data leaves no session behind."""
    with dialled(writer) as wire:
        wire.send(simple(COPY))
        assert wire.until("G").kinds == "G"
        wire.send(frames.message(b"d", b"-9\n"), frames.TERMINATE)
        wire.to_the_end()
        eventually(admin, "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = %s", wire.pid)


def test_a_held_query_behind_a_parse(writer: Lease, spare: str, approve: Approve, left: Rows) -> None:
    """What was only prepared before it is no obstacle, and is answered."""
    with dialled(writer) as wire:
        wire.send(parse("select 7", "p"), simple(f"delete from {spare}"))
        said = wire.play(held=approve)
        assert said.tags == ["DELETE 5"]
        assert said.kinds.startswith("1")
        assert wire.play(bind("p"), execute(), SYNC).rows == [("7",)]


# The owner's rights


@pytest.mark.parametrize("text", [
    "create function public.leak(text, text) returns text language sql security definer as 'select 1'",
    "create or replace procedure public.leak() language sql external security definer as 'select 1'",
    "alter function public.leak() security definer",
])  # fmt: skip
def test_nobody_makes_a_function_with_the_owners_rights(leased: Callable[..., Lease], text: str) -> None:
    """Operators and triggers call functions without being seen to; with the owner's rights they would see all."""
    with dialled(leased("bob", "--scope", "admin", "--reason", "a test")) as wire:
        said = wire.query(text)
        assert said.states == ["42501"]
        assert "grant" in said.error["M"]


def test_a_function_with_its_callers_rights_is_made(leased: Callable[..., Lease]) -> None:
    """SECURITY INVOKER gives nothing away."""
    with dialled(leased("bob", "--scope", "admin", "--reason", "a test")) as wire:
        made = wire.query("create function public.harmless() returns int language sql security invoker as 'select 1'")
        assert made.tags == ["CREATE FUNCTION"]
        wire.query("drop function public.harmless()", held=lambda _: wire.cancel())


def test_a_short_text_that_executes_much_does_not_keep_others_waiting(private: Lease) -> None:
    """EXECUTE is as much as what was prepared, however often a text says it; the session lives on."""
    union = " union all ".join(["select id from customers where id = 1"] * 1000)
    with dialled(private) as wire:
        assert wire.query(f"prepare much as {union}").tags == ["PREPARE"]
        assert wire.query(";".join(["execute much"] * 150)).states == ["54001"]
        assert wire.query("select 1").rows == [("1",)]
