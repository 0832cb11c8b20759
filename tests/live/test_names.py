"""Attempts to have one text judged and another run, by confusing what a prepared name stands for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from gov.protocol import frames
from live.wire import FLUSH, SYNC, Lease, Wire, bind, close, dialled, execute, parse, run

HELD = "update products set stock = stock"
"""Changes nothing when it runs, and needs approval to."""
LONGEST = "n" * 63
"""PostgreSQL cuts longer names to this, in SQL and in the protocol alike."""


@pytest.fixture
def unchanged(admin: psycopg.Connection[Any]) -> Callable[[], bool]:
    """Call it to know whether any row of products was touched since."""

    def rows() -> Any:
        return admin.execute("SELECT max(xmin::text::int8), count(*) FROM products").fetchone()

    before = rows()
    return lambda: rows() == before


def test_a_parse_that_was_skipped(writing: Wire, unchanged: Callable[[], bool]) -> None:
    """A Parse that is skipped after an error leaves the name as it was, for gateway and database alike."""
    writing.play(parse(HELD, "p"), SYNC)
    writing.send(bind("never"), close("S", "p"), parse("select 1", "p"), SYNC, bind("p"), execute(), SYNC)
    writing.until()
    said = writing.play()

    assert said.requests
    assert unchanged()


def test_a_parse_that_fails(writing: Wire, unchanged: Callable[[], bool]) -> None:
    """A Parse that the database refuses leaves the name as it was."""
    writing.play(parse(HELD, "p"), SYNC)
    writing.send(close("S", "p"), parse("select nothing_like_it", "p"), SYNC, bind("p"), execute(), SYNC)
    writing.until()
    said = writing.play()

    assert said.states in (["57014"], ["26000"])
    assert unchanged()


def test_a_close_that_was_skipped(writing: Wire, unchanged: Callable[[], bool]) -> None:
    """A Close that is skipped leaves the name taken: the Parse behind it does not replace it."""
    writing.play(parse(HELD, "p"), SYNC)
    writing.send(run("select 1/0"), close("S", "p"), SYNC, parse("select 1", "p"), SYNC, bind("p"), execute(), SYNC)
    writing.until()
    writing.until()
    said = writing.play()

    assert said.states == ["57014"]
    assert unchanged()


def test_a_parse_of_a_taken_name(writing: Wire, unchanged: Callable[[], bool]) -> None:
    """The name goes on standing for its first text."""
    writing.play(parse(HELD, "p"), SYNC)
    assert writing.play(parse("select 1", "p"), SYNC).states == ["42P05"]
    assert writing.play(bind("p"), execute(), SYNC).states == ["57014"]
    assert unchanged()


@pytest.mark.parametrize(("name", "text"), [
    ("p", "deallocate p"), ("p", "DEALLOCATE PREPARE P"), ("p", 'deallocate "p"'), ("p", "deallocate all"),
    ("p", "deallocate prepare all"), ("p", r'deallocate U&"\0070"'), ("p", "deallocate /* q */ p"),
    ("p", "select 1; deallocate p"), ("p", "deallocate p; select 1/0"), ("p", "discard all"),
    ("all", 'deallocate "all"'),
    ("Ä", "deallocate Ä"), ('p"', 'deallocate "p"""'), ("prepare", "deallocate prepare"), ("p", "deallocate q"),
    (LONGEST, f"deallocate {LONGEST}"), (LONGEST, f"deallocate {LONGEST}x"),
])  # fmt: skip
@pytest.mark.parametrize("how", ["simple", "extended", "rolled back"])
def test_a_name_freed_by_sql(
    writing: Wire, unchanged: Callable[[], bool], name: str, text: str, how: str
) -> None:
    """Whatever way DEALLOCATE is written or ends, a name that was freed does not stand for its old text."""
    writing.play(parse("select 1", name), SYNC)
    if how == "rolled back" and "discard" not in text:
        writing.query("begin")
        writing.query(text)
        writing.query("rollback")
    else:
        writing.play(*([frames.build_query(text.encode())] if how == "simple" else [run(text), SYNC]))
    writing.play(parse(HELD, name), SYNC)
    said = writing.play(bind(name), execute(), SYNC)

    assert said.tags in ([], ["SELECT 1"])
    assert unchanged()


def test_a_name_freed_and_taken_in_one_group(writing: Wire, unchanged: Callable[[], bool]) -> None:
    """Also when DEALLOCATE, Parse and Bind are sent at once."""
    writing.play(parse("select 1", "p"), SYNC)
    said = writing.play(run("deallocate p"), parse(HELD, "p"), bind("p"), execute(), SYNC)

    assert "UPDATE 50" not in said.tags
    assert unchanged()


def test_execute_of_a_parsed_name(writing: Wire, unchanged: Callable[[], bool]) -> None:
    """SQL's EXECUTE of a name that Parse made is held, or refused as not known; in EXPLAIN too."""
    for text in ("execute p", "explain analyze execute p", "explain (analyze) execute p", "EXECUTE p()"):
        writing.play(parse(HELD, "p"), SYNC)
        said = writing.query(text)
        assert said.states in (["57014"], ["0A000"], ["26000"], ["42601"]), text
    assert unchanged()


def test_execute_after_a_parse_took_the_name(writing: Wire, unchanged: Callable[[], bool]) -> None:
    """PREPARE, DEALLOCATE, then Parse of the same name: EXECUTE is not judged by what PREPARE said."""
    writing.query("prepare p as select 1")
    assert writing.query("execute p").rows == [("1",)]
    writing.query("deallocate p")
    writing.play(parse(HELD, "p"), SYNC)
    assert writing.query("execute p").states in (["57014"], ["0A000"], ["26000"])
    assert unchanged()


def test_execute_again_and_again(wire: Wire) -> None:
    """What SQL's PREPARE made can be executed more than once, as pg_dump does."""
    wire.query("prepare p (int) as select email from customers where id = $1")
    assert [wire.query("execute p (1)").rows for _ in range(3)] == [[("s***@e***.com",)]] * 3
    assert wire.query("execute p (2)").rows == [("z***@e***.net",)]


def test_bind_after_prepare_took_the_name(writing: Wire, unchanged: Callable[[], bool]) -> None:
    """Parse, DEALLOCATE, then PREPARE of the same name: Bind is not judged by what Parse said."""
    writing.play(parse(HELD, "p"), SYNC)
    writing.query("deallocate p")
    writing.query("prepare p as select 1")
    said = writing.play(bind("p"), execute(), SYNC)
    assert said.tags in ([], ["SELECT 1"])
    assert unchanged()


def test_prepare_of_what_is_held_is_held(writing: Wire, unchanged: Callable[[], bool]) -> None:
    """PREPARE cannot smuggle a statement past the hold."""
    assert writing.query(f"prepare p as {HELD}").states == ["57014"]
    assert writing.query("execute p").states
    assert unchanged()


def test_prepare_and_execute_in_one_message(writing: Wire, unchanged: Callable[[], bool]) -> None:
    """PREPARE and EXECUTE sent together are judged together, masks included."""
    assert writing.query(f"prepare p as {HELD}; execute p").states == ["57014"]
    said = writing.query("prepare q as select email from customers where id = 1; execute q")
    assert said.rows == [("s***@e***.com",)]
    assert unchanged()


def test_long_names_in_the_protocol(writing: Wire, unchanged: Callable[[], bool]) -> None:
    """Names that PostgreSQL takes for the same one are the same one to the gateway."""
    writing.play(parse("select 1", LONGEST + "a"), SYNC)
    writing.play(close("S", LONGEST + "b"), SYNC)
    writing.play(parse(HELD, LONGEST + "c"), SYNC)
    said = writing.play(bind(LONGEST + "a"), execute(), SYNC)

    assert "UPDATE 50" not in said.tags
    assert unchanged()


def test_long_names_between_sql_and_protocol(writing: Wire, unchanged: Callable[[], bool]) -> None:
    """The same between PREPARE and Parse."""
    writing.query(f"prepare {LONGEST} as select 1")
    writing.query(f"deallocate {LONGEST}")
    writing.play(parse(HELD, LONGEST + "c"), SYNC)
    said = writing.query(f"execute {LONGEST}")

    assert "UPDATE 50" not in said.tags
    assert unchanged()


def test_an_approved_text_does_not_stay_behind(writer: Lease, approve: Callable[..., object]) -> None:
    """What ran by an approval is not what the unnamed statement stands for afterwards."""
    with dialled(writer) as wire:
        wire.query("begin")
        wire.play(parse("select 1"), parse(HELD, "p"), SYNC)
        assert wire.play(bind("p"), execute(), SYNC, held=approve).tags == ["UPDATE 50"]
        again = wire.play(bind(), execute(), SYNC)
        assert "UPDATE 50" not in again.tags


def test_an_approved_text_can_be_asked_again(writer: Lease, approve: Callable[..., object]) -> None:
    """Binding the same name again asks again; an approval is spent once."""
    with dialled(writer) as wire:
        wire.query("begin")
        wire.play(parse(HELD, "p"), SYNC)
        assert wire.play(bind("p"), execute(), SYNC, held=approve).tags == ["UPDATE 50"]
        again = wire.play(bind("p"), execute(), SYNC)
        assert again.requests
        assert again.states == ["57014"]
        wire.query("rollback")


def test_a_portal_runs_once(writing: Wire) -> None:
    """A portal that is complete gives nothing more, whatever made it."""
    writing.query("begin")
    writing.send(run("update products set stock = stock where id = 1"), execute(), SYNC)
    said = writing.until()
    assert said.tags.count("UPDATE 1") == 1
    writing.query("rollback")


def test_portals_and_cursors_share_names(wire: Wire) -> None:
    """A cursor that DECLARE made can be fetched by the protocol, and is masked there too."""
    wire.query("begin; declare c cursor for select email, ssn from customers order by id")
    said = wire.play(execute("c", 1), SYNC)
    fetched = wire.query("fetch 1 from c")
    wire.query("commit")
    masked = ("s***@e***.com", "[redacted]")
    assert said.rows in ([masked], [])
    assert fetched.rows[0][1] == "[redacted]"


@pytest.mark.parametrize("between", [b"", FLUSH, SYNC], ids=["one group", "flushed", "synced"])
def test_search_path_changed_ahead(wire: Wire, between: bytes) -> None:
    """A path that is set in front of a statement counts for it, or the statement is refused."""
    wire.send(run("set search_path = information_schema"), between, run("select count(*) > 0 from tables"), SYNC)
    said = wire.until()
    if between == SYNC:
        said += wire.until()
    assert said.rows == [("t",)] or said.states == ["0A000"]


def test_search_path_in_one_message_is_recorded_as_it_is(
    leased: Callable[..., Lease], admin: psycopg.Connection[Any], as_user: Callable[[str], dict[str, str]]
) -> None:
    """`set search_path …; select … from t` is judged by the path that it will run with."""
    from live.door import gov

    admin.execute("CREATE SCHEMA attic AUTHORIZATION shop_owner")
    try:
        admin.execute("CREATE TABLE attic.orders AS SELECT 7 AS id")
        admin.execute("ALTER TABLE attic.orders OWNER TO shop_owner")
        gov(as_user("bob"), "broker", "sync", "prod")
        with dialled(leased("alice")) as wire:
            said = wire.query("set search_path = attic; select id from orders limit 1")
            lines = gov(as_user("bob"), "audit", "search", "--table", "attic.orders", "--json")
        assert said.states or "attic.orders" in lines
    finally:
        admin.execute("DROP SCHEMA attic CASCADE")
        gov(as_user("bob"), "broker", "sync", "prod")
