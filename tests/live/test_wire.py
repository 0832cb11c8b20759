"""What a session says and hears, message by message: order, errors, holds, copies and broken input."""

from __future__ import annotations

import select
import struct
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from gov.protocol import frames
from live.door import eventually
from live.wire import (
    FLUSH,
    SYNC,
    Heard,
    Lease,
    Wire,
    bind,
    close,
    describe,
    dialled,
    execute,
    parse,
    run,
)

DENIED = "copy orders to program 'id'"
HELD = "delete from orders"
LARGE = "select repeat('x', 1000) from generate_series(1, 200000)"
"""About 200 MB."""


# The database's own manners


@pytest.mark.parametrize(("messages", "kinds"), [
    ([run("select 1"), SYNC], "12TDCZ"),
    ([run("select $1::int", ["7"]), SYNC], "12TDCZ"),
    ([parse("select 1 where $1", "s"), describe("S", "s"), SYNC], "1tTZ"),
    ([parse("set geqo = on", "s"), describe("S", "s"), SYNC], "1tnZ"),
    ([parse("select generate_series(1, 5)"), bind(), execute("", 2), execute("", 2), execute("", 2), SYNC],
     "12DDsDDsDCZ"),
    ([parse(""), bind(), describe("P"), execute(), SYNC], "12nIZ"),
    ([frames.build_query(b"")], "IZ"),
    ([frames.build_query(b" -- nothing\n")], "IZ"),
    ([frames.build_query(b"select 1;; select 2")], "TDCTDCZ"),
    ([parse("select 1", "s"), close("S", "s"), close("P"), close("S", "never"), SYNC], "1333Z"),
    ([parse("select 1", "s"), bind("s", "a"), bind("s", "b"), execute("b"), execute("a"), SYNC], "122DCDCZ"),
    ([SYNC, SYNC, SYNC], "Z"),
    ([run("select 1/0"), run("select 2"), SYNC], "1EZ"),
    ([bind("never"), execute(), SYNC], "EZ"),
    ([describe("S", "never"), SYNC], "EZ"),
    ([execute("never"), SYNC], "EZ"),
    ([parse("select 1", "s"), parse("select 2", "s"), SYNC], "1EZ"),
    ([parse("selec"), bind(), execute(), SYNC], "EZ"),
    ([frames.build_query(b"copy (values (1), (2)) to stdout")], "HddcCZ"),
    ([run("copy (values (1), (2)) to stdout"), SYNC], "12nHddcCZ"),
])  # fmt: skip
def test_replies_are_the_databases(wire: Wire, messages: list[bytes], kinds: str) -> None:
    """Each message is answered as PostgreSQL answers it, and in its order."""
    wire.send(*messages)
    assert wire.until().kinds == kinds
    while messages.count(SYNC) > 1 and messages:
        messages.pop()
        if messages.count(SYNC):
            assert wire.until().kinds == "Z"
    assert wire.query("select 'usable'").rows == [("usable",)]


def test_groups_are_answered_one_by_one(wire: Wire) -> None:
    """Fifty groups sent at once come back as fifty, in order, whatever fails among them."""
    texts = ["select 1/0" if n % 7 == 3 else DENIED if n % 7 == 5 else f"select {n}" for n in range(50)]
    wire.send(*(run(text) + SYNC for text in texts))
    heard = [wire.until() for _ in texts]

    for n, (text, said) in enumerate(zip(texts, heard, strict=True)):
        if text == DENIED:
            assert said.states == ["42501"], n
        elif "/" in text:
            assert said.states == ["22012"], n
        else:
            assert said.rows == [(str(n),)], n


def test_simple_queries_sent_ahead(wire: Wire) -> None:
    """The same for simple queries that do not wait for each other."""
    texts = ["select 1", "select 1/0", DENIED, "select email from customers where id = 1", "selec", "select 2"]
    wire.send(*(frames.build_query(text.encode()) for text in texts))
    heard = [wire.until() for _ in texts]

    assert [each.kinds for each in heard] == ["TDCZ", "EZ", "EZ", "TDCZ", "EZ", "TDCZ"]
    assert [each.states for each in heard if each.states] == [["22012"], ["42501"], ["42601"]]


def test_what_stands_behind_the_sync_of_an_error_runs(reader: Lease) -> None:
    """However the answers to one group and the messages of the next cross: nothing behind its Sync is lost.

    Each session is new, so that the last texts are judged while the error is on its way.
    """
    for n in range(24):
        with dialled(reader) as wire:
            wire.send(SYNC, bind("b", "a"), execute("a"), FLUSH, SYNC, *(SYNC,) * (n % 3))
            wire.send(frames.build_query(b"rollback"), SYNC, SYNC, frames.build_query(b"select 2"))
            said = [wire.until().kinds for _ in range(6 + n % 3)]
        assert said == ["Z", "EZ", *["Z"] * (n % 3), "CZ", "Z", "Z", "TDCZ"]


# Refusals


@pytest.mark.parametrize("synced", [True, False], ids=["alone", "behind something"])
def test_a_refusal_skips_to_sync(wire: Wire, synced: bool) -> None:
    """A refused statement fails its group: what stands behind it is skipped, and the next group runs."""
    before = run("select 'before'") + (SYNC if synced else b"")
    wire.send(before, run(DENIED), run("select 'skipped'"), SYNC, run("select 'after'"), SYNC)
    if synced:
        assert wire.until().rows == [("before",)]
    refused = wire.until()
    assert refused.states == ["42501"]
    assert ("skipped",) not in refused.rows
    assert refused[-1].body == b"I"
    assert wire.until().rows == [("after",)]


def test_a_refusal_undoes_its_group(writing: Wire) -> None:
    """What a group did before a refused statement is rolled back, as with any error of the database."""
    insert = run("insert into pgbench_history (tid, bid, aid, delta) values (-1, -1, -1, -1)")
    writing.send(insert, run(DENIED), SYNC)
    assert writing.until().states == ["42501"]

    assert writing.query("select count(*) from pgbench_history where tid = -1").rows == [("0",)]


def test_a_refusal_fails_the_transaction(wire: Wire) -> None:
    """In a transaction a refusal is an error as any: 25P02 until ROLLBACK, and COMMIT rolls back."""
    for send in (lambda text: wire.query(text), lambda text: wire.play(run(text), SYNC)):
        wire.query("begin")
        refused = send(DENIED)
        assert refused.states == ["42501"]
        assert refused[-1].body == b"E"
        assert send("select 1").states == ["25P02"]
        assert wire.query("commit").tags == ["ROLLBACK"]
        assert send("select 1").rows == [("1",)]


def test_a_savepoint_survives_a_refusal(wire: Wire) -> None:
    """ROLLBACK TO leads back into the transaction, as psycopg's nested transactions do."""
    wire.query("begin; savepoint a")
    assert wire.query(DENIED).states == ["42501"]
    assert wire.query("rollback to a").tags == ["ROLLBACK"]
    assert wire.query("select 1").rows == [("1",)]
    assert wire.query("commit").tags == ["COMMIT"]


def test_a_syntax_error_keeps_its_position(wire: Wire) -> None:
    """The position of a syntax error is where the client's own text has it."""
    said = wire.query("select email, from customers")

    assert said.error["C"] == "42601"
    assert said.error["P"] == str("select email, from".index("from") + 1)


def test_function_calls_are_refused(wire: Wire) -> None:
    """The fast path is not passed on; the session lives."""
    wire.send(frames.message(b"F", struct.pack("!Ihhh", 1598, 0, 0, 0)))
    assert wire.until().states == ["0A000"]
    assert wire.query("select 1").rows == [("1",)]


# Broken input


@pytest.mark.parametrize("message", [
    frames.message(b"Q", b"select 1"),
    frames.message(b"Q", b"select 1\0; drop table orders\0"),
    frames.message(b"Q", b"select '\xff\xfe'\0"),
    frames.message(b"P", b"a\0select '\xc3\x28'\0\0\0") + SYNC,
    frames.message(b"P", b"a\0select 1") + SYNC,
    frames.message(b"P", b"a\0select 1\0") + SYNC,
    frames.message(b"B", b"\0\0\0\x01") + SYNC,
    parse("select $1") + frames.message(b"B", b"\0\0" + struct.pack("!hh", 0, 0x7FFF)) + SYNC,
    parse("select $1") + frames.message(b"B", b"\0\0" + struct.pack("!hhi", 0, 1, 99) + b"x") + SYNC,
    parse("select $1") + frames.message(b"B", b"\0\0" + struct.pack("!hhi", 0, 1, -7)) + SYNC,
    frames.message(b"D", b"X\0") + SYNC,
    frames.message(b"D", b"") + SYNC,
    frames.message(b"C", b"S") + SYNC,
    frames.message(b"E", b"x") + SYNC,
    frames.message(b"F", b"") + SYNC,
], ids=["no NUL", "NUL inside", "not UTF-8", "not UTF-8 in Parse", "no end", "no types", "half a Bind", "short Bind",
        "short value", "length -7", "Describe X", "empty Describe", "half a Close", "half an Execute",
        "empty call"])  # fmt: skip
def test_malformed_messages_run_nothing(reader: Lease, wire: Wire, message: bytes) -> None:
    """A message whose fields are wrong is an error; its connection goes on or ends, others notice nothing."""
    with dialled(reader) as broken:
        broken.send(message, frames.build_query(b"select 'the end'"))
        said = Heard()
        while not said.rows:
            try:
                said.append(broken.one())
            except EOFError:
                break
    assert "E" in said.kinds
    assert all(row == ("the end",) for row in said.rows)
    assert wire.query("select 1").rows == [("1",)]


@pytest.mark.parametrize("message", [
    frames.message(b"z", b"what"),
    frames.message(b"p", b"password\0"),
    b"Q" + struct.pack("!I", 3),
    b"Q" + struct.pack("!I", 0x7FFFFFFF),
    b"Q" + struct.pack("!I", 0xFFFFFFFF),
    b"d" + struct.pack("!I", 2),
    b"\0" * 64,
    SYNC[:1] + struct.pack("!I", 1 << 30),
], ids=["unknown", "password", "length 3", "huge", "negative", "short copy", "zeros", "long Sync"])  # fmt: skip
def test_what_is_no_message_ends_its_connection_only(reader: Lease, wire: Wire, message: bytes) -> None:
    """What cannot be framed ends its own connection with one fatal error; nobody else's."""
    with dialled(reader) as broken:
        broken.send(message)
        said = broken.to_the_end()
    assert said.kinds == "E"
    assert said.error["S"] == "FATAL"
    assert wire.query("select 1").rows == [("1",)]


@pytest.mark.parametrize("text", [
    "select " + "(" * 5_000 + "1" + ")" * 5_000,
    "select " + "1+" * 100_000 + "1",
    "select " + "-" * 1 + " -" * 50_000 + "1",
    "select * from (" * 2_000 + "select 1" + ") x" * 2_000,
    "select 1" + ";select 1" * 60_000,
    "select '" + "x" * (2 << 20) + "'",
    "select " + "case when true then " * 3_000 + "1" + " end" * 3_000,
], ids=["parentheses", "sum", "minus", "subqueries", "statements", "long", "cases"])  # fmt: skip
def test_bombs_are_refused(wire: Wire, text: str) -> None:
    """Statements beyond the bounds of analysis are refused or run; the session goes on either way."""
    said = wire.query(text)
    assert set(said.states) <= {"54001", "0A000", "54000"}
    assert wire.query("select 1").rows == [("1",)]


# Holds


def test_nothing_of_a_held_group_reaches_the_database(
    writing: Wire, admin: psycopg.Connection[Any]
) -> None:
    """While a statement is held nothing of its group is forwarded: no query, no transaction, no lock."""
    seen: list[Any] = []

    def look(request: str) -> None:
        row = admin.execute(
            "SELECT a.state, a.query, a.xact_start, (SELECT count(*) FROM pg_locks l WHERE l.pid = a.pid)"
            " FROM pg_stat_activity a WHERE a.pid = %s", [writing.pid],
        ).fetchone()
        seen.append(row)
        writing.cancel()

    said = writing.play(run(HELD), run("select 'behind'"), SYNC, held=look)

    assert said.states == ["57014"]
    ((state, query, began, locks),) = seen
    assert state == "idle"
    assert "orders" not in query
    assert began is None
    assert locks == 0
    assert writing.query("select 1").rows == [("1",)]


@pytest.mark.parametrize("send", ["simple", "extended"])
def test_an_approved_statement_runs_once(
    writer: Lease, spare: str, approve: Callable[..., object], send: str, admin: psycopg.Connection[Any]
) -> None:
    """After a yes it runs and answers as it would have; the same again asks again."""
    text = f"delete from {spare}"
    with dialled(writer) as wire:
        messages = [frames.build_query(text.encode())] if send == "simple" else [run(text), SYNC]
        said = wire.play(*messages, held=approve)
        assert said.tags == ["DELETE 5"]
        assert said.kinds == ("CZ" if send == "simple" else "12nCZ")
        assert admin.execute(f"SELECT count(*) FROM {spare}").fetchone() == (0,)
        again = wire.play(*messages)
        assert again.states == ["57014"]
        assert len(again.requests) == 1


def test_a_bound_rolls_back(writer: Lease, spare: str, approve: Callable[..., object]) -> None:
    """`gov approve --max-rows 3` undoes what changes more, with SQLSTATE 54000, and the session goes on."""
    with dialled(writer) as wire:
        said = wire.query(f"delete from {spare}", held=lambda request: approve(request, "--max-rows", "3"))
        assert said.states == ["54000"]
        assert wire.query(f"select count(*) from {spare}").rows == [("5",)]


def test_a_held_statement_in_a_transaction(
    writer: Lease, spare: str, approve: Callable[..., object], deny: Callable[[str], object]
) -> None:
    """Approved it is part of the transaction, denied it fails it."""
    with dialled(writer) as wire:
        wire.query("begin")
        assert wire.query(f"delete from {spare}", held=approve).tags == ["DELETE 5"]
        assert wire.query(f"select count(*) from {spare}").rows == [("0",)]
        assert wire.query("rollback").tags == ["ROLLBACK"]
        assert wire.query(f"select count(*) from {spare}").rows == [("5",)]
        wire.query("begin")
        said = wire.query(f"delete from {spare}", held=deny)
        assert said.states == ["42501"]
        assert said[-1].body == b"E"
        assert "not today" in said.error["M"]
        assert wire.query("rollback")[-1].body == b"I"


def test_what_is_held_after_its_parse_is_held_at_bind(writing: Wire) -> None:
    """A driver that prepares first and syncs meets the hold when it runs the statement."""
    assert writing.play(parse(HELD, "s"), describe("S", "s"), SYNC).kinds == "1tnZ"
    said = writing.play(bind("s"), execute(), SYNC)
    assert said.states == ["57014"]
    assert len(said.requests) == 1


def test_a_held_statement_flushed_instead_of_synced(writing: Wire) -> None:
    """asyncpg and libpq's pipeline mode may Flush where others Sync."""
    writing.send(parse(HELD, "s"), describe("S", "s"), FLUSH)
    assert writing.until("n").kinds == "1tn"
    said = writing.play(bind("s"), execute(), SYNC)
    assert said.states == ["57014"]
    assert writing.query("select 1").rows == [("1",)]


def test_a_client_that_leaves_withdraws(
    writer: Lease, as_user: Callable[[str], dict[str, str]], admin: psycopg.Connection[Any]
) -> None:
    """Who hangs up during a hold has withdrawn, and their session on the target ends."""
    with dialled(writer) as wire:
        wire.send(frames.build_query(HELD.encode()))
        while not wire.one().request:
            pass
        pid = wire.pid
    eventually(admin, "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %s)", pid)
    assert admin.execute("SELECT count(*) FROM orders").fetchone() == (100_000,)


@pytest.mark.parametrize("setting", ["idle_in_transaction_session_timeout", "idle_session_timeout"])
def test_a_hold_is_not_idle(writing: Wire, setting: str) -> None:
    """The database does not end a session for idling while it waits for approval, and the setting stays."""

    def withdraw_late(request: str) -> None:
        time.sleep(1.5)
        writing.cancel()

    writing.query(f"set {setting} = '500ms'")
    if "transaction" in setting:
        writing.query("begin")
    assert writing.query(HELD, held=withdraw_late).states == ["57014"]
    writing.query("rollback")
    assert writing.query(f"show {setting}").rows == [("500ms",)]


# COPY


def test_copy_in(writing: Wire, admin: psycopg.Connection[Any]) -> None:
    """Rows go in, in pieces of any size; CopyFail takes them back."""
    writing.query("begin")
    writing.send(frames.build_query(b"copy pgbench_history (tid, bid, aid, delta) from stdin"))
    assert writing.until("GEZ").kinds == "G"
    data = b"".join(b"%d\t1\t1\t1\n" % -n for n in range(1, 2001))
    pieces = [data[at : at + 777] for at in range(0, len(data), 777)]
    said = writing.play(*(frames.message(b"d", piece) for piece in pieces), frames.message(b"c"))
    assert said.tags == ["COPY 2000"]
    writing.query("rollback")

    writing.send(frames.build_query(b"copy pgbench_history (tid, bid, aid, delta) from stdin"))
    writing.until("G")
    said = writing.play(frames.message(b"d", data), frames.message(b"f", b"changed my mind\0"))
    assert said.states == ["57014"]
    assert writing.query("select count(*) from pgbench_history where tid < 0").rows == [("0",)]


def test_copy_in_a_large_message(writing: Wire) -> None:
    """One CopyData of many megabytes passes without being kept."""
    writing.query("begin")
    writing.send(frames.build_query(b"copy pgbench_history (tid, filler) from stdin"))
    writing.until("G")
    data = b"-1\tx\n" * 1_000_000
    assert writing.play(frames.message(b"d", data), frames.message(b"c")).tags == ["COPY 1000000"]
    writing.query("rollback")


def test_copy_sent_ahead(writing: Wire) -> None:
    """A client may send COPY and its data in one go, as PostgreSQL's protocol allows."""
    writing.socket.settimeout(3)
    writing.query("begin")
    query = frames.build_query(b"copy pgbench_history (tid) from stdin")
    said = writing.play(query, frames.message(b"d", b"-1\n"), frames.message(b"c"))
    assert said.tags == ["COPY 1"]


def test_copy_in_beyond_the_scope(wire: Wire) -> None:
    """In read scope COPY FROM is refused before the client is asked for data; late data is no error."""
    said = wire.query("copy pgbench_history from stdin")
    assert said.kinds == "EZ"
    wire.send(frames.message(b"d", b"late\n"), frames.message(b"f", b"stop\0"))
    assert wire.query("select 1").rows == [("1",)]


# Much of everything


def test_large_results_keep_their_order(wire: Wire) -> None:
    """A hundred thousand rows arrive, all of them, in order."""
    rows = wire.query("select id from orders order by id").rows
    assert rows == [(str(n),) for n in range(1, 100_001)]


def test_a_client_that_does_not_read_holds_up_nobody(
    wire: Wire, demo: Any, reader: Lease, admin: psycopg.Connection[Any]
) -> None:
    """200 MB that nobody fetches stay at the database; the broker does not grow, and others go on."""
    before = _memory(demo)
    wire.send(frames.build_query(LARGE.encode()))
    eventually(
        admin, "SELECT wait_event = 'ClientWrite' FROM pg_stat_activity WHERE pid = %s", wire.pid
    )
    with dialled(reader) as other:
        for _ in range(20):
            assert other.query("select 1").rows == [("1",)]
    assert _memory(demo) - before < 50 << 20
    wire.cancel()
    assert "57014" in wire.until().states


def test_many_sessions_at_once(reader: Lease) -> None:
    """Thirty sessions side by side, each hearing its own answers."""
    said: dict[int, Heard] = {}

    def talk(n: int) -> None:
        with dialled(reader) as wire:
            for turn in range(5):
                said[n * 5 + turn] = wire.query(f"select {n}, {turn}, email from customers where id = 1")

    threads = [threading.Thread(target=talk, args=(n,)) for n in range(30)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert {n: heard.rows for n, heard in said.items()} == {
        n: [(str(n // 5), str(n % 5), "s***@e***.com")] for n in range(150)
    }


def test_cancel_stops_what_runs(wire: Wire, admin: psycopg.Connection[Any]) -> None:
    """A cancel reaches exactly this session's backend."""
    wire.send(frames.build_query(b"select count(*) from orders a, orders b"))
    eventually(admin, "SELECT state = 'active' FROM pg_stat_activity WHERE pid = %s", wire.pid)
    wire.cancel()
    assert wire.until().states == ["57014"]
    assert wire.query("select 1").rows == [("1",)]


def test_backend_pid_is_the_real_one(wire: Wire) -> None:
    """BackendKeyData carries the pid that pg_backend_pid() tells."""
    assert wire.query("select pg_backend_pid()").rows == [(str(wire.pid),)]


def test_hanging_up_stops_what_runs(reader: Lease, admin: psycopg.Connection[Any]) -> None:
    """Nobody is left working for a client that has gone."""
    with dialled(reader) as wire:
        wire.send(frames.build_query(b"select count(*) from orders a, orders b"))
        eventually(admin, "SELECT state = 'active' FROM pg_stat_activity WHERE pid = %s", wire.pid)
        pid = wire.pid
    eventually(admin, "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %s)", pid)


def test_what_was_sent_before_goodbye_runs(writer: Lease, spare: str, admin: psycopg.Connection[Any]) -> None:
    """A client may send its last statement and Terminate at once; PostgreSQL runs it."""
    slowly = f"insert into {spare} select -count(*), 'last' from generate_series(1, 1000000)"
    with dialled(writer) as wire:
        wire.send(frames.build_query(slowly.encode()), frames.TERMINATE)
        wire.to_the_end()
        eventually(admin, "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %s)", wire.pid)
    assert admin.execute(f"SELECT note FROM {spare} WHERE n < 0").fetchone() == ("last",)


def test_nothing_more_is_said_than_asked(wire: Wire) -> None:
    """After ReadyForQuery the gateway is silent."""
    wire.query("select 1")
    time.sleep(0.2)
    assert select.select([wire.socket], [], [], 0)[0] == []


def _memory(demo: Any) -> int:
    """Resident bytes of the broker."""
    with open(f"/proc/{demo.processes['broker'].pid}/statm") as file:
        return int(file.read().split()[1]) * 4096
