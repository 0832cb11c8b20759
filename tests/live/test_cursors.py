"""Cursors that SQL's DECLARE makes: whatever fetches from them is judged and counted."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import psycopg

from live.door import eventually, gov
from live.wire import SYNC, Lease, Wire, bind, describe, dialled, execute, parse


def test_execute_of_a_declared_cursor_is_in_the_trail(
    leased: Callable[..., Lease], as_user: Callable[[str], dict[str, str]], admin: psycopg.Connection[Any]
) -> None:
    """The extended protocol can fetch from it by its name; the rows are counted as those of FETCH, masked as ever."""
    lease = leased("alice", "--reason", "cursors by name")
    with dialled(lease) as wire:
        wire.query("begin; declare c cursor for select email from customers order by id")
        said = wire.play(describe("P", "c"), execute("c", 7), SYNC)
        assert len(said.rows) == 7
        assert said.rows[0] == ("s***@e***.com",)
        assert len(wire.play(execute("c", 5), SYNC).rows) == 5
        assert len(wire.query("fetch 3 from c").rows) == 3
        wire.query("commit")
    eventually(admin, "SELECT NOT EXISTS (SELECT 1 FROM pg_stat_activity WHERE usename = %s)", lease["pguser"])

    found = json.loads(gov(as_user("bob"), "audit", "search", "--lease", lease["lease"], "--json"))
    rows = {
        entry["payload"]["text"]: entry["fields"]["done"]["rows"] for entry in found if entry["kind"] == "statement"
    }
    assert rows['FETCH FROM "c"'] == 12
    assert rows["fetch 3 from c"] == 3


def test_a_cursor_after_a_portal_of_its_name(wire: Wire) -> None:
    """A name that was a portal's, and is a cursor's now, is counted anew; one that nobody made fails as it does."""
    for _ in range(2):
        wire.query("begin; declare c cursor for select id from orders order by id")
        assert len(wire.play(execute("c", 2), SYNC).rows) == 2
        wire.query("close c; declare c cursor for values (1), (2), (3)")
        assert wire.play(execute("c"), SYNC).rows == [("1",), ("2",), ("3",)]
        wire.query("commit")
        assert wire.play(execute("c"), SYNC).states == ["34000"]
    assert wire.query("select 1").rows == [("1",)]


def test_a_cursor_in_place_of_a_portal_is_not_counted_as_the_portal(
    leased: Callable[..., Lease], as_user: Callable[[str], dict[str, str]], admin: psycopg.Connection[Any]
) -> None:
    """A portal that is closed and declared anew by SQL, in the middle of its rows, gives them to another statement."""
    lease = leased("alice", "--reason", "portals by name")
    harmless = "select generate_series(1, 5) as harmless"
    with dialled(lease) as wire:
        wire.query("begin")
        assert len(wire.play(parse(harmless), bind(portal="p"), execute("p", 1), SYNC).rows) == 1
        wire.query("close p; declare p cursor for select id, email from customers order by id")
        assert len(wire.play(execute("p", 7), SYNC).rows) == 7
        assert len(wire.play(execute("p", 4), SYNC).rows) == 4
        wire.query("commit")
    eventually(admin, "SELECT NOT EXISTS (SELECT 1 FROM pg_stat_activity WHERE usename = %s)", lease["pguser"])

    found = json.loads(gov(as_user("bob"), "audit", "search", "--lease", lease["lease"], "--json"))
    rows = {
        entry["payload"]["text"]: entry["fields"]["done"]["rows"] for entry in found if entry["kind"] == "statement"
    }
    assert rows[harmless] == 1
    assert rows['FETCH FROM "p"'] == 11
